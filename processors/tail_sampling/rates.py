"""Rates that differ from trace to trace: what a rule asks instead of its fixed threshold."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Protocol

from ...kernel.contract import Columns
from ...rules.facts import FactsBuilder, Test, compile_test
from .learned import Learned
from .thresholds import FULL

PASS = FULL + 1
"""Instead of a threshold: the rule does not decide about this trace."""


class RowRates(Protocol):
    """The rates of the rows of one slice."""

    def threshold(self, row: int) -> int:
        """Return the threshold of a row, or PASS."""

    def decided(self, row: int) -> None:
        """Learn that the rule was asked about the row and that the row has been decided."""


class Rates(Protocol):
    """Where a rule's thresholds come from."""

    certain: bool
    """It never says PASS, and its probabilities are above zero."""

    def open(self, columns: Columns, now: int, rows: Sequence[int]) -> RowRates:
        """Return the rates for a slice; `rows` are those that the rule may be asked about."""

    def adopt(self, old: object) -> None:
        """Go on from the state of another with the same settings."""


class LearnedRates:
    """A learned rate, by some keys of the facts (none: one for all)."""

    certain = True

    def __init__(
        self, learned: Learned, keys: Sequence[int], error: Test, facts: FactsBuilder, *, settings: object = None
    ) -> None:
        """`error`: whether some span of a trace failed; `facts` must be complete when the first slice is judged.

        `settings`: what it was made of, keys too; only a rate of the same settings is gone on from.
        """
        self.learned, self.keys, self.settings = learned, tuple(keys), settings
        self._error, self._facts = error, facts

    @cached_property
    def failed(self) -> Callable[[int], bool]:
        """Whether a mask says that some span failed."""
        return compile_test(self._error, self._facts)

    def open(self, columns: Columns, now: int, rows: Sequence[int]) -> RowRates:
        """Return the rates for a slice."""
        return _LearnedRows(self, columns, now)

    def adopt(self, old: object) -> None:
        """Go on from what the other has learned."""
        if isinstance(old, LearnedRates) and old.settings == self.settings:
            self.learned.adopt(old.learned)


class _LearnedRows:
    def __init__(self, rates: LearnedRates, columns: Columns, now: int) -> None:
        self._learned, self._now = rates.learned, now
        self._keys: Sequence[Hashable] = list(zip(*(columns.keys(key) for key in rates.keys), strict=True))
        self._keys = self._keys or [()] * columns.count
        self._failed = [rates.failed(mask) for mask in columns.masks]
        self._mask_index, self._spans = columns.mask_index, columns.spans

    def threshold(self, row: int) -> int:
        return self._learned.threshold(self._now, self._keys[row])

    def decided(self, row: int) -> None:
        failed = self._failed[self._mask_index[row]]
        self._learned.saw(self._now, self._keys[row], self._spans[row], failed)
