"""What ordered evaluation promises, for any list of policies and any traffic, against a model in plain words.

The model judges one trace after the other and works out every bucket from its whole history, in fractions.
"""

import copy
import random
from array import array
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tailgate.processors.tail_sampling.estimates import Ema
from tailgate.processors.tail_sampling.learned import Goal, Learned, Pace
from tailgate.processors.tail_sampling.limits import KeyedBuckets, Limited, Shares, TokenBucket
from tailgate.processors.tail_sampling.rates import LearnedRates
from tailgate.processors.tail_sampling.rules import Rule
from tailgate.processors.tail_sampling.thresholds import FULL, NEVER, threshold
from tailgate.rules.facts import Always

from .test_ordered import NOW, Bench, S, bucket, rule

HALF, QUARTER = FULL // 2, FULL // 4
NAMES = "abcde"


@dataclass
class Spec:
    """A policy as the model reads it."""

    leaf: int | None = None
    rate: int = 0
    drops_rest: bool = False
    unit: str | None = None
    per_second: int = 1
    burst: int = 1
    per_key: bool = False
    share: int = 0
    drop: bool = False


@dataclass
class Trace:
    leaves: frozenset
    chance: int
    spans: int
    key: bytes | None

    def cost(self, unit):
        return self.spans if unit == "spans" else 1


@dataclass
class Bucket:
    """Level by level, from the first moment on."""

    rate: int
    burst: int
    history: list = field(default_factory=list)

    def level(self, now):
        level, last = Fraction(self.burst), NOW - 100 * S
        for at, cost in self.history:
            level, last = min(Fraction(self.burst), level + Fraction(at - last, S) * self.rate) - cost, at
        return min(Fraction(self.burst), level + Fraction(now - last, S) * self.rate)

    def passes(self, now, cost):
        return self.level(now) >= min(cost, self.burst)


class Model:
    """Judges as the documentation says."""

    def __init__(self, specs, default, total):
        self.specs, self.default, self.total = specs, default, total
        self.buckets, self.kept = {}, {}
        self.everything = Bucket(*total) if total else None

    def bucket(self, number, trace):
        spec = self.specs[number]
        key = (number, trace.key if spec.per_key else None)
        return self.buckets.setdefault(key, Bucket(spec.per_second, spec.burst))

    def judge(self, trace, now):
        for number, spec in enumerate(self.specs):
            if spec.leaf is not None and spec.leaf not in trace.leaves:
                continue
            if spec.drop:
                return "policy_drop"
            if trace.chance < spec.rate:
                if spec.drops_rest:
                    return "not_sampled"
                continue
            if spec.unit and not self.bucket(number, trace).passes(now, trace.cost(spec.unit)):
                continue
            return self.keep(number, trace, now)
        return "not_sampled" if trace.chance < self.default else self.keep(None, trace, now)

    def keep(self, number, trace, now):
        if self.everything and not self.everything.passes(now, trace.spans):
            return "total_limit"
        if self.everything:
            self.everything.history.append((now, trace.spans))
        if number is None:
            return "default"
        if unit := self.specs[number].unit:
            self.bucket(number, trace).history.append((now, trace.cost(unit)))
        return NAMES[number]


specs = st.lists(
    st.builds(
        Spec,
        leaf=st.sampled_from([None, 0, 1, 2]),
        rate=st.sampled_from([0, 0, QUARTER, HALF, NEVER]),
        drops_rest=st.booleans(),
        unit=st.sampled_from([None, "traces", "spans"]),
        per_second=st.integers(1, 3),
        burst=st.integers(1, 6),
        per_key=st.booleans(),
        drop=st.sampled_from([False, False, False, True]),
    ),
    max_size=5,
)
traces = st.builds(
    Trace,
    st.frozensets(st.integers(0, 2)),
    st.sampled_from([0, QUARTER - 1, QUARTER, HALF, FULL - 1]),
    st.integers(1, 4),
    st.sampled_from([b"x", b"y", None]),
)
slices = st.lists(st.tuples(st.integers(0, 2 * S), st.lists(traces, min_size=1, max_size=8)), min_size=1, max_size=6)
totals = st.none() | st.tuples(st.integers(1, 4), st.integers(1, 10))


