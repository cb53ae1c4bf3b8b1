"""Pipelines of metrics that receive from connectors: flushed, refused, over a reload, at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from services import HEAD, SECOND, TABLES, nothing, request
from tailgate.cli.tables import TABLES as ALL
from tailgate.config.loader import load
from tailgate.config.model import Configuration, Tables
from tailgate.connectors.base import Connector
from tailgate.kernel import load as load_kernel
from tailgate.pipeline import Intake, Service
from tailgate.telemetry.clock import Clock

from .otlp_points import Point, points_of

CALLS = "traces.span.metrics.calls"
CONFIG = """
processors:
  attributes: {actions: [{key: cluster, value: eu-1, action: insert}]}
  scrub: {packs: [pii]}
  filter: {metrics: {metric: ['name == "traces.span.metrics.duration"']}}
  tail_sampling: {evaluation: ordered, decision_wait: 1s, policies: [{name: gold, when: tier == "gold"}], default: 0%}
exporters: {memory: , memory/metrics: }
connectors: {span_metrics: {OPTIONS}, service_graph: {store: {ttl: 1ms}}}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [tail_sampling], exporters: [memory, span_metrics, service_graph]}
    metrics: {receivers: [otlp, span_metrics], processors: [attributes, scrub, filter], exporters: [memory/metrics]}
    metrics/graph: {receivers: [service_graph], exporters: [memory/metrics]}
"""
DELTA = "aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA"


def configuration(folder: Path, options: str = "", text: str = CONFIG) -> Configuration:
    file = folder / "tailgate.yaml"
    file.write_text(HEAD + text.replace("OPTIONS", options), encoding="utf-8")
    tables = Tables(TABLES.receivers, TABLES.processors, TABLES.exporters, ALL.connectors)
    return load([file], tables, {})


def running(config: Configuration, scenario: Callable[[Service], Awaitable[None]]) -> Service:
    async def run() -> Service:
        service = Service(config, load_kernel())
        await service.start()
        try:
            await scenario(service)
        finally:
            await service.stop(2)
        return service

    return asyncio.run(run())


def send(service: Service, *names: str) -> None:
    intake = Intake([service.pipelines["traces"]], service.governor, Clock(), lambda: None)
    intake.consume(request(*((number, name, {}) for number, name in enumerate(names, 1))), nothing)


def connector(service: Service, id_: str = "span_metrics") -> Connector:
    (found,) = (one for one in service.backgrounds.running.values() if isinstance(one, Connector) and one.id == id_)
    return found


def exporter(service: Service) -> Any:
    (found,) = (one for one in service.exporters.values() if one.id == "memory/metrics")
    return found


def points(service: Service) -> list[Point]:
    """Calls, in the order in which they came."""
    return [point for point in points_of(exporter(service).requests) if point.name == CALLS]


def flushes(service: Service, result: str, id_: str = "span_metrics") -> float:
    labels = {"connector": id_, "result": result}
    return sum(one.value for one in service.samples() if one.name.endswith("_flushes") and one.labels == labels)


@pytest.mark.parametrize("options", ["", DELTA])
def test_processors_and_the_ledger_see_what_is_counted(tmp_path: Path, options: str) -> None:
    """Scenario: a pipeline that receives from a client and from a connector. Guarantees: one request like any other.

    Attributes are added and scrubbed, a filter drops the histogram, and every data point is counted where it went.
    """

    async def scenario(service: Service) -> None:
        send(service, "mail to jane.roe@example.com")
        await connector(service).flush()
        (point,) = points(service)
        assert point.attributes["span.name"] == "mail to [EMAIL]"
        assert point.attributes["cluster"] == "eu-1"
        assert point.resource == {"service.name": "shop"}
        pipeline = service.pipelines["metrics"]
        assert (pipeline.accepted, pipeline.out, pipeline.dropped.total()) == (2, 1, 1)
        assert flushes(service, "accepted") == 1

    running(configuration(tmp_path, options), scenario)


def test_it_flushes_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario: an interval of 20 ms, spans come for a while. Guarantees: several flushes, of ever more, in order."""
    monkeypatch.setattr("tailgate.connectors.base.ADVANCE_SECONDS", 0.01)

    async def scenario(service: Service) -> None:
        for _ in range(50):
            send(service, "work")
            await asyncio.sleep(0.01)
            if len(points(service)) >= 4:
                break
        counts = [point.data.as_int for point in points(service)]
        assert counts[0] == 0
        assert counts == sorted(counts)
        assert len(counts) >= 4
        times = [point.data.time_unix_nano for point in points(service)]
        assert times == sorted(set(times))

    running(configuration(tmp_path, "metrics_flush_interval: 20ms"), scenario)


@pytest.mark.parametrize("options", ["", DELTA])
def test_what_a_pipeline_refuses_comes_later(tmp_path: Path, options: str) -> None:
    """Scenario: the exporter's queue is full at a flush. Guarantees: nobody waits, and the next flush has it all."""

    async def scenario(service: Service) -> None:
        send(service, "work")
        exporter(service).bytes_left = 0
        await connector(service).flush()
        assert points(service) == []
        assert (flushes(service, "accepted"), flushes(service, "refused")) == (0, 1)
        assert service.pipelines["metrics"].accepted == 0
        exporter(service).bytes_left = 1 << 20
        send(service, "work")
        await connector(service).flush(last=True)
        assert [point.data.as_int for point in points(service)] == [2]
        assert flushes(service, "accepted") == 1

    running(configuration(tmp_path, options), scenario)


