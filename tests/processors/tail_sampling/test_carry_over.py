"""Limits over a reload: those with the same settings go on as if nothing had happened, others start full."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate.processors.tail_sampling.limits import KeyedBuckets, Shares, TokenBucket
from tailgate.processors.tail_sampling.votes import Chance, Composite, Sub
from tailgate.processors.tail_sampling.voting import CompositeWindow

S = 1_000_000_000
asks = st.lists(st.tuples(st.integers(0, 2 * S), st.integers(1, 9), st.integers(0, 2)), max_size=30)
"""(ns since the ask before, cost, key or share)"""


def composite(total: int, allocation: int) -> CompositeWindow:
    return CompositeWindow(Composite(total, tuple(Sub(name, Chance(100), allocation) for name in "abc"), (0, 1, 2)))


class Shared:
    """`Shares` behind the questions of one limit."""

    def __init__(self, rate: int) -> None:
        self.shares = _shares(rate)

    def adopt(self, old: Shared) -> None:
        for index in range(3):
            self.shares.share(index).adopt(old.shares.share(index))


def _shares(rate: int) -> Shares:
    shares = [TokenBucket(share, share) for share in (rate / 4, rate / 4, rate / 2)]
    return Shares(TokenBucket(rate, rate), shares)


def passes(limit: Any, now: int, cost: int, key: int) -> bool:
    if isinstance(limit, CompositeWindow):
        return limit.allow(now, key, cost)
    if isinstance(limit, Shared):
        limit, name = limit.shares.share(key), None
    else:
        name = bytes([key])
    if not limit.ready(now, cost, name):
        return False
    limit.take(now, cost, name)
    return True


MAKERS: dict[str, Callable[[int], Any]] = {
    "bucket": lambda rate: TokenBucket(rate, 2 * rate),
    "keyed": lambda rate: KeyedBuckets(lambda: TokenBucket(rate, rate), 2),
    "shares": Shared,
    "composite": lambda rate: composite(2 * rate, rate),
}


@pytest.mark.parametrize("kind", MAKERS)
@given(steps=asks, cut=st.integers(0, 30))
def test_the_same_limit_goes_on(kind: str, steps: list[tuple[int, int, int]], cut: int) -> None:
    """Guarantees: whatever is asked and whenever the reload comes, the answers are those without it."""
    answers = []
    for reload_at in (-1, cut):
        limit, now = MAKERS[kind](5), 1_000 * S
        said = []
        for number, (wait, cost, key) in enumerate(steps):
            if number == reload_at:
                fresh = MAKERS[kind](5)
                fresh.adopt(limit)
                limit = fresh
            now += wait
            said.append(passes(limit, now, cost, key))
        answers.append(said)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("kind", MAKERS)
def test_another_limit_starts_full(kind: str) -> None:
    """Scenario: a limit is used up, and another rate (or another kind of limit) stands there after the reload."""
    old, now = MAKERS[kind](5), 1_000 * S
    while passes(old, now, 1, 0):
        pass
    same, changed = MAKERS[kind](5), MAKERS[kind](6)
    same.adopt(old)
    changed.adopt(old)
    assert not passes(same, now, 1, 0)
    assert passes(changed, now, 1, 0)
    if kind != "shares":
        for maker in (make for name, make in MAKERS.items() if name not in (kind, "shares")):
            another = maker(5)
            another.adopt(old)
            assert passes(another, now, 1, 0)
