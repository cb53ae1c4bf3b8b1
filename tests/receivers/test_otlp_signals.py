"""Logs and metrics beside traces: each goes to its own pipelines, and what no pipeline takes is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.rpc import status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tailgate.kernel.contract import Malformed, OverLimit
from tailgate.receivers.base import Refused
from tailgate.receivers.otlp.json import json_to_protobuf
from tailgate.telemetry.signals import FACTS, SIGNALS

METHODS = {signal: f"/{FACTS[signal].service}/Export" for signal in SIGNALS}
PROTOBUF, JSON = {"Content-Type": "application/x-protobuf"}, {"Content-Type": "application/json"}
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
POINT = {"asInt": "7", "exemplars": [{"asDouble": 1.5, "traceId": TRACE, "spanId": SPAN}]}


@pytest.fixture
def all_three(serve: Callable[..., Any], taker: Any) -> Any:
    """A receiver that serves every signal; `consumers` has who takes each."""
    return serve(grpc={}, http={}, consumers={signal: taker(spans=n) for n, signal in enumerate(SIGNALS, 3)})


@pytest.mark.parametrize("signal", SIGNALS)
def test_each_goes_to_its_own(all_three: Any, signal: str) -> None:
    """Scenario: the same bytes over gRPC and HTTP. Guarantees: only that signal's pipelines get them, as they came."""
    body = b"\n\x00"  # one resource without anything, in every signal
    assert all_three.export(body, METHODS[signal]) == b""
    assert all_three.request("POST", f"/v1/{signal}", body, PROTOBUF)[0::2] == (200, b"")
    assert {name: one.requests for name, one in all_three.consumers.items()} == {
        name: [body, body] if name == signal else [] for name in SIGNALS
    }


def test_counted_in_their_own_unit(all_three: Any) -> None:
    """Guarantees: the collector's counters of each signal; a signal's requests add nothing to another's."""
    for number, signal in enumerate(SIGNALS, 1):
        for _ in range(number):
            all_three.export(b"", METHODS[signal])
    units = ("spans", "log_records", "metric_points")
    assert [all_three.count(f"otelcol_receiver_accepted_{unit}", transport="grpc") for unit in units] == [3, 8, 15]
    all_three.consumers["logs"].fail = Refused("queue_full", spans=11)
    assert all_three.request("POST", "/v1/logs", b"", PROTOBUF)[0] == 429
    assert [all_three.count(f"otelcol_receiver_refused_{unit}") for unit in units] == [0, 11, 0]
    assert all_three.count("tailgate_receiver_refused_requests", reason="queue_full") == 1


@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_what_nobody_takes(serve: Callable[..., Any], consumer: Any, signal: str) -> None:
    """Scenario: only a pipeline of traces. Guarantees: Unimplemented and 404, as the collector answers, and counted."""
    served = serve(grpc={}, http={})
    with pytest.raises(grpc.RpcError) as caught:
        served.export(b"", METHODS[signal])
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    status, _, body = served.request("POST", f"/v1/{signal}", b"", PROTOBUF)
    assert status == 404
    assert f"{signal} are not taken here" in status_pb2.Status.FromString(body).message
    assert served.count("tailgate_receiver_refused_requests", reason="not_found") == 1
    assert [s for s in served.receiver.samples() if "log_records" in s.name or "metric_points" in s.name] == []
    assert not consumer.requests


