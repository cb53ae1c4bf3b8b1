"""A bounded memory of what follows from a trace's mask: masks are few, plans are dear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Plan = TypeVar("Plan")

MOST = 4096
"""Masks that are remembered; with more of them all are forgotten and made again as they come."""


class Memo(Generic[Plan]):
    """Makes a plan for each mask once, and remembers at most `most` of them."""

    def __init__(self, make: Callable[[int], Plan], most: int = MOST) -> None:
        self._make = make
        self._most = most
        self._plans: dict[int, Plan] = {}

    def __len__(self) -> int:
        return len(self._plans)

    def __call__(self, mask: int) -> Plan:
        """Return the plan for a mask."""
        found = self._plans.get(mask)
        if found is None:
            if len(self._plans) >= self._most:
                self._plans.clear()
            found = self._plans[mask] = self._make(mask)
        return found
