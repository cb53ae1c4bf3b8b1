"""What a table remembers of what was decided, and what need not be waited for."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from ..contract import Early
from .columns import fnv, randomness_of
from .facts import Facts, FactsProgram

THRESHOLDS = range(1 << 56)


class Decision(NamedTuple):
    """What was decided on a trace."""

    labels: tuple[int, int]
    threshold: int
    at: int
    """`now` of `settle`."""


class Decisions:
    """A least-recently-used map from trace id to decision."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._map: OrderedDict[bytes, Decision] = OrderedDict()

    def __len__(self) -> int:
        return len(self._map)

    def get(self, trace_id: bytes) -> Decision | None:
        """Return and refresh an entry."""
        if trace_id in self._map:
            self._map.move_to_end(trace_id)
        return self._map.get(trace_id)

    def add(self, trace_id: bytes, decision: Decision) -> None:
        """Add an entry, the oldest one goes when there is no room."""
        self._map[trace_id] = decision
        self._map.move_to_end(trace_id)
        if len(self._map) > self._size:
            self._map.popitem(last=False)

    def resize(self, size: int) -> None:
        """Give room to this many; when it is less, the newest stay."""
        self._size = size
        while len(self._map) > size:
            self._map.popitem(last=False)

    def change(self, trace_id: bytes, labels: tuple[int, int]) -> None:
        """Replace the labels of an entry that is there."""
        if trace_id in self._map:
            self._map[trace_id] = self._map[trace_id]._replace(labels=labels)


class Condition:
    """An early condition, checked."""

    def __init__(self, early: Early, program: FactsProgram) -> None:
        size = 2 * len(program.leaves) + len(program.compare) + 1
        if any(bit not in range(size) for bit in early.bits):
            raise ValueError(f"early: masks have {size} bits, not {max(early.bits)}")
        if early.randomness not in THRESHOLDS:
            raise ValueError("early: the randomness is not below 2**56")
        if any(most not in range(1 << 64) for _, most in early.hashes):
            raise ValueError("early: a hash is not below 2**64")
        self._program, self._early = program, early
        self._mask = sum({1 << bit for bit in early.bits})

    def holds(self, trace_id: bytes, facts: Facts) -> bool:
        """Return whether a trace satisfies it."""
        return (
            self._program.mask(facts) & self._mask == self._mask
            and all(fnv(salt + trace_id) <= most for salt, most in self._early.hashes)
            and randomness_of(trace_id, facts) >= self._early.randomness
        )
