"""Logs and metrics on the way out: the method and the path of each, answers in its own unit, a queue for each."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import grpc
import pytest
import structlog
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from tailgate.exporters import otlp_grpc, otlp_http
from tailgate.exporters.debug import SPEC as DEBUG
from tailgate.exporters.debug import DebugSettings, describe
from tailgate.exporters.fleet import exporter_key
from tailgate.exporters.retry import Delivered
from tailgate.telemetry.signals import FACTS, SIGNALS

PARTIAL: dict[str, Any] = {
    "logs": ExportLogsServiceResponse(
        partial_success={"rejected_log_records": 2, "error_message": "too old"}  # type: ignore[arg-type]
    ),
    "metrics": ExportMetricsServiceResponse(
        partial_success={"rejected_data_points": 2, "error_message": "too old"}  # type: ignore[arg-type]
    ),
}


@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_the_method_of_each(signal: Any, context: Any, until: Any) -> None:
    """Scenario: the upstream takes all but two. Guarantees: `Export` of that service; the rest counts as rejected."""

    async def main() -> None:
        asked: list[str] = []

        class Handler(grpc.GenericRpcHandler):
            def service(self, details: Any) -> Any:
                asked.append(details.method)

                async def export(_request: bytes, _context: Any) -> bytes:
                    return PARTIAL[signal].SerializeToString()

                return grpc.unary_unary_rpc_method_handler(export)

        server = grpc.aio.server()
        server.add_generic_rpc_handlers((Handler(),))
        port = server.add_insecure_port("localhost:0")
        await server.start()
        settings = otlp_grpc.OtlpGrpcSettings.model_validate({"endpoint": f"http://localhost:{port}"})
        exporter = otlp_grpc.SPEC.build(settings, replace(context(), signal=signal))
        await exporter.start()
        exporter.offer([(b"", 5)])
        await until(lambda: exporter.ledger.sent == 3)
        assert asked == [f"/{FACTS[signal].service}/Export"]
        unit, seen = FACTS[signal].unit, {s.name: s.value for s in exporter.samples() if "reason" not in s.labels}
        assert (seen[f"otelcol_exporter_sent_{unit}"], seen[f"otelcol_exporter_send_failed_{unit}"]) == (3, 2)
        assert {s.labels["data_type"] for s in exporter.samples() if "queue_" in s.name and "failed" not in s.name} == {
            signal
        }
        await exporter.stop(asyncio.get_running_loop().time() + 1)
        await server.stop(0)

    asyncio.run(main())


@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_http_answers(signal: Any) -> None:
    """Guarantees: a partial success is read as that signal's, from protobuf and from JSON."""
    from google.protobuf.json_format import MessageToJson

    body = PARTIAL[signal].SerializeToString()
    assert otlp_http.judge(200, otlp_http.PROTOBUF, body, None, signal) == Delivered(2, "too old")
    text = MessageToJson(PARTIAL[signal]).encode()
    assert otlp_http.judge(200, "application/json", text, None, signal) == Delivered(2, "too old")


def test_nowhere_to_send_a_signal() -> None:
    """Guarantees: without `endpoint` only the signals that have one of their own can be sent."""
    settings = otlp_http.OtlpHttpSettings.model_validate({"logs_endpoint": "http://c/logs"})
    assert [otlp_http.unfit(settings, signal) is None for signal in SIGNALS] == [False, True, False]


def test_one_for_each_signal() -> None:
    """Guarantees: exporters of one id are told apart by signal, and no id can be taken for another's key."""
    assert [exporter_key("otlp", signal) for signal in SIGNALS] == ["otlp", "logs:otlp", "metrics:otlp"]


def logs() -> bytes:
    message = ExportLogsServiceRequest()
    block = message.resource_logs.add()
    block.resource.attributes.add(key="service.name").value.string_value = "shop"
    record = block.scope_logs.add().log_records.add(severity_text="WARN", event_name="paid")
    record.body.string_value = "card 4111111111111111"
    record.attributes.add(key="card").value.string_value = "4111111111111111"
    return message.SerializeToString()


def metrics() -> bytes:
    message = ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="requests", unit="1")
    for number in range(3):
        point = metric.gauge.data_points.add(as_int=number)
        point.attributes.add(key="card").value.string_value = "4111111111111111"
    return message.SerializeToString()


def test_debug_describes_each() -> None:
    """Guarantees: records by service, names and severities; neither bodies nor values."""
    assert describe(logs(), "detailed", "logs") == {
        "services": {"shop": 1},
        "first_log_records": [{"service": "shop", "severity": "WARN", "event_name": "paid", "trace_id": ""}],
    }
    found = describe(metrics(), "detailed", "metrics")
    assert found["services"] == {"(no service.name)": 3}
    assert found["first_metrics"] == [
        {"service": "(no service.name)", "name": "requests", "unit": "1", "kind": "gauge"}
    ]


@pytest.mark.parametrize(("signal", "body", "count"), [("logs", logs(), 1), ("metrics", metrics(), 3)])
def test_a_line_of_debug(virtual: Any, context: Any, signal: Any, body: bytes, count: int) -> None:
    """Guarantees: a line says how many of its signal's unit came, and counts them as sent."""

    async def main() -> None:
        exporter = DEBUG.build(DebugSettings(verbosity="detailed"), replace(context("debug"), signal=signal))
        await exporter.start()
        exporter.offer([(body, count)])
        await exporter.stop(asyncio.get_running_loop().time() + 1)
        values = {sample.name: sample.value for sample in exporter.samples()}
        assert values[f"otelcol_exporter_sent_{FACTS[signal].unit}"] == count

    with structlog.testing.capture_logs() as logged:
        virtual(main())
    (line,) = logged
    assert line[FACTS[signal].unit] == count
    assert "4111" not in str(line)
