"""The way of a request without sockets: what pipelines take, hold, let go of and count."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from services import HEAD, SECOND, TABLES, Clock, arrived, balanced, names, nothing, pipelines, request, spans
from tailgate.config.loader import load
from tailgate.kernel import load as load_kernel
from tailgate.pipeline import Intake, Service
from tailgate.receivers.base import Refused

Build = Callable[[str], tuple[Service, Intake, Clock]]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    def make(text: str) -> tuple[Service, Intake, Clock]:
        file = tmp_path / "tailgate.yaml"
        file.write_text(HEAD + text, encoding="utf-8")
        service = Service(load([file], TABLES, {}), load_kernel())
        clock = Clock()
        service.clock = clock  # type: ignore[assignment]
        return service, Intake(list(service.pipelines.values()), service.governor, service.clock), clock

    return make


SAMPLER = """
processors:
  tail_sampling: {evaluation: ordered, decision_wait: 1s, policies: [{name: gold, when: tier == "gold"}], default: 0%}
  scrub: {packs: [pii]}
  retention: {default: {name: short, ttl: 1d}, policies: [{name: long, when: name == "keep long", ttl: 9d}]}
exporters: {memory: }
"""


def test_whole_requests_keep_their_bytes(build: Build) -> None:
    """Scenario: nothing in the row touches the request. Guarantees: the very bytes that came in go out (law 1)."""
    service, intake, _ = build("exporters: {memory: }\n" + pipelines(""))
    data = request((1, "a", {}))
    odd = data + b"\xa2\x06\x03odd"  # an unknown field
    assert intake.consume(odd, nothing) == 1
    assert service.exporters["memory"].requests == [odd]  # type: ignore[attr-defined]
    assert balanced(service.pipelines["traces"])


def test_held_until_judged_then_late_spans_follow(build: Build) -> None:
    """Scenario: a kept and a dropped trace, each with a late span. Guarantees: one verdict, one retention, a ledger."""
    service, intake, clock = build(SAMPLER + pipelines("tail_sampling, retention"))
    pipeline = service.pipelines["traces"]
    intake.consume(request((1, "keep long", {"tier": "gold"}), (2, "plain", {})), nothing)
    assert names(service) == []
    assert pipeline.row.held()[:2] == (2, 2)
    clock.now += SECOND - 1
    pipeline.judge(clock.now)
    assert names(service) == [], "not due yet"
    clock.now += 1
    pipeline.judge(clock.now)
    intake.consume(request((1, "late", {}), (2, "late too", {})), nothing)
    assert names(service) == ["keep long", "late"]
    assert sum(pipeline.dropped.values()) == 2
    assert balanced(pipeline)
    resources = [
        {a.key: a.value.string_value for a in r.resource_spans[0].resource.attributes} for r in arrived(service)
    ]
    assert [(r["retention.policy"], r["retention.ttl"]) for r in resources] == [("long", "9d")] * 2


@pytest.mark.parametrize("row", ["scrub, tail_sampling", "tail_sampling, scrub"])
def test_what_is_written_after_the_sampler_is_walked_when_a_trace_is_let_go(build: Build, row: str) -> None:
    """Guarantees: a scrubber on either side of the sampler reaches every span that leaves, late ones too."""
    service, intake, clock = build(SAMPLER + pipelines(row))
    intake.consume(request((1, "mail bob@example.com", {"tier": "gold"})), nothing)
    clock.now += 2 * SECOND
    service.pipelines["traces"].judge(clock.now)
    intake.consume(request((1, "late eve@example.com", {})), nothing)
    sent = b"".join(service.exporters["memory"].requests)  # type: ignore[attr-defined]
    assert len(names(service)) == 2
    assert b"@example.com" not in sent


def test_all_pipelines_take_a_request_or_none_does(build: Build) -> None:
    """Scenario: two rows share a receiver, one has no room. Guarantees: the sender is refused, neither row took it."""
    rows = """
    traces/a: {receivers: [otlp], exporters: [memory]}
    traces/b: {receivers: [otlp], exporters: [memory/full]}
"""
    service, intake, _ = build("exporters: {memory: , memory/full: {room: 5}}\nservice:\n  pipelines:" + rows)
    with pytest.raises(Refused, match="queue_full"):
        intake.consume(request((1, "a", {})), nothing)
    assert [p.accepted for p in service.pipelines.values()] == [0, 0]
    assert names(service) == []


def test_a_sampler_that_blocks_refuses_until_traces_are_due(build: Build) -> None:
    """Scenario: `block_on_overflow`, and as many traces as `num_traces`. Guarantees: a sender is refused, before its
    request is read and after, by all rows or none, and comes in again once traces have been judged."""
    sampler = """
processors:
  tail_sampling/tight:
    {num_traces: 1, block_on_overflow: true, decision_wait: 1s, policies: [{name: a, type: always_sample}]}
exporters: {memory: }
"""
    rows = """
