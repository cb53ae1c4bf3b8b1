"""Where a pipeline counts: all spans, as they are before sampling; exemplars of what was kept; nothing refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from services import HEAD, SECOND, TABLES, Clock, nothing, pipelines, request
from tailgate.cli.tables import TABLES as ALL
from tailgate.config.loader import load
from tailgate.config.model import Configuration, Tables
from tailgate.kernel import load as load_kernel
from tailgate.pipeline import Intake, Service
from tailgate.receivers.base import Refused
from tailgate.telemetry.families import exposition

from .conftest import samples, value

CALLS = "traces_spanmetrics_calls_total"
SAMPLER = """
processors:
  attributes: {actions: [{key: zone, value: eu, action: upsert}]}
  attributes/late: {actions: [{key: zone, value: late, action: upsert}]}
  filter: {traces: {span: ['name == "health"']}}
  probabilistic_sampler: {sampling_percentage: 0}
  tail_sampling: {evaluation: ordered, decision_wait: 1s, policies: [{name: gold, when: tier == "gold"}], default: 0%}
exporters: {memory: }
connectors: {span_metrics: {dimensions: [{name: zone}], exemplars: {enabled: true}}}
"""
Build = Callable[[str], tuple[Service, Intake, Clock]]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    def make(text: str) -> tuple[Service, Intake, Clock]:
        service = Service(configuration(tmp_path, text), load_kernel())
        clock = Clock()
        service.clock = clock  # type: ignore[assignment]
        return service, Intake(list(service.pipelines.values()), service.governor, service.clock), clock

    return make


def configuration(folder: Path, text: str) -> Configuration:
    file = folder / "tailgate.yaml"
    file.write_text(HEAD + text, encoding="utf-8")
    tables = Tables(TABLES.receivers, TABLES.processors, TABLES.exporters, ALL.connectors)
    return load([file], tables, {})


def connectors(service: Service):
    return [one for pipeline in service.pipelines.values() for one in pipeline.build.backgrounds.values()]


def counted(service: Service):
    return samples(connectors(service)[0].families())


ROWS = [
    "attributes, tail_sampling, attributes/late",
    "attributes, probabilistic_sampler",
    "attributes, probabilistic_sampler, tail_sampling",
    "attributes",
    "filter, attributes, tail_sampling",
]


@pytest.mark.parametrize("row", ROWS)
def test_all_spans_are_counted_as_they_are_before_sampling(build: Build, row: str) -> None:
    """Scenario: rows that keep one trace, all or none. Guarantees: the counts do not know which; enrichment shows."""
    service, intake, clock = build(SAMPLER + pipelines(row, "memory, span_metrics"))
    for trace in range(1, 11):
        intake.consume(
            request((trace, "work", {"tier": "gold" if trace == 1 else "no"}), (trace, "other", {})), nothing
        )
    clock.now += SECOND
    service.pipelines["traces"].judge(clock.now)
    found = counted(service)
    assert value(found, CALLS, span_name="work", zone="eu") == 10
    assert value(found, CALLS) == 20
    kept = 20 if row == "attributes" else 0 if "probabilistic" in row else 2
    assert service.pipelines["traces"].out == kept


def test_what_a_filter_drops_before_is_not_counted(build: Build) -> None:
    """Guarantees: a filter before the sampler is no sampling: what it drops nobody wants."""
    service, intake, _ = build(SAMPLER + pipelines("filter, tail_sampling", "memory, span_metrics"))
    intake.consume(request((1, "health", {}), (1, "work", {})), nothing)
    assert value(counted(service), CALLS) == 1


def test_exemplars_are_of_traces_that_were_kept(build: Build) -> None:
    """Scenario: one trace of a hundred is kept. Guarantees: no exemplar names another, late spans count too."""
    service, intake, clock = build(SAMPLER + pipelines("tail_sampling", "memory, span_metrics"))
    for trace in range(1, 101):
        intake.consume(request((trace, "work", {"tier": "gold" if trace == 7 else "no"})), nothing)
    (connector,) = connectors(service)
    assert "trace_id" not in exposition(connector.families(), True), "nothing has been kept yet"
    clock.now += SECOND
    service.pipelines["traces"].judge(clock.now)
    assert trace_ids(service) == {7}
    intake.consume(request((7, "late", {}), (8, "late", {})), nothing)
    assert trace_ids(service) == {7}
    assert value(counted(service), CALLS, span_name="late") == 2


def trace_ids(service: Service) -> set[int]:
    text = exposition(connectors(service)[0].families(), True)
    return {int(found, 16) for found in re.findall(r'trace_id="(\w+)"', text)}


def test_refused_requests_are_not_counted(build: Build) -> None:
    """Scenario: a full exporter refuses what the client will send again. Guarantees: it is counted once, when taken."""
    service, intake, _ = build(SAMPLER + pipelines("attributes", "memory, span_metrics"))
    service.pipelines["traces"].room = lambda: 0  # type: ignore[method-assign]
    with pytest.raises(Refused):
        intake.consume(request((1, "work", {})), nothing)
    del service.pipelines["traces"].room  # type: ignore[attr-defined]
    intake.consume(request((1, "work", {})), nothing)
    assert value(counted(service), CALLS) == 1


def test_pipelines_share_a_connector_and_may_end_in_it(build: Build) -> None:
    """Scenario: a pipeline for counting alone beside one that samples. Guarantees: one connector, each counts once."""
    text = (
        SAMPLER
        + """
