"""Token buckets: in any window of w seconds at most rate x w + burst + one trace passes.

A limit is asked in two steps, so that several can be asked together: `ready` says whether the cost would pass,
`take` spends it. Time is an argument, in ns, and never goes back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Literal, Protocol

Unit = Literal["traces", "spans", "bytes"]
"""What a limit counts of a trace."""

_TOKEN = 10**15
"""A token in the unit of `TokenBucket`: micro-tokens a second times ns, so that sums are exact."""
_LOOK = 8
"""How many of the least recently asked keys are looked at to find one that can be forgotten."""


class Limit(Protocol):
    """One or several buckets behind one question; `key` is the value of the attribute that it is kept per."""

    def ready(self, now: int, cost: int, key: bytes | None) -> bool:
        """Say whether `cost` would pass now; nothing is spent."""

    def take(self, now: int, cost: int, key: bytes | None) -> None:
        """Spend `cost`, after `ready` at the same `now`."""


class TokenBucket:
    """A bucket that starts full, refills at `rate` tokens a second and holds `burst` tokens.

    With `debt` a cost above `burst` passes when the bucket is full and is paid off before anything else passes;
    without, it never passes (the collector's `AllowN`).
    """

    __slots__ = ("capacity", "debt", "last", "level", "rate")

    def __init__(self, rate: float, burst: float, *, debt: bool = True) -> None:
        self.rate = round(rate * 1_000_000)
        self.capacity = round(burst * 1_000_000) * (_TOKEN // 1_000_000)
        self.debt = debt
        self.level = self.capacity
        self.last = 0

    def fill(self, now: int) -> int:
        """Add what has come in until `now` and return the level (10^-15 tokens, negative when in debt)."""
        if now > self.last:
            self.level = min(self.capacity, self.level + (now - self.last) * self.rate)
            self.last = now
        return self.level

    def ready(self, now: int, cost: int, key: bytes | None = None) -> bool:
        """Say whether `cost` tokens would pass."""
        level = self.fill(now) if now > self.last else self.level
        return cost * _TOKEN <= level or (self.debt and level >= self.capacity > 0)

    def take(self, now: int, cost: int, key: bytes | None = None) -> None:
        """Spend `cost` tokens."""
        if now > self.last:
            self.fill(now)
        self.level -= cost * _TOKEN

    def allow(self, now: int, cost: int) -> bool:
        """Ask and, when it passes, spend."""
        if not self.ready(now, cost):
            return False
        self.take(now, cost)
        return True


class KeyedBuckets:
    """A bucket for each key, at most `max_keys` of them.

    A key whose bucket is full again is forgotten without effect. When the least recently asked keys are all busy, the
    fullest of them is forgotten, and an unknown key starts no fuller than that one would be by then. So no key ever
    passes more than its limit, and a rare key has to wait for others only while keys that come anew pass as much as
    `max_keys` limits together.
    """

    def __init__(self, new: Callable[[], TokenBucket], max_keys: int) -> None:
        self._new = new
        self._max_keys = max_keys
        self._buckets: OrderedDict[bytes | None, TokenBucket] = OrderedDict()
        self.start = new()
        """What a key that comes anew begins with."""

    def __len__(self) -> int:
        return len(self._buckets)

    def ready(self, now: int, cost: int, key: bytes | None) -> bool:
        """Say whether `cost` would pass for this key (traces without the attribute are one key)."""
        return self._bucket(now, key).ready(now, cost)

    def take(self, now: int, cost: int, key: bytes | None) -> None:
        """Spend `cost` of this key's bucket."""
        bucket = self._buckets.get(key) or self._bucket(now, key)
        bucket.take(now, cost)

    def _bucket(self, now: int, key: bytes | None) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._max_keys:
                self._forget_one(now)
            bucket = self._buckets[key] = self._new()
            bucket.level, bucket.last = self.start.fill(now), now
        self._buckets.move_to_end(key)
        return bucket

    def _forget_one(self, now: int) -> None:
        oldest = islice(self._buckets.items(), _LOOK)
        key, bucket = max(oldest, key=lambda item: item[1].fill(now))
        self.start.level = min(self.start.fill(now), bucket.level)
        del self._buckets[key]


class Shares:
    """A total that is divided: each share is a guaranteed minimum, and what others leave is used up to the total."""

    def __init__(self, total: float, shares: list[float]) -> None:
        self._total = TokenBucket(total, total)
        self._shares = [TokenBucket(share, share) for share in shares]

    def share(self, index: int) -> Limit:
        """Return the limit of one share."""
        return _Share(self, index)

    def ready(self, now: int, cost: int, index: int) -> bool:
        """Say whether `cost` passes: out of the own share, or out of what is not kept ready for the others."""
        if not self._total.ready(now, cost):
            return False
        if self._shares[index].ready(now, cost):
            return True
        reserved = sum(max(0, other.fill(now)) for at, other in enumerate(self._shares) if at != index)
        return self._total.level - cost * _TOKEN >= reserved

    def take(self, now: int, cost: int, index: int) -> None:
        """Spend `cost` of the total, and of the own share as much as it has."""
        self._total.take(now, cost)
        own = self._shares[index]
        within = own.ready(now, cost)
        own.take(now, cost)
        if not within:
            own.level = min(0, own.level + cost * _TOKEN)


@dataclass(frozen=True)
class _Share:
    shares: Shares
    index: int

    def ready(self, now: int, cost: int, key: bytes | None) -> bool:
        return self.shares.ready(now, cost, self.index)

    def take(self, now: int, cost: int, key: bytes | None) -> None:
        self.shares.take(now, cost, self.index)


@dataclass(frozen=True, eq=False)
class Limited:
    """A limit as a policy uses it: what it counts, and by which key of the facts it is kept apart."""

    limit: Limit
    unit: Unit
    key: int | None = None