service:
  pipelines:
    traces/a: {receivers: [otlp], processors: ["tail_sampling/tight"], exporters: [memory]}
    traces/b: {receivers: [otlp], exporters: [memory]}
"""
    service, intake, clock = build(sampler + rows)
    tight = service.pipelines["traces/a"]
    intake.admit(1)
    intake.consume(request((1, "a", {})), nothing)
    for ask in (lambda: intake.admit(1), lambda: intake.consume(request((2, "b", {})), nothing)):
        with pytest.raises(Refused, match="num_traces"):
            ask()
    assert [p.accepted for p in service.pipelines.values()] == [1, 1]
    clock.now += SECOND
    tight.judge(clock.now)
    intake.admit(1)
    intake.consume(request((2, "b", {})), nothing)
    assert (tight.out, tight.row.held()[1]) == (1, 1)


def test_a_full_queue_keeps_traces_held(build: Build) -> None:
    """Scenario: the upstream is away and the queue full. Guarantees: traces stay held until there is room again."""
    service, intake, clock = build(SAMPLER.replace("{memory: }", "{memory: {room: 0}}") + pipelines("tail_sampling"))
    pipeline = service.pipelines["traces"]
    intake.consume(request((1, "a", {"tier": "gold"})), nothing)
    clock.now += 2 * SECOND
    pipeline.judge(clock.now)
    assert names(service) == []
    service.exporters["memory"].bytes_left = 1 << 20  # type: ignore[attr-defined]
    clock.now += SECOND
    pipeline.judge(clock.now)
    assert names(service) == ["a"]


def test_a_dead_upstream_does_not_stop_a_living_one(build: Build) -> None:
    """Guarantees: the roomiest queue sets the pace; the full one counts what it cannot take."""
    text = SAMPLER.replace("{memory: }", "{memory: , memory/dead: {room: 0}}")
    service, intake, clock = build(text + pipelines("tail_sampling", "memory/dead, memory"))
    intake.consume(request((1, "a", {"tier": "gold"})), nothing)
    clock.now += 2 * SECOND
    service.pipelines["traces"].judge(clock.now)
    assert names(service) == ["a"]


@pytest.mark.parametrize(("room", "kept"), [(1 << 20, 1), (0, 0)])
def test_stopping_judges_what_is_held(build: Build, room: int, kept: int) -> None:
    """Guarantees: at the end every held span has left or is counted as dropped, within the grace period."""
    text = SAMPLER.replace("{memory: }", f"{{memory: {{room: {room}}}}}")
    service, intake, _ = build(text + pipelines("tail_sampling, retention"))
    intake.consume(request((1, "a", {"tier": "gold"}), (2, "b", {})), nothing)
    asyncio.run(service.stop(0.5))
    pipeline = service.pipelines["traces"]
    assert pipeline.row.held()[1] == 0
    assert len(names(service)) == kept
    assert balanced(pipeline)
    assert pipeline.dropped == {"not_sampled": 1} if kept else {"not_sampled": 1, "shutdown": 1}


def test_each_pipeline_has_its_own_instances(build: Build) -> None:
    """Scenario: one sampler's name in two rows. Guarantees: two tables; each row judges for itself."""
    rows = """
    traces/a: {receivers: [otlp], processors: [tail_sampling], exporters: [memory]}
    traces/b: {receivers: [otlp], processors: [tail_sampling], exporters: [memory/two]}
"""
    text = SAMPLER.replace("{memory: }", "{memory: , memory/two: }")
    service, intake, clock = build(text + "service:\n  pipelines:" + rows)
    intake.consume(request((1, "a", {"tier": "gold"})), nothing)
    clock.now += 2 * SECOND
    service.pipelines["traces/a"].judge(clock.now)
    assert names(service) == ["a"]
    assert names(service, "memory/two") == []
    assert service.pipelines["traces/b"].row.held()[0] == 1


def test_request_values_reach_the_walk(build: Build) -> None:
    """Scenario: from_context. Guarantees: the value of this request, and nothing when it is absent."""
    text = """
processors: {attributes: {actions: [{key: tenant, from_context: metadata.x-tenant, action: insert}]}}
exporters: {memory: }
"""
    service, intake, _ = build(text + pipelines("attributes"))
    intake.consume(request((1, "a", {})), {"metadata.x-tenant": "blue"}.get)
    intake.consume(request((2, "b", {})), nothing)
    found = [[(a.key, a.value.string_value) for a in span.attributes] for span in spans(service)]
    assert found == [[("tenant", "blue")], []]