def test_a_refusal_is_retried_soon(tmp_path: Path) -> None:
    """Guarantees: after what the refusal says (a second), not after the interval."""

    async def scenario(service: Service) -> None:
        send(service, "work")
        exporter(service).bytes_left = 0
        flusher, now = connector(service)._flusher, Clock()()
        await connector(service).flush()
        assert not flusher.due(now + SECOND // 2)
        assert flusher.due(now + 2 * SECOND)

    running(configuration(tmp_path), scenario)


def test_what_is_left_is_flushed_at_the_end(tmp_path: Path) -> None:
    """Scenario: spans come, and Tailgate is stopped long before a flush is due. Guarantees: all was told."""

    async def scenario(service: Service) -> None:
        send(service, "work", "work")

    service = running(configuration(tmp_path, DELTA), scenario)
    assert [point.data.as_int for point in points(service)] == [2]
    assert service.pipelines["metrics"].accepted == 2


def test_over_a_reload(tmp_path: Path) -> None:
    """Scenario: other rules for the metrics, then another connector. Guarantees: nothing is lost, nothing told twice.

    The series go on over the first reload; before the second takes the connector away it tells what it has.
    """
    config = configuration(tmp_path, DELTA)

    async def scenario(service: Service) -> None:
        send(service, "work")
        await connector(service).flush()
        send(service, "work")
        await service.reload(configuration(tmp_path, DELTA, CONFIG.replace("eu-1", "eu-2")))
        await connector(service).flush()
        assert [(one.data.as_int, one.attributes["cluster"]) for one in points(service)] == [(1, "eu-1"), (1, "eu-2")]
        send(service, "work", "work")
        await service.reload(configuration(tmp_path, DELTA + ", dimensions: [{name: tier}]"))
        send(service, "work", "work", "work")
        await asyncio.sleep(0.01)
        assert [one.data.as_int for one in points(service)] == [1, 1, 2]
        await connector(service).flush()
        assert [one.data.as_int for one in points(service)] == [1, 1, 2, 3]

    running(config, scenario)


def test_a_reload_may_connect_and_disconnect(tmp_path: Path) -> None:
    """Guarantees: who receives from a connector is not fixed at the start; disconnected, it is scraped only."""
    without = CONFIG.replace("[otlp, span_metrics]", "[otlp]")

    async def scenario(service: Service) -> None:
        send(service, "work")
        await connector(service).flush(last=True)
        assert points(service) == []
        assert not [
            one for one in service.samples() if one.labels.get("connector") == "span_metrics" and "flush" in one.name
        ]
        await service.reload(configuration(tmp_path))
        await connector(service).flush(last=True)
        assert [one.data.as_int for one in points(service)] == [1]
        await service.reload(configuration(tmp_path, text=without))
        await connector(service).flush(last=True)
        assert len(points(service)) == 1

    running(configuration(tmp_path, text=without), scenario)


def test_series_expire_once_they_have_been_told(tmp_path: Path) -> None:
    """Scenario: series that are forgotten after 1 ms, flushes that are further apart. Guarantees: none is lost."""

    async def scenario(service: Service) -> None:
        send(service, "work")
        await asyncio.sleep(0.005)
        list(connector(service).families())  # a scrape does not take away what was not told
        await connector(service).flush()
        await connector(service).flush()
        assert [one.data.as_int for one in points(service)] == [1]
        send(service, "work", "work")
        await asyncio.sleep(0.005)
        await connector(service).flush()
        assert [one.data.as_int for one in points(service)] == [1, 2]

    running(configuration(tmp_path, DELTA + ", metrics_expiration: 1ms"), scenario)


def test_series_that_went_while_nobody_received(tmp_path: Path) -> None:
    """Scenario: a pipeline stops receiving, a series expires and comes again smaller, then it receives again.

    Guarantees: what has been counted since it came again is told, and nothing negative.
    """
    options, without = DELTA + ", metrics_expiration: 1ms", CONFIG.replace("[otlp, span_metrics]", "[otlp]")

    async def scenario(service: Service) -> None:
        send(service, "work", "work", "work")
        await connector(service).flush()
        send(service, "work", "work")
        await connector(service).flush()
        await service.reload(configuration(tmp_path, options, without))
        await asyncio.sleep(0.005)
        list(connector(service).families())
        send(service, "work")
        await service.reload(configuration(tmp_path, options))
        await connector(service).flush()
        assert [one.data.as_int for one in points(service)] == [3, 2, 1]

    running(configuration(tmp_path, options), scenario)


def test_a_defect_does_not_end_the_flushes(tmp_path: Path) -> None:
    """Scenario: giving fails in a way that nobody has thought of. Guarantees: it is counted, and tried again."""

    async def scenario(service: Service) -> None:
        send(service, "work")
        give = connector(service)._give

        async def broken(_: bytes) -> float | None:
            raise KeyError("a defect")

        connector(service).send_to(broken)
        await connector(service).flush()
        assert flushes(service, "refused") == 1
        connector(service).send_to(give)
        await connector(service).flush(last=True)
        assert [one.data.as_int for one in points(service)] == [1]

    running(configuration(tmp_path), scenario)
