"""The daily benchmark: a few ratios without peers, compared with the committed ones, so that a regression shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import special
from .cells import BARE, FORWARD, OWN, same
from .contest import Contest, say
from .stats import ratio
from .tick import tick
from .traffic import Shape

FILE = Path(__file__).parent / "baseline.json"
TOLERANCE = 0.2
"""So much above its baseline a ratio may be: what the same code shows on a machine that is a little busy."""


@dataclass(frozen=True)
class Change:
    """A ratio beside its baseline."""

    name: str
    value: float
    before: float | None

    @property
    def regressed(self) -> bool:
        """Whether it is worse than tolerated. Less is better for all of them."""
        return self.before is not None and self.value > self.before * (1 + TOLERANCE)


def changes(values: Mapping[str, float], baseline: Mapping[str, float]) -> list[Change]:
    """Put ratios beside their baseline; one without a baseline never is a regression."""
    return [Change(name, value, baseline.get(name)) for name, value in values.items()]


def measure(rounds: int, size: float) -> dict[str, float]:
    """Return CPU per span of Tailgate in bare servers, memory in bytes on the wire, and the tick in ms."""

    def against(floor: str, contest: Contest) -> float:
        found = contest.run()
        return round(ratio(found["tailgate"]["cpu_us"], found[floor]["cpu_us"]).median, 3)

    def many(count: int) -> int:
        return max(round(count * size), 2)

    small = Shape(spans_per_request=8)
    steps = {
        "full job / bare gRPC receiver": lambda: against(BARE.name, Contest([BARE, OWN], Shape(), many(200), rounds)),
        "full job / bare HTTP receiver": lambda: against(
            BARE.name, Contest([BARE, OWN], Shape(), many(100), rounds, "http")
        ),
        "full job / bare gRPC receiver, batches of 8": lambda: against(
            BARE.name, Contest([BARE, OWN], small, many(1500), 3)
        ),
        "pass through / bare gRPC forwarder": lambda: against(
            FORWARD.name, Contest([FORWARD, same("tailgate", "pass")], Shape(), many(100), rounds)
        ),
        "memory / bytes on the wire": lambda: special.memory(OWN, many(200), "30s")["ratio"],
        "decision tick, 100,000 traces, ms": lambda: float(str(tick()["total_ms"])),
    }
    values = {}
    for name, step in steps.items():
        values[name] = step()
        say(f"{name}: {values[name]}")
    return values


def daily(rounds: int, size: float, write: bool) -> int:
    """Measure, print, and compare; return 1 when something regressed."""
    values = measure(rounds, size)
    if write:
        FILE.write_text(json.dumps(values, indent=1) + "\n")
        print(f"written: {FILE}", file=sys.stderr)
        return 0
    found = changes(values, json.loads(FILE.read_text()) if FILE.exists() else {})
    for change in found:
        before = "no baseline" if change.before is None else f"baseline {change.before:g}"
        print(f"{change.value:9.3f}  {change.name} ({before}{', REGRESSED' if change.regressed else ''})")
    return int(any(change.regressed for change in found))