def limits_of(spec):
    if spec.unit is None:
        return ()
    if spec.per_key:
        return (Limited(KeyedBuckets(lambda: TokenBucket(spec.per_second, spec.burst), 10), spec.unit, 0),)
    return (bucket(spec.per_second, spec.burst, spec.unit),)


def bench_of(kit, listed, default, total):
    rules = [
        rule(
            NAMES[at],
            spec.leaf,
            threshold=0 if spec.drop else spec.rate,
            otherwise="drop" if spec.drops_rest else "pass",
            limits=() if spec.drop else limits_of(spec),
            drop=spec.drop,
        )
        for at, spec in enumerate(listed)
    ]
    return Bench(kit, *rules, default=default, total=bucket(*total, "spans") if total else None)


def judged(bench, listed, now):
    rows = [(bench.mask(*trace.leaves), trace.chance) for trace in listed]
    spans = array("Q", [trace.spans for trace in listed])
    return bench.judge(*rows, now=now, spans=spans, key_values=[trace.key for trace in listed])


@settings(max_examples=300, deadline=None)
@given(specs, st.sampled_from([0, HALF, NEVER]), totals, slices)
def test_the_order_the_overflow_and_the_total_are_the_models(kit, listed, default, total, timeline):
    """Whoever matches first and has room keeps, in the order in which traces fell due; else the next is asked."""
    bench, model, now = bench_of(kit, listed, default, total), Model(listed, default, total), NOW
    for wait, some in timeline:
        now += wait
        assert judged(bench, some, now) == [model.judge(trace, now) for trace in some]


@settings(max_examples=200, deadline=None)
@given(specs, st.sampled_from([HALF, NEVER]), totals, slices)
def test_in_every_window_limits_and_total_hold(kit, listed, default, total, timeline):
    """What passes a limit in w seconds is at most rate x w + burst + one trace; a key's likewise, and the total's."""
    bench, now, passed = bench_of(kit, listed, default, total), NOW, {}
    for wait, some in timeline:
        now += wait
        for trace, word in zip(some, judged(bench, some, now), strict=True):
            if word == "default" or word in NAMES:
                passed.setdefault("total", []).append((now, trace.spans))
            if word in NAMES and (spec := listed[NAMES.index(word)]).unit:
                key = (word, trace.key if spec.per_key else None)
                passed.setdefault(key, []).append((now, trace.cost(spec.unit)))
    for (name, *_), line in passed.items():
        if name == "t" and total is None:
            continue
        spec = None if name == "t" else listed[NAMES.index(name)]
        rate, burst = total if spec is None else (spec.per_second, spec.burst)
        assert_windows(line, rate, burst)


def assert_windows(line, rate, burst):
    largest = max(cost for _, cost in line)
    for first in range(len(line)):
        for last in range(first, len(line)):
            width = Fraction(line[last][0] - line[first][0], S)
            assert sum(cost for _, cost in line[first : last + 1]) <= rate * width + burst + largest


@settings(max_examples=150, deadline=None)
@given(specs, st.sampled_from([0, HALF, NEVER]), totals, slices)
def test_a_written_threshold_is_where_the_trace_begins_to_be_kept(kit, listed, default, total, timeline):
    """With other random bits, at the same moment and after the same past, it is kept exactly from `th` on."""
    bench, now = bench_of(kit, listed, default, total), NOW
    for wait, some in timeline:
        now += wait
        for trace in some:
            before = copy.deepcopy(bench)
            (word,) = judged(bench, [trace], now)
            if word not in (*NAMES, "default") or mode(bench) != "set":
                continue
            written = bench.thresholds[0]
            for chance in (0, QUARTER - 1, QUARTER, HALF - 1, HALF, FULL - 1):
                other = copy.deepcopy(before)
                (instead,) = judged(other, [Trace(trace.leaves, chance, trace.spans, trace.key)], now)
                assert (instead in (*NAMES, "default")) == (chance >= written)


