"""Verdicts before a trace is due, a sampler that is full, and what is recorded on scopes, on both kernels."""

import pytest

S = 1_000_000_000
ERRORS = "{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}"
LONG = "{name: long, type: span_count, span_count: {min_spans: 3}}"
SHORT = f"{{name: short, type: not, not: {{not_sub_policy: {LONG}}}}}"
DROP_X = (
    "{name: no-x, type: drop, drop: {drop_sub_policy: "
    "[{name: x, type: string_attribute, string_attribute: {key: s, values: [x]}}]}}"
)
HALF = "{name: half, type: probabilistic, probabilistic: {sampling_percentage: 50}}"
ALL = "{name: all, type: always_sample}"


def ingest(*policies, more=""):
    return f"{{policies: [{', '.join(policies)}], decision_wait: 10s, sampling_strategy: span-ingest{more}}}"


def numbers(kit, outcome):
    return sorted({int.from_bytes(span.trace[:9], "big") for span in kit.seen(outcome.kept)})


def spans(kit, *traces, **fields):
    return [kit.Planted(kit.trace_id(number), **fields) for number in traces]


@pytest.mark.parametrize("evaluation", ["collector", "ordered"])
def test_certain_traces_are_judged_at_once(rig, kit, evaluation):
    """The error is kept at the next tick, the others when they are due; later spans of the error follow it."""
    sampler = rig(ingest(ERRORS, LONG, more=f", evaluation: {evaluation}"))
    sampler.offer(kit.T0, *spans(kit, 1, status=2), *spans(kit, 2, 3))
    assert sampler.sampler.next_deadline() == kit.T0
    assert numbers(kit, sampler.tick(kit.T0)) == [1]
    assert sampler.sampler.next_deadline() == kit.T0 + 10 * S
    assert [span.trace for span in kit.seen(sampler.offer(kit.T0 + 1, *spans(kit, 1)).late)] == [kit.trace_id(1)]
    sampler.offer(kit.T0 + 2, *spans(kit, 2, 2))
    assert numbers(kit, sampler.tick(kit.T0 + 2)) == [2]
    outcome = sampler.tick(kit.T0 + 10 * S)
    assert (outcome.kept, outcome.dropped) == (None, {"not_sampled": 1})
    assert sampler.sample("tailgate_traces_judged_early", reason="certain") == 2
    assert sampler.sample("tailgate_traces_judged_without_root") == 0


def test_beside_a_drop_policy_nothing_is_kept_early(rig, kit):
    """What a drop policy matches is dropped at once; an error waits, for it may be dropped yet."""
    sampler = rig(ingest(ERRORS, DROP_X))
    sampler.offer(kit.T0, *spans(kit, 1, 2, status=2), *spans(kit, 3, attributes={"s": "x"}))
    first = sampler.tick(kit.T0)
    assert (first.kept, first.dropped) == (None, {"policy_drop": 1})
    sampler.offer(kit.T0 + 1, *spans(kit, 2, attributes={"s": "x"}))
    assert sampler.tick(kit.T0 + 1).dropped == {"policy_drop": 2}
    assert numbers(kit, sampler.tick(kit.T0 + 10 * S)) == [1]


def test_what_can_change_waits(rig, kit):
    """`not` is true of a short trace and false of a long one: nobody knows before the end."""
    sampler = rig(ingest(SHORT))
    sampler.offer(kit.T0, *spans(kit, 1, 2))
    assert (sampler.tick(kit.T0).kept, sampler.sampler.held()[0]) == (None, 2)
    sampler.offer(kit.T0 + 1, *spans(kit, 2, 2))
    assert numbers(kit, sampler.tick(kit.T0 + 10 * S)) == [1]


