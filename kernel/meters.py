"""What both kernels promise of meters, as types; a part of `contract.py`."""

from __future__ import annotations

from array import array
from typing import Literal, NamedTuple, Protocol, TypedDict


class Measure(TypedDict):
    """A stage that notes spans for a meter: to be counted, as exemplars, or both. `in` is the meter's place."""

    kind: Literal["measure"]
    count: bool
    exemplars: bool


class MeterExemplar(NamedTuple):
    """A kept span that shows what a value looks like."""

    row: int
    """Of the series."""
    bucket: int
    trace_id: bytes
    """16 bytes."""
    span_id: bytes
    """8 bytes."""
    value: int
    """ns."""
    time: int
    """`now` when it was counted."""


class MeterSeries(NamedTuple):
    """The series of a meter, a row each, in the order in which they came."""

    keys: list[tuple[str | None, ...]]
    overflow: list[bool]
    """Whether the row stands for series that had no room."""
    counts: array[int]
    """Typecode Q."""
    sums: list[int]
    """ns, of a meter with a `value` 10^-9; for each row one of each value."""
    buckets: array[int]
    """Typecode Q; for each row and value how many are within each bound and above the one before, then the rest."""
    exemplars: list[MeterExemplar]


class MeterStats(NamedTuple):
    """What a meter has counted beside its series."""

    series: int
    overflowed: int
    """Counted in series that stand for those that had no room."""
    waiting: int
    """Requests that wait for their other side."""
    edges: int
    """Requests that were begun."""
    expired: int
    """Requests that never saw their other side."""
    dropped: int
    """Sides for which there was no room to wait."""


class Meter(Protocol):
    """What spans are counted in, and how long they took; bounded."""

    def series(self) -> MeterSeries:
        """All of them."""

    def advance(self, now: int) -> None:
        """Let go of requests that have waited too long for their other side."""

    def forget(self, before: int) -> int:
        """Let go of series that were last counted before that; return how many."""

    def stats(self) -> MeterStats:
        """What was counted beside the series."""
