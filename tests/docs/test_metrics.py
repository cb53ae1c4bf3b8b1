"""docs/metrics.md lists what a running Tailgate exposes: names, types and labels, no more and no less."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import get_args

import grpc
import pytest
from aiohttp import ClientSession
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from prometheus_client.parser import text_string_to_metric_families
from tailgate.cli.tables import TABLES
from tailgate.config.loader import load
from tailgate.config.reloading import RESULTS, Reloader
from tailgate.exporters.queue import REASONS
from tailgate.kernel import load as load_kernel
from tailgate.pipeline import Service
from tailgate.processors.scrub.compile import FAILURES
from tailgate.processors.tail_sampling.labels import Drop
from tailgate.telemetry.metrics import MetricsPage
from tailgate.telemetry.samples import Sample
from tailgate.telemetry.signals import FACTS

from .doc_pages import cells, fences, names, tables, text

PAGE = "docs/metrics.md"
UNITS = ("spans", "log_records", "metric_points")
EVERY_SIGNAL = re.compile(r"(otelcol_(receiver|exporter)|tailgate_(pipeline|exporter))_\w*_spans(_total)?$")
CONFIG = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
processors:
  memory_limiter: {limit_mib: 4096}
  scrub:
  lookup: {key: service.name, table: {shop: {team: web}}}
  k8s_attributes: {auth_type: none}
  cost: {prices: {gpt: {input: 2}}}
  tail_sampling:
    evaluation: ordered
    decision_wait: 1ms
    policies:
      - {name: errors, when: error, limit: {traces_per_second: 10}}
      - {name: tried, when: exists(card), mode: shadow, adaptive_percentage: {goal_percentage: 5}}
      - {name: own, custom: {module: "my_policies:FirstOfEachUser"}, otherwise: pass}
    default: 0%
    budget: {per_hour: 100, cost_per_gb: 0.1}
  tail_sampling/votes:
    decision_wait: 1ms
    policies: [{name: all, type: always_sample}]
  retention: {default: 3d}
  custom: {module: "my_redactor:Redactor", options: {prefix: CUST-}}
  batch: {timeout: 1ms}
  filter:
    logs: {log_record: ['severity_number == SEVERITY_NUMBER_DEBUG']}
    metrics: {metric: ['name == "noise"']}
exporters:
  otlp: {endpoint: "127.0.0.1:1", tls: {insecure: true}}
  debug:
connectors: {span_metrics: , service_graph: }
service:
  worker_threads: 1
  pipelines:
    traces/a:
      receivers: [otlp]
      processors: [memory_limiter, k8s_attributes, lookup, cost, scrub, tail_sampling, retention, custom, batch]
      exporters: [otlp]
    traces/b: {receivers: [otlp], processors: ["tail_sampling/votes"], exporters: [debug, span_metrics, service_graph]}
    logs: {receivers: [otlp], processors: [filter, batch], exporters: [otlp]}
    metrics: {receivers: [otlp], processors: [filter, batch], exporters: [otlp]}
    metrics/counted: {receivers: [span_metrics], exporters: [debug]}
"""


def request() -> bytes:
    """Two traces: one is a request with an error, one asks a database; both have a card."""
    message = Request()
    block = message.resource_spans.add()
    block.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = block.scope_spans.add()
    for number in (1, 2):
        span = scope.spans.add(trace_id=number.to_bytes(16, "big"), span_id=b"12345678", name="GET /")
        span.attributes.add(key="card").value.string_value = "4111 1111 1111 1111"
        span.attributes.add(key="db.name").value.string_value = "orders"
        span.attributes.add(key="gen_ai.request.model").value.string_value = "gpt"
        span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 1000
        span.kind, span.status.code = (2, 2) if number == 1 else (3, 0)
    return message.SerializeToString()


def logs() -> bytes:
    """Two log records, of which one is dropped."""
    message = ExportLogsServiceRequest()
    scope = message.resource_logs.add().scope_logs.add()
    scope.log_records.add(severity_number=5)
    scope.log_records.add(severity_number=9)
    return message.SerializeToString()


def metrics() -> bytes:
    """Two metrics of a data point each, of which one is dropped."""
    message = ExportMetricsServiceRequest()
    scope = message.resource_metrics.add().scope_metrics.add()
    for name in ("noise", "requests"):
        scope.metrics.add(name=name).gauge.data_points.add(as_int=1)
    return message.SerializeToString()