def test_luck_is_certain_at_the_first_span(rig, kit):
    """The collector's hash is known with the trace id: lucky traces go at once, all others wait for another policy."""
    whole, early = rig(ingest(HALF).replace("span-ingest", "trace-complete")), rig(ingest(HALF, ERRORS))
    planted = spans(kit, *range(100))
    lucky = whole.kept(*planted)
    early.offer(kit.T0, *planted)
    assert {span.trace for span in kit.seen(early.tick(kit.T0).kept)} == lucky
    assert 20 < len(lucky) < 80
    early.offer(kit.T0 + 1, *spans(kit, *range(100), status=2))
    assert len(numbers(kit, early.tick(kit.T0 + 1))) == 100 - len(lucky)


def test_in_order_a_certain_keep_has_its_threshold(rig, kit):
    """Judged early by a policy that keeps all it matches, a trace stands for itself; by luck, nobody can tell."""
    sampler = rig(ingest(ERRORS, HALF, more=", evaluation: ordered"))
    high = (1 << 56) - 1
    sampler.offer(kit.T0, kit.Planted(kit.trace_id(1, 0), status=2), kit.Planted(kit.trace_id(2, high)))
    states = {span.attributes["tailgate.policy"]: span.state for span in kit.seen(sampler.tick(kit.T0).kept)}
    assert states == {"errors": "ot=th:0", "half": ""}


def test_without_room_certain_traces_wait(rig, kit):
    """While nothing can leave, certain traces stay held, and go when there is room."""
    sampler = rig(ingest(ALL))
    sampler.offer(kit.T0, *spans(kit, 1, 2))
    outcome = sampler.tick(kit.T0, room=0)
    assert (outcome.kept, outcome.more, sampler.sampler.held()[0]) == (None, False, 2)
    assert sampler.sampler.next_deadline() > kit.T0
    assert numbers(kit, sampler.tick(kit.T0 + S)) == [1, 2]


@pytest.mark.parametrize("form", ["policies: [], default: keep", f"policies: [{ALL}]"])
def test_too_large_traces_go_at_once(rig, kit, form):
    """A trace above `maximum_trace_size_bytes` is dropped when it is, not when it is due; its later spans follow."""
    sampler = rig(f"{{{form}, decision_wait: 10s, maximum_trace_size_bytes: 100}}")
    sampler.offer(kit.T0, *spans(kit, 1, 2))
    assert sampler.tick(kit.T0).dropped == {}
    sampler.offer(kit.T0 + 1, *spans(kit, 2, 2, 2))
    assert sampler.sampler.next_deadline() == kit.T0
    assert sampler.tick(kit.T0 + 1).dropped == {"too_large": 4}
    assert sampler.offer(kit.T0 + 2, *spans(kit, 2)).dropped == {"late_not_sampled": 1}
    assert sampler.sample("otelcol_processor_tail_sampling_traces_dropped_too_large") == 1
    assert numbers(kit, sampler.tick(kit.T0 + 10 * S)) == [1]


def test_a_full_sampler_says_so(rig, kit):
    """With `block_on_overflow` nothing is judged early: the sampler is full until traces fall due."""
    sampler = rig(f"{{policies: [{ALL}], decision_wait: 10s, num_traces: 2, block_on_overflow: true}}")
    sampler.offer(kit.T0, *spans(kit, 1))
    assert not sampler.sampler.full()
    sampler.offer(kit.T0, *spans(kit, 2, 3))
    assert sampler.sampler.full()
    assert sampler.sampler.next_deadline() == kit.T0 + 10 * S
    assert sampler.tick(kit.T0 + S).kept is None
    assert numbers(kit, sampler.tick(kit.T0 + 10 * S)) == [1, 2, 3]
    assert not sampler.sampler.full()


def test_without_blocking_a_sampler_is_never_full(rig, kit):
    """The oldest above `num_traces` are judged early instead."""
    sampler = rig(f"{{policies: [{ALL}], num_traces: 2}}")
    sampler.offer(kit.T0, *spans(kit, 1, 2, 3))
    assert not sampler.sampler.full()
    assert numbers(kit, sampler.tick(kit.T0)) == [1]
    assert sampler.sample("tailgate_traces_judged_early", reason="num_traces") == 1


