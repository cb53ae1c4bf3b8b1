"""A budget: what is kept costs money, and when it is spent only essential policies keep."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ...telemetry.samples import Sample
from .limits import Limited, Price, TokenBucket
from .metrics import Origin

_UNIT = 10**15
"""Costs are integers of this fraction of a unit of money."""
_HOUR = 3600
_BURST = Fraction(1, 60)
"""The part of an hour's budget that may be spent at once."""
_GIGA = 10**9


class Budget:
    """So much money an hour. What is not essential passes while there is some left; what is essential always does.

    It is a token bucket of a minute's worth, refilled so that no hour spends more than its budget (and one trace) on
    what is not essential. What is essential is paid for too, into debt of at most an hour's budget.
    """

    def __init__(self, per_hour: float, per_span: float, per_gb: float) -> None:
        hour = Fraction(str(per_hour))
        burst = hour * _BURST
        self._bucket = _Debtor(float((hour - burst) / _HOUR * _UNIT), float(burst * _UNIT), float(hour * _UNIT))
        price = Price(round(Fraction(str(per_span)) * _UNIT), round(Fraction(str(per_gb)) * _UNIT / _GIGA))
        self.limited = Limited(self._bucket, price)

    def adopt(self, old: object) -> None:
        """Go on from the state of a budget with the same settings."""
        if isinstance(old, Budget) and old.limited.unit == self.limited.unit:
            self._bucket.adopt(old._bucket)

    def samples(self, origin: Origin) -> Iterator[Sample]:
        """Yield what was spent, and what is left."""
        labels, bucket = origin.labels(), self._bucket
        text = "What was kept has cost, in the budget's money."
        yield Sample("tailgate_budget_spent", "counter", text, bucket.spent / _UNIT, labels)
        text = "What may be spent at once, as last asked; negative: what essential policies owe."
        yield Sample("tailgate_budget_left", "gauge", text, bucket.level / 10**15 / _UNIT, labels)


class _Debtor(TokenBucket):
    """A bucket that owes no more than `most`."""

    __slots__ = ("most", "spent")

    def __init__(self, rate: float, burst: float, most: float) -> None:
        super().__init__(rate, burst)
        self.most = round(most) * 10**15
        self.spent = 0

    def take(self, now: int, cost: int, key: bytes | None = None) -> None:
        super().take(now, cost)
        self.level = max(self.level, -self.most)
        self.spent += cost

    def adopt(self, old: object) -> None:
        if isinstance(old, _Debtor):
            super().adopt(old)
            self.spent = old.spent
