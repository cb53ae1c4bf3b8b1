"""Medians, percentiles, and ratios pair by pair."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """A ratio of two things measured in turn: the median over the pairs, and the extremes."""

    median: float
    low: float
    high: float


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """Divide round by round; where one side has fewer rounds, its median stands for each of its rounds.

    Pairs are measured one right after the other, so what disturbs the machine disturbs both.
    """
    if len(above) != len(below):
        above, below = [statistics.median(above)], [statistics.median(below)]
    pairs = [a / b for a, b in zip(above, below, strict=True)]
    return Ratio(statistics.median(pairs), min(pairs), max(pairs))
