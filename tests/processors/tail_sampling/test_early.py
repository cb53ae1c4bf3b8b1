"""What decides a trace before it is due: only what can never become false again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tailgate.kernel import load
from tailgate.kernel.contract import Early
from tailgate.processors.tail_sampling.early import MOST, Sure, by_hash, by_randomness, certain, deciding
from tailgate.processors.tail_sampling.thresholds import fnv_threshold
from tailgate.processors.tail_sampling.votes import AllOf, Allow, Chance, Composite, Condition, Dropping, Negated
from tailgate.rules.facts import ROOT, All, Always, FactsBuilder, Not, Some

FACTS = FactsBuilder()
A, B = FACTS.any(["true"]), FACTS.any(["false"])
EVERY = FACTS.every(["true"])
LONG, SHORT = FACTS.compare(["duration"], ">", 5), FACTS.compare(["duration"], "<=", 9)
MANY, FEW, EXACTLY = (FACTS.compare(["spans"], op, 3) for op in (">=", "<", "=="))
TOP, BOTTOM, SUM = (FACTS.compare([of, 0], ">", 1) for of in ("max", "min", "sum"))
LEAST = FACTS.compare(["min", 0], "<", 1)
HALF, NEVER = Chance(50, "salt"), Chance(0)
LUCKY = Sure(hashes=frozenset({("salt", fnv_threshold(50))}))
YES = Condition(Always(True))


def on(*bits):
    return Sure(frozenset(bits))


CASES = [
    # vote, in which ways it is certain
    (Condition(A), (on(A),)),
    (Condition(ROOT), (on(ROOT),)),
    (Condition(LONG), (on(LONG),)),
    (Condition(MANY), (on(MANY),)),
    (Condition(TOP), (on(TOP),)),
    (Condition(LEAST), (on(LEAST),)),
    (YES, (Sure(),)),
    (Condition(Always(False)), ()),
    (Condition(Some((A, B))), (on(A), on(B))),
    (Condition(All((A, B))), (on(A, B),)),
    (Condition(All((Some((A, B)), LONG))), (on(A, LONG), on(B, LONG))),
    (Condition(Some((A, Not(B)))), (on(A),)),
    # what can become false again
    (Condition(EVERY), ()),
    (Condition(SHORT), ()),
    (Condition(FEW), ()),
    (Condition(EXACTLY), ()),
    (Condition(BOTTOM), ()),
    (Condition(SUM), ()),
    (Condition(Not(A)), ()),
    (Condition(All((A, Not(B)))), ()),
    (Condition(All((A, SHORT))), ()),
    (Negated(Condition(A)), ()),
    (Allow("spans", 1, 2), ()),
    (Composite(1, (), ()), ()),
    # several together
    (AllOf((Condition(A), Condition(B))), (on(A, B),)),
    (AllOf((Condition(A), Negated(Condition(B)))), ()),
    (AllOf((Condition(Some((A, B))), Condition(Some((A, B))))), (on(A), on(A, B), on(B))),
    (Dropping(Condition(A)), (on(A),)),
    (HALF, (LUCKY,)),
    (NEVER, ()),
    (AllOf((HALF, Condition(A))), (LUCKY.and_(on(A)),)),
]


@pytest.mark.parametrize(("vote", "ways"), CASES)
def test_when_a_vote_is_certain(vote, ways):
    """A vote is certain where no further span can take it back."""
    assert certain(vote, FACTS, by_hash) == ways


def test_too_many_ways_are_none():
    """A policy with more ways than the kernel should try waits until the trace is due."""
    either = Condition(Some((A, B)))
    wide = [
        Condition(Some(tuple(FACTS.any(["cmp", "==", ["field", "name"], f"{n}{m}"]) for m in range(4))))
        for n in range(5)
    ]
    assert certain(AllOf((either,) * 20), FACTS, by_hash) != ()
    assert certain(AllOf(tuple(wide)), FACTS, by_hash) == ()
    assert MOST < 4**5


def test_chance_in_order_is_the_traces_own():
    """Half of all randomness is certain for 50 %, none for 0 %."""
    assert certain(HALF, FACTS, by_randomness) == (Sure(randomness=1 << 55),)
    assert certain(NEVER, FACTS, by_randomness) == ()
    assert certain(AllOf((HALF, Chance(25))), FACTS, by_randomness) == (Sure(randomness=3 << 54),)


DROP_A, KEEP_B, KEEP_LONG = Dropping(Condition(A)), Condition(B), Condition(LONG)
DECIDING = [
    # votes, ways in the collector's evaluation, ways in order
    ([KEEP_B, KEEP_LONG], (on(B), on(LONG)), (on(B), on(LONG))),
    ([DROP_A, KEEP_B], (on(A),), (on(A),)),
    ([KEEP_B, DROP_A], (on(A),), (on(B),)),
    ([KEEP_B, KEEP_B], (on(B),), (on(B),)),
    ([DROP_A, KEEP_B, DROP_A], (on(A),), (on(A),)),
]


@pytest.mark.parametrize(("votes", "collector", "ordered"), DECIDING)
def test_when_a_verdict_is_certain(votes, collector, ordered):
    """A policy that drops beats all in the collector's evaluation, so nothing is kept early beside one; in order the
    policies before the first of the other kind are certain."""
    assert deciding(votes, FACTS, by_hash, ordered=False) == collector
    assert deciding(votes, FACTS, by_hash, ordered=True) == ordered


def test_what_the_kernel_is_given():
    """Positions of bits, salts as bytes."""
    facts = FactsBuilder()
    leaf, spans = facts.any(["true"]), facts.compare(["spans"], ">", 1)
    sure = Sure(frozenset({spans, leaf}), frozenset({("s", 7)}), 9)
    assert sure.early(facts) == Early([0, 2], [(b"s", 7)], 9)


def attribute(key, value):
    return f"{{name: p, type: string_attribute, string_attribute: {{key: {key}, values: [{value}]}}}}"


SIMPLE = [
    "{name: p, type: status_code, status_code: {status_codes: [ERROR]}}",
    "{name: p, type: latency, latency: {threshold_ms: 2}}",
    "{name: p, type: span_count, span_count: {min_spans: 3}}",
    attribute("s", "a"),
    attribute("s", "b"),
    "{name: p, type: string_attribute, string_attribute: {key: s, values: [a], invert_match: true}}",
    "{name: p, type: probabilistic, probabilistic: {sampling_percentage: 30}}",
]
NOT = [f"{{name: p, type: not, not: {{not_sub_policy: {one}}}}}" for one in SIMPLE[:4]]
AND = st.lists(st.sampled_from([*SIMPLE, *NOT]), min_size=2, max_size=2).map(
    lambda parts: f"{{name: p, type: and, and: {{and_sub_policy: [{', '.join(parts)}]}}}}"
)
DROP = st.sampled_from(SIMPLE[:5]).map(lambda one: f"{{name: p, type: drop, drop: {{drop_sub_policy: [{one}]}}}}")
POLICIES = st.lists(st.one_of(st.sampled_from([*SIMPLE, *NOT]), AND, DROP), min_size=1, max_size=4)
SPANS = st.tuples(
    st.integers(0, 5),
    st.sampled_from([0, 0, 0, 2]),
    st.sampled_from([None, None, "a", "b"]),
    st.sampled_from([1, 1, 3]),
)
BATCHES = st.lists(st.lists(SPANS, max_size=4), min_size=1, max_size=6)


@pytest.mark.parametrize("evaluation", ["collector", "ordered"])
@settings(max_examples=60, deadline=None)
@given(policies=POLICIES, batches=BATCHES)
def test_early_verdicts_are_those_of_the_whole_trace(kit, evaluation, policies, batches):
    """Scenario: spans come in batches, and what is certain is judged after each. Guarantee: in the end exactly the
    spans of the traces have been kept that would be kept if all were judged when they are whole."""
    kernel = load("reference")
    listed = ", ".join(policy.replace("name: p", f"name: p{at}", 1) for at, policy in enumerate(policies))
    text = f"{{policies: [{listed}], decision_wait: 10s, evaluation: {evaluation}"
    kept = []
    for strategy in ("trace-complete", "span-ingest"):
        sampler = kit.Rig(kernel, f"{text}, sampling_strategy: {strategy}}}")
        out = []
        for now, batch in enumerate(batches):
            spans = [
                kit.Planted(
                    kit.trace_id(number), {} if word is None else {"s": word}, status=status, end=1000 + ms * 1_000_000
                )
                for number, status, word, ms in batch
            ]
            out += kit.seen(sampler.offer(kit.T0 + now, *spans).late)
            out += kit.seen(sampler.tick(kit.T0 + now).kept)
        out += kit.seen(sampler.tick(kit.T0 + 20 * kit.SECOND).kept)
        assert sampler.sampler.held()[0] == 0
        kept.append(sorted((span.trace, span.attributes.get("s", "")) for span in out))
    assert kept[0] == kept[1]
