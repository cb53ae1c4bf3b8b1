"""The collector's evaluation on made-up columns: votes, precedence, what limiters spend, and composites."""

import copy
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate.processors.tail_sampling.collector import CollectorEvaluation
from tailgate.processors.tail_sampling.judging import Moment, Room
from tailgate.processors.tail_sampling.labels import Labels
from tailgate.processors.tail_sampling.lower import lower
from tailgate.processors.tail_sampling.metrics import Origin
from tailgate.processors.tail_sampling.ordered import OrderedEvaluation
from tailgate.processors.tail_sampling.policies import read_policy
from tailgate.processors.tail_sampling.rules import Rule
from tailgate.processors.tail_sampling.thresholds import NEVER
from tailgate.processors.tail_sampling.votes import AllOf, Allow, Chance, Condition, Dropping, Negated
from tailgate.rules.facts import Always, Bit, FactsBuilder
from tailgate.rules.values import key_value

S = 1_000_000_000
NOW = 1_700_000_000 * S
YES, NO = Condition(Always(True)), Condition(Always(False))
HALF = Chance(50)
BELOW, ABOVE = 2**63 - 1, 2**63
"""Hashes that 50 % samples, and not."""


class Bench:
    """An evaluation of votes; traces differ by their hash, spans and bytes."""

    def __init__(self, kit, *votes, **options):
        self.facts, self.book, self.columns = FactsBuilder(), kit.Book(), kit.Columns
        self.labels = Labels(self.book, {})
        policies = [(f"p{number}", vote) for number, vote in enumerate(votes)]
        origin = Origin("tail_sampling/x", "traces")
        self.evaluation = CollectorEvaluation(policies, self.facts, labels=self.labels, origin=origin, **options)

    def judge(self, *hashes, room=1 << 40, now=NOW, spans=None, masks=None):
        count = len(hashes)
        columns = self.columns(
            [(mask, 0) for mask in masks or [0] * count], hashes=hashes, spans=array("Q", spans or [1] * count)
        )
        judged = self.evaluation.judge(columns, Room(room, whole=False), Moment(now))
        assert judged.thresholds is None
        words = {**dict.fromkeys(judged.verdicts, "kept"), **self.labels.dropped, 0: "back"}
        return [words[label] for label in judged.verdicts]

    def votes(self, policy, decision):
        (value,) = [
            sample.value
            for sample in self.evaluation.samples()
            if sample.name.endswith("count_traces_sampled")
            and (sample.labels["policy"], sample.labels["decision"]) == (policy, decision)
        ]
        return value


DECISIONS = [
    # votes of the policies in the order written, verdict, name of the one that kept
    ([NO], "not_sampled", None),
    ([YES], "kept", "p0"),
    ([NO, YES], "kept", "p1"),
    ([YES, YES], "kept", "p0"),
    ([YES, Dropping(YES)], "policy_drop", None),
    ([Dropping(YES), YES], "policy_drop", None),
    ([Dropping(NO), YES], "kept", "p1"),
    ([YES, Dropping(NO)], "kept", "p0"),
    ([Dropping(NO)], "not_sampled", None),
    ([Dropping(NO), Dropping(YES), YES], "policy_drop", None),
    ([Negated(YES), NO], "not_sampled", None),
    ([Negated(NO)], "kept", "p0"),
    ([AllOf((YES, NO))], "not_sampled", None),
    ([AllOf((YES, YES))], "kept", "p0"),
    ([Negated(YES), YES], "kept", "p1"),
    ([Dropping(AllOf((YES, NO))), YES], "kept", "p1"),
]


@pytest.mark.parametrize("first_match", [False, True])
@pytest.mark.parametrize(("votes", "verdict", "keeper"), DECISIONS)
def test_precedence(kit, votes, verdict, keeper, first_match):
    """A drop beats all, any sampled keeps in the name of the first, otherwise nothing is kept."""
    bench = Bench(kit, *votes, record_policy=True, first_match=first_match)
    assert bench.judge(ABOVE) == [verdict]
    if keeper:
        kept, late = bench.book.labels[-2:]
        assert kept["scope"] == [key_value("tailsampling.policy", keeper)]
        assert late["scope"] == [*kept["scope"], key_value("tailsampling.cached_decision", True)]


