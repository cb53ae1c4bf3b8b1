"""Ordered evaluation on made-up columns: who decides, what limits and totals do, and what is written."""

import random
from array import array
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate.processors.tail_sampling.judging import Moment, Room
from tailgate.processors.tail_sampling.labels import Labels
from tailgate.processors.tail_sampling.limits import KeyedBuckets, Limited, TokenBucket
from tailgate.processors.tail_sampling.metrics import Origin
from tailgate.processors.tail_sampling.ordered import OrderedEvaluation
from tailgate.processors.tail_sampling.rules import Rule
from tailgate.processors.tail_sampling.thresholds import FULL, NEVER, threshold
from tailgate.rules.facts import ROOT, Always, FactsBuilder
from tailgate.rules.values import key_value

ROOM = 1 << 40
HALF = FULL // 2
S = 1_000_000_000
NOW = 1_700_000_000 * S


class Bench:
    """An evaluation over leaves 0, 1, 2 and the root, with verdicts as words."""

    def __init__(self, kit, *rules, default=0, total=None, too_large=None):
        self.facts = FactsBuilder()
        self.leaves = [self.facts.any(["exists", ["attr", "span", str(number)]]) for number in range(3)]
        self.large = self.facts.compare(["bytes"], ">", 1000) if too_large else None
        self.book, self.retentions = kit.Book(), {}
        self.labels = Labels(self.book, self.retentions)
        self.rules = [*(rule(self) for rule in rules), Rule("default", Always(), default, "drop", default=True)]
        self.columns = kit.Columns
        self.evaluation = OrderedEvaluation(
            self.rules,
            self.facts,
            labels=self.labels,
            origin=Origin("tail_sampling", "traces"),
            total=total,
            too_large=self.large,
        )

    def mask(self, *leaves, root=True, large=False):
        bits = sum(1 << self.facts.position(self.leaves[leaf]) for leaf in leaves)
        bits |= root << self.facts.position(ROOT)
        return bits | (large << self.facts.position(self.large) if self.large else 0)

    def judge(self, *rows, room=ROOM, cause="due", now=NOW, whole=False, **columns):
        """Return a word for each (mask, randomness): policy/reason, a reason to drop, or `back`."""
        made = self.columns(list(rows), **columns)
        judged = self.evaluation.judge(made, Room(room, whole=whole), Moment(now, cause))
        self.thresholds = list(judged.thresholds)
        self.verdicts = list(judged.verdicts)
        return [self.word(label) for label in judged.verdicts]

    def word(self, label):
        if not label:
            return "back"
        if label in self.labels.dropped:
            return self.labels.dropped[label]
        return self.attribute(label, "tailgate.policy")

    def attribute(self, label, key, where="span"):
        pairs = dict(self.book.labels[label - 1][where])
        if key not in pairs:
            return None
        words = [text for text in WORDS if key_value(key, text)[1] == pairs[key]]
        assert words, (key, pairs[key])
        return words[0]

    def said(self):
        """The verdicts, and whether they keep."""
        return [(label, label != 0 and label not in self.labels.dropped) for label in self.verdicts]

    def count(self, policy, what):
        return next(getattr(counts, what) for counts in self.evaluation.counts if counts.name == policy)


WORDS = ["a", "b", "c", "d", "e", "default", "matched", "pressure", "shutdown", True, "30d"]


def rule(name, leaf=None, **options):
    """A rule made once the leaves are there; without a leaf it holds always."""
    return lambda bench: Rule(name, Always() if leaf is None else bench.leaves[leaf], **options)


def bucket(rate, burst=None, unit="traces", key=None):
    return Limited(TokenBucket(rate, rate if burst is None else burst), unit, key)


class Closed:
    """A limit that lets nothing pass."""

    def ready(self, now, cost, key):
        return False

    def tight(self, now, key):
        return True


CLOSED = Limited(Closed(), "traces")


