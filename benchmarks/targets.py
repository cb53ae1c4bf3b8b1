"""The targets: what is measured against what, from which cell, and whether it holds."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .results import Results
from .stats import Ratio, ratio

Values = dict[str, Any]
Measure = Callable[[Values], Ratio]


@dataclass(frozen=True)
class Target:
    """One row: `measure` makes its number of the values of `cell`; it must be `most` at most or `least` at least."""

    key: str
    what: str
    cell: str
    measure: Measure
    least: float | None = None
    most: float | None = None
    unit: str = ""

    def holds(self, value: float) -> bool:
        """Whether a number is within the target."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def bound(self) -> str:
        """Return the target as text."""
        return f"≥ {self.least:g}{self.unit}" if self.least is not None else f"≤ {self.most:g}{self.unit}"


def cpu(above: str, below: str) -> Measure:
    """Return how to divide the CPU time per span of two proxies of one contest, round by round."""
    return lambda values: ratio(values["proxies"][above]["cpu_us"], values["proxies"][below]["cpu_us"])


def _rows(above: str, below: str) -> Measure:
    return lambda values: ratio(values["rows"][above]["cpu_us"], values["rows"][below]["cpu_us"])


def one(*path: str) -> Measure:
    """Return how to take a single number."""

    def take(values: Values) -> Ratio:
        found: Any = values
        for key in path:
            found = found[key]
        return Ratio(float(found), float(found), float(found))

    return take


def _cores(values: Values) -> Ratio:
    own = values["tailgate"]
    return ratio(own["two"]["spans_per_s"], own["one"]["spans_per_s"])


OWN, YAML, GO, BARE = "tailgate", "tailgate, collector's YAML", "collector", "bare receiver"
SMALL = "batches of 8 spans, full job: Go collector / Tailgate"
TARGETS = (
    Target("full", "full job: Go collector / Tailgate", "jobs/full", cpu(GO, OWN), least=10),
    Target("full-yaml", "the same, both reading the collector's YAML", "jobs/full", cpu(GO, YAML), least=10),
    Target(
        "full-pass",
        "full job of Tailgate / pass-through of the Go collector",
        "jobs/full",
        cpu(OWN, "collector, pass-through"),
        most=1.0,
    ),
    Target("full-bare", "full job / bare gRPC receiving server", "jobs/full", cpu(OWN, BARE), most=2.5),
    Target("http-bare", "full job over HTTP / bare HTTP receiving server", "http/full", cpu(OWN, BARE), most=4),
    Target("pass", "pass-through: Go collector / Tailgate", "jobs/pass", cpu(GO, OWN), least=2),
    Target(
        "rotel",
        "rotel with a Python processor (4 patterns) / Tailgate's full job",
        "jobs/full",
        cpu("rotel, Python processor", OWN),
        least=12,
    ),
    Target("small-grpc", SMALL, "batch/grpc/8", cpu(GO, OWN), least=0.5),
    Target("small-http", "the same over HTTP", "batch/http/8", cpu(GO, OWN), least=1),
    Target("memory", "memory per held span / its bytes on the wire", "memory", one(OWN, "ratio"), most=1.25),
    Target(
        "held",
        "CPU per span with 1,000,000 held traces / with 10,000",
        "held",
        _rows(f"{OWN} 1000000", f"{OWN} 10000"),
        most=1.2,
    ),
    Target("policies", "CPU per span with 100 policies / with 5", "policies", cpu(f"{OWN} 100", f"{OWN} 5"), most=1.5),
    Target("cores", "throughput at saturation on two cores / on one", "cores", _cores, least=1.7),
    Target("latency", "p99 of acknowledgement at half of saturation", "latency", one(OWN, "p99_ms"), None, 10, " ms"),
    Target("tick", "decision tick, 100,000 traces falling due", "tick", one("total_ms"), most=250, unit=" ms"),
    Target("stall", "p99 of acknowledgement meanwhile", "tick", one("outside", "due_p99_ms"), most=50, unit=" ms"),
)


def verdicts(results: Results) -> list[tuple[Target, Ratio | None]]:
    """Return every target with its number; None where its cell has not been measured."""
    out: list[tuple[Target, Ratio | None]] = []
    for target in TARGETS:
        cell = results["cells"].get(target.cell)
        try:
            out.append((target, target.measure(cell["values"]) if cell else None))
        except KeyError:  # measured in part, as on a small scale
            out.append((target, None))
    return out


def median_cpu(values: Values, proxy: str) -> float:
    """Return the median CPU time per span of a proxy, in µs."""
    return statistics.median(values["proxies"][proxy]["cpu_us"])