@pytest.mark.parametrize("first_match", [False, True])
@pytest.mark.parametrize(("votes", "verdict", "keeper"), DECISIONS)
def test_precedence_when_votes_depend_on_the_row(kit, votes, verdict, keeper, first_match):
    """The same table where a policy that never matters is left open until the row is looked at."""
    bench = Bench(kit, *votes, AllOf((HALF, NO)), first_match=first_match)
    assert bench.judge(BELOW, ABOVE) == [verdict, verdict]


def test_chance_is_by_hash(kit):
    """A hash at the bound is sampled, one above is not."""
    assert Bench(kit, HALF).judge(BELOW, ABOVE) == ["kept", "not_sampled"]
    assert Bench(kit, Negated(HALF)).judge(BELOW, ABOVE) == ["not_sampled", "kept"]


def test_limiters_spend_on_what_others_have_sampled(kit):
    """A limiter behind a policy that samples everything is used up all the same."""
    bench = Bench(kit, HALF, Allow("spans", 1, 2))
    assert bench.judge(BELOW, BELOW, ABOVE) == ["kept", "kept", "not_sampled"]


def test_on_first_match_later_policies_are_not_asked(kit):
    """With `sample_on_first_match` the limiter behind keeps its tokens, and no vote of it is counted."""
    bench = Bench(kit, HALF, Allow("spans", 1, 2), first_match=True)
    assert bench.judge(BELOW, BELOW, ABOVE) == ["kept", "kept", "kept"]
    assert (bench.votes("x.p1", "sampled"), bench.votes("x.p1", "not_sampled")) == (1, 0)


def test_a_drop_ends_the_asking(kit):
    """Nothing is spent on a trace that is dropped."""
    bench = Bench(kit, Allow("spans", 1, 1), Dropping(HALF))
    assert bench.judge(BELOW, BELOW, ABOVE) == ["policy_drop", "policy_drop", "kept"]


def test_and_stops_at_the_first_no(kit):
    """A limiter before a filter spends on what the filter refuses; behind it, it does not."""
    before, behind = Bench(kit, AllOf((Allow("spans", 1, 1), HALF))), Bench(kit, AllOf((HALF, Allow("spans", 1, 1))))
    assert before.judge(ABOVE, BELOW) == ["not_sampled", "not_sampled"]
    assert behind.judge(ABOVE, BELOW) == ["not_sampled", "kept"]
    on_facts = Bench(kit, AllOf((Allow("spans", 1, 1), Condition(Bit("any", 0)))))
    assert on_facts.judge(0, 0, masks=[0, 1]) == ["not_sampled", "not_sampled"]


def test_a_rate_limit_is_exact(kit):
    """The bucket starts full with the burst, a trace above the burst never passes and spends nothing, one refills."""
    bench = Bench(kit, Allow("spans", 10, 20))
    assert bench.judge(0, 0, 0, spans=[21, 15, 6]) == ["not_sampled", "kept", "not_sampled"]
    assert bench.judge(0, 0, spans=[5, 1]) == ["kept", "not_sampled"]
    assert bench.judge(0, 0, now=NOW + S, spans=[10, 1]) == ["kept", "not_sampled"]


def test_votes_are_counted(kit):
    """Each vote of each policy stands in the collector's metric, under the name that the collector gives the policy."""
    bench = Bench(kit, HALF, Dropping(NO), YES)
    bench.judge(BELOW, ABOVE, ABOVE)
    assert (bench.votes("x.p0", "sampled"), bench.votes("x.p0", "not_sampled")) == (1, 2)
    assert (bench.votes("x.p1", "dropped"), bench.votes("x.p1", "not_sampled")) == (0, 3)
    assert bench.votes("x.p2", "sampled") == 3
    assert [counts.kept for counts in bench.evaluation.counts] == [1, 0, 2]


