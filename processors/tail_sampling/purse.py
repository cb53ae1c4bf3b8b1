"""Limits as the rows of one slice ask them: each with what the row costs and whose bucket it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...kernel.contract import Columns
from .limits import Limit, Limited


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

    def _view(self, limited: Limited) -> _View:
        columns = self._columns
        costs: Sequence[int] = [1] * columns.count
        if limited.unit != "traces":
            costs = columns.spans if limited.unit == "spans" else columns.bytes
        keys = [None] * columns.count if limited.key is None else columns.keys(limited.key)
        self._views[limited] = view = _View(limited.limit, costs, keys)
        return view
