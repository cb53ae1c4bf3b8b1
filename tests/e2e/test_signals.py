"""Traces, logs and metrics of the real SDK through Tailgate as a process, to an upstream that counts all three."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from counting import Counting, points
from harness import UNITS, Scraper, StartTailgate, Tailgate, check_ledger, total, until_sent
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

CONFIG = """
processors:
  memory_limiter: {limit_mib: 1024, spike_limit_mib: 128, check_interval: 1s}
  enrich:
    actions:
      - {key: environment, value: production, action: insert, on: resource}
      - {key: tenant, from_context: metadata.x-mcp-tenant-id, action: insert}
  scrub: {packs: [pii, financial, credentials, network]}
  filter:
    logs: {log_record: ['severity_number < SEVERITY_NUMBER_INFO']}
    metrics: {metric: ['name == "noise"']}
  tail_sampling: {evaluation: ordered, decision_wait: 1s, policies: [{name: all, when: "true"}], default: 0%}
  batch: {send_batch_size: 1000, timeout: "${env:WAIT}"}
exporters:
  otlp: {endpoint: "127.0.0.1:${env:UPSTREAM_GRPC}", tls: {insecure: true}}
  otlp_http: {endpoint: "http://127.0.0.1:${env:UPSTREAM_HTTP}"}
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, enrich, scrub, tail_sampling, batch]
      exporters: [otlp, otlp_http]
    logs:
      receivers: [otlp]
      processors: [memory_limiter, enrich, scrub, filter, batch]
      exporters: [otlp, otlp_http]
    metrics:
      receivers: [otlp]
      processors: [memory_limiter, enrich, scrub, filter, batch]
      exporters: [otlp, otlp_http]