async def traffic(service: Service) -> None:
    """Send spans that are kept, spans that are dropped, and requests that are refused."""
    endpoints = service.endpoints["otlp"]
    async with grpc.aio.insecure_channel(endpoints["grpc"]) as channel:
        for signal, body in (("traces", request()), ("logs", logs()), ("metrics", metrics())):
            await channel.unary_unary(f"/{FACTS[signal].service}/Export")(body)
    async with ClientSession() as session:
        url = f"http://{endpoints['http']}/v1/traces"
        async with session.post(url, data=b"\x0a\xff", headers={"Content-Type": "application/x-protobuf"}) as answer:
            assert answer.status == 400
    for _ in range(100):
        if not any(pipeline.row.held()[1] for pipeline in service.pipelines.values()):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the spans are still held")


async def scrape(file: Path) -> str:
    """Run it, and return its page."""
    config = load([file], TABLES, {})
    service = Service(config, load_kernel("reference"))
    await service.start()
    try:
        await traffic(service)
        reloader = Reloader(config, lambda: config, service.reload, time.time_ns)

        def samples() -> Iterator[Sample]:
            return chain(service.samples(), reloader.samples())

        return (
            MetricsPage(samples, reloader, "reference", process=False, families=service.backgrounds.families)
            .render()[0]
            .decode()
        )
    finally:
        await service.stop(0.1)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("metrics") / "tailgate.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    return asyncio.run(scrape(file))


Described = dict[str, tuple[str, frozenset[str]]]


def exposed(page: str) -> Described:
    """Name, type and labels of every metric on the page."""
    found = {}
    for family in text_string_to_metric_families(page):
        labels = frozenset(label for sample in family.samples for label in sample.labels) - {"le"}
        (name,) = {family.name} if family.type == "histogram" else {sample.name for sample in family.samples}
        found[name] = (family.type, labels)
    return found


def documented_rows() -> Iterator[list[str]]:
    for line in text(PAGE).splitlines():
        if line.startswith("| `"):
            row = cells(line)
            if row[1] in ("counter", "gauge", "histogram", "unknown"):
                yield row


def documented() -> Described:
    """The same, as the page for people says."""
    found = {}
    for row in documented_rows():
        (name,) = names(row[0])
        for unit in UNITS if EVERY_SIGNAL.match(name) else UNITS[:1]:
            found[name.replace("spans", unit)] = (row[1], frozenset(names(row[2])))
    return found


def test_what_is_documented_is_what_is_exposed(page: str) -> None:
    """Scenario: two pipelines with everything, traffic of every kind. Guarantees: the tables are complete and true."""
    assert documented() == exposed(page)


def test_every_metric_is_said_once_and_explained() -> None:
    """Guarantees: no metric has two rows, and each row has a meaning."""
    counted = Counter(names(row[0])[0] for row in documented_rows())
    assert counted.total() == len(counted)
    assert all(row[3] for row in documented_rows())


def test_every_reason_is_explained() -> None:
    """Guarantees: each reason for which a pipeline or an exporter loses spans stands in its table."""
    pipeline = {name for row in tables(PAGE, "| `reason` of a pipeline") for name in names(row[0])}
    assert pipeline == {*get_args(Drop), "late_not_sampled", "unmatched"}
    exporter = {name for row in tables(PAGE, "| `reason` of an exporter") for name in names(row[0])}
    assert exporter == set(REASONS)
    failure = {name for row in tables(PAGE, "| `reason` of a failure to scrub") for name in names(row[0])}
    assert failure == set(FAILURES)
    result = {name for row in tables(PAGE, "| `result` of a reload") for name in names(row[0])}
    assert result == set(RESULTS)


QUERIES = fences(PAGE, "promql")


def test_queries_use_what_is_there() -> None:
    """Guarantees: the queries name documented metrics, and labels that those have."""
    assert len(QUERIES) >= 3
    known = documented()
    for query in QUERIES:
        used = re.findall(r"\b((?:tailgate|otelcol)_\w+)(?:\{(\w+)=)?", query)
        assert used, query
        for name, label in used:
            assert name in known, name
            assert not label or label in known[name][1], (name, label)
        grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", query) for label in labels.split(",")}
        assert grouped <= frozenset().union(*(known[name][1] for name, _ in used)), query


def test_the_ledger_of_the_page_holds(page: str) -> None:
    """Guarantees: the two equations of the page, with the names that it gives."""
    values: Counter[str] = Counter()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            values[sample.name] += int(sample.value)
    assert values["tailgate_pipeline_accepted_spans_total"] == 4
    assert values["tailgate_pipeline_accepted_log_records_total"] == 2
    assert values["tailgate_pipeline_accepted_metric_points_total"] == 2
    pipeline, exporter = fences(PAGE, "text")[:2]
    for equation in (one.replace("_spans", f"_{unit}") for one in (pipeline, exporter) for unit in UNITS):
        whole, _, parts = equation.partition("=")
        assert sum(values[part.strip()] for part in whole.split("+")) == sum(
            values[part.strip()] for part in parts.split("+")
        )
