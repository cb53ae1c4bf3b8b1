"""Exponential histograms out of buckets that never change.

A meter counts into bounds that are agreed when it is made. Those of the finest scale stand in it, sixteen for each
doubling between a microsecond and a day and a half, so that a point of that scale or a coarser one is a sum of its
counts, exactly. What is at most a microsecond counts as zero.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

SCALE = 4
"""The finest scale: a bucket ends at 2^(1/16) times its beginning."""
SHORTEST, LONGEST = 1_000, 1 << 47
"""ns; what is longer counts as so long."""
DEFAULT_SIZE = 160
"""The most buckets of a point, unless it is said: the collector's."""


class Exponential:
    """Maps the counts of a meter to points of a scale, and back to explicit bounds."""

    def __init__(self, unit: int, size: int, explicit: Sequence[int]) -> None:
        """`unit` in ns; `size`: the most buckets of a point; `explicit`: bounds in ns that can be had, too."""
        self._size = size
        self._first = math.floor(math.log2(SHORTEST / unit) * 2**SCALE)
        last = math.ceil(math.log2(LONGEST / unit) * 2**SCALE)
        ends = [math.floor(2 ** (at / 2**SCALE) * unit) for at in range(self._first, last + 1)]
        self.threshold = ends[0] / unit
        """What counts as zero, in units."""
        self.bounds = sorted({*ends, *explicit})
        """Upper bounds of the meter, in ns."""
        steps = [*self.bounds, math.inf]
        self._index = [min(bisect_left(ends, bound), len(ends)) for bound in steps]
        self._explicit = [bisect_left(list(explicit), bound) for bound in steps]
        self._rest = len(explicit)

    def point(self, counts: Sequence[int]) -> tuple[int, int, float, int, list[int]]:
        """Return scale, how many are zero, up to where, the offset and the counts of the buckets from there on."""
        held: dict[int, int] = {}
        for at, count in zip(self._index, counts, strict=True):
            if count:
                held[at] = held.get(at, 0) + count
        zeros = held.pop(0, 0)
        # The bucket that ends with the bound `at` begins with the one before, whose power is its index.
        indices = {self._first + at - 1: count for at, count in held.items()}
        if not indices:
            return SCALE, zeros, self.threshold, 0, []
        low, high, scale = min(indices), max(indices), SCALE
        while (high >> SCALE - scale) - (low >> SCALE - scale) >= self._size:
            scale -= 1
        offset = low >> SCALE - scale
        buckets = [0] * ((high >> SCALE - scale) - offset + 1)
        for index, count in indices.items():
            buckets[(index >> SCALE - scale) - offset] += count
        return scale, zeros, self.threshold, offset, buckets

    def explicit(self, counts: Sequence[int]) -> list[int]:
        """Return the same counts by the explicit bounds, then the rest."""
        out = [0] * (self._rest + 1)
        for at, count in zip(self._explicit, counts, strict=True):
            out[at] += count
        return out

    def bucket(self, at: int) -> int:
        """Return the explicit bucket that a bucket of the meter is in."""
        return self._explicit[at]
