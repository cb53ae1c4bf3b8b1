"""The sampler on both kernels: when traces are judged, room, pressure, late spans, the ledger and the metrics."""

from array import array

import pytest
from tailgate.kernel.contract import RETENTION
from tailgate.rules.values import key_value

S = 1_000_000_000
KEEP_ALL = "{policies: [], default: 100%}"
ERRORS = "{policies: [{name: errors, when: error}], default: drop}"


def spans(kit, *numbers, **options):
    return [kit.Planted(kit.trace_id(number), **options) for number in numbers]


def kept(kit, outcome):
    return [int.from_bytes(span.trace[:9], "big") for span in kit.seen(outcome.kept)]


def test_a_trace_is_due_exactly_after_its_wait(rig, kit):
    """Not a nanosecond before `decision_wait` has passed since its first span, however many came since."""
    sampler = rig("{policies: [], default: 100%, decision_wait: 10s}")
    sampler.offer(kit.T0, *spans(kit, 1))
    sampler.offer(kit.T0 + 9 * S, *spans(kit, 1, 2))
    assert sampler.sampler.next_deadline() == kit.T0 + 10 * S
    assert sampler.tick(kit.T0 + 10 * S - 1).kept is None
    assert kept(kit, sampler.tick(kit.T0 + 10 * S)) == [1, 1]
    assert sampler.sampler.next_deadline() == kit.T0 + 19 * S


