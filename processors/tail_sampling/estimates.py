"""What comes, by key: smoothed from interval to interval (EMA), or summed over the last intervals (window)."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from .allocate import Demand


@dataclass
class Count:
    """What came of a key in an interval."""

    spans: float = 0.0
    errors: float = 0.0
    """Spans in traces with an error."""
    keys: float = 0.0
    """How many keys it stands for, where it is not one alone."""

    def add(self, spans: float, errors: float, keys: float = 0.0) -> None:
        """Count more."""
        self.spans += spans
        self.errors += errors
        self.keys += keys

    def scaled(self, factor: float) -> Count:
        """Return so many times as much."""
        return Count(self.spans * factor, self.errors * factor, self.keys * factor)


class Estimate(Protocol):
    """Expects of every key what it has seen of it; keys that stop coming are forgotten."""

    def fold(self, counts: Mapping[Hashable, Count], intervals: int) -> None:
        """Take in what came in an interval, and `intervals - 1` in which nothing did."""

    def expected(self) -> dict[Hashable, Count]:
        """Return what an interval is expected to bring."""

    def trim(self, most: int) -> None:
        """Forget the rarest keys above `most`."""

    def __len__(self) -> int:
        """Return how many keys something is expected of."""


class Ema:
    """An exponential moving average: the newest interval weighs `weight`, all before it the rest."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self._mean: dict[Hashable, Count] = {}

    def fold(self, counts: Mapping[Hashable, Count], intervals: int) -> None:
        """Take in an interval; a key of which less than half a span is expected is forgotten."""
        quiet = (1 - self.weight) ** (intervals - 1)
        mean = {}
        for key in {**self._mean, **counts}:
            new, old = counts.get(key, _NOTHING), self._mean.get(key)
            count = new.scaled(quiet) if old is None else new.scaled(self.weight * quiet)
            if old is not None:
                rest = old.scaled((1 - self.weight) * quiet)
                count.add(rest.spans, rest.errors, rest.keys)
            if count.spans >= _FORGET:
                mean[key] = count
        self._mean = mean

    def expected(self) -> dict[Hashable, Count]:
        """Return the averages."""
        return self._mean

    def trim(self, most: int) -> None:
        """Keep those of which most is expected."""
        if len(self._mean) > most:
            ranked = sorted(self._mean.items(), key=lambda item: item[1].spans, reverse=True)
            self._mean = dict(ranked[:most])

    def __len__(self) -> int:
        return len(self._mean)


class Window:
    """The mean of the last `length` intervals (of as many as there have been)."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._blocks: deque[Mapping[Hashable, Count]] = deque()
        self._sum: dict[Hashable, Count] = {}

    def fold(self, counts: Mapping[Hashable, Count], intervals: int) -> None:
        """Take in an interval and forget the oldest."""
        for block in (counts, *({} for _ in range(min(intervals - 1, self.length)))):
            self._blocks.append(block)
            self._add(block, 1)
            if len(self._blocks) > self.length:
                self._add(self._blocks.popleft(), -1)

    def _add(self, block: Mapping[Hashable, Count], sign: int) -> None:
        for key, count in block.items():
            total = self._sum.setdefault(key, Count())
            total.add(sign * count.spans, sign * count.errors, sign * count.keys)
            if total.spans < _FORGET:
                del self._sum[key]

    def expected(self) -> dict[Hashable, Count]:
        """Return the means."""
        length = max(1, len(self._blocks))
        return {key: total.scaled(1 / length) for key, total in self._sum.items()}

    def trim(self, most: int) -> None:
        """Forget the rarest; what they were is taken out of every interval."""
        if len(self._sum) > most:
            ranked = sorted(self._sum, key=lambda key: self._sum[key].spans, reverse=True)
            kept = set(ranked[:most])
            self._blocks = deque({key: block[key] for key in block if key in kept} for block in self._blocks)
            self._sum = {key: total for key, total in self._sum.items() if key in kept}

    def __len__(self) -> int:
        return len(self._sum)


_NOTHING = Count()
_FORGET = 0.5
"""Spans in an interval; less than that is not worth a place."""


def demands(expected: Mapping[Hashable, Count], seconds: float) -> Iterator[tuple[Hashable, Demand]]:
    """Yield each key's demand, when an interval lasts `seconds`."""
    for key, count in expected.items():
        if count.spans > 0:
            yield key, Demand(count.spans / seconds, min(1.0, count.errors / count.spans), max(1.0, count.keys))