def test_kept_traces_are_left_as_they_are(kit):
    """Without `record_policy` nothing is written on what is kept, and the threshold stays."""
    bench = Bench(kit, YES)
    bench.judge(0)
    assert bench.book.labels[-1] == {"keep": True, "span": [], "resource": [], "threshold": "leave"}


def test_without_room_dropped_traces_go(kit):
    """Policies that spend nothing are asked before room is: what they do not sample goes."""
    assert Bench(kit, HALF).judge(BELOW, ABOVE, BELOW, ABOVE, room=150) == [
        "kept",
        "not_sampled",
        "back",
        "not_sampled",
    ]


def test_without_room_limiters_spend_nothing(kit):
    """With a limiter a trace that has no room waits before it is asked."""
    bench = Bench(kit, Allow("spans", 1, 2))
    assert bench.judge(0, 0, 0, room=150) == ["kept", "back", "back"]
    assert bench.judge(0, 0) == ["kept", "not_sampled"]


def composite(total, subs, order=(), allocation=()):
    """A composite policy, read as from a file; `subs` are (name, 50 % by hash or all)."""
    return read_policy({
        "name": "c",
        "type": "composite",
        "composite": {
            "max_total_spans_per_second": total,
            "policy_order": list(order),
            "composite_sub_policy": [
                {"name": name, "type": "probabilistic", "probabilistic": {"sampling_percentage": float(percent)}}
                for name, percent in subs
            ],
            "rate_allocation": [{"policy": name, "percent": percent} for name, percent in allocation],
        },
    }).vote(FactsBuilder())  # fmt: skip


def test_the_composite_ignores_its_policy_order(kit):
    """`b` stands first in `policy_order`, but `a`, first of the list, decides: over its allocation nothing passes."""
    vote = composite(100, [("a", 100), ("b", 100)], ["b", "a"], [("a", 1), ("b", 99)])
    assert Bench(kit, vote).judge(0, 0, 0) == ["kept", "not_sampled", "not_sampled"]


def test_the_composite_does_not_overflow(kit):
    """Over the first policy's allocation the next one is not asked; what the first does not sample goes to the next."""
    vote = composite(4, [("a", 50), ("b", 100)], [], [("a", 25), ("b", 75)])
    words = Bench(kit, vote).judge(BELOW, BELOW, ABOVE, ABOVE, ABOVE, ABOVE)
    assert words == ["kept", "not_sampled", "kept", "kept", "kept", "not_sampled"]


def test_the_composite_exceeds_its_total(kit):
    """Two policies with 100 % each pass twice the total."""
    vote = composite(2, [("a", 50), ("b", 100)], [], [("a", 100), ("b", 100)])
    assert Bench(kit, vote).judge(BELOW, BELOW, BELOW, ABOVE, ABOVE, ABOVE).count("kept") == 4


def test_the_composites_window_is_a_second_of_the_clock(kit):
    """Counts start anew when the second changes, so twice the rate passes around its end."""
    bench = Bench(kit, composite(2, [("a", 100)]))
    assert bench.judge(0, 0, 0, now=NOW + S - 1).count("kept") == 2
    assert bench.judge(0, 0, 0, now=NOW + S).count("kept") == 2


@pytest.mark.parametrize("allocation", [[], [("a", 0)], [("a", 0), ("b", 0)]])
def test_policies_without_an_allocation_get_an_equal_part(kit, allocation):
    """Left out, or 0 percent: total / number of policies."""
    bench = Bench(kit, composite(5, [("a", 100), ("b", 100)], [], allocation))
    assert bench.judge(0, 0, 0, 0).count("kept") == 2


