"""How a goal is shared out among keys: rare ones first, frequent ones by the logarithm of how often they come."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import log1p
from typing import NamedTuple

_MINUTE = 60
_NOTHING = 1e-9
"""Spans a second; what comes more rarely is kept whole, and shares nothing out."""


class Demand(NamedTuple):
    """What a key (or several together) would keep if nothing were sampled."""

    rate: float
    """Spans a second."""
    errors: float = 0.0
    """The share of its spans that stand in traces with an error, 0 to 1."""
    keys: float = 1.0
    """How many keys it stands for."""


def boosted(errors: float, boost: float) -> float:
    """Return how many times its usual part something gets: 1 without errors, `boost` where every trace has one."""
    return 1 + (boost - 1) * errors


def shared(demands: Mapping[Hashable, Demand], goal: float, boost: float = 1.0) -> dict[Hashable, float]:
    """Return the probability of each key, so that all together keep `goal` spans a second (all, if they are fewer).

    Every key gets a part that grows with the logarithm of its spans a minute, much as in Refinery's throughput
    samplers; what a key does not need goes to the others by the same measure (water-filling), so rare keys are kept
    whole.
    """
    weights = {
        key: demand.keys * log1p(demand.rate * _MINUTE / demand.keys) * boosted(demand.errors, boost)
        for key, demand in demands.items()
        if demand.rate > _NOTHING
    }
    found: dict[Hashable, float] = dict.fromkeys(demands, 1.0)
    left, weight = goal, sum(weights.values())
    for key in sorted(weights, key=lambda key: demands[key].rate / weights[key]):
        rate = demands[key].rate
        part = left * weights[key] / weight if weight > 0 else 0.0
        found[key] = min(1.0, max(0.0, part / rate))
        left -= min(rate, max(0.0, part))
        weight -= weights[key]
    return found


def each(demands: Mapping[Hashable, Demand], goal: float, boost: float = 1.0) -> dict[Hashable, float]:
    """Return the probability of each key, so that every key keeps `goal` spans a second of its own."""
    return {
        key: min(1.0, goal * demand.keys * boosted(demand.errors, boost) / demand.rate) if demand.rate > 0 else 1.0
        for key, demand in demands.items()
    }