def test_the_same_input_gives_the_same_output(build: Build) -> None:
    """Guarantees: with the same requests at the same times, what leaves is the same to the byte (law 8)."""
    text = SAMPLER.replace("default: 0%", "default: 50%") + pipelines("scrub, tail_sampling, retention")
    outputs = []
    for _ in range(2):
        service, intake, clock = build(text)
        for number in range(40):
            first, second = (n * 0x9E3779B97F4A7C15F39CC0605CEDC834 % 2**128 for n in (number, number * 7))
            intake.consume(request((first, f"bob{number}@example.com", {}), (second, "keep long", {})), nothing)
            clock.now += SECOND // 10
            service.pipelines["traces"].judge(clock.now)
        outputs.append(service.exporters["memory"].requests)  # type: ignore[attr-defined]
    assert outputs[0]
    assert outputs[0] == outputs[1]


@pytest.mark.skipif(load_kernel().name != "rust", reason="the reference kernel is Python")
def test_no_python_runs_once_a_span(build: Build) -> None:
    """Guarantees: a request and a verdict cost as many Python calls for one span as for a thousand (law 7)."""

    def calls(spans: int) -> int:
        service, intake, clock = build(SAMPLER + pipelines("scrub, tail_sampling, retention"))
        data = [request(*[(trace, "bob@example.com", {"tier": "gold"})] * spans) for trace in (1, 2)]
        count = 0

        def profile(_: object, event: str, __: object) -> None:
            nonlocal count
            count += event in {"call", "c_call"}

        for number, body in enumerate(data):  # the first time compiles plans and labels
            sys.setprofile(profile if number else None)
            intake.consume(body, nothing)
            clock.now += 2 * SECOND
            service.pipelines["traces"].judge(clock.now)
            sys.setprofile(None)
        assert len(names(service)) == 2 * spans
        return count

    assert calls(1) == calls(1000) > 0


FILTERS = """
processors:
  filter: {traces: {span: ['name == "noise"']}}
  filter/late: {error_mode: propagate, traces: {span: ['attributes["tier"] == "gold" and Len(attributes["gone"]) > 1']}}
  transform: {error_mode: ignore, trace_statements: ['set(span.name, "noise") where span.name == "loud"']}
  probabilistic_sampler: {sampling_percentage: 0}
  tail_sampling: {evaluation: ordered, decision_wait: 1s, policies: [{name: gold, when: tier == "gold"}], default: 100%}
  retention: {default: {name: short, ttl: 1d}, policies: [{name: long, when: name == "keep long", ttl: 9d}]}
exporters: {memory: }
"""
DROPS = [
    # the row, what is left, what was dropped
    ("filter", ["loud", "good", "good"], {"filter": 1}),
    ("filter, transform", ["noise", "good", "good"], {"filter": 1}),
    ("transform, filter", ["good", "good"], {"filter": 2}),
    ("filter, tail_sampling", ["loud", "good", "good"], {"filter": 1}),
    ("tail_sampling, filter", ["loud", "good", "good"], {"filter": 1}),
    ("tail_sampling, transform, filter, retention", ["good", "good"], {"filter": 2}),
    ("filter/late", ["noise", "loud", "good"], {"filter/late:error": 1}),
    ("tail_sampling, filter/late", ["noise", "loud", "good"], {"filter/late:error": 1}),
    ("filter, probabilistic_sampler", [], {"filter": 1, "probabilistic_sampler": 3}),
    ("tail_sampling, probabilistic_sampler", [], {"probabilistic_sampler": 4}),
]


@pytest.mark.parametrize(("row", "left", "dropped"), DROPS)
def test_what_filters_drop_is_in_the_ledger(build: Build, row: str, left: list[str], dropped: dict[str, int]) -> None:
    """Scenario: filters around what holds. Guarantees: the order written counts; accepted = out + dropped."""
    service, intake, clock = build(FILTERS + pipelines(row))
    (pipeline,) = service.pipelines.values()
    gold = {"tier": "gold"}
    data = request((1, "noise", {}), (1, "loud", {}), (2, "good", gold), (2, "good", {}))
    assert intake.consume(data, nothing) == 4
    assert balanced(pipeline)
    clock.now += 2 * SECOND
    pipeline.judge(clock.now)
    assert balanced(pipeline)
    assert (pipeline.accepted, pipeline.dropped, pipeline.row.held()[1]) == (4, dropped, 0)
    assert sorted(names(service)) == sorted(left)
    assert all(message.resource_spans for message in arrived(service)), "an empty request is not sent"


def test_late_spans_are_filtered_too(build: Build) -> None:
    """Scenario: a span comes after its trace was kept. Guarantees: what stands behind the sampler filters it too."""
    service, intake, clock = build(
        FILTERS.replace("decision_wait: 1s", "decision_wait: 1s, decision_cache: {sampled_cache_size: 10}")
        + pipelines("tail_sampling, filter")
    )
    (pipeline,) = service.pipelines.values()
    intake.consume(request((1, "good", {})), nothing)
    clock.now += 2 * SECOND
    pipeline.judge(clock.now)
    intake.consume(request((1, "noise", {}), (1, "late", {})), nothing)
    assert (names(service), dict(pipeline.dropped)) == (["good", "late"], {"filter": 1})
    assert balanced(pipeline)
