"""Limits as the rows of one slice ask them: each with what the row costs and whose bucket it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...kernel.contract import Columns
from .limits import Limit, Limited, Price, Unit


class _View(NamedTuple):
    limit: Limit
    costs: Sequence[int]
    keys: Sequence[bytes | None]


class Purse:
    """What rows have to spend, at one moment."""

    def __init__(self, columns: Columns, now: int) -> None:
        self._columns = columns
        self._now = now
        self._views: dict[Limited, _View] = {}

    def ready(self, limits: Sequence[Limited], row: int) -> bool:
        """Say whether all of them have room for a row; nothing is spent."""
        for limited in limits:
            limit, costs, keys = self._views.get(limited) or self._view(limited)
            if not limit.ready(self._now, costs[row], keys[row]):
                return False
        return True

    def take(self, limits: Sequence[Limited], row: int) -> None:
        """Spend a row on all of them."""
        for limited in limits:
            limit, costs, keys = self._views.get(limited) or self._view(limited)
            limit.take(self._now, costs[row], keys[row])

    def tight(self, limits: Sequence[Limited], row: int) -> bool:
        """Say whether one of them has refused something since it was last full (for this row's key)."""
        return any(limited.limit.tight(self._now, self._keys(limited)[row]) for limited in limits)

    def _keys(self, limited: Limited) -> Sequence[bytes | None]:
        return (self._views.get(limited) or self._view(limited)).keys

    def _view(self, limited: Limited) -> _View:
        columns = self._columns
        costs = _costs(columns, limited.unit)
        keys = [None] * columns.count if limited.key is None else columns.keys(limited.key)
        self._views[limited] = view = _View(limited.limit, costs, keys)
        return view


def _costs(columns: Columns, unit: Unit | Price) -> Sequence[int]:
    if isinstance(unit, Price):
        per_span, per_byte = unit
        return [spans * per_span + size * per_byte for spans, size in zip(columns.spans, columns.bytes, strict=True)]
    if unit == "traces":
        return [1] * columns.count
    return columns.spans if unit == "spans" else columns.bytes
