"""Columns: the facts of some traces, a row each, as policies read them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from .facts import Facts, FactsProgram

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3


class Row(NamedTuple):
    """A trace at the time its columns were made."""

    trace_id: bytes
    facts: Facts
    first_seen: int = 0


class ReferenceColumns:
    """See `contract.Columns`."""

    def __init__(self, program: FactsProgram, rows: Sequence[Row]) -> None:
        self.rows = rows
        masks = [program.mask(row.facts) for row in rows]
        distinct = {mask: index for index, mask in enumerate(dict.fromkeys(masks))}
        self.count = len(rows)
        self.masks = list(distinct)
        self.mask_index = array("I", [distinct[mask] for mask in masks])
        self.randomness = array("Q", [randomness_of(row.trace_id, row.facts) for row in rows])
        self.spans = array("Q", [row.facts.spans for row in rows])
        self.bytes = array("Q", [row.facts.bytes for row in rows])
        self.first_seen = array("q", [row.first_seen for row in rows])
        self.duration = array("Q", [row.facts.duration or 0 for row in rows])
        self._keys = len(program.keys)

    def keys(self, index: int) -> list[bytes | None]:
        """Key `index` of the facts; IndexError when there is none."""
        if not 0 <= index < self._keys:
            raise IndexError(f"key {index} of {self._keys}")
        found = [row.facts.keys[index] for row in self.rows]
        return [None if key is None else key.text for key in found]

    def trace_ids(self) -> list[bytes]:
        """16 bytes each."""
        return [row.trace_id for row in self.rows]

    def fnv(self, salt: bytes) -> array[int]:
        """FNV-1a 64 over `salt` and the trace id."""
        return array("Q", [fnv(salt + row.trace_id) for row in self.rows])


def randomness_of(trace_id: bytes, facts: Facts) -> int:
    """Return `rv`, or the last seven bytes of the trace id."""
    return int.from_bytes(trace_id[9:], "big") if facts.rv is None else facts.rv


def fnv(data: bytes) -> int:
    """Return FNV-1a 64."""
    state = _FNV_OFFSET
    for byte in data:
        state = (state ^ byte) * _FNV_PRIME & 0xFFFFFFFFFFFFFFFF
    return state