class OrderedBench(Bench):
    """The same policies in ordered evaluation; `Chance` goes by the randomness."""

    def __init__(self, kit, *votes):
        self.facts, self.book, self.columns = FactsBuilder(), kit.Book(), kit.Columns
        self.labels = Labels(self.book, {})
        rules = [rule for number, vote in enumerate(votes) for rule in lower(f"p{number}", vote)]
        rules.append(Rule("default", Always(), NEVER, "drop", default=True))
        origin = Origin("tail_sampling", "traces")
        self.evaluation = OrderedEvaluation(rules, self.facts, labels=self.labels, origin=origin)

    def judge(self, *chances, now=NOW):
        columns = self.columns([(0, chance) for chance in chances])
        judged = self.evaluation.judge(columns, Room(1 << 40, whole=False), Moment(now))
        named = {label: dict(spec["span"]).get("tailgate.policy") for label, spec in enumerate(self.book.labels, 1)}
        by_value = {key_value("tailgate.policy", name)[1]: name for name in ("p0.a", "p0.b", "p1")}
        return [self.labels.dropped.get(label) or by_value[named[label]] for label in judged.verdicts]


LOW, HIGH = 0, (1 << 56) - 1


def test_in_order_the_composite_keeps_to_policy_order(kit):
    """`b` is asked first, and `a` only for what `b` passes on."""
    vote = composite(100, [("a", 100), ("b", 50)], ["b", "a"])
    assert OrderedBench(kit, vote).judge(HIGH, LOW) == ["p0.b", "p0.a"]


def test_in_order_the_composite_overflows(kit):
    """Over the first policy's share the next takes the trace, and over all of it the next policy of the list."""
    vote = composite(4, [("a", 100), ("b", 100)], ["a", "b"], [("a", 25), ("b", 75)])
    words = OrderedBench(kit, vote, YES).judge(*[HIGH] * 6)
    assert words == ["p0.a", "p0.b", "p0.b", "p0.b", "p1", "p1"]


def test_in_order_the_composites_total_is_true(kit):
    """Shares that add up to more than all do not pass more than the total, around a second's end either."""
    vote = composite(4, [("a", 50), ("b", 100)], ["a", "b"], [("a", 100), ("b", 100)])
    bench = OrderedBench(kit, vote)
    assert bench.judge(*[HIGH, LOW] * 5, now=NOW + S - 1).count("not_sampled") == 6
    assert bench.judge(*[HIGH, LOW] * 5, now=NOW + S).count("not_sampled") == 10


POOL = [
    YES,
    NO,
    HALF,
    Negated(HALF),
    Condition(Bit("any", 0)),
    Dropping(HALF),
    Dropping(NO),
    Dropping(Condition(Bit("any", 0))),
]
votes = st.lists(
    st.one_of(
        st.sampled_from(POOL),
        st.builds(Allow, st.just("spans"), st.just(1), st.integers(1, 5)),
        st.builds(lambda burst: AllOf((Allow("spans", 1, burst), HALF)), st.integers(1, 5)),
        st.builds(lambda total: composite(total, [("a", 50), ("b", 100)]), st.integers(1, 9)),
    ),
    min_size=1,
    max_size=5,
)


@given(votes, st.lists(st.tuples(st.integers(0, 1), st.sampled_from([BELOW, ABOVE])), max_size=9), st.booleans())
def test_many_rows_are_judged_as_one_by_one(kit, votes, rows, first_match):
    """Whatever the policies, judging rows together, or with room for exactly what is kept, changes nothing."""
    made = [Bench(kit, *copy.deepcopy(votes), first_match=first_match) for _ in range(3)]
    masks, hashes = [mask for mask, _ in rows], [chance for _, chance in rows]
    words = made[0].judge(*hashes, masks=masks)
    assert words == [made[1].judge(chance, masks=[mask])[0] for mask, chance in rows]
    assert [vars(one) for one in made[0].evaluation.counts] == [vars(one) for one in made[1].evaluation.counts]
    found = made[2].judge(*hashes, masks=masks, room=100 * words.count("kept"))
    assert all(one in (other, "back") for one, other in zip(found, words, strict=True))
    asked = [[counts.asked for counts in made[at].evaluation.counts] for at in (0, 2)]
    assert "back" not in found or asked[0] != asked[1]
