"""Somebody who looks on sees what happened, changes nothing, and knows the probability."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tailgate.processors.base import BuildContext, Judgement, Witness
from tailgate.processors.tail_sampling import SPEC

OWN = """
policies:
  - {name: noise, when: span(noise), decision: drop}
  - {name: errors, when: error, limit: {traces_per_second: 2, per: tenant}}
  - {name: slow, when: duration > 1us, rate: 50%, otherwise: pass}
  - {name: idea, mode: shadow, when: sum(cost) > 3, limit: {spans_per_second: 1}}
  - {name: tenants, when: tenant == "a", rate: 30%, limit: {traces_per_second: 1}, retention: 30d}
default: 25%
"""
COLLECTORS = """
policies:
  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
  - {name: some, type: probabilistic, probabilistic: {sampling_percentage: 20}}
  - {name: limited, type: rate_limiting, rate_limiting: {spans_per_second: 2}}
  - name: both
    type: and
    and:
      and_sub_policy:
        - {name: a, type: string_attribute, string_attribute: {key: tenant, values: [a]}}
        - {name: b, type: probabilistic, probabilistic: {sampling_percentage: 50, hash_salt: x}}
  - name: noise
    type: drop
    drop: {drop_sub_policy: [{name: n, type: boolean_attribute, boolean_attribute: {key: noise, value: true}}]}
