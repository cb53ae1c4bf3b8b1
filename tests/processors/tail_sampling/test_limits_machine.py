"""Buckets by key, with few places for them, against buckets without end: nobody passes too much, nobody starves."""

from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tailgate.processors.tail_sampling.limits import KeyedBuckets, TokenBucket

from .test_limits import assert_windows

S = 1_000_000_000
T0 = 1_700_000_000 * S


class KeyedMachine(RuleBasedStateMachine):
    """`history` has what every key has passed; from it alone the model works out each bucket."""

    @initialize(rate=st.integers(1, 4), burst=st.integers(1, 6), places=st.integers(1, 4))
    def start(self, rate, burst, places):
        self.rate, self.burst, self.places, self.now = rate, burst, places, T0
        self.keyed = KeyedBuckets(lambda: TokenBucket(rate, burst), places)
        self.history = {}

    def level(self, key):
        level, last = Fraction(self.burst), T0
        for at, cost in self.history.get(key, ()):
            level, last = min(Fraction(self.burst), level + Fraction(at - last, S) * self.rate) - cost, at
        return min(Fraction(self.burst), level + Fraction(self.now - last, S) * self.rate)

    @rule(wait=st.sampled_from([0, 0, 0, S // 7, S // 2, S, 10 * S]))
    def wait(self, wait):
        self.now += wait

    @rule(key=st.sampled_from([None, *(bytes([number]) for number in range(12))]), cost=st.integers(1, 6))
    def ask(self, key, cost):
        cost = min(cost, self.burst)
        alone = self.level(key) >= cost
        if self.keyed.ready(self.now, cost, key):
            assert alone, "it passes more than its limit"
            self.keyed.take(self.now, cost, key)
            self.history.setdefault(key, []).append((self.now, cost))
        elif alone:
            self.check_the_rest(key, cost)

    @rule(keys=st.integers(1, 9), cost=st.integers(1, 6))
    def flood(self, keys, cost):
        for number in range(keys):
            self.ask(b"flood%d" % number, cost)

    def check_the_rest(self, key, cost):
        """It is refused though it has room by itself: then all together have passed as much as so many limits."""
        filling = Fraction(2 * self.burst * S, self.rate)
        spent = {
            other: sum(cost for at, cost in line if at > self.now - filling) for other, line in self.history.items()
        }
        assert sum(spent.values()) >= self.places * (self.burst - cost - spent.get(key, 0))

    @rule()
    def reload(self):
        before = self.keyed
        self.keyed = KeyedBuckets(lambda: TokenBucket(self.rate, self.burst), self.places)
        self.keyed.adopt(before)

    @invariant()
    def places_are_bounded(self):
        assert not hasattr(self, "keyed") or len(self.keyed) <= self.places

    def teardown(self):
        for line in getattr(self, "history", {}).values():
            assert_windows(line, self.rate, self.burst)


def test_keys_against_buckets_without_end():
    """Any row of asks, floods, waits and reloads: limits hold for every key, and no quiet key is starved."""
    run_state_machine_as_test(KeyedMachine, settings=settings(max_examples=150, stateful_step_count=50, deadline=None))


def test_deep_debts_stay_where_they_are():
    """Ten keys in debt for an hour, then a thousand others: each finds all of its own limit."""
    keyed = KeyedBuckets(lambda: TokenBucket(10, 10), 20)
    for number in range(10):
        keyed.take(T0, 36_000, b"huge%d" % number)
    for number in range(1000):
        now, key = T0 + number * S // 5, b"%d" % number
        assert keyed.ready(now, 10, key)
        keyed.take(now, 10, key)
    assert not keyed.ready(T0 + 300 * S, 1, b"huge0")
    assert keyed.forgotten == 0


def test_a_flood_beyond_all_places_is_counted():
    """With two places and three busy keys one is forgotten while it is busy."""
    keyed = KeyedBuckets(lambda: TokenBucket(1, 5), 2)
    for key in (b"a", b"b", b"c"):
        keyed.ready(T0, 1, key)
        keyed.take(T0, 1, key)
    assert (len(keyed), keyed.forgotten) == (2, 1)


def test_who_waits_is_served_once_the_others_are_quiet():
    """One place, used up by others: two seconds of silence bring an unknown key what two seconds bring."""
    keyed = KeyedBuckets(lambda: TokenBucket(2, 5), 1)
    keyed.take(T0, 4, b"a")
    for key in (b"b", b"c", b"d"):
        if keyed.ready(T0, 1, key):
            keyed.take(T0, 1, key)
    assert keyed.ready(T0 + 2 * S, 4, b"rare")
