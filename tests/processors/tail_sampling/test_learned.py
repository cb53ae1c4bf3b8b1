"""Learned rates: goals are met, rare keys are not starved, bursts and errors are answered, and counts stay true."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tailgate.processors.tail_sampling.estimates import Count, Ema, Window
from tailgate.processors.tail_sampling.learned import Goal, Learned, Pace, threshold_of
from tailgate.processors.tail_sampling.thresholds import FULL

S = 1_000_000_000
T0 = 1_700_000_000 * S
ESTIMATES = {"ema": lambda: Ema(0.5), "windowed": lambda: Window(10)}


def learned(goal=None, interval=S, initial=0.1, max_keys=100, burst=2.0, estimate="ema", **options):
    goal = goal or Goal(throughput=options.pop("throughput", 100), **options)
    return Learned(goal, Pace(interval, initial, max_keys, burst), ESTIMATES[estimate])


class Traffic:
    """Traces of some keys at steady rates, judged by a rate; what is kept is counted, and weighed."""

    def __init__(self, rate, seed=0):
        self.rate, self.chance, self.now = rate, random.Random(seed), T0
        self.offered, self.kept, self.weighed = {}, {}, {}
        self.variance = {}

    def trace(self, key, spans=1, error=False):
        threshold = self.rate.threshold(self.now, key)
        self.offered[key] = self.offered.get(key, 0) + spans
        if self.chance.randrange(FULL) >= threshold:
            weight = FULL / (FULL - threshold)
            self.kept[key] = self.kept.get(key, 0) + spans
            self.weighed[key] = self.weighed.get(key, 0) + spans * weight
            self.variance[key] = self.variance.get(key, 0) + spans**2 * weight * (weight - 1)
        self.rate.saw(self.now, key, spans, error)

    def run(self, seconds, rates, spans=1, failing=()):
        """`rates`: traces a second of each key."""
        steps = 20
        owed = dict.fromkeys(rates, 0.0)
        for _ in range(int(seconds * steps)):
            self.now += S // steps
            for key, each in rates.items():
                owed[key] += each / steps
                while owed[key] >= 1:
                    owed[key] -= 1
                    self.trace(key, spans, key in failing)
        return self

    def fresh(self):
        """Forget what was counted, not what was learned."""
        self.offered, self.kept, self.weighed, self.variance = {}, {}, {}, {}
        return self


@pytest.mark.parametrize("estimate", ESTIMATES)
@pytest.mark.parametrize("spans", [1, 7])
def test_a_throughput_is_kept(estimate, spans):
    """Three keys of very different rates: together they keep the goal in spans, and the rare one is kept whole."""
    traffic = Traffic(learned(throughput=100, estimate=estimate))
    rates = {"flood": 1000, "some": 100, "rare": 1}
    traffic.run(20, rates, spans).fresh().run(20, rates, spans)
    assert sum(traffic.kept.values()) / 20 == pytest.approx(100, rel=0.15)
    if spans == 1:
        assert traffic.kept["rare"] == traffic.offered["rare"]


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_a_percentage_is_kept(estimate):
    """Ten percent of all spans, more of the rare and less of the frequent key."""
    traffic = Traffic(learned(Goal(share=0.1), estimate=estimate))
    rates = {"flood": 900, "some": 90, "rare": 9}
    traffic.run(20, rates).fresh().run(20, rates)
    share = {key: traffic.kept[key] / traffic.offered[key] for key in rates}
    assert sum(traffic.kept.values()) / sum(traffic.offered.values()) == pytest.approx(0.1, rel=0.15)
    assert share["rare"] > share["some"] > share["flood"]


def test_a_goal_for_each_key():
    """Every key keeps ten spans a second of its own, or all."""
    traffic = Traffic(learned(throughput=10, per_key=True))
    rates = {"flood": 1000, "some": 100, "rare": 2}
    traffic.run(20, rates).fresh().run(40, rates)
    assert traffic.kept["flood"] / 40 == pytest.approx(10, rel=0.2)
    assert traffic.kept["some"] / 40 == pytest.approx(10, rel=0.2)
    assert traffic.kept["rare"] == traffic.offered["rare"]


def test_an_incident_is_sampled_more():
    """When a key begins to fail, its probability rises by the boost, and comes back when it is over."""
    traffic = Traffic(learned(throughput=20, error_boost=5))
    rates = {"a": 500, "b": 500}
    usual = traffic.run(20, rates).rate.threshold(traffic.now, "a")
    failing = traffic.run(20, rates, failing={"a"}).rate.threshold(traffic.now, "a")
    after = traffic.run(20, rates).rate.threshold(traffic.now, "a")

    def probability(threshold):
        return 1 - threshold / FULL

    # Half of all traces fail, so the goal is three times as high, and five sixths of it are the failing key's.
    assert probability(failing) == pytest.approx(probability(usual) * 5, rel=0.1)
    assert probability(after) == pytest.approx(probability(usual), rel=0.1)


def test_a_burst_is_answered_before_the_interval_is_over():
    """Traffic grows a hundredfold within a long interval: what is kept stays within a few times the goal."""
    with_, without = (Traffic(learned(throughput=10, interval=60 * S, burst=burst)) for burst in (2.0, 0.0))
    for traffic in (with_, without):
        traffic.run(180, {"a": 20}).fresh().run(30, {"a": 2000})
    assert sum(without.kept.values()) > 20_000
    assert sum(with_.kept.values()) < 4_000


def test_a_flood_of_keys_that_come_once_meets_the_goal():
    """Nearly every trace has a key of its own: they share one probability, and the goal is met."""
    traffic = Traffic(learned(throughput=100, max_keys=50))
    for second in range(40):
        if second == 20:
            traffic.fresh()
        for number in range(1000):
            traffic.now += S // 1000
            traffic.trace(f"once-{second}-{number}" if number % 50 else "known")
    assert sum(traffic.kept.values()) / 20 == pytest.approx(100, rel=0.25)
    # By the logarithm, one key of twenty a second weighs as much as 1.7 of the thousand that come once.
    assert 1 - traffic.rate.threshold(traffic.now, "known") / FULL == pytest.approx(0.0085, rel=0.2)
    assert len(traffic.rate) <= 50
    assert traffic.rate.overflow > 0


def test_a_new_key_beside_known_ones_is_kept_at_first():
    """Where few keys are new, a trace of an unknown key is kept."""
    traffic = Traffic(learned(throughput=100)).run(20, {"flood": 1000})
    assert traffic.rate.threshold(traffic.now, "never seen") == 0


def test_before_anything_is_known_the_initial_percentage_holds():
    """The first interval samples by the configured share."""
    rate = learned(initial=0.25)
    assert rate.threshold(T0, "a") == FULL * 3 // 4
    assert rate.probability == 0.25


def test_after_silence_a_share_is_kept_and_a_throughput_keeps_all():
    """When nothing was left to expect, the next traces are kept by the goal's share, or all of them up to the goal."""
    for goal, kept in ((Goal(share=0.05), 0.05), (Goal(throughput=100), 1.0)):
        rate = Traffic(learned(goal, initial=0.05)).run(5, {"a": 500}).rate
        assert 1 - rate.threshold(T0 + 600 * S, "a") / FULL == pytest.approx(kept)