def mode(bench):
    return bench.book.labels[bench.verdicts[0] - 1]["threshold"]


SHARING = st.lists(st.sampled_from([0, 2, 3, 5]), min_size=1, max_size=2)


@settings(max_examples=150, deadline=None)
@given(SHARING, st.lists(st.tuples(st.integers(0, S), st.integers(0, 3), st.integers(1, 2)), max_size=60))
def test_a_share_is_a_guaranteed_minimum(kit, parts, asks):
    """Whatever others ask for, a policy is refused only when it has used up its own share, and the total holds."""
    total = TokenBucket(10, 10)
    shares = Shares(total, [TokenBucket(part, part) for part in parts])
    listed = [rule(NAMES[at], at, share=Limited(shares.share(at), "spans")) for at in range(len(parts))]
    bench = Bench(kit, *listed, default=0, total=Limited(shares.share(None), "spans"))
    own, everything, now = [Bucket(part, part) for part in parts], [], NOW
    for wait, who, spans in asks:
        now += wait
        trace = Trace(frozenset({who} if who < len(parts) else {}), 0, spans, None)
        (word,) = judged(bench, [trace], now)
        if word in (*NAMES, "default"):
            everything.append((now, spans))
        if who < len(parts):
            if parts[who] >= spans and own[who].level(now) >= spans:
                assert word == NAMES[who]
            if word == NAMES[who]:
                level = own[who].level(now)
                own[who].history.append((now, min(spans, max(0, level)) if level < spans else spans))
    if everything:
        assert_windows(everything, 10, 10)


def adaptive(bench, goal, keys=(0,)):
    learned = Learned(Goal(throughput=goal), Pace(S, 0.3, 50, 2.0), lambda: Ema(0.5))
    return LearnedRates(learned, keys, bench.facts.any(["false"]), bench.facts)


@pytest.mark.parametrize("seed", range(10))
def test_adjusted_counts_are_true_under_limits_and_learned_rates(kit, seed):
    """Limits with somebody behind them, limits per key, learned rates: weighed by `th`, kept traces add up (3 sigma).

    For all traces, and for those of each leaf and of each key on their own.
    """
    chance = random.Random(seed)

    def learning(bench):
        return Rule("c", Always(), rates=adaptive(bench, chance.choice([20, 100])), otherwise="drop")

    last = [learning] if seed % 2 else []
    share = threshold(Fraction(chance.choice([5, 10, 30]), 100))
    bench = Bench(
        kit,
        rule("a", 0, limits=limits_of(Spec(unit="traces", per_second=30, burst=10, per_key=bool(seed % 3)))),
        rule("b", 1, threshold=HALF, limits=(bucket(20),), otherwise=chance.choice(["drop", "pass"])),
        *last,
        default=share,
    )
    offered, weighed, variance = {}, {}, {}
    for step in range(200):
        listed = [
            Trace(
                frozenset(leaf for leaf in range(3) if chance.random() < 0.3),
                chance.randrange(FULL),
                1,
                chance.choice([b"x", b"x", b"x", b"y", None]),
            )
            for _ in range(chance.choice([5, 50, 150]))
        ]
        words = judged(bench, listed, NOW + step * S // 10)
        for trace, word, least, label in zip(listed, words, bench.thresholds, bench.verdicts, strict=True):
            for group in ("all", *trace.leaves, trace.key):
                offered[group] = offered.get(group, 0) + 1
                if word in (*NAMES, "default"):
                    assert bench.book.labels[label - 1]["threshold"] == "set"
                    weight = FULL / (FULL - least)
                    weighed[group] = weighed.get(group, 0) + weight
                    variance[group] = variance.get(group, 0) + weight * (weight - 1)
    for group, count in offered.items():
        assert weighed[group] == pytest.approx(count, abs=3.5 * variance[group] ** 0.5 + 1e-6), group
