"""A rate that learns: the probability of each key moves so that a goal is met.

What moves is a threshold on the trace's own randomness, and it moves by what came before, never by the trace that is
judged: so a kept trace still says truly how many it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from .allocate import Demand, boosted, each, shared
from .estimates import Count, Estimate, demands
from .thresholds import FULL

_SECOND = 1_000_000_000
_SMALL = 50.0
"""Spans; twice as many in an interval are no burst, however few were expected."""
_FRESH = object()
"""Stands, where demands are shared out, for keys of which nothing is known yet."""


@dataclass(frozen=True)
class Goal:
    """What is to be kept; exactly one of the two."""

    throughput: float | None = None
    """Spans a second."""
    share: float | None = None
    """Of all spans."""
    per_key: bool = False
    """`throughput` is every key's own, and not for all of them together."""
    error_boost: float = 1.0
    """How many times the goal is kept of what always fails; between none and all errors, in proportion."""


@dataclass(frozen=True)
class Pace:
    """How a rate learns."""

    interval: int
    """ns."""
    initial: float
    """The probability as long as nothing is known."""
    max_keys: int
    burst_multiple: float
    """So many times what an interval was expected to bring ends it early; 0: never."""


class Learned:
    """Probabilities by key. Keys of which nothing is known yet, and those above `max_keys`, have one together."""

    def __init__(self, goal: Goal, pace: Pace, estimate: Callable[[], Estimate]) -> None:
        self.goal, self.pace = goal, pace
        self._known, self._fresh = estimate(), estimate()
        self._begun: int | None = None
        self._taught = False
        self._thresholds: dict[Hashable, int] = {}
        self._for_fresh = threshold_of(pace.initial)
        self._counts: dict[Hashable, Count] = {}
        self._spans = 0
        self._new, self._without_place = Count(), Count()
        self._most = self._bound(0.0)
        self.probability = pace.initial
        """Of an average span, as last adjusted."""
        self.overflow = 0
        """Traces whose key had no place among `max_keys`."""

    def __len__(self) -> int:
        return len(self._thresholds)

    def threshold(self, now: int, key: Hashable) -> int:
        """Return the threshold for a trace with this key."""
        self._advance(now)
        return self._thresholds.get(key, self._for_fresh)

    def saw(self, now: int, key: Hashable, spans: int, error: bool) -> None:
        """Learn of a trace, kept or not, after it was judged."""
        self._advance(now)
        errors = spans if error else 0
        self._spans += spans
        if key not in self._thresholds:
            self._new.add(spans, errors)
        count = self._counts.get(key)
        if count is None and (key in self._thresholds or self._new.keys < self.pace.max_keys):
            self._new.keys += key not in self._thresholds
            count = self._counts[key] = Count()
        if count is None:
            self.overflow += 1
            self._without_place.add(spans, errors)
        else:
            count.add(spans, errors)
        if self._most and self._spans > self._most:
            self._burst(now)

    def adopt(self, old: object) -> None:
        """Go on from what another with the same settings has learned."""
        if isinstance(old, Learned) and (old.goal, old.pace) == (self.goal, self.pace):
            self.__dict__.update(old.__dict__)

    def _advance(self, now: int) -> None:
        if self._begun is None:
            self._begun = now
        intervals = (now - self._begun) // self.pace.interval
        if intervals > 0:
            self._begun += intervals * self.pace.interval
            self._adjust(intervals)

    def _burst(self, now: int) -> None:
        """End an interval early: what came in a part of it stands for as much more as the whole is longer."""
        begun = now if self._begun is None else self._begun
        interval = self.pace.interval
        lasted = max(now - begun, interval // 10, min(interval, _SECOND))
        more = interval / lasted
        self._counts = {key: count.scaled(more) for key, count in self._counts.items()}
        self._new, self._without_place = self._new.scaled(more), self._without_place.scaled(more)
        self._adjust(1)
        self._begun = now

    def _adjust(self, intervals: int) -> None:
        """End an interval, after which `intervals - 1` were empty."""
        self._known.fold(self._counts, intervals)
        self._fresh.fold({_FRESH: self._still_new()}, intervals)
        self._known.trim(self.pace.max_keys)
        self._taught = True
        self._clear()
        self._learn()

    def _still_new(self) -> Count:
        """Return what the next interval has to expect of keys that are not known then."""
        # At first all are new, and known from then on; later as many new ones are expected again.
        count = self._new if self._taught else self._without_place
        placed = self._new.spans - self._without_place.spans
        keys = self._new.keys * count.spans / placed if placed > 0 else float(count.spans > 0)
        return Count(count.spans, count.errors, keys)

    def _clear(self) -> None:
        self._counts, self._spans = {}, 0
        self._new, self._without_place = Count(), Count()

    def _learn(self) -> None:
        """Find the probabilities for what is expected."""
        seconds = self.pace.interval / _SECOND
        wanted = dict(demands({**self._known.expected(), **self._fresh.expected()}, seconds))
        found = self._shared_out(wanted)
        total = sum(demand.rate for demand in wanted.values())
        if total > 0:
            self.probability = sum(found[key] * demand.rate for key, demand in wanted.items()) / total
        # After silence all of what comes next is within a goal in spans; of a share it is only the share.
        unknown = 1.0 if wanted or self.goal.share is None else self.pace.initial
        self._for_fresh = threshold_of(found.pop(_FRESH, unknown))
        self._thresholds = {key: threshold_of(probability) for key, probability in found.items()}
        self._most = self._bound(total * seconds)

    def _shared_out(self, wanted: dict[Hashable, Demand]) -> dict[Hashable, float]:
        goal, boost = self.goal, self.goal.error_boost
        if goal.throughput is not None and goal.per_key:
            return each(wanted, goal.throughput, boost)
        total = sum(demand.rate for demand in wanted.values())
        errors = sum(demand.rate * demand.errors for demand in wanted.values())
        aim = goal.throughput if goal.throughput is not None else (goal.share or 0.0) * total
        return shared(wanted, aim * boosted(errors / total if total else 0.0, boost), boost)

    def _bound(self, expected: float) -> float:
        """Return how many spans end an interval early."""
        aim = (self.goal.throughput or 0.0) * self.pace.interval / _SECOND
        return self.pace.burst_multiple * max(expected, aim, _SMALL) if self._taught or aim else 0.0


def threshold_of(probability: float) -> int:
    """Return the threshold of a probability; what is above zero always keeps something."""
    return max(0, min(FULL - 1, FULL - round(probability * FULL)))
