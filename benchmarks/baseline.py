"""The daily benchmark: a few ratios without peers, compared with the committed ones, so that a regression shows."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import special
from .cells import BARE, FORWARD, OWN, same
from .contest import Contest, say
from .proxies import Proxy
from .stats import ratio
from .tick import tick
from .traffic import Shape

FILE = Path(__file__).parent / "baseline.json"
PASS = same("tailgate", "pass")
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


def _against(floor: Proxy, proxy: Proxy, rounds: int, requests: int, shape: Shape, transport: str = "grpc") -> float:
    found = Contest([floor, proxy], shape, max(requests, 2), rounds, transport).run()
    return ratio(found[proxy.name]["cpu_us"], found[floor.name]["cpu_us"]).median


WHOLE, SMALL = Shape(), Shape(spans_per_request=8)
STEPS: dict[str, Callable[[int, float], float]] = {
    "full job / bare gRPC receiver": lambda n, size: _against(BARE, OWN, n, round(200 * size), WHOLE),
    "full job / bare HTTP receiver": lambda n, size: _against(BARE, OWN, n, round(100 * size), WHOLE, "http"),
    "full job / bare gRPC receiver, batches of 8": lambda _, size: _against(BARE, OWN, 3, round(1500 * size), SMALL),
    "pass through / bare gRPC forwarder": lambda n, size: _against(FORWARD, PASS, n, round(100 * size), WHOLE),
    "memory / bytes on the wire": lambda _, size: float(
        special.memory(OWN, max(round(200 * size), 16), "30s")["ratio"]
    ),
    "decision tick, 100,000 traces / parsing them": lambda _, __: statistics.median(
        tick()["cpu_in_parsings"] for _ in range(3)
    ),
}
"""What is measured, given the rounds and the size of a run; less is better for all of them."""


def measure(rounds: int, size: float) -> dict[str, float]:
    """Return CPU per span of Tailgate in bare servers, memory in bytes on the wire, and the tick in parsings."""
    values = {}
    for name, step in STEPS.items():
        values[name] = round(step(rounds, size), 3)
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