"""
FORMS = {
    "own": OWN,
    "own with a total": OWN + "total: {traces_per_second: 3}\n",
    "shares": OWN.replace("rate: 50%, otherwise: pass", "share: 40%") + "total: {traces_per_second: 3}\n",
    "budget": OWN.replace("when: error,", "when: error, essential: true,")
    + "budget: {per_hour: 4, cost_per_span: 1}\n",
    "too large": OWN + "maximum_trace_size_bytes: 60\n",
    "collector": COLLECTORS,
    "first match": COLLECTORS + "sample_on_first_match: true\n",
    "collector in order": COLLECTORS + "evaluation: ordered\n",
}


class Looked:
    """The same sampler twice: by itself, and looked on."""

    def __init__(self, kit, kernel, text: str, *, answers: bool = True) -> None:
        self.seen: list[Judgement] = []
        self.alone = kit.Rig(kernel, text)
        holding = self._holding(kernel, text, answers)
        limits = {"max_bytes": 1 << 30, "max_spans": 1 << 20, "max_attributes": 1 << 10, "max_depth": 32}
        program = kernel.compile({"stages": [], "facts": holding.facts, "limits": limits, "context": 0})
        self.looked, self.program = holding.start(program), program

    def _holding(self, kernel, text, answers):
        witness = Witness(self.seen.append, answers)
        context = BuildContext("tail_sampling", "traces", kernel, kernel.labels(), [], witness=witness)
        return SPEC.build(SPEC.config.model_validate(yaml.safe_load(text)), context)


@st.composite
def traces(draw):
    """Traces with everything that the policies above look at."""
    found = []
    for number in range(draw(st.integers(1, 12))):
        attributes = draw(
            st.fixed_dictionaries(
                {}, optional={"noise": st.booleans(), "tenant": st.sampled_from("abc"), "cost": st.integers(0, 5)}
            )
        )
        found.append((number, attributes, draw(st.sampled_from([0, 2])), draw(st.integers(0, 3000))))
    return found


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(traces=traces())
def test_looking_on_changes_nothing(form, traces, kernel, kit):
    """Guarantees: the same traces leave with the same marks and counts; one judgement a trace, a true one."""
    both = Looked(kit, kernel, FORMS[form])
    spans = [
        kit.Planted(kit.trace_id(number + 1), attributes, status=status, end=1000 + took)
        for number, attributes, status, took in traces
    ]
    both.alone.offer(kit.T0, *spans)
    both.looked.offer(kit.T0, both.program.digest(kit.request_of(spans)))
    end = kit.T0 + 60 * kit.SECOND
    expected, got = both.alone.tick(end), both.looked.tick(end, kit.ROOM)
    assert kit.seen(got.kept) == kit.seen(expected.kept)
    assert got.dropped == expected.dropped
    assert [(s.name, s.labels, s.value) for s in both.looked.samples()] == [
        (s.name, s.labels, s.value) for s in both.alone.sampler.samples()
    ]
    kept = {span.trace for span in kit.seen(expected.kept)}
    assert [(judgement.trace_id, judgement.kept) for judgement in both.seen] == [
        (span.trace, span.trace in kept) for span in spans
    ]
    marks = {span.trace: span.attributes for span in kit.seen(got.kept)}
    for judgement in both.seen:
        _consistent(judgement, marks.get(judgement.trace_id, {}))


def _consistent(judgement: Judgement, mark: dict) -> None:
    """What is said about a trace fits together, and fits what is written on it."""
    said = {answer.policy: answer for answer in judgement.answers}
    assert mark.get("tailgate.policy", judgement.policy) == judgement.policy
    assert mark.get("tailgate.reason", judgement.reason) == judgement.reason
    if judgement.policy is not None:
        decider = said[judgement.policy]
        assert decider.asked
        assert not decider.shadow
        assert decider.says == ("keep" if judgement.kept else "drop")
    elif judgement.kept:
        raise AssertionError("kept by nobody")
    else:
        assert not [a for a in judgement.answers if a.asked and not a.shadow and a.says == "keep"]
    for answer in judgement.answers:
        assert answer.why
        if answer.why == "its condition does not hold":
            assert not answer.parts or not all(holds for _, holds in answer.parts)
    assert judgement.probability is not None
    assert 0 <= judgement.probability <= 1


PROBABILITIES = [
    # form, attributes, status, duration, probability
    (OWN, {"noise": True}, 2, 0, 0.0),
    (OWN, {}, 2, 0, 1.0),
    (OWN, {}, 0, 0, 0.25),
    (OWN, {}, 0, 5000, 0.5),
    (OWN, {"tenant": "a"}, 0, 0, 0.3),
    (OWN, {"tenant": "a"}, 0, 5000, 0.5),
    (OWN.replace("30%", "70%"), {"tenant": "a"}, 0, 5000, 0.7),
    (OWN + "total: {traces_per_second: 3}\n", {}, 0, 0, 0.25),
    (COLLECTORS, {"noise": True}, 2, 0, 0.0),
    (COLLECTORS.replace("spans_per_second: 2", "spans_per_second: 0"), {}, 0, 0, 0.2),
    (COLLECTORS.replace("spans_per_second: 2", "spans_per_second: 0"), {"tenant": "a"}, 0, 0, 0.6),
    (COLLECTORS.replace("spans_per_second: 2", "spans_per_second: 0") + "evaluation: ordered", {}, 0, 0, 0.2),
]


@pytest.mark.parametrize(("text", "attributes", "status", "took", "expected"), PROBABILITIES)
def test_the_probability(text, attributes, status, took, expected, kernel, kit):
    """Guarantees: the share of traces like this one that is kept, exactly; two hashes are independent."""
    both = Looked(kit, kernel, text)
    span = kit.Planted(kit.trace_id(7), attributes, status=status, end=1000 + took)
    both.looked.offer(kit.T0, both.program.digest(kit.request_of([span])))
    both.looked.tick(kit.T0 + 60 * kit.SECOND, kit.ROOM)
    (judgement,) = both.seen
    assert judgement.probability == pytest.approx(expected, abs=1e-12)


def test_the_probability_is_the_share_that_is_kept(kernel, kit):
    """Scenario: 4,000 traces without limits. Guarantees: the probabilities add up to what is kept, within 3 sigma."""
    text = "policies: [{name: a, when: error, rate: 30%}], default: 10%"
    both = Looked(kit, kernel, f"{{{text}}}")
    spans = [kit.Planted(kit.trace_id(n), status=2 * (n % 2)) for n in range(1, 2001)]
    both.looked.offer(kit.T0, both.program.digest(kit.request_of(spans)))
    both.looked.tick(kit.T0 + 60 * kit.SECOND, kit.ROOM)
    shares = [judgement.probability for judgement in both.seen]
    sigma = sum(share * (1 - share) for share in shares) ** 0.5
    assert abs(sum(judgement.kept for judgement in both.seen) - sum(shares)) < 3 * sigma


def test_a_rate_that_is_learned(kernel, kit):
    """Guarantees: no probability is made up for it, and nobody says what it would have kept without asking it."""
    text = "{policies: [{name: a, adaptive_throughput: {goal_throughput: 1}}, {name: b}], default: 10%}"
    both = Looked(kit, kernel, text)
    both.looked.offer(kit.T0, both.program.digest(kit.request_of([kit.Planted(kit.trace_id(1))])))
    both.looked.tick(kit.T0 + 60 * kit.SECOND, kit.ROOM)
    (judgement,) = both.seen
    assert judgement.probability is None
    assert judgement.policy == "a"


def test_without_answers(kernel, kit):
    """Guarantees: who only wants verdicts is spared the rest."""
    both = Looked(kit, kernel, OWN, answers=False)
    both.looked.offer(kit.T0, both.program.digest(kit.request_of([kit.Planted(kit.trace_id(1), status=2)])))
    both.looked.tick(kit.T0 + 60 * kit.SECOND, kit.ROOM)
    (judgement,) = both.seen
    assert (judgement.policy, judgement.answers, judgement.probability) == ("errors", (), None)
