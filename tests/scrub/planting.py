"""Every position of a string in a request, and requests with a text at one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Plant = Callable[[str], None]


def field(message: Any, name: str) -> Plant:
    """Return what sets a string field."""
    return lambda text: setattr(message, name, text)


def attribute(pairs: Any, key: str) -> Plant:
    """Return what sets an attribute of its own."""
    return field(pairs.add(key=key).value, "string_value")


def trace_positions(request: ExportTraceServiceRequest, key: str = "note") -> dict[str, Plant]:
    """Return what plants a text, by position, in a request with one of everything; `key` is that of attributes."""
    resource_spans = request.resource_spans.add()
    scope_spans = resource_spans.scope_spans.add()
    span = scope_spans.spans.add(name="work", trace_id=bytes(range(16)), span_id=bytes(range(8)))
    event, link = span.events.add(name="event"), span.links.add()
    deep = span.attributes.add(key="deep").value
    listed = deep.kvlist_value.values.add(key="list").value.array_value.values.add().kvlist_value.values
    raw = span.attributes.add(key="raw").value
    return {
        "span": attribute(span.attributes, key),
        "resource": attribute(resource_spans.resource.attributes, key),
        "scope": attribute(scope_spans.scope.attributes, key),
        "nested": attribute(listed, key),
        "array": field(span.attributes.add(key="many").value.array_value.values.add(), "string_value"),
        "bytes": lambda text: setattr(raw, "bytes_value", text.encode()),
        "event": attribute(event.attributes, key),
        "link": attribute(link.attributes, key),
        "span_name": field(span, "name"),
        "status": field(span.status, "message"),
        "event_name": field(event, "name"),
        "trace_state": field(span, "trace_state"),
        "link_trace_state": field(link, "trace_state"),
        "scope_name": field(scope_spans.scope, "name"),
        "scope_version": field(scope_spans.scope, "version"),
        "resource_schema_url": field(resource_spans, "schema_url"),
        "scope_schema_url": field(scope_spans, "schema_url"),
    }


def log_positions(request: ExportLogsServiceRequest, key: str = "note") -> dict[str, Plant]:
    """The same of log records: one has a text for its body, the others what else a body can be."""
    resource_logs = request.resource_logs.add()
    scope_logs = resource_logs.scope_logs.add()
    log, mapped, listed, raw = (scope_logs.log_records.add(severity_number=9) for _ in range(4))
    return {
        "body": field(log.body, "string_value"),
        "resource": attribute(resource_logs.resource.attributes, key),
        "scope": attribute(scope_logs.scope.attributes, key),
        "log": attribute(log.attributes, key),
        "log_nested": attribute(log.attributes.add(key="deep").value.kvlist_value.values, key),
        "body_map": attribute(mapped.body.kvlist_value.values, key),
        "body_array": field(listed.body.array_value.values.add().array_value.values.add(), "string_value"),
        "body_bytes": lambda text: setattr(raw.body, "bytes_value", text.encode()),
        "severity_text": field(log, "severity_text"),
        "event_name": field(log, "event_name"),
        "scope_name": field(scope_logs.scope, "name"),
        "scope_version": field(scope_logs.scope, "version"),
        "resource_schema_url": field(resource_logs, "schema_url"),
        "scope_schema_url": field(scope_logs, "schema_url"),
    }


def metric_positions(request: ExportMetricsServiceRequest, key: str = "note") -> dict[str, Plant]:
    """The same of metrics, with a data point of each kind."""
    resource_metrics = request.resource_metrics.add()
    scope_metrics = resource_metrics.scope_metrics.add()
    metrics = {kind: scope_metrics.metrics.add(name=kind) for kind in POINTS}
    points = {kind: getattr(metric, kind).data_points.add() for kind, metric in metrics.items()}
    found = {f"datapoint_{kind}": attribute(point.attributes, key) for kind, point in points.items()}
    for kind, point in points.items():
        if kind != "summary":
            found[f"exemplar_{kind}"] = attribute(point.exemplars.add().filtered_attributes, key)
    metric = metrics["sum"]
    return found | {
        "resource": attribute(resource_metrics.resource.attributes, key),
        "scope": attribute(scope_metrics.scope.attributes, key),
        "metric": attribute(metric.metadata, key),
        "metric_name": field(metric, "name"),
        "metric_description": field(metric, "description"),
        "metric_unit": field(metric, "unit"),
        "scope_name": field(scope_metrics.scope, "name"),
        "scope_version": field(scope_metrics.scope, "version"),
        "resource_schema_url": field(resource_metrics, "schema_url"),
        "scope_schema_url": field(scope_metrics, "schema_url"),
    }


POINTS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
REQUESTS: dict[str, tuple[Any, Callable[[Any, str], dict[str, Plant]]]] = {
    "traces": (ExportTraceServiceRequest, trace_positions),
    "logs": (ExportLogsServiceRequest, log_positions),
    "metrics": (ExportMetricsServiceRequest, metric_positions),
}
ALL_POSITIONS = {signal: tuple(names(make(), "note")) for signal, (make, names) in REQUESTS.items()}
POSITIONS = ALL_POSITIONS["traces"]


def planted(position: str, text: str, key: str = "note", signal: str = "traces") -> Any:
    """Return a request of a signal with the text at the position."""
    make, positions = REQUESTS[signal]
    request = make()
    positions(request, key)[position](text)
    return request


def strings(message: Any) -> list[str]:
    """Return every string (and bytes that are one) of a message, wherever it stands."""
    found: list[str] = []
    for descriptor, value in message.ListFields():
        for one in value if descriptor.is_repeated else [value]:
            if descriptor.message_type is not None:
                found.extend(strings(one))
            elif isinstance(one, str):
                found.append(one)
            elif isinstance(one, bytes) and descriptor.name == "bytes_value":
                found.append(one.decode("utf-8", "replace"))
    return found
