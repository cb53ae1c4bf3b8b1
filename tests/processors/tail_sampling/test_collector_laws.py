"""The collector's evaluation against its algorithm written down trace by trace, on random policies and traces."""

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tailgate.processors.tail_sampling.collector import CollectorEvaluation
from tailgate.processors.tail_sampling.judging import Moment, Room
from tailgate.processors.tail_sampling.labels import Labels
from tailgate.processors.tail_sampling.metrics import Origin
from tailgate.processors.tail_sampling.votes import AllOf, Allow, Chance, Condition, Dropping, Negated
from tailgate.rules.facts import FactsBuilder

S = 1_000_000_000
NOW = 1_700_000_000 * S
LEAVES = 3

CONDITIONS = st.tuples(st.sampled_from(["any", "fallible"]), st.integers(0, LEAVES - 1))
SIMPLE = st.one_of(
    CONDITIONS,
    CONDITIONS,
    st.tuples(st.just("chance"), st.sampled_from([0, 25, 50, 100])),
    st.tuples(st.just("allow"), st.integers(1, 6)),
)
NOT = st.tuples(st.just("not"), SIMPLE)
LISTS = st.lists(st.one_of(SIMPLE, NOT), min_size=1, max_size=3)
POLICIES = st.lists(st.one_of(SIMPLE, NOT, st.tuples(st.sampled_from(["and", "drop"]), LISTS)), min_size=1, max_size=5)
TRACES = st.lists(
    st.tuples(st.integers(0, (1 << 2 * LEAVES) - 1), st.integers(0, (1 << 64) - 1), st.integers(1, 4)),
    min_size=1,
    max_size=12,
)
"""What of each leaf some span satisfies (low bits) and what fails on some span (high bits), the hash, the spans."""


class Naive:
    """A policy as the collector runs it, one trace at a time; a vote is True, False or None (an error)."""

    def __init__(self, words):
        self.kind, self.of = words
        self.parts = [Naive(part) for part in self.of] if self.kind in ("and", "drop") else []
        self.part = Naive(self.of) if self.kind == "not" else None
        self.left = 2 * self.of if self.kind == "allow" else 0

    def vote(self, trace):
        bits, chance, spans = trace
        if self.kind in ("any", "fallible"):
            if bits >> self.of & 1:
                return True
            return None if self.kind == "fallible" and bits >> LEAVES + self.of & 1 else False
        if self.kind == "chance":
            return chance <= int((2**64 - 1) * self.of / 100) if self.of in (0, 25, 50) else True
        if self.kind == "allow":
            if spans > self.left:
                return False
            self.left -= spans
            return True
        if self.part is not None:
            voted = self.part.vote(trace)
            return None if voted is None else not voted
        for part in self.parts:
            voted = part.vote(trace)
            if voted is not True:
                return voted
        return True


def decide(policies, trace, first_match):
    """Return (verdict, who decided, how many votes failed)."""
    order = sorted(range(len(policies)), key=lambda at: policies[at].kind != "drop")
    keeper, errors = None, 0
    for at in order:
        voted = policies[at].vote(trace)
        errors += voted is None
        if voted and policies[at].kind == "drop":
            return "policy_drop", at, errors
        if voted and keeper is None:
            keeper = at
            if first_match:
                break
    return ("not_sampled" if keeper is None else "kept"), keeper, errors


def built(words, facts):
    kind, of = words
    if kind in ("any", "fallible"):
        leaf, fails = facts.any(["leaf", of]), facts.any(["fails", of])
        return Condition(leaf, fails if kind == "fallible" else None)
    if kind == "chance":
        return Chance(of)
    if kind == "allow":
        return Allow("spans", of, 2 * of)
    if kind == "not":
        return Negated(built(of, facts))
    votes = AllOf(tuple(built(part, facts) for part in of))
    return Dropping(votes) if kind == "drop" else votes


@pytest.mark.parametrize("first_match", [False, True])
@settings(max_examples=150, deadline=None)
@given(words=POLICIES, traces=TRACES)
def test_verdicts_are_those_of_the_collectors_algorithm(kit, first_match, words, traces):
    """Guarantees: for every trace the verdict, the policy that it is owed to, what limiters have left and the number of
    errors are those of asking policy by policy, trace by trace; whole groups judged by their mask change nothing."""
    facts, book = FactsBuilder(), kit.Book()
    for at in range(LEAVES):
        facts.any(["leaf", at])
    for at in range(LEAVES):
        facts.any(["fails", at])
    labels, names = Labels(book, {}), [f"p{at}" for at in range(len(words))]
    votes = [(name, built(policy, facts)) for name, policy in zip(names, words, strict=True)]
    evaluation = CollectorEvaluation(
        votes, facts, labels=labels, origin=Origin("x", "t"), first_match=first_match, record_policy=True
    )
    columns = kit.Columns(
        [(bits, 0) for bits, _, _ in traces],
        hashes=[chance for _, chance, _ in traces],
        spans=array("Q", [spans for _, _, spans in traces]),
    )
    judged = evaluation.judge(columns, Room(1 << 40, whole=False), Moment(NOW))
    policies = [Naive(policy) for policy in words]
    expected = [decide(policies, trace, first_match) for trace in traces]
    assert [labels.dropped.get(label, "kept") for label in judged.verdicts] == [verdict for verdict, _, _ in expected]
    assert sum(counts.errors for counts in evaluation.counts) == sum(errors for _, _, errors in expected)
    assert [counts.kept for counts in evaluation.counts] == [
        sum(one[:2] == ("kept", at) for one in expected) for at in range(len(words))
    ]
