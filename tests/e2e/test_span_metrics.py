"""Span metrics with real parts: an SDK sends three services' traces, a tenth is kept, the metrics know all of them.

They are scraped, and sent as OTLP to the same counting.
"""

from __future__ import annotations

import random
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from counting import Counting, points
from harness import StartTailgate, Tailgate, check_ledger, total, until_sent
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from sdk import tracing

MS = 1_000_000
TRACES = 600
CONFIG = """
processors:
  attributes: {actions: [{key: tier, value: silver, action: insert}]}
  attributes/zone: {actions: [{key: zone, value: eu-1, action: insert}]}
  scrub: {packs: [pii]}
  tail_sampling:
    decision_wait: 1s
    policies: [{name: some, type: probabilistic, probabilistic: {sampling_percentage: 10}}]
  batch: {timeout: 50ms}
connectors:
  spanmetrics:
    dimensions: [{name: tier}]
    exemplars: {enabled: true}
    aggregation_temporality: AGGREGATION_TEMPORALITY_${env:TEMPORALITY}
    metrics_flush_interval: 1s
  servicegraph: {store: {ttl: 30s, max_items: 20000}, metrics_flush_interval: 1s}
exporters:
  otlp: {endpoint: "127.0.0.1:${env:UPSTREAM}", tls: {insecure: true}}
  prometheus: {endpoint: "127.0.0.1:${env:SCRAPED}"}
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [attributes, scrub, tail_sampling, batch]
      exporters: [otlp, spanmetrics, servicegraph]
    metrics:
      receivers: [spanmetrics, servicegraph]
      processors: [attributes/zone, batch]
      exporters: [prometheus, otlp]
"""
Series = tuple[str, str, str, str, str]


class Shop:
    """`front` asks `shop`, which asks `bank` (sometimes in vain) and its database; what was sent is written down."""

    def __init__(self, port: int) -> None:
        self.providers = {}
        for name in ("front", "shop", "bank"):
            self.providers[name] = tracing(name, OTLPSpanExporter(endpoint=f"127.0.0.1:{port}", insecure=True))
        self.calls: Counter[Series] = Counter()
        self.ms: Counter[Series] = Counter()

    def span(
        self, service: str, name: str, kind: SpanKind, parent: trace.Span | None, ms: int, error: bool = False, **its
    ):
        """Make a span of so many milliseconds; `shown` is what it is called once it has been scrubbed."""
        shown = its.pop("shown", name)
        context = trace.set_span_in_context(parent) if parent is not None else None
        begin = 1_790_000_000_000 * MS
        tracer = self.providers[service].get_tracer("shop")
        span = tracer.start_span(name, context=context, kind=kind, start_time=begin, attributes=its)
        if error:
            span.set_status(Status(StatusCode.ERROR))
        span.end(begin + ms * MS)
        status = "STATUS_CODE_ERROR" if error else "STATUS_CODE_UNSET"
        key = (service, shown, f"SPAN_KIND_{kind.name}", status, its.get("tier", "silver"))
        self.calls[key] += 1
        self.ms[key] += ms
        return span

    def trace(self, rng: random.Random) -> None:
        tier = {"tier": "gold"} if rng.random() < 0.2 else {}
        failed = rng.random() < 0.1
        server, client, internal = SpanKind.SERVER, SpanKind.CLIENT, SpanKind.INTERNAL
        root = self.span("front", "GET /cart", server, None, rng.randrange(1, 3000), **tier)
        asked = self.span("front", "GET", client, root, rng.randrange(1, 900))
        cart = self.span("shop", "cart", server, asked, rng.randrange(1, 800), error=failed)
        mail = f"mail to user{rng.randrange(1000)}@example.com"
        self.span("shop", mail, internal, cart, 5, shown="mail to [EMAIL]")
        self.span("shop", "SELECT", client, cart, rng.randrange(1, 50), **{"db.name": "orders"})
        paying = self.span("shop", "POST", client, cart, rng.randrange(1, 500), error=failed)
        self.span("bank", "pay", server, paying, rng.randrange(1, 400), error=failed)

    def flush(self) -> None:
        for provider in self.providers.values():
            assert provider.force_flush(30_000)
            provider.shutdown()


def openmetrics(tailgate: Tailgate) -> str:
    """The page as Prometheus asks for it when it wants exemplars."""
    headers = {"Accept": "application/openmetrics-text;version=1.0.0"}
    url = f"http://127.0.0.1:{tailgate.scraped_port}/metrics"  # where the collector's exporter would be scraped
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as page:
        return page.read().decode()