def test_the_first_that_decides_decides(kit):
    """Of two policies that hold the first in the order keeps; where none holds the default decides."""
    bench = Bench(kit, rule("a", 0), rule("b", 1), default=NEVER)
    rows = [(bench.mask(0, 1), 0), (bench.mask(1), 0), (bench.mask(2), FULL - 1), (bench.mask(0), 0)]
    assert bench.judge(*rows) == ["a", "b", "not_sampled", "a"]


@pytest.mark.parametrize(("otherwise", "below"), [("drop", "not_sampled"), ("pass", "b")])
def test_a_rate_decides_for_what_it_does_not_keep(kit, otherwise, below):
    """At or above the threshold the policy keeps; below it drops, or passes to the next."""
    bench = Bench(kit, rule("a", 0, threshold=HALF, otherwise=otherwise), rule("b", 0))
    assert bench.judge((bench.mask(0), HALF), (bench.mask(0), HALF - 1)) == ["a", below]


def test_over_its_limit_the_next_is_asked(kit):
    """Three traces, a limit of two: the third is the next policy's, and is counted."""
    bench = Bench(kit, rule("a", 0, limits=(bucket(2),)), rule("b", 0))
    assert bench.judge(*[(bench.mask(0), 0)] * 3) == ["a", "a", "b"]
    assert (bench.count("a", "matched"), bench.count("a", "kept"), bench.count("a", "over_limit")) == (3, 2, 1)


def test_limits_are_asked_in_the_order_in_which_traces_fell_due(kit):
    """Masks differ, the limit is one: earlier rows come first whatever group they are in."""
    bench = Bench(kit, rule("a", 0, limits=(bucket(2),)), default=NEVER)
    rows = [(bench.mask(0, 1), 0), (bench.mask(0), 0), (bench.mask(0, 1), 0), (bench.mask(0), 0)]
    assert bench.judge(*rows) == ["a", "a", "not_sampled", "not_sampled"]


@pytest.mark.parametrize(("unit", "kept"), [("traces", 4), ("spans", 3), ("bytes", 2)])
def test_units_of_limits(kit, unit, kept):
    """A limit counts traces, spans, or bytes."""
    bench = Bench(kit, rule("a", 0, limits=(bucket(12, unit=unit),)), default=NEVER)
    words = bench.judge(*[(bench.mask(0), 0)] * 4, spans=array("Q", [4] * 4), bytes=array("Q", [6] * 4))
    assert words.count("a") == kept


def test_a_limit_per_key(kit):
    """Each value of the key has a bucket of its own; traces without it share one."""
    limit = Limited(KeyedBuckets(lambda: TokenBucket(1, 1), 10), "traces", 0)
    bench = Bench(kit, rule("a", 0, limits=(limit,)), default=NEVER)
    keys = [b"x", b"x", b"y", None, None, b"y"]
    words = bench.judge(*[(bench.mask(0), 0)] * 6, key_values=keys)
    assert words == ["a", "not_sampled", "a", "a", "not_sampled", "not_sampled"]


def test_over_the_total_is_dropped_under_its_own_name(kit):
    """What policies keep beyond the total is dropped as `total_limit`; the next policy is not asked."""
    bench = Bench(kit, rule("a", 0), rule("b"), total=bucket(2))
    assert bench.judge(*[(bench.mask(0), 0)] * 3) == ["a", "a", "total_limit"]
    assert bench.count("b", "matched") == 0


