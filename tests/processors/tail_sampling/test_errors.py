"""Votes that cannot be cast: a condition without an answer, under each error mode, in every place it may stand."""

import pytest

PREFIX = "otelcol_processor_tail_sampling_"
ASKS = 'attributes["n"] + 1 == 2'
"""Fails on a text and where `n` is absent, is true of 1 and false of other numbers."""
ALL = "{name: all, type: always_sample}"
NONE = f"{{name: none, type: not, not: {{not_sub_policy: {ALL}}}}}"
FAILS, TRUE, FALSE = {"n": "text"}, {"n": 1}, {"n": 5}


def ottl(mode, span=ASKS, more=""):
    return f"{{name: {mode}, type: ottl_condition, ottl_condition: {{error_mode: {mode}, span: ['{span}']{more}}}}}"


def policy(words):
    """`drop not propagate`: the condition with that error mode, inside these policies."""
    if words.startswith("{"):
        return words
    *outer, mode = words.split()
    text = ottl(mode)
    for kind in reversed(outer):
        inner = text if kind == "not" else f"[{text}]"
        text = f"{{name: {kind}, type: {kind}, {kind}: {{{kind}_sub_policy: {inner}}}}}"
    return text


CASES = [
    # policies, attributes of the trace's spans, sampled, errors in the collector's evaluation, votes there
    (["ignore"], [FAILS], False, 0, 1),
    (["silent"], [FAILS], False, 0, 1),
    (["propagate"], [FAILS], False, 1, 0),
    (["propagate"], [TRUE], True, 0, 1),
    (["propagate"], [FALSE], False, 0, 1),
    (["propagate"], [FALSE, FAILS], False, 1, 0),
    (["propagate"], [TRUE, FAILS], True, 0, 1),
    (["propagate"], [FAILS, TRUE], True, 0, 1),
    (["propagate", ALL], [FAILS], True, 1, 1),
    (["not ignore"], [FAILS], True, 0, 1),
    (["not propagate"], [FAILS], False, 1, 0),
    (["not propagate"], [FALSE], True, 0, 1),
    (["not propagate"], [TRUE], False, 0, 1),
    (["and propagate", ALL], [FAILS], True, 1, 1),
    (["drop propagate", ALL], [FAILS], True, 1, 1),
    (["drop propagate", ALL], [TRUE], False, 0, 1),
    (["drop not propagate", ALL], [FAILS], True, 1, 1),
    (["drop not propagate", ALL], [FALSE], False, 0, 1),
]


@pytest.mark.parametrize("evaluation", ["collector", "ordered"])
@pytest.mark.parametrize(("policies", "spans", "sampled", "errors", "votes"), CASES)
def test_a_vote_that_fails_is_no_vote(rig, kit, policies, spans, sampled, errors, votes, evaluation):
    """An error neither samples nor drops, nor does its opposite; in the collector's evaluation it is counted."""
    sampler = rig(f"{{policies: [{', '.join(map(policy, policies))}], evaluation: {evaluation}}}")
    kept = sampler.kept(*(kit.Planted(kit.trace_id(1), attributes) for attributes in spans))
    assert kept == ({kit.trace_id(1)} if sampled else set())
    if evaluation == "collector":
        cast = [one.value for one in sampler.sampler.samples() if one.name == f"{PREFIX}count_traces_sampled"]
        assert (sampler.sample(f"{PREFIX}sampling_policy_evaluation_error"), sum(cast)) == (errors, votes)


def test_an_event_can_fail(rig, kit):
    """Events are asked after their span, and their errors count as well."""
    text = ottl("propagate", span='name == "x"', more=f", spanevent: ['{ASKS} or name == \"e\"']")
    sampler = rig(f"{{policies: [{text}]}}")
    kept = sampler.kept(
        kit.Planted(kit.trace_id(1), events=[("e", FAILS)]),
        kit.Planted(kit.trace_id(2), events=[("e", FALSE)]),
        kit.Planted(kit.trace_id(3), events=[("e", FAILS)], name="x"),
    )
    assert kept == {kit.trace_id(2), kit.trace_id(3)}
    assert sampler.sample(f"{PREFIX}sampling_policy_evaluation_error") == 1


def test_and_stops_before_an_error(rig, kit):
    """What refuses a trace first keeps the error from being asked."""
    first = f"{{name: p, type: and, and: {{and_sub_policy: [{NONE}, {ottl('propagate')}]}}}}"
    second = f"{{name: q, type: and, and: {{and_sub_policy: [{ottl('propagate')}, {NONE}]}}}}"
    sampler = rig(f"{{policies: [{first}, {second}]}}")
    assert sampler.kept(kit.Planted(kit.trace_id(1), FAILS)) == set()
    assert sampler.sample(f"{PREFIX}sampling_policy_evaluation_error") == 1


@pytest.mark.parametrize(
    ("policies", "sampled"), [(("propagate", ALL), False), ((ALL, "propagate"), True), (("ignore", ALL), True)]
)
def test_an_error_ends_a_composite(rig, kit, policies, sampled):
    """The policies of a composite behind one that fails are not asked."""
    subs = ", ".join(map(policy, policies))
    composite = f"{{max_total_spans_per_second: 9, composite_sub_policy: [{subs}]}}"
    sampler = rig(f"{{policies: [{{name: c, type: composite, composite: {composite}}}]}}")
    assert sampler.kept(kit.Planted(kit.trace_id(1), FAILS)) == ({kit.trace_id(1)} if sampled else set())
