"""The metric samples that components hand out at scrape time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol


@dataclass(frozen=True)
class Sample:
    """One number of one metric, read when Prometheus scrapes; nothing is recorded on the hot path."""

    name: str
    """The full name as exposed, counters without `_total` (it is added)."""
    kind: Literal["counter", "gauge", "histogram", "unknown"]
    """`unknown`: a counter under a name that cannot end in `_total`."""
    help: str
    value: float
    """Of a histogram: the sum of all values."""
    labels: Mapping[str, str] = field(default_factory=dict)
    buckets: tuple[tuple[str, float], ...] = ()
    """Of a histogram: (bound, how many values are at most that), the last bound `+Inf`."""

    def plus(self, other: Sample) -> Sample:
        """Return the sum of two counters, or of two histograms with the same bounds."""
        pairs = zip(self.buckets, other.buckets, strict=True)
        buckets = tuple((bound, mine + its) for (bound, mine), (_, its) in pairs)
        return replace(self, value=self.value + other.value, buckets=buckets)


class Sampled(Protocol):
    """A part that has metrics."""

    def samples(self) -> Iterable[Sample]:
        """Yield them, as they are now."""
