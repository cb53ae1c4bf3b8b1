"""Whole families of series as Prometheus reads them: thousands of lines a scrape, without an object for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Protocol, runtime_checkable

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def label_text(labels: Iterable[tuple[str, str]]) -> str:
    """Return labels as they stand between the braces of a line."""
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels)


@dataclass(frozen=True)
class Exemplar:
    """A kept span that shows what a value looks like."""

    trace_id: str
    span_id: str
    """Both in hex."""
    value: float
    time: float
    """Seconds since 1970."""

    def __str__(self) -> str:
        """Return it as OpenMetrics has it behind a sample."""
        return f' # {{trace_id="{self.trace_id}",span_id="{self.span_id}"}} {self.value} {self.time:.3f}'


@dataclass(frozen=True)
class Counters:
    """A family of counters; `rows` are label text and value."""

    name: str
    """Without `_total`."""
    help: str
    rows: Sequence[tuple[str, float]]
    kind: str = "counter"

    def lines(self, _openmetrics: bool) -> Iterator[str]:
        """Yield the samples."""
        name = f"{self.name}_total"
        for labels, value in self.rows:
            yield f"{name}{{{labels}}} {value}\n"


@dataclass(frozen=True)
class Distribution:
    """One series of a family of histograms."""

    labels: str
    counts: Sequence[int]
    """Within each bound and above the one before, then the rest."""
    sum: float
    exemplars: Mapping[int, Exemplar] = field(default_factory=dict)
    """By bucket."""


@dataclass(frozen=True)
class Distributions:
    """A family of histograms over the same bounds (ascending)."""

    name: str
    help: str
    bounds: Sequence[float]
    rows: Sequence[Distribution]
    kind: str = "histogram"

    def lines(self, openmetrics: bool) -> Iterator[str]:
        """Yield the samples. OpenMetrics has exemplars, and writes whole bounds as `2.0`."""
        bounds = [str(float(bound)) for bound in self.bounds]
        bounds = [*(bounds if openmetrics else [bound.removesuffix(".0") for bound in bounds]), "+Inf"]
        ends = [f'le="{bound}"}} ' for bound in bounds]
        for row in self.rows:
            comma = "," if row.labels else ""
            begin = f"{self.name}_bucket{{{row.labels}{comma}"
            shown = row.exemplars if openmetrics else {}
            total = 0
            for bucket, (end, total) in enumerate(zip(ends, accumulate(row.counts), strict=True)):
                yield f"{begin}{end}{total}{shown.get(bucket, '')}\n"
            yield f"{self.name}_count{{{row.labels}}} {total}\n{self.name}_sum{{{row.labels}}} {row.sum}\n"


Family = Counters | Distributions


@runtime_checkable
class Exposing(Protocol):
    """What has families of its own."""

    def families(self) -> Iterable[Family]:
        """Yield them as they are now."""


def exposition(families: Iterable[Family], openmetrics: bool) -> str:
    """Return the families in the plain text format or in OpenMetrics, without the end mark; empty ones are left out."""
    out: list[str] = []
    for family in families:
        if family.rows:
            shown = f"{family.name}_total" if family.kind == "counter" and not openmetrics else family.name
            out.append(f"# HELP {shown} {family.help}\n# TYPE {shown} {family.kind}\n")
            out.extend(family.lines(openmetrics))
    return "".join(out)