def test_limit_and_total_commit_together_or_not_at_all(kit):
    """A trace that the total refuses leaves the policy's bucket as it was."""
    own, total = bucket(10, 2), bucket(10, 1)
    bench = Bench(kit, rule("a", 0, limits=(own,)), default=NEVER, total=total)
    assert bench.judge(*[(bench.mask(0), 0)] * 2) == ["a", "total_limit"]
    assert own.limit.fill(NOW) == 10**15
    assert bench.judge((bench.mask(0), 0), now=NOW + S // 10) == ["a"]


def test_a_trace_refused_by_a_limit_spends_nothing_of_others(kit):
    """Of two limits of a policy the second refuses: the first keeps its tokens."""
    one, other = bucket(5), bucket(1)
    bench = Bench(kit, rule("a", 0, limits=(one, other)), default=NEVER)
    assert bench.judge(*[(bench.mask(0), 0)] * 3) == ["a", "not_sampled", "not_sampled"]
    assert one.limit.fill(NOW) == 4 * 10**15


def test_a_policy_that_drops(kit):
    """It drops what it matches before later policies can keep it."""
    bench = Bench(kit, rule("a", 0), rule("b", 1, drop=True), rule("c"))
    assert bench.judge((bench.mask(0, 1), 0), (bench.mask(1), 0), (bench.mask(2), 0)) == ["a", "policy_drop", "c"]
    assert (bench.count("b", "matched"), bench.count("b", "dropped")) == (1, 1)


def test_shadow_counts_and_has_no_effect(kit):
    """A shadow policy is counted as if it decided, its limit included; verdicts are those without it."""
    shadow = rule("b", 1, shadow=True, threshold=HALF, limits=(bucket(1),))
    bench, plain = Bench(kit, rule("a", 0), shadow), Bench(kit, rule("a", 0))
    rows = [(bench.mask(*leaves), chance) for leaves in [(0,), (1,), (0, 1), ()] for chance in (0, HALF, FULL - 1)]
    assert bench.judge(*rows) == plain.judge(*rows)
    assert (bench.count("b", "matched"), bench.count("b", "kept"), bench.count("b", "over_limit")) == (3, 1, 1)


def test_a_trace_that_is_too_large(kit):
    """It is dropped under its own name before any policy is asked."""
    bench = Bench(kit, rule("a", 0), too_large=True)
    assert bench.judge((bench.mask(0, large=True), 0), (bench.mask(0), 0)) == ["too_large", "a"]
    assert bench.judge((bench.mask(0, large=True), 0), (bench.mask(0), 0), room=150) == ["too_large", "a"]


THRESHOLDS = [
    # rules, randomness, kept by, threshold written (None: erased)
    ("one that keeps all writes zero", [rule("a", 0)], 0, "a", 0),
    ("a rate writes its own", [rule("a", 0, threshold=HALF, otherwise="drop")], FULL - 1, "a", HALF),
    (
        "the lowest that could have kept it",
        [rule("a", 0, threshold=NEVER - 10), rule("b", 0, threshold=HALF, otherwise="drop")],
        FULL - 1,
        "a",
        HALF,
    ),
    (
        "those after the one that ends it do not count",
        [rule("a", 0, threshold=HALF, otherwise="drop"), rule("b", 0)],
        FULL - 1,
        "a",
        HALF,
    ),
    ("those that do not hold do not count", [rule("b", 1), rule("a", 0, threshold=HALF)], FULL - 1, "a", HALF),
    ("shadows do not count", [rule("b", 0, shadow=True), rule("a", 0, threshold=HALF)], FULL - 1, "a", HALF),
    ("a limit with room is none", [rule("a", 0, limits=(bucket(9),))], 0, "a", 0),
    ("what is over a limit is the next policy's", [rule("b", 0, limits=(CLOSED,)), rule("a", 0)], 0, "a", 0),
    (
        "and is kept at its rate",
        [rule("b", 0, limits=(CLOSED,)), rule("a", 0, threshold=HALF, otherwise="drop")],
        HALF,
        "a",
        HALF,
    ),
    (
        "a limit above is not reached by what chance keeps from it",
        [rule("b", 0, threshold=HALF, limits=(bucket(9),)), rule("a", 0, threshold=HALF // 2)],
        HALF - 1,
        "a",
        HALF // 2,
    ),
    (
        "a limit below that has room could have kept it",
        [rule("a", 0, threshold=HALF), rule("b", 0, limits=(bucket(9),))],
        FULL - 1,
        "a",
        0,
    ),
    (
        "a limit below that has none, and nobody after it: its like is lost",
        [rule("a", 0, threshold=HALF), rule("b", 0, limits=(CLOSED,))],
        FULL - 1,
        "a",
        None,
    ),
]


@pytest.mark.parametrize(("what", "rules", "chance", "by", "written"), THRESHOLDS, ids=[row[0] for row in THRESHOLDS])
@pytest.mark.parametrize("room", [ROOM, 150])
def test_thresholds(kit, what, rules, chance, by, written, room):
    """What is written as `th`, in the fast way and in the one that is taken when there is little room."""
    bench = Bench(kit, *rules, default=NEVER)
    assert bench.judge((bench.mask(0), chance), (bench.mask(), 0), room=room) == [by, "not_sampled"]
    mode = bench.book.labels[bench.verdicts[0] - 1]["threshold"]
    assert (mode, bench.thresholds[0]) == (("erase", 0) if written is None else ("set", written))


@pytest.mark.parametrize("cause", ["num_traces", "pressure", "shutdown"])
def test_early_decisions_erase_the_threshold(kit, cause):
    """What is judged before its time has no known probability, and says so in its reason."""
    bench = Bench(kit, rule("a", 0, threshold=HALF))
    assert bench.judge((bench.mask(0), HALF), cause=cause) == ["a"]
    (label,) = bench.verdicts
    assert bench.book.labels[label - 1]["threshold"] == "erase"
    assert bench.attribute(label, "tailgate.reason") == ("shutdown" if cause == "shutdown" else "pressure")


def modes(bench):
    """What each verdict does to the threshold; None: it drops."""
    return [bench.book.labels[label - 1]["threshold"] if word else None for label, word in bench.said()]


@pytest.mark.parametrize("hard", ["total", "limit"])
def test_where_limits_lose_traces_thresholds_are_erased(kit, hard):
    """A total of two, or a limit that nobody stands behind: from the first that is lost until it is full again."""
    limits = {"total": {"total": bucket(2)}, "limit": {}}[hard]
    bench = Bench(kit, rule("a", 0, limits=(bucket(2),) if hard == "limit" else ()), default=NEVER, **limits)
    lost = "total_limit" if hard == "total" else "not_sampled"
    rows = [(bench.mask(0), 0)] * 3
    assert bench.judge(*rows) == ["a", "a", lost]
    assert modes(bench) == ["set", "set", None]
    assert bench.judge(*rows, now=NOW + S // 2) == ["a", lost, lost]
    assert modes(bench) == ["erase", None, None]
    assert bench.judge(*rows, now=NOW + 3 * S) == ["a", "a", lost]
    assert modes(bench) == ["set", "set", None]


def test_what_is_written_on_kept_traces(kit):
    """Policy and reason, `partial` without the root, and the policy's retention on the resource."""
    bench = Bench(kit, rule("a", 0, retention=30 * 86400 * S))
    bench.judge((bench.mask(0), 0), (bench.mask(0, root=False), 0), (bench.mask(), 0))
    whole, partial, default = bench.verdicts
    assert [bench.attribute(whole, key) for key in ("tailgate.policy", "tailgate.reason")] == ["a", "matched"]
    assert bench.attribute(whole, "tailgate.partial") is None
    assert bench.attribute(partial, "tailgate.partial") is True
    assert bench.attribute(whole, "retention.ttl", "resource") == "30d"
    assert bench.attribute(whole, "retention.policy", "resource") == "a"
    assert bench.retentions == {whole: ("a", 30 * 86400 * S), partial: ("a", 30 * 86400 * S)}
    assert bench.attribute(default, "tailgate.reason") == "default"
    assert bench.book.labels[default - 1]["resource"] == []


def test_labels_are_few(kit):
    """However many traces are judged, there is one label for each policy, reason and kind."""
    bench = Bench(kit, rule("a", 0), rule("b", 1))
    for _ in range(50):
        bench.judge((bench.mask(0), 0), (bench.mask(1), 0), (bench.mask(2), 0), (bench.mask(0, root=False), 0))
    assert len(bench.book.labels) == 5


def test_without_room_kept_traces_wait_and_dropped_ones_go(kit):
    """Room for two: the third that would be kept waits, and all later ones with it, without spending or counting."""
    limit = bucket(10)
    bench = Bench(kit, rule("a", 0, limits=(limit,)), rule("b", 1), default=NEVER)
    keep, drop, other = (bench.mask(0), 0), (bench.mask(), 0), (bench.mask(1), 0)
    sizes = array("Q", [100, 100, 100, 100, 100, 10])
    words = bench.judge(keep, drop, keep, keep, other, other, room=299, bytes=sizes)
    assert words == ["a", "not_sampled", "a", "back", "back", "back"]
    assert limit.limit.fill(NOW) == 8 * 10**15
    assert (bench.count("a", "matched"), bench.count("b", "matched")) == (2, 0)


def test_one_trace_may_exceed_room_that_is_all_there_will_be(kit):
    """`whole` lets one trace larger than the room go, and only as the first."""
    bench = Bench(kit)
    rows = [(bench.mask(), 0)] * 2
    assert bench.judge(*rows, room=50, whole=True) == ["default", "back"]
    assert bench.judge(*rows, room=50) == ["back", "back"]
    assert bench.judge(*rows, room=0, whole=True) == ["back", "back"]


rules = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([0, 1000, HALF, FULL - 1, NEVER]), st.booleans(), st.integers(0, 3)),
    max_size=5,
)
rows = st.lists(st.tuples(st.integers(0, 7), st.sampled_from([0, 999, 1000, HALF - 1, HALF, FULL - 1])), max_size=12)


@given(rules=rules, rows=rows, total=st.integers(0, 4))
def test_both_ways_agree_with_one_trace_at_a_time(kit, rules, rows, total):
    """Judging many rows together, or with exactly enough room, gives what judging them one by one gives."""

    def make():
        listed = [
            rule(
                "abc"[leaf], leaf, threshold=least, otherwise="drop" if drop else "pass", limits=(bucket(n),) * (n < 3)
            )
            for leaf, least, drop, n in rules
        ]
        return Bench(kit, *listed, default=HALF, total=bucket(total) if total < 4 else None)

    together, alone, scarce = make(), make(), make()
    words = together.judge(*rows)
    assert words == [alone.judge(row)[0] for row in rows]
    kept = sum(word in ("a", "b", "c", "default") for word in words)
    found = scarce.judge(*rows, room=100 * kept)
    if kept < len(rows):
        assert found == words
        assert scarce.thresholds == together.thresholds
        assert [vars(one) for one in scarce.evaluation.counts] == [vars(one) for one in together.evaluation.counts]


@pytest.mark.parametrize("seed", range(12))
def test_adjusted_counts_are_true(kit, seed):
    """For a random list of policies without limits, kept traces weighed by their threshold add up to all (3 sigma)."""
    chance = random.Random(seed)
    listed = [
        rule(
            chance.choice("abc"),
            chance.choice([0, 1, 2, None]),
            threshold=threshold(_share(chance)),
            otherwise=chance.choice(["drop", "pass"]),
        )
        for _ in range(chance.randrange(1, 6))
    ]
    bench = Bench(kit, *listed, default=threshold(_share(chance)))
    count = 20_000
    masks = [bench.mask(*(leaf for leaf in range(3) if bits >> leaf & 1)) for bits in range(8)]
    words = bench.judge(*((chance.choice(masks), chance.randrange(FULL)) for _ in range(count)))
    total = variance = 0.0
    for word, least in zip(words, bench.thresholds, strict=True):
        if word != "not_sampled":
            weight = FULL / (FULL - least)
            total += weight
            variance += weight * (weight - 1)
    assert total == pytest.approx(count, abs=3 * variance**0.5 + 1e-6)


def _share(chance):
    return Fraction(chance.choice([2, 5, 10, 25, 50, 100]), 100)