def test_keys_that_stop_coming_are_forgotten():
    """A minute of silence empties the table; a moving average and a window alike."""
    for estimate in ESTIMATES:
        traffic = Traffic(learned(estimate=estimate)).run(5, {"a": 100, "b": 100})
        assert len(traffic.rate) == 2
        traffic.rate.threshold(traffic.now + 60 * S, "c")
        assert len(traffic.rate) == 0


events = st.lists(
    st.tuples(st.integers(0, 5 * S), st.integers(0, 30), st.integers(1, 50), st.booleans()), min_size=1, max_size=120
)


@settings(max_examples=60)
@given(events, st.sampled_from(["ema", "windowed"]), st.integers(1, 5), st.sampled_from([0.0, 2.0]), st.booleans())
def test_whatever_comes_thresholds_are_thresholds(steps, estimate, max_keys, burst, share):
    """Keys stay bounded, no probability is zero, and the rate depends on the past alone (two alike agree)."""
    goal = Goal(share=0.2) if share else Goal(throughput=5, error_boost=3)
    one, two = (learned(goal, max_keys=max_keys, burst=burst, estimate=estimate) for _ in range(2))
    now = T0
    for wait, key, spans, error in steps:
        now += wait
        threshold = one.threshold(now, key)
        assert 0 <= threshold < FULL
        assert threshold == two.threshold(now, key)
        one.saw(now, key, spans, error)
        two.saw(now, key, spans, error)
        assert len(one) <= max_keys
        assert 0 < one.probability <= 1 + 1e-9


