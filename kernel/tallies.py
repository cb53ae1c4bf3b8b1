"""What tables count, and what they need not wait for; a part of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Tally(NamedTuple):
    """Sums over traces."""

    traces: int
    spans: int
    bytes: int


class TableStats(NamedTuple):
    """What a table holds now."""

    traces: int
    spans: int
    held_bytes: int
    headers: int
    kept_decisions: int
    dropped_decisions: int
    early: int = 0
    """Traces that satisfy an early condition, those that are out included."""
    logs: int = 0
    """Log records that are held."""
    log_traces: int = 0
    """Traces of which only log records came; `traces` does not count them."""


class Early(NamedTuple):
    """What must be so, all of it, for a trace to be given by `Table.early`."""

    bits: Sequence[int]
    """Positions in the mask."""
    hashes: Sequence[tuple[bytes, int]] = ()
    """(salt, most): the trace's `fnv` of the salt is at most that."""
    randomness: int = 0
    """The least that the trace's randomness may be."""
