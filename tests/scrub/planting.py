"""Every position of a string in a request, and requests with a text at one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


POSITIONS = tuple(trace_positions(ExportTraceServiceRequest()))


def planted(position: str, text: str, key: str = "note") -> ExportTraceServiceRequest:
    """Return a request with the text at the position."""
    request = ExportTraceServiceRequest()
    trace_positions(request, key)[position](text)
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