service:
  pipelines:
    traces/count: {receivers: [otlp], processors: [attributes], exporters: [span_metrics]}
    traces: {receivers: [otlp], processors: [tail_sampling], exporters: [memory, span_metrics]}
"""
    )
    service, intake, _ = build(text)
    intake.consume(request((1, "work", {})), nothing)
    assert len(set(connectors(service))) == 1
    found = counted(service)
    assert value(found, CALLS) == 2
    assert value(found, CALLS, zone="eu") == 1
    assert service.pipelines["traces/count"].out == 1
    assert trace_ids(service) == set(), "a pipeline that ends in a connector keeps nothing"


def test_counts_go_on_over_a_reload_unless_the_connector_changes(tmp_path: Path, build: Build) -> None:
    """Guarantees: other rules, the same series; another connector begins at nothing."""
    rows = pipelines("tail_sampling", "memory, span_metrics")
    service, intake, _ = build(SAMPLER + rows)

    async def scenario() -> None:
        intake.consume(request((1, "work", {})), nothing)
        await service.reload(configuration(tmp_path, SAMPLER.replace("default: 0%", "default: 5%") + rows))
        intake.consume(request((1, "work", {})), nothing)
        assert value(samples(service.backgrounds.families()), CALLS) == 2
        await service.reload(configuration(tmp_path, SAMPLER.replace("name: zone", "name: area") + rows))
        intake.consume(request((1, "work", {})), nothing)
        assert value(samples(service.backgrounds.families()), CALLS) == 1
        await service.backgrounds.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize("row", ["custom", "probabilistic_sampler, custom"])
def test_what_a_custom_processor_refuses_is_not_counted(tmp_path: Path, row: str) -> None:
    """Scenario: a custom processor with `on_error: refuse`, before or after the place where spans are counted.

    Guarantees: a request that it fails on is not counted, one that it answers is, once; before it, as it has left it.
    """
    text = SAMPLER.replace("sampling_percentage: 0", "sampling_percentage: 100") + pipelines(
        row, "memory, span_metrics"
    )
    custom = "  custom: {module: 'custom_processors:Moody', on_error: refuse, timeout: 5s}\n"
    config = configuration(tmp_path, text.replace("processors:\n", f"processors:\n{custom}"))

    async def scenario() -> None:
        service = Service(config, load_kernel())
        await service.start()
        try:
            intake = Intake(list(service.pipelines.values()), service.governor, service.clock)
            for name in ("good", "raise", "good"):
                answer = intake.consume(request((1, name, {})), nothing)
                assert not isinstance(answer, int)
                if name == "good":
                    await answer
                else:
                    with pytest.raises(Refused):
                        await answer
            found = samples(service.backgrounds.families())
            assert {dict(labels)["span_name"]: number for (name, labels), number in found.items() if name == CALLS} == {
                "GOOD" if row == "custom" else "good": 2
            }
        finally:
            await service.stop(1)

    asyncio.run(scenario())
