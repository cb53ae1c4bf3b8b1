"""Token buckets hold what they promise in every window, per key, and when a total is shared."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate.processors.tail_sampling.limits import KeyedBuckets, Shares, TokenBucket

S = 1_000_000_000
asks = st.lists(st.tuples(st.integers(0, 3 * S), st.integers(1, 40)), max_size=40)
"""(ns since the ask before, cost)"""


def timeline(steps):
    now, line = 1_700_000_000 * S, []
    for wait, cost in steps:
        now += wait
        line.append((now, cost))
    return line


def assert_windows(passed, rate, burst):
    """In no window does more pass than rate x w + burst + one trace."""
    largest = max((cost for _, cost in passed), default=0)
    for first in range(len(passed)):
        total = 0
        for now, cost in passed[first:]:
            total += cost
            width = Fraction(now - passed[first][0], S)
            assert total <= Fraction(str(rate)) * width + Fraction(str(burst)) + largest


@given(asks, st.sampled_from([0.5, 1, 7, 10.25]), st.sampled_from([0.5, 1, 5, 25]))
def test_every_window_holds(steps, rate, burst):
    """Whatever is asked when, no window passes more than it may; a bucket with debt takes large traces too."""
    bucket = TokenBucket(rate, burst)
    passed = [(now, cost) for now, cost in timeline(steps) if bucket.allow(now, cost)]
    assert_windows(passed, rate, burst)


@given(asks, st.sampled_from([1, 7]), st.sampled_from([1, 5, 25]))
def test_without_debt_no_window_exceeds_rate_and_burst(steps, rate, burst):
    """The collector's bucket: no one-trace allowance, and a cost above the burst never passes."""
    bucket = TokenBucket(rate, burst, debt=False)
    passed = [(now, cost) for now, cost in timeline(steps) if bucket.allow(now, cost)]
    assert all(cost <= burst for _, cost in passed)
    for first in range(len(passed)):
        width = Fraction(passed[-1][0] - passed[first][0], S)
        assert sum(cost for _, cost in passed[first:]) <= rate * width + burst


def test_a_bucket_starts_full_and_refills():
    """Ten tokens at once, then one every tenth of a second, never more than the burst."""
    bucket = TokenBucket(10, 10)
    assert [bucket.allow(S, 1) for _ in range(11)] == [True] * 10 + [False]
    assert not bucket.allow(S + S // 10 - 1, 1)
    assert bucket.allow(S + S // 10, 1)
    assert [bucket.allow(100 * S, 1) for _ in range(11)] == [True] * 10 + [False]


def test_a_trace_larger_than_the_bucket_is_paid_off():
    """At 10 a second with a burst of 10, a cost of 30 passes when the bucket is full, and then nothing for 2.1 s."""
    bucket = TokenBucket(10, 10)
    assert bucket.allow(S, 30)
    assert not bucket.allow(3 * S, 1)
    assert bucket.allow(3 * S + S // 10, 1)
    assert not bucket.allow(3 * S + S // 10, 30)
    assert bucket.allow(5 * S, 30)


def test_a_refused_ask_spends_nothing():
    """What is asked and refused leaves the level as it was."""
    bucket = TokenBucket(1, 5, debt=False)
    assert not bucket.allow(S, 6)
    assert bucket.allow(S, 5)


@given(st.lists(st.tuples(st.integers(0, S), st.integers(1, 9), st.sampled_from(b"abcdefghijkl")), max_size=80))
def test_keys_hold_their_windows_even_when_some_are_forgotten(steps):
    """With room for three keys and twelve of them busy, no key passes more than its limit."""
    buckets = KeyedBuckets(lambda: TokenBucket(3, 4), 3)
    now, passed = S, {}
    for wait, cost, number in steps:
        now += wait
        key = bytes([number])
        if buckets.ready(now, cost, key):
            buckets.take(now, cost, key)
            passed.setdefault(key, []).append((now, cost))
        assert len(buckets) <= 3
    for line in passed.values():
        assert_windows(line, 3, 4)


def test_idle_keys_are_forgotten_without_effect():
    """A key whose bucket is full again makes place: the next key finds a full bucket."""
    buckets = KeyedBuckets(lambda: TokenBucket(10, 10), 1)
    buckets.take(S, 10, b"old")
    assert buckets.ready(2 * S, 10, b"new")


def test_a_rare_key_is_not_starved_by_a_flood_of_others():
    """A thousand keys a second through room for a hundred: one that comes once finds nearly all of its bucket."""
    buckets = KeyedBuckets(lambda: TokenBucket(10, 10), 100)
    now = S
    for number in range(5000):
        now += S // 1000
        if buckets.ready(now, 1, b"%d" % number):
            buckets.take(now, 1, b"%d" % number)
    assert buckets.ready(now, 9, b"rare")


def test_a_deep_debt_of_one_key_does_not_spread():
    """A key in debt for an hour stays known while others can be forgotten, so unknown keys start as they should."""
    buckets = KeyedBuckets(lambda: TokenBucket(10, 10), 4)
    buckets.take(S, 36_000, b"huge")
    for number in range(50):
        now = S + number * S // 20
        assert buckets.ready(now, 1, b"%d" % number)
        buckets.take(now, 1, b"%d" % number)
    assert not buckets.ready(5 * S, 1, b"huge")


def test_traces_without_the_attribute_share_one_key():
    """None is a key like any other."""
    buckets = KeyedBuckets(lambda: TokenBucket(1, 1), 10)
    buckets.take(S, 1, None)
    assert not buckets.ready(S, 1, None)
    assert buckets.ready(S, 1, b"")


@given(
    st.lists(st.tuples(st.integers(0, S), st.integers(1, 60), st.integers(0, 2)), max_size=60),
    st.sampled_from([[50, 30, 20], [10, 0, 0], [100, 100, 100], [33, 33, 33]]),
)
def test_a_shared_total_is_true(steps, percents):
    """Whoever asks, and even with shares that add up to more, no window passes more than the total."""
    shares = Shares(TokenBucket(100, 100), [TokenBucket(percent, percent) for percent in percents])
    now, passed = S, []
    for wait, cost, index in steps:
        now += wait
        share = shares.share(index)
        if share.ready(now, cost, None):
            share.take(now, cost, None)
            passed.append((now, cost))
    assert_windows(passed, 100, 100)


def test_a_share_is_guaranteed():
    """However greedy the first is, the second finds its share."""
    shares = Shares(TokenBucket(100, 100), [TokenBucket(50, 50), TokenBucket(50, 50)])
    greedy, modest = shares.share(0), shares.share(1)
    now = S
    for second in range(20):
        now = (second + 1) * S
        while greedy.ready(now, 1, None):
            greedy.take(now, 1, None)
        for _ in range(50):
            assert modest.ready(now, 1, None)
            modest.take(now, 1, None)


def test_what_others_leave_is_used():
    """With the second silent, the first passes the total less what is kept ready for the second."""
    shares = Shares(TokenBucket(100, 100), [TokenBucket(20, 20), TokenBucket(20, 20)])
    now, count = S, 0
    greedy = shares.share(0)
    for tenth in range(1, 101):
        now = S + tenth * S // 10
        while greedy.ready(now, 1, None):
            greedy.take(now, 1, None)
            count += 1
    assert count == pytest.approx(80 + 9.9 * 100, abs=2)