@pytest.mark.parametrize(("written", "judged"), [("0s", S), ("300ms", S), ("1000", S), ("2500ms", 2.5 * S)])
def test_a_second_is_the_shortest_wait(rig, kit, written, judged):
    """A `decision_wait` below a second is one second, as in the collector."""
    sampler = rig(f"{{policies: [{ALL}], decision_wait: {written}}}")
    sampler.offer(kit.T0, *spans(kit, 1))
    assert sampler.sampler.next_deadline() == kit.T0 + judged


COMPOSITE = f"""
policies:
  - {ERRORS}
  - name: c
    type: composite
    composite:
      max_total_spans_per_second: 100
      composite_sub_policy: [{LONG}, {{name: rest, type: always_sample}}]
record_policy: true
decision_wait: 10s
"""


def test_policies_are_recorded_on_scopes(rig, kit):
    """The policy that kept a trace and the one of a composite's that sampled it stand on its scopes, and on late spans
    the policy and that it was remembered; spans and resources stay as they are."""
    sampler = rig(COMPOSITE)
    sampler.offer(kit.T0, *spans(kit, 1, status=2), *spans(kit, 2, 2, 2), *spans(kit, 3))
    found = {}
    for span in kit.seen(sampler.tick(kit.T0 + 10 * S).kept):
        found[int.from_bytes(span.trace[:9], "big")] = span.scope
        assert (span.attributes, span.resource) == ({}, {})
    policy, sub = "tailsampling.policy", "tailsampling.composite_policy"
    assert found == {1: {policy: "errors", sub: "rest"}, 2: {policy: "c", sub: "long"}, 3: {policy: "c", sub: "rest"}}
    late = kit.seen(sampler.offer(kit.T0 + 11 * S, *spans(kit, 2)).late)
    assert [span.scope for span in late] == [{policy: "c", "tailsampling.cached_decision": True}]


def test_nothing_is_recorded_unasked(rig, kit):
    """Without `record_policy` neither kept nor late spans are touched."""
    sampler = rig(COMPOSITE.replace("record_policy: true", ""))
    sampler.offer(kit.T0, *spans(kit, 1))
    out = [
        *kit.seen(sampler.tick(kit.T0 + 10 * S).kept),
        *kit.seen(sampler.offer(kit.T0 + 11 * S, *spans(kit, 1)).late),
    ]
    assert [(span.scope, span.attributes) for span in out] == [({}, {}), ({}, {})]


def test_metrics_by_spans_and_by_age(rig, kit):
    """Votes are counted in traces and in spans, with how often each policy voted and how long traces were held."""
    sampler = rig(f"{{policies: [{ERRORS}, {LONG}], decision_wait: 10s}}")
    sampler.offer(kit.T0, *spans(kit, 1, 1, status=2), *spans(kit, 2))
    sampler.offer(kit.T0 + 4 * S, *spans(kit, 3, 3, 3))
    sampler.tick(kit.T0 + 14 * S)
    prefix = "otelcol_processor_tail_sampling_"
    assert sampler.sample(f"{prefix}count_spans_sampled", policy="errors", decision="sampled") == 2
    assert sampler.sample(f"{prefix}count_spans_sampled", policy="errors", decision="not_sampled") == 4
    assert sampler.sample(f"{prefix}count_spans_sampled", policy="long", decision="sampled") == 3
    assert sampler.sample(f"{prefix}sampling_policy_execution_count", policy="long") == 3
    (ages,) = [one for one in sampler.sampler.samples() if one.name == f"{prefix}sampling_trace_removal_age_seconds"]
    assert (ages.kind, ages.value) == ("histogram", 14 + 14 + 10)
    assert dict(ages.buckets)["10"] == 1
    assert dict(ages.buckets)["20"] == dict(ages.buckets)["+Inf"] == 3