def test_after_the_root_the_wait_is_shorter(rig, kit):
    """With `decision_wait_after_root_received` a trace is due so long after its root, or after its own wait."""
    sampler = rig("{policies: [], default: 100%, decision_wait: 10s, decision_wait_after_root_received: 500ms}")
    sampler.offer(kit.T0, *spans(kit, 1, 2, parent=b"\1" * 8))
    sampler.offer(kit.T0 + S, *spans(kit, 1))
    assert sampler.sampler.next_deadline() == kit.T0 + 3 * S // 2
    assert sampler.tick(kit.T0 + 3 * S // 2 - 1).kept is None
    assert kept(kit, sampler.tick(kit.T0 + 3 * S // 2)) == [1, 1]
    assert sampler.sampler.next_deadline() == kit.T0 + 10 * S
    assert kept(kit, sampler.tick(kit.T0 + 10 * S)) == [2]
    assert sampler.sampler.next_deadline() is None


def test_late_spans_follow_the_verdict(rig, kit):
    """Late spans of a kept trace go at once with its labels, those of a dropped one are dropped by name."""
    sampler = rig(ERRORS)
    sampler.offer(kit.T0, *spans(kit, 1, status=2), *spans(kit, 2))
    outcome = sampler.tick(kit.T0 + 10 * S)
    assert kept(kit, outcome) == [1]
    assert outcome.dropped == {"not_sampled": 1}
    late = sampler.offer(kit.T0 + 11 * S, *spans(kit, 1), *spans(kit, 2, status=2))
    (span,) = kit.seen(late.late)
    assert span.trace == kit.trace_id(1)
    assert span.attributes["tailgate.policy"] == "errors"
    assert late.dropped == {"late_not_sampled": 1}
    assert sampler.sampler.held() == (0, 0, 0)
    name = "otelcol_processor_tail_sampling_early_releases_from_cache_decision"
    assert [sampler.sample(name, sampled=text) for text in ("true", "false")] == [1, 1]


def test_what_is_written_on_a_kept_trace(rig, kit):
    """Policy, reason, partial, retention and threshold arrive on the spans that leave."""
    text = "{policies: [{name: e, when: error, rate: 50%, retention: 30d}], default: 25%}"
    sampler = rig(text)
    high = (1 << 56) - 1
    error = kit.Planted(kit.trace_id(1, high), status=2, parent=b"\1" * 8)
    sampler.offer(kit.T0, error, kit.Planted(kit.trace_id(2, high), state="a=b"))
    first, second = kit.seen(sampler.tick(kit.T0 + 10 * S).kept)
    assert first.attributes == {"tailgate.policy": "e", "tailgate.reason": "matched", "tailgate.partial": True}
    assert first.resource == {"retention.policy": "e", "retention.ttl": "30d"}
    assert first.state == "ot=th:8"
    assert second.attributes == {"tailgate.policy": "default", "tailgate.reason": "default"}
    assert second.state == "ot=th:c,a=b"
    assert sampler.sample("tailgate_traces_judged_without_root") == 1
    assert list(sampler.ctx.retentions.values()) == [("e", 30 * 86400 * S)]


def test_no_more_leaves_than_there_is_room(rig, kit):
    """Five traces of equal size and room for two and a half: two leave, three wait, and nobody spins meanwhile."""
    sampler = rig(KEEP_ALL)
    sampler.offer(kit.T0, *spans(kit, 1, 2, 3, 4, 5))
    size = sampler.program.digest(kit.request_of(spans(kit, 1))).bytes
    now = kit.T0 + 10 * S
    assert sampler.tick(now, 0).kept is None
    sampler.sampler.tick(now - S, 100 * size)
    outcome = sampler.tick(now, 5 * size // 2)
    assert (kept(kit, outcome), outcome.more, outcome.dropped) == ([1, 2], False, {})
    assert now < sampler.sampler.next_deadline() < now + S
    assert kept(kit, sampler.tick(now, 100 * size)) == [3, 4, 5]


def test_what_is_dropped_needs_no_room(rig, kit):
    """With no room at all traces that are not kept go; the others wait."""
    sampler = rig(ERRORS)
    sampler.offer(kit.T0, *spans(kit, 1, 2), *spans(kit, 3, status=2), *spans(kit, 4))
    outcome = sampler.tick(kit.T0 + 10 * S, 0)
    assert (outcome.kept, outcome.dropped) == (None, {"not_sampled": 3})
    assert sampler.sampler.held()[0] == 1


def test_a_trace_larger_than_all_room_does_not_wait_for_ever(rig, kit):
    """It goes, alone, when there is as much room as there ever was; while there was more before, it waits."""
    sampler = rig(KEEP_ALL)
    sampler.offer(kit.T0, *spans(kit, 1, attributes={"big": "x" * 5000}), *spans(kit, 2))
    now = kit.T0 + 10 * S
    sampler.tick(now - S, 1000)
    assert sampler.tick(now, 900).kept is None
    assert kept(kit, sampler.tick(now, 1000)) == [1]
    assert kept(kit, sampler.tick(now, 1000)) == [2]


def test_above_num_traces_the_oldest_are_judged(rig, kit):
    """At the bound nothing happens; past it the oldest is judged by the policies, not forgotten, and counted."""
    sampler = rig("{policies: [{name: errors, when: error}], default: drop, num_traces: 3}")
    assert not sampler.offer(kit.T0, *spans(kit, 1, 2, status=2), *spans(kit, 3)).more
    assert sampler.tick(kit.T0).kept is None
    assert sampler.offer(kit.T0 + S, *spans(kit, 4)).more
    assert sampler.sampler.next_deadline() <= kit.T0 + S
    outcome = sampler.tick(kit.T0 + S)
    assert kept(kit, outcome) == [1]
    assert kit.seen(outcome.kept)[0].attributes["tailgate.reason"] == "pressure"
    assert sampler.sampler.held()[0] == 3
    assert sampler.sample("tailgate_traces_judged_early", reason="num_traces") == 1


def test_pressure_judges_the_heaviest(rig, kit):
    """When bytes are wanted the heaviest traces are judged early, by the policies, until enough are free."""
    sampler = rig(ERRORS)
    heavy = spans(kit, 1, attributes={"big": "x" * 5000})
    sampler.offer(kit.T0, *heavy, *spans(kit, 2), *spans(kit, 3, attributes={"big": "x" * 4000}, status=2))
    before = sampler.sampler.held()[2]
    outcome = sampler.sampler.relieve(kit.T0 + S, 8000, kit.ROOM)
    assert (kept(kit, outcome), outcome.dropped) == ([3], {"not_sampled": 1})
    assert sampler.sampler.held()[0] == 1
    assert before - sampler.sampler.held()[2] >= 8000
    assert sampler.sample("tailgate_traces_judged_early", reason="pressure") == 2
    assert kit.seen(outcome.kept)[0].attributes["tailgate.reason"] == "pressure"


def test_drain_judges_all(rig, kit):
    """At shutdown everything is judged with what has come, due or not."""
    sampler = rig(ERRORS)
    sampler.offer(kit.T0, *spans(kit, 1, 2, status=2), *spans(kit, 3))
    outcome = sampler.sampler.drain(kit.T0, kit.ROOM)
    assert (kept(kit, outcome), outcome.dropped, outcome.more) == ([1, 2], {"not_sampled": 1}, False)
    assert kit.seen(outcome.kept)[0].attributes["tailgate.reason"] == "shutdown"
    assert sampler.sampler.held() == (0, 0, 0)


def test_drain_can_drop_all(rig, kit):
    """With `drop_pending_traces_on_shutdown` what is held is dropped, under a name of its own."""
    sampler = rig("{policies: [], default: 100%, drop_pending_traces_on_shutdown: true}")
    sampler.offer(kit.T0, *spans(kit, 1, 2))
    outcome = sampler.sampler.drain(kit.T0, 0)
    assert (outcome.kept, outcome.dropped) == (None, {"shutdown": 2})


@pytest.mark.parametrize("evaluation", ["", ", evaluation: collector", ", evaluation: ordered"])
def test_too_large_traces_have_a_reason_of_their_own(rig, kit, evaluation):
    """A trace at `maximum_trace_size_bytes` is judged, one byte above it is dropped as too large."""
    size = sum(rig(KEEP_ALL).program.digest(kit.request_of([one])).bytes for one in spans(kit, 1))
    policies = "[{name: a, type: always_sample}]" if evaluation else "[], default: 100%"
    text = f"{{policies: {policies}, decision_wait: 10s, maximum_trace_size_bytes: {size}{evaluation}}}"
    sampler = rig(text)
    sampler.offer(kit.T0, *spans(kit, 1, 2), *spans(kit, 3, name="opp"))
    outcome = sampler.tick(kit.T0 + 10 * S)
    assert (kept(kit, outcome), outcome.dropped) == ([1, 2], {"too_large": 1})
    assert sampler.sample("otelcol_processor_tail_sampling_traces_dropped_too_large") == 1


def test_a_limit_per_attribute(rig, kit):
    """Each service has its own errors a second; over them the default decides."""
    text = """
    policies: [{name: errors, when: error, limit: {traces_per_second: 2, per: service.name}}]
    default: drop
    """
    services = ["shop"] * 4 + ["rare"]
    planted = [
        kit.Planted(kit.trace_id(number), status=2, resource={"service.name": service})
        for number, service in enumerate(services)
    ]
    sampler = rig(text)
    assert sampler.kept(*planted) == {kit.trace_id(number) for number in (0, 1, 4)}
    assert sampler.sample("tailgate_policy_over_limit", policy="errors") == 2


def test_slices_say_that_there_is_more(rig, kit):
    """A tick judges one slice; `more` says that the next would find work at the same moment."""
    sampler = rig("{policies: [], default: drop}")
    sampler.offer(kit.T0, *spans(kit, *range(2050)))
    first = sampler.tick(kit.T0 + 10 * S)
    second = sampler.tick(kit.T0 + 10 * S)
    assert (first.dropped, first.more) == ({"not_sampled": 2048}, True)
    assert (second.dropped, second.more) == ({"not_sampled": 2}, False)


def test_metrics(rig, kit):
    """The numbers of a small run, under the collector's names and ours."""
    sampler = rig(ERRORS, "tail_sampling/main")
    sampler.offer(kit.T0, *spans(kit, 1, 2, status=2), *spans(kit, 3))
    assert sampler.sample("otelcol_processor_tail_sampling_sampling_traces_on_memory") == 3
    sampler.tick(kit.T0 + 10 * S)
    collectors = "otelcol_processor_tail_sampling_"
    assert sampler.sample(f"{collectors}new_trace_id_received") == 3
    assert sampler.sample(f"{collectors}sampling_traces_on_memory") == 0
    assert sampler.sample(f"{collectors}global_count_traces_sampled", sampled="true") == 2
    assert sampler.sample(f"{collectors}global_count_traces_sampled", decision="not_sampled") == 1
    assert sampler.sample(f"{collectors}count_traces_sampled", policy="main.errors", sampled="true") == 2
    assert sampler.sample(f"{collectors}sampling_trace_dropped_too_early") == 0
    assert sampler.sample("tailgate_policy_matched", policy="errors", mode="enforce") == 2
    assert sampler.sample("tailgate_policy_kept", policy="errors") == 2
    assert sampler.sample("tailgate_policy_matched", policy="default") == 1
    assert sampler.sample("tailgate_policy_last_match_timestamp_seconds", policy="errors") == (kit.T0 + 10 * S) / 1e9
    keys = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in sampler.sampler.samples()]
    assert len(set(keys)) == len(keys)
    assert all(not name.endswith("_total") for name, _ in keys)


def test_later_labels_are_remembered_for_late_spans(rig, kit):
    """A label that a stage after the sampler has set reaches late spans too."""
    sampler = rig(KEEP_ALL)
    sampler.offer(kit.T0, *spans(kit, 1))
    records = sampler.tick(kit.T0 + 10 * S).kept
    label = sampler.ctx.labels.add(
        {"keep": True, "span": [], "resource": [key_value("retention.ttl", "7d")], "threshold": "leave"}
    )
    records.label(RETENTION, array("I", [label]))
    sampler.sampler.remember(records)
    (late,) = kit.seen(sampler.offer(kit.T0 + 11 * S, *spans(kit, 1)).late)
    assert late.resource == {"retention.ttl": "7d"}