@pytest.mark.slow
@pytest.mark.parametrize("temporality", ["CUMULATIVE", "DELTA"])
def test_metrics_are_of_all_spans_and_exemplars_of_kept_ones(
    counting: Counting, start_tailgate: StartTailgate, temporality: str
) -> None:
    """Scenario: 600 traces of seven spans through a sampler that keeps a tenth of them.

    Guarantees: calls and latency equal what was sent, by service, name (scrubbed), kind, status and dimension; every
    exemplar names a trace that arrived upstream and stands in the bucket of its value; the edges of the graph are those
    that there were; no secret is on the page. What the pipeline of metrics sends, until the end, says the same.
    """
    tailgate = start_tailgate(CONFIG, UPSTREAM=str(counting.grpc_port), TEMPORALITY=temporality)
    shop, rng = Shop(tailgate.grpc_port), random.Random(6)
    for _ in range(TRACES):
        shop.trace(rng)
    shop.flush()
    until_sent(tailgate)
    metrics, page = tailgate.metrics(), openmetrics(tailgate)
    check_ledger(metrics)

    kept = {span.trace_id.hex() for span in counting.records("grpc", "traces")}
    assert 0.05 * TRACES < len(kept) < 0.16 * TRACES

    names = ("service_name", "span_name", "span_kind", "status_code", "tier")
    for name, expected in (("calls_total", shop.calls), ("latency_count", shop.calls), ("latency_sum", shop.ms)):
        series = metrics[f"traces_spanmetrics_{name}"]
        found = {tuple(dict(labels)[one] for one in names): number for labels, number in series.items()}
        assert found == dict(expected), name
    assert total(metrics, "traces_spanmetrics_calls_total") == 7 * TRACES
    assert "@example.com" not in page

    check_exemplars(page, kept)
    check_edges(metrics, shop)
    assert tailgate.stop() == 0
    check_sent(counting, shop, kept)
    check_sent_edges(counting, metrics)


def check_exemplars(page: str, kept: set[str]) -> None:
    shown = 0
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.exemplar is not None:
                shown += 1
                assert sample.exemplar.labels["trace_id"] in kept
                assert sample.exemplar.value <= float(sample.labels["le"])
                assert abs(float(sample.exemplar.timestamp) - time.time()) < 120
    assert shown > 20
    assert len(set(re.findall(r'trace_id="(\w+)"', page))) > 10


def check_edges(metrics: dict, shop: Shop) -> None:
    failed = sum(number for key, number in shop.calls.items() if key[1] == "pay" and key[3] == "STATUS_CODE_ERROR")
    expected = {
        ("user", "front", "virtual_node", "false"): TRACES,
        ("front", "shop", "", "false"): TRACES - failed,
        ("front", "shop", "", "true"): failed,
        ("shop", "orders", "database", "false"): TRACES,
        ("shop", "bank", "", "false"): TRACES - failed,
        ("shop", "bank", "", "true"): failed,
    }
    names = ("client", "server", "connection_type", "failed")
    series = metrics["traces_service_graph_request_total"]
    assert {tuple(dict(labels)[one] for one in names): number for labels, number in series.items()} == expected
    assert total(metrics, "traces_service_graph_request_failed_total") == 2 * failed
    paid = sum(number for key, number in shop.ms.items() if key[1] == "pay")
    took = total(metrics, "traces_service_graph_request_server_seconds_sum", client="shop", server="bank")
    assert took == pytest.approx(paid / 1000)


def sent(counting: Counting) -> Iterator[tuple[str, int, dict[str, str], Any]]:
    """Name, temporality, attributes and point of what came, in the order in which it came."""
    for metric in counting.records("grpc", "metrics"):
        data = getattr(metric, metric.WhichOneof("data"))
        for point in points(metric):
            its = {one.key: _text(one.value) for one in point.attributes}
            assert its.pop("zone") == "eu-1"
            yield metric.name, data.aggregation_temporality, its, point


def _text(value: Any) -> str:
    return value.string_value if value.HasField("string_value") else str(value.bool_value).lower()


def check_sent(counting: Counting, shop: Shop, kept: set[str]) -> None:
    """The last of the cumulative points, or the sum of the deltas, is what was sent; no interval is missing."""
    calls, ms, ends, shown = Counter[Series](), Counter[Series](), dict[tuple[str, Series], int](), set[str]()
    for name, temporality, its, point in sent(counting):
        if not name.startswith("traces.span.metrics."):
            continue
        key: Any = tuple(its[one] for one in ("service.name", "span.name", "span.kind", "status.code", "tier"))
        delta = temporality == 1
        before = ends.get((name, key))
        assert before is None or (point.start_time_unix_nano == before if delta else point.time_unix_nano > before)
        ends[name, key] = point.time_unix_nano
        into, value = (calls, point.as_int) if name.endswith("calls") else (ms, point.sum)
        into[key] = into[key] + value if delta else value
        if into is ms:
            shown.update(one.trace_id.hex() for one in point.exemplars)
    assert calls == shop.calls
    assert ms == pytest.approx(shop.ms)
    assert shown
    assert shown <= kept


def check_sent_edges(counting: Counting, metrics: dict) -> None:
    """The last points of the graph are what was scraped."""
    names = ("client", "server", "connection_type", "failed")
    last: dict[tuple[str, tuple[str, ...]], float] = {}
    for name, _, its, point in sent(counting):
        if name.startswith("traces_service_graph_request"):
            key = tuple(its[one] for one in names)
            last[name, key] = point.as_int if name.endswith("_total") else point.sum
    for name, scraped in (("total", "total"), ("failed_total", "failed_total"), ("server", "server_seconds_sum")):
        series = metrics[f"traces_service_graph_request_{scraped}"]
        expected = {tuple(dict(labels)[one] for one in names): number for labels, number in series.items()}
        found = {key: number for (its, key), number in last.items() if its == f"traces_service_graph_request_{name}"}
        assert found == pytest.approx(expected), name
