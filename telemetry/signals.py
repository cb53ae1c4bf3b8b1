"""The signals of OTLP: what each is counted in, its gRPC service and HTTP path, and its messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from ..kernel.contract import Signal

__all__ = ["FACTS", "SIGNALS", "Signal", "SignalFacts", "partial_success"]

SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")


@dataclass(frozen=True)
class SignalFacts:
    """What there is to know of a signal."""

    unit: str
    """What its metrics count, as in `otelcol_receiver_accepted_<unit>`."""
    one: str
    many: str
    """The same in words."""
    service: str
    """Its gRPC service; the method is `Export`."""
    path: str
    """Its path in OTLP/HTTP."""
    request: type[Message]
    response: type[Message]
    rejected: str
    """The field of a partial success that says how many were not taken."""
    groups: tuple[str, str, str]
    """The repeated fields on the way down in JSON: resources, scopes, records."""

    @property
    def words(self) -> str:
        """The unit as a sentence begins with it."""
        return self.many.capitalize()


FACTS: Mapping[Signal, SignalFacts] = {
    "traces": SignalFacts(
        "spans",
        "span",
        "spans",
        "opentelemetry.proto.collector.trace.v1.TraceService",
        "/v1/traces",
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
        "rejected_spans",
        ("resourceSpans", "scopeSpans", "spans"),
    ),
    "logs": SignalFacts(
        "log_records",
        "log record",
        "log records",
        "opentelemetry.proto.collector.logs.v1.LogsService",
        "/v1/logs",
        ExportLogsServiceRequest,
        ExportLogsServiceResponse,
        "rejected_log_records",
        ("resourceLogs", "scopeLogs", "logRecords"),
    ),
    "metrics": SignalFacts(
        "metric_points",
        "data point",
        "data points",
        "opentelemetry.proto.collector.metrics.v1.MetricsService",
        "/v1/metrics",
        ExportMetricsServiceRequest,
        ExportMetricsServiceResponse,
        "rejected_data_points",
        ("resourceMetrics", "scopeMetrics", "metrics"),
    ),
}


def partial_success(signal: Signal, response: Any) -> tuple[int, str]:
    """Return how many records an export response says were not taken, and its message."""
    partial = response.partial_success
    return getattr(partial, FACTS[signal].rejected), partial.error_message