"""
SECRETS = (
    "4111 1111 1111 1111",
    "jane.roe@corp-mail.example",
    "GB29 NWBK 6016 1331 9268 19",
    "536-90-4399",
    "AKIAQ3EGP7XNXY7WJZQD",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "s3cr3t-passw0rd",
)
BY_KEY = SECRETS[-1]
HEADERS = {"x-mcp-tenant-id": "tenant-7"}
ROUNDS = 40


class Sender:
    """One service with the three providers of the SDK, over gRPC or HTTP."""

    def __init__(self, tailgate: Tailgate, way: str) -> None:
        options: Any = {"endpoint": f"127.0.0.1:{tailgate.grpc_port}", "insecure": True}
        urls = {signal: f"http://127.0.0.1:{tailgate.http_port}/v1/{signal}" for signal in UNITS}
        grpc = way == "grpc"
        spans: Any = GrpcSpans(**options) if grpc else HttpSpans(endpoint=urls["traces"], headers=HEADERS)
        logs: Any = (
            GrpcLogs(**options, headers=tuple(HEADERS.items()))
            if grpc
            else HttpLogs(endpoint=urls["logs"], headers=HEADERS)
        )
        points: Any = GrpcMetrics(**options) if grpc else HttpMetrics(endpoint=urls["metrics"], headers=HEADERS)
        resource = Resource({"service.name": f"shop-{way}", "owner": f"mail to {SECRETS[1]}"})
        self.tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.tracers.add_span_processor(BatchSpanProcessor(spans))
        self.loggers = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self.loggers.add_log_record_processor(BatchLogRecordProcessor(logs))
        # What a view leaves out of the attributes goes into the exemplars.
        view = View(instrument_name="requests", attribute_keys={"route"})
        reader = PeriodicExportingMetricReader(points, export_interval_millis=600_000)
        self.meters = MeterProvider([reader], resource, AlwaysOnExemplarFilter(), False, [view])
        meter = self.meters.get_meter("shop")
        self.requests = meter.create_counter("requests", "1", f"asked by {SECRETS[1]}")
        self.latency = meter.create_histogram("latency", "ms")
        self.noise = meter.create_counter("noise")

    def emit(self, number: int) -> None:
        secret = SECRETS[number % (len(SECRETS) - 1)]
        about: dict[str, Any] = {"note": f"for {secret}", "work.number": number}
        with self.tracers.get_tracer("shop").start_as_current_span("work", attributes=about):
            self._logs(number, secret)
            self.requests.add(1, {"route": "/cart", "user": f"<{secret}>", "db.password": BY_KEY})
            self.latency.record(number, {"note": f"paid with {secret}"})
            self.noise.add(1)

    def _logs(self, number: int, secret: str) -> None:
        bodies: list[Any] = [
            f"request {number} paid with {secret} today",
            {"number": number, "user": {"contact": f"see {secret}."}, "password": BY_KEY},
            [f"request {number}", [f"<{secret}>"]],
        ]
        logger = self.loggers.get_logger("shop")
        for body in bodies:
            attributes = {"note": f"{secret}!", "notes": ["fine", f"({secret})"], "api_key": BY_KEY}
            record = LogRecord(
                timestamp=time.time_ns(),
                severity_number=SeverityNumber.WARN,
                severity_text=f"WARN {secret}",
                body=body,
                attributes=attributes,
                event_name=f"paid {secret}",
            )
            logger.emit(record)
        logger.emit(LogRecord(severity_number=SeverityNumber.DEBUG, body=f"debug {secret}"))

    def close(self) -> None:
        for provider in (self.tracers, self.loggers):
            assert provider.force_flush(20_000)
            provider.shutdown()
        self.meters.shutdown()  # which exports, once


def send(tailgate: Tailgate) -> None:
    """Everything, half of it over gRPC and half over HTTP."""
    senders = [Sender(tailgate, way) for way in ("grpc", "http")]
    for number in range(ROUNDS):
        for sender in senders:
            sender.emit(number)
    for sender in senders:
        sender.close()


def provoke(tailgate: Tailgate) -> str:
    """Requests that are no OTLP, with secrets in them; returns what is answered."""
    answers = ""
    for signal, body in (
        ("logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": SECRETS[0]}]}]}]}),
        ("logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": SECRETS[1]}]}]}]}),
        ("metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"gauge": SECRETS[2]}]}]}]}),
    ):
        url = f"http://127.0.0.1:{tailgate.http_port}/v1/{signal}"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        assert caught.value.code == 400
        answers += caught.value.read().decode()
    return answers


def text(attributes: Any, key: str) -> str:
    return next((pair.value.string_value for pair in attributes if pair.key == key), "")


def check_arrived(counting: Counting, way: str) -> None:
    """What arrived is all that was sent, less what the filter drops, and says what is no secret."""
    logs = counting.records(way, "logs")
    assert counting.count(way, "traces") == 2 * ROUNDS
    assert len(logs) == 3 * 2 * ROUNDS
    assert {record.severity_number for record in logs} == {SeverityNumber.WARN.value}
    assert {text(record.attributes, "tenant") for record in logs} == {"tenant-7"}
    bodies = [record.body for record in logs]
    numbers = [body.string_value.split()[1] for body in bodies if body.HasField("string_value")]
    assert sorted(map(int, numbers)) == sorted([*range(ROUNDS)] * 2)
    maps = [body.kvlist_value.values for body in bodies if body.HasField("kvlist_value")]
    assert sorted(pair.value.int_value for entries in maps for pair in entries if pair.key == "number") == sorted(
        [*range(ROUNDS)] * 2
    )
    metrics = counting.records(way, "metrics")
    assert {metric.name for metric in metrics} == {"requests", "latency"}
    assert all(metric.description.startswith("asked by") for metric in metrics if metric.name == "requests")
    requests = [point for metric in metrics if metric.name == "requests" for point in points(metric)]
    assert sum(point.as_int for point in requests) == 2 * ROUNDS
    exemplars = [exemplar for point in requests for exemplar in point.exemplars]
    assert {pair.key for exemplar in exemplars for pair in exemplar.filtered_attributes} == {"user", "db.password"}
    for message in counting.messages(way, "logs"):
        assert {text(block.resource.attributes, "environment") for block in message.resource_logs} == {"production"}


def test_three_signals_and_no_secret(start_tailgate: StartTailgate, counting: Counting) -> None:
    """Scenario: the SDK sends all three signals over gRPC and HTTP, secrets in every kind of place, and bad requests.

    Guarantees: everything that no filter drops arrives at both exporters, enriched; no secret arrives, nor stands in an
    answer, the log or the metrics; the ledger of each signal balances at every scrape, in its own unit.
    """
    ports = {"UPSTREAM_GRPC": str(counting.grpc_port), "UPSTREAM_HTTP": str(counting.http_port)}
    tailgate = start_tailgate(CONFIG, **ports, WAIT="100ms")
    scraper = Scraper(tailgate)
    scraper.start()
    send(tailgate)
    answers = provoke(tailgate)
    until_sent(tailgate)
    scraper.finish()
    metrics, page = tailgate.metrics(), tailgate.page()
    check_ledger(metrics)
    for way, exporter in (("grpc", "otlp"), ("http", "otlp_http")):
        check_arrived(counting, way)
        for signal, unit in UNITS.items():
            sent = total(metrics, f"otelcol_exporter_sent_{unit}_total", exporter=exporter)
            assert sent == counting.count(way, signal) > 0
    assert total(metrics, "tailgate_pipeline_dropped_log_records_total", reason="filter") == 2 * ROUNDS
    assert total(metrics, "tailgate_pipeline_dropped_metric_points_total", reason="filter") == 2
    for unit in UNITS.values():
        received = total(metrics, f"otelcol_receiver_accepted_{unit}_total")
        assert received == total(metrics, f"tailgate_pipeline_accepted_{unit}_total") > 0
    assert tailgate.stop() == 0
    shown = counting.everything() + page.encode() + answers.encode() + tailgate.log.read_bytes()
    for secret in SECRETS:
        assert secret.encode() not in shown, secret
        assert secret.replace(" ", "").encode() not in shown, secret


def test_what_waits_is_sent_at_the_end(start_tailgate: StartTailgate, counting: Counting) -> None:
    """Scenario: SIGTERM while everything waits for a batch. Guarantees: all of it has arrived when the process ends."""
    ports = {"UPSTREAM_GRPC": str(counting.grpc_port), "UPSTREAM_HTTP": str(counting.http_port)}
    tailgate = start_tailgate(CONFIG, **ports, WAIT="60s")
    send(tailgate)
    metrics = tailgate.metrics()
    assert total(metrics, "tailgate_exporter_queued_log_records", exporter="otlp") == 3 * 2 * ROUNDS
    assert counting.everything() == b""
    assert tailgate.stop() == 0
    for way in ("grpc", "http"):
        check_arrived(counting, way)
    assert b"_lost_at_shutdown" not in tailgate.log.read_bytes()


FOLLOWING = CONFIG.replace('{name: all, when: "true"}', "{name: noted, when: work.number < 20}").replace(
    "    logs:\n", "    logs:\n      follow_trace: tail_sampling\n"
)


def test_logs_follow_their_traces(start_tailgate: StartTailgate, counting: Counting) -> None:
    """Scenario: half of the traces are kept; their logs come in requests of their own, over gRPC and HTTP.

    Guarantees: the logs of kept traces arrive and no others; the ledgers of both signals balance.
    """
    ports = {"UPSTREAM_GRPC": str(counting.grpc_port), "UPSTREAM_HTTP": str(counting.http_port)}
    tailgate = start_tailgate(FOLLOWING, **ports, WAIT="100ms")
    scraper = Scraper(tailgate)
    scraper.start()
    send(tailgate)
    until_sent(tailgate)
    scraper.finish()
    metrics = tailgate.metrics()
    check_ledger(metrics)
    kept = {span.trace_id for span in counting.records("grpc", "traces")}
    assert len(kept) == 2 * 20
    found = counting.records("grpc", "logs")
    assert {record.trace_id for record in found} == kept
    assert len(found) == 3 * len(kept)
    dropped = total(metrics, "tailgate_pipeline_dropped_log_records_total", pipeline="logs")
    assert dropped == 3 * 2 * (ROUNDS - 20) + 2 * ROUNDS, "of dropped traces, and by the filter"
    assert tailgate.stop() == 0