def test_only_logs(serve: Callable[..., Any], taker: Any) -> None:
    """Scenario: only a pipeline of logs. Guarantees: traces are refused like any other signal that nobody takes."""
    logs = taker()
    served = serve(grpc={}, http={"logs_url_path": "in/logs"}, consumers={"logs": logs})
    with pytest.raises(grpc.RpcError) as caught:
        served.export(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert served.request("POST", "/v1/traces", b"", PROTOBUF)[0] == 404
    assert served.request("POST", "/in/logs", b"", PROTOBUF)[0] == 200
    assert served.export(b"", METHODS["logs"]) == b""
    assert len(logs.requests) == 2


@pytest.mark.parametrize(
    ("error", "code", "http"),
    [
        (Refused("memory_limit", 2.0), grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
        (Refused("queue_full", exhausted=False), grpc.StatusCode.UNAVAILABLE, 503),
        (Malformed("wire type 7 at byte 3"), grpc.StatusCode.INVALID_ARGUMENT, 400),
        (OverLimit("max_attributes 10"), grpc.StatusCode.INVALID_ARGUMENT, 413),
        (RuntimeError("secret 4111111111111111"), grpc.StatusCode.INTERNAL, 500),
    ],
)
@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_what_is_refused(all_three: Any, signal: str, error: Exception, code: grpc.StatusCode, http: int) -> None:
    """Guarantees: a signal's refusal is answered as that of traces, and does not touch the others."""
    all_three.consumers[signal].fail = error
    with pytest.raises(grpc.RpcError) as caught:
        all_three.export(b"", METHODS[signal])
    assert caught.value.code() is code
    status, _, body = all_three.request("POST", f"/v1/{signal}", b"{}", JSON)
    assert status == http
    assert b"4111" not in body
    assert "4111" not in str(caught.value.details())
    assert all_three.export(b"") == b""


LOGS = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeLogs": [
                {
                    "logRecords": [
                        {
                            "timeUnixNano": "1544712660300000000",
                            "severityNumber": 9,
                            "severityText": "INFO",
                            "body": {"kvlistValue": {"values": [{"key": "a", "value": {"bytesValue": "3q0="}}]}},
                            "traceId": TRACE,
                            "spanId": SPAN,
                            "eventName": "paid",
                        }
                    ]
                }
            ],
        }
    ]
}
METRICS = {
    "resourceMetrics": [
        {
            "scopeMetrics": [
                {
                    "metrics": [
                        {"name": "a", "gauge": {"dataPoints": [POINT]}},
                        {"name": "b", "sum": {"dataPoints": [POINT], "aggregationTemporality": 2}},
                        {"name": "c", "histogram": {"dataPoints": [{"count": "1", "exemplars": POINT["exemplars"]}]}},
                        {
                            "name": "d",
                            "exponentialHistogram": {"dataPoints": [{"scale": 3, "exemplars": POINT["exemplars"]}]},
                        },
                        {"name": "e", "summary": {"dataPoints": [{"count": "2"}]}},
                    ]
                }
            ]
        }
    ]
}


def with_base64(node: Any) -> Any:
    """The same JSON with its ids as the plain protobuf mapping has them."""
    if isinstance(node, list):
        return [with_base64(item) for item in node]
    if not isinstance(node, dict):
        return node
    ids = ("traceId", "spanId", "trace_id", "span_id")
    return {k: base64.b64encode(bytes.fromhex(v)).decode() if k in ids else with_base64(v) for k, v in node.items()}


def in_snake_case(node: Any) -> Any:
    """The same JSON with the names of the .proto files."""
    import re

    if isinstance(node, list):
        return [in_snake_case(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {re.sub(r"([A-Z])", lambda m: f"_{m[0].lower()}", k): in_snake_case(v) for k, v in node.items()}


@pytest.mark.parametrize("spelling", [lambda data: data, in_snake_case])
@pytest.mark.parametrize(
    ("signal", "data", "message"),
    [("logs", LOGS, ExportLogsServiceRequest), ("metrics", METRICS, ExportMetricsServiceRequest)],
)
def test_json(all_three: Any, signal: str, data: Any, message: Any, spelling: Callable[[Any], Any]) -> None:
    """Guarantees: JSON is the mapping with ids in hex: of log records, and of the exemplars of every kind of metric."""
    status, headers, body = all_three.request("POST", f"/v1/{signal}", json.dumps(spelling(data)), JSON)
    assert (status, headers["content-type"], body) == (200, "application/json", b"{}")
    (request,) = all_three.consumers[signal].requests
    assert message.FromString(request) == json_format.ParseDict(with_base64(data), message())


@pytest.mark.parametrize(
    ("signal", "data", "expected"),
    [
        ("logs", [], "expected a JSON object with resourceLogs"),
        ("logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "4111111111111111x"}]}]}]},
         "resourceLogs[0].scopeLogs[0].logRecords[0].traceId is not hex"),
        ("logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "4111111111111111x"}]}]}]},
         "no OTLP logs request: see resourceLogs"),
        ("metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"summary": "4111111111111111"}]}]}]},
         "resourceMetrics[0].scopeMetrics[0].metrics[0].summary is no JSON object"),
        ("metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"gauge": {"dataPoints": [
            {"exemplars": [{"spanId": 7}]}]}}]}]}]},
         "resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[0].exemplars[0].spanId is no string of hex"),
    ],
)  # fmt: skip
def test_bad_json(signal: Any, data: Any, expected: str) -> None:
    """Guarantees: what is wrong is said with its place, and never with a value."""
    with pytest.raises(Malformed) as caught:
        json_to_protobuf(json.dumps(data).encode(), signal)
    assert expected in str(caught.value)
    assert "4111" not in str(caught.value)


def test_paths_must_differ() -> None:
    """Guarantees: two signals at one path are a configuration error."""
    from tailgate.receivers.otlp import SPEC

    with pytest.raises(ValueError, match="must differ"):
        SPEC.config.model_validate({"protocols": {"http": {"logs_url_path": "/v1/traces"}}})
