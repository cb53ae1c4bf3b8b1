"""How long to wait before the next attempt, and what an upstream may say about it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate.exporters.retry import LONGEST_WAIT, Backoff, RetryPolicy, retry_after

POLICY = RetryPolicy(initial=1.0, maximum=10.0, max_elapsed=100.0, multiplier=2.0, randomization=0.0)


def test_grows_to_its_maximum() -> None:
    """Waits are multiplied until they reach the maximum, and stay there."""
    backoff = Backoff(POLICY, 0.0, lambda: 0.5)
    assert [backoff.next(0.0) for _ in range(6)] == [1, 2, 4, 8, 10, 10]


def test_spread_on_both_sides() -> None:
    """The randomization factor spreads a wait evenly around its interval."""
    policy = RetryPolicy(initial=10.0, randomization=0.5)
    assert Backoff(policy, 0.0, lambda: 0.0).next(0.0) == 5.0
    assert Backoff(policy, 0.0, lambda: 0.5).next(0.0) == 10.0
    assert Backoff(policy, 0.0, lambda: 1.0).next(0.0) == 15.0


def test_the_upstream_may_ask_for_longer_not_shorter() -> None:
    """RetryInfo and Retry-After lengthen a wait; they never make it shorter than our own."""
    assert Backoff(POLICY, 0.0, lambda: 0.5).next(0.0, 7.5) == 7.5
    assert Backoff(POLICY, 0.0, lambda: 0.5).next(0.0, 0.1) == 1.0


def test_ends_when_the_next_attempt_would_be_too_late() -> None:
    """An attempt exactly at max_elapsed_time is made, one just past it is not."""
    assert Backoff(POLICY, 0.0, lambda: 0.5).next(99.0) == 1.0
    assert Backoff(POLICY, 0.0, lambda: 0.5).next(99.001) is None
    assert Backoff(POLICY, 0.0, lambda: 0.5).next(0.0, 101.0) is None


def test_disabled_and_endless() -> None:
    """Without retries there is no second attempt; max_elapsed_time 0 has no end, but no wait is longer than a day."""
    assert Backoff(RetryPolicy(enabled=False), 0.0, lambda: 0.5).next(0.0) is None
    endless = RetryPolicy(max_elapsed=0.0)
    assert Backoff(endless, 0.0, lambda: 0.5).next(1e9) == 5.0
    assert Backoff(endless, 0.0, lambda: 0.5).next(0.0, float("inf")) == LONGEST_WAIT


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30))
def test_waits_stay_within_their_bounds(draws: list[float]) -> None:
    """Whatever chance says, a wait lies between half the initial and one and a half times the maximum interval."""
    numbers = iter(draws)
    backoff = Backoff(RetryPolicy(max_elapsed=0.0), 0.0, lambda: next(numbers))
    for _ in draws:
        delay = backoff.next(0.0)
        assert delay is not None
        assert 2.5 <= delay <= 45.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("3", 3.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("-1", None),
        ("soon", None),
        (".", None),
        ("nan", None),
        ("²", None),
        ("9" * 400, LONGEST_WAIT),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 7.0),
        ("Sun, 06 Nov 1994 08:49:00 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 7.0),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT),
    ],
)
def test_retry_after(value: str | None, expected: float | None) -> None:
    """Seconds and HTTP dates are understood (now is 08:49:30), nonsense is as if it were absent."""
    assert retry_after(value, 784111770.0) == expected
