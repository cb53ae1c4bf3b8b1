"""Distributions as Prometheus has them: how many values were at most each bound, and their sum."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate

from .samples import Sample

SPLIT_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10)
SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)


class Histogram:
    """Counts values by the smallest of `bounds` (ascending) that they do not exceed."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value, so many times."""
        self._counts[bisect_left(self._bounds, value)] += times
        self._sum += value * times

    def sample(self, name: str, text: str, labels: Mapping[str, str]) -> Sample:
        """Return it as it is now."""
        at_most = zip((*(f"{float(bound):g}" for bound in self._bounds), "+Inf"), accumulate(self._counts), strict=True)
        return Sample(name, "histogram", text, self._sum, labels, tuple(at_most))
