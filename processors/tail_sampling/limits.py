"""Token buckets: in any window of w seconds at most rate x w + burst + one trace passes.

A limit is asked in two steps, so that several can be asked together: `ready` says whether the cost would pass,
`take` spends it. Time is an argument, in ns, and never goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace
from typing import Literal, NamedTuple, Protocol

Unit = Literal["traces", "spans", "bytes"]
"""What a limit counts of a trace."""

_TOKEN = 10**15
"""A token in the unit of `TokenBucket`: micro-tokens a second times ns, so that sums are exact."""
_NEVER_FULL = 1 << 80
"""A moment for buckets that take nothing in."""


class Price(NamedTuple):
    """What a trace costs, in 10^-15 of a unit of money."""

    per_span: int
    per_byte: int


class Limit(Protocol):
    """One or several buckets behind one question; `key` is the value of the attribute that it is kept per."""

    def ready(self, now: int, cost: int, key: bytes | None) -> bool:
        """Say whether `cost` would pass now; nothing is spent."""

    def take(self, now: int, cost: int, key: bytes | None) -> None:
        """Spend `cost`, after `ready` at the same `now`."""

    def tight(self, now: int, key: bytes | None) -> bool:
        """Say whether it has refused something since it was last full."""

    def adopt(self, old: object) -> None:
        """Go on from the state of a limit with the same settings; anything else is passed over."""


class TokenBucket:
    """A bucket that starts full, refills at `rate` tokens a second and holds `burst` tokens.

    With `debt` a cost above `burst` passes when the bucket is full and is paid off before anything else passes;
    without, it never passes (the collector's `AllowN`).
    """

    __slots__ = ("capacity", "debt", "last", "level", "rate", "refused")

    def __init__(self, rate: float, burst: float, *, debt: bool = True) -> None:
        self.rate = round(rate * 1_000_000)
        self.capacity = round(burst * 1_000_000) * (_TOKEN // 1_000_000)
        self.debt = debt
        self.level = self.capacity
        self.last = 0
        self.refused = False

    def fill(self, now: int) -> int:
        """Add what has come in until `now` and return the level (10^-15 tokens, negative when in debt)."""
        if now > self.last:
            self.level = min(self.capacity, self.level + (now - self.last) * self.rate)
            self.last = now
            if self.level == self.capacity:
                self.refused = False
        return self.level

    def ready(self, now: int, cost: int, key: bytes | None = None) -> bool:
        """Say whether `cost` tokens would pass."""
        level = self.fill(now) if now > self.last else self.level
        if cost * _TOKEN <= level or (self.debt and level >= self.capacity > 0):
            return True
        self.refused = True
        return False

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

    def tight(self, now: int, key: bytes | None = None) -> bool:
        """Say whether it has refused something since it was last full."""
        self.fill(now)
        return self.refused

    def full_at(self) -> int:
        """Return the `now` from which on it is full, if nothing more is spent."""
        missing = self.capacity - self.level
        return self.last + (-(-missing // self.rate) if self.rate else _NEVER_FULL * (missing > 0))

    def adopt(self, old: object) -> None:
        """Go on from the state of a bucket with the same settings."""
        if isinstance(old, TokenBucket) and _settings(old) == _settings(self):
            self.level, self.last, self.refused = old.level, old.last, old.refused


def _settings(bucket: TokenBucket) -> tuple[int, int, bool]:
    return bucket.rate, bucket.capacity, bucket.debt


class KeyedBuckets:
    """A bucket for each key, at most `max_keys` of them.

    A key whose bucket is full again is forgotten without effect: quiet keys need no place. When all `max_keys` are
    busy, the fullest of them is forgotten, and an unknown key starts no fuller than that one would be by then. So no
    key ever passes more than its limit; and a quiet key is refused something only when all keys together have, within
    twice the time in which a bucket fills, passed `max_keys` times what its bucket then lacks.
    """

    def __init__(self, new: Callable[[], TokenBucket], max_keys: int) -> None:
        self._new = new
        self._max_keys = max_keys
        self._buckets: dict[bytes | None, TokenBucket] = {}
        # One entry a bucket, with a moment before which it is not full: later spending only puts that off.
        self._full: list[tuple[int, int, bytes | None]] = []
        self._made = 0
        self.start = new()
        self.forgotten = 0
        """Keys that were forgotten while they were busy."""

    def __len__(self) -> int:
        return len(self._buckets)

    def ready(self, now: int, cost: int, key: bytes | None) -> bool:
        """Say whether `cost` would pass for this key (traces without the attribute are one key)."""
        return self._bucket(now, key).ready(now, cost)

    def take(self, now: int, cost: int, key: bytes | None) -> None:
        """Spend `cost` of this key's bucket."""
        self._bucket(now, key).take(now, cost)

    def tight(self, now: int, key: bytes | None) -> bool:
        """Say whether this key's bucket has refused something since it was last full."""
        bucket = self._buckets.get(key)
        return (self.start if bucket is None else bucket).tight(now)

    def adopt(self, old: object) -> None:
        """Go on from the buckets of another with the same settings."""
        same = isinstance(old, KeyedBuckets) and _settings(old.start) == _settings(self.start)
        if isinstance(old, KeyedBuckets) and same and old._max_keys == self._max_keys:
            self._buckets, self._full, self._made = old._buckets, old._full, old._made
            self.start, self.forgotten = old.start, old.forgotten

    def _bucket(self, now: int, key: bytes | None) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._max_keys:
                self._forget_one(now)
            bucket = self._buckets[key] = self._new()
            bucket.last = now
            if self.start.fill(now) < bucket.capacity:
                bucket.level, bucket.refused = self.start.level, self.start.refused
            self._made += 1
            heappush(self._full, (bucket.full_at(), self._made, key))
        return bucket

    def _forget_one(self, now: int) -> None:
        """Forget the fullest bucket; if it is not full, unknown keys start no fuller."""
        while True:
            seen, made, key = self._full[0]
            at = self._buckets[key].full_at()
            if at <= max(seen, now):
                break
            heapreplace(self._full, (at, made, key))
        heappop(self._full)
        bucket = self._buckets.pop(key)
        if at > now:
            self.forgotten += 1
            self.start.level = min(self.start.fill(now), bucket.fill(now))
            self.start.refused = self.start.refused or bucket.refused


class Shares:
    """A total that is divided: each share is a guaranteed minimum, and what others leave is used up to the total."""

    def __init__(self, total: TokenBucket, shares: Sequence[TokenBucket]) -> None:
        self._total = total
        self._shares = list(shares)

    def share(self, index: int | None) -> Limit:
        """Return the limit of one share; None: of who has none, and lives on what the shares leave."""
        return _Share(self, index)

    def ready(self, now: int, cost: int, index: int | None) -> bool:
        """Say whether `cost` passes: out of the own share, or out of what is not kept ready for the others."""
        if not self._total.ready(now, cost):
            return False
        if index is not None and self._shares[index].ready(now, cost):
            return True
        reserved = sum(max(0, other.fill(now)) for at, other in enumerate(self._shares) if at != index)
        if self._total.level - cost * _TOKEN >= reserved or (index is None and self._exceeds_all_that_is_left(cost)):
            return True
        self._total.refused = True
        return False

    def _exceeds_all_that_is_left(self, cost: int) -> bool:
        """Whether `cost` is more than the shares ever leave (if anything) and the total is full: then it is debt."""
        left = self._total.capacity - sum(share.capacity for share in self._shares)
        return cost * _TOKEN > left > 0 and self._total.level >= self._total.capacity > 0

    def take(self, now: int, cost: int, index: int | None) -> None:
        """Spend `cost` of the total, and of the own share as much as it has."""
        self._total.take(now, cost)
        if index is None:
            return
        own = self._shares[index]
        within = own.ready(now, cost)
        own.take(now, cost)
        if not within:
            own.level = min(0, own.level + cost * _TOKEN)

    def tight(self, now: int) -> bool:
        """Say whether somebody was refused since the total was last full."""
        return self._total.tight(now)

    def adopt(self, old: object) -> None:
        """Go on from the state of a total with the same settings and shares."""
        if isinstance(old, Shares) and [_settings(one) for one in old._all()] == [
            _settings(one) for one in self._all()
        ]:
            for mine, other in zip(self._all(), old._all(), strict=True):
                mine.adopt(other)

    def _all(self) -> list[TokenBucket]:
        return [self._total, *self._shares]


@dataclass(frozen=True)
class _Share:
    shares: Shares
    index: int | None

    def ready(self, now: int, cost: int, key: bytes | None) -> bool:
        return self.shares.ready(now, cost, self.index)

    def take(self, now: int, cost: int, key: bytes | None) -> None:
        self.shares.take(now, cost, self.index)

    def tight(self, now: int, key: bytes | None) -> bool:
        return self.shares.tight(now)

    def adopt(self, old: object) -> None:
        if isinstance(old, _Share):
            self.shares.adopt(old.shares)


@dataclass(frozen=True, eq=False)
class Limited:
    """A limit as a policy uses it: what it counts, and by which key of the facts it is kept apart."""

    limit: Limit
    unit: Unit | Price
    key: int | None = None