@settings(max_examples=60)
@given(events, st.sampled_from(["ema", "windowed"]))
def test_asking_more_often_changes_nothing(steps, estimate):
    """Intervals end on time however rarely the rate is looked at."""
    often, rarely = learned(estimate=estimate, burst=0), learned(estimate=estimate, burst=0)
    now = T0
    often.threshold(now, 0)
    rarely.threshold(now, 0)
    for wait, key, spans, error in steps:
        for part in range(1, 4):
            often.threshold(now + wait * part // 4, key)
        now += wait
        for rate in (often, rarely):
            rate.saw(now, key, spans, error)
        assert often.threshold(now, key) == pytest.approx(rarely.threshold(now, key), abs=FULL * 1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("estimate", ESTIMATES)
def test_adjusted_counts_are_true_while_the_rate_moves(seed, estimate):
    """Traffic that comes and goes: each key's kept traces, weighed by their thresholds, add up to all (3 sigma)."""
    traffic, chance = Traffic(learned(throughput=50, estimate=estimate), seed), random.Random(seed + 100)
    for _ in range(10):
        rates = {key: chance.choice([0, 2, 30, 400, 1500]) for key in "abc"}
        traffic.run(3, rates, spans=chance.choice([1, 3]), failing=set(chance.choice(["", "a", "bc"])))
    for key, offered in traffic.offered.items():
        deviation = traffic.variance.get(key, 0) ** 0.5
        assert traffic.weighed.get(key, 0) == pytest.approx(offered, abs=3.5 * deviation + 1e-6)


def test_what_was_learned_goes_on_in_a_rate_of_the_same_settings():
    """The same goal and pace take it over; another goal begins anew."""
    old = Traffic(learned(throughput=10)).run(10, {"a": 500}).rate
    same, other = learned(throughput=10), learned(throughput=11)
    same.adopt(old)
    other.adopt(old)
    now = T0 + 10 * S
    assert same.threshold(now, "a") == old.threshold(now, "a") > FULL * 0.9
    assert other.threshold(now, "a") == threshold_of(0.1)
    assert same.probability == old.probability


def test_a_window_forgets_exactly_what_leaves_it():
    """After as many intervals as it is long nothing is left of a block, and trimming keeps the frequent."""
    window = Window(3)
    window.fold({"a": Count(6, 3), "b": Count(3, 0)}, 1)
    assert window.expected() == {"a": Count(6, 3), "b": Count(3, 0)}
    window.fold({"a": Count(3, 0)}, 2)
    assert window.expected() == {"a": Count(3, 1), "b": Count(1, 0)}
    window.trim(1)
    assert set(window.expected()) == {"a"}
    window.fold({}, 1)
    assert window.expected() == {"a": Count(1, 0)}
    window.fold({}, 100)
    assert window.expected() == {}
