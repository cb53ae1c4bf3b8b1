"""OTLP requests as spans that a tool can look at: attributes as plain values, each span with its resource."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Seen:
    """A span, and what stands above it."""

    span: Span
    resource: dict[str, Any]
    attributes: dict[str, Any]
    bytes: int
    """Of the span message."""

    @property
    def service(self) -> str:
        """`service.name`, or nothing."""
        return str(self.resource.get("service.name", ""))

    @property
    def root(self) -> bool:
        """Whether it has no parent."""
        return not any(self.span.parent_span_id)

    @property
    def duration(self) -> int:
        """In ns."""
        return max(0, self.span.end_time_unix_nano - self.span.start_time_unix_nano)


def plain(value: AnyValue) -> Any:
    """Return an attribute's value as a Python value."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return plain_attributes(value.kvlist_value.values)
    return getattr(value, kind)


def plain_attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Return attributes as a mapping; of a key that stands twice the first counts."""
    found: dict[str, Any] = {}
    for pair in pairs:
        found.setdefault(pair.key, plain(pair.value))
    return found


def spans_of(requests: Iterable[bytes]) -> Iterator[Seen]:
    """Yield the spans of requests, in order."""
    for request in requests:
        for group in ExportTraceServiceRequest.FromString(request).resource_spans:
            resource = plain_attributes(group.resource.attributes)
            for scope in group.scope_spans:
                for span in scope.spans:
                    yield Seen(span, resource, plain_attributes(span.attributes), span.ByteSize())


def root_of(spans: Iterable[Seen]) -> Seen | None:
    """Return the root of one trace's spans, else that which started first, None of none."""
    listed = list(spans)
    roots = [seen for seen in listed if seen.root]
    return min(roots or listed, key=lambda seen: seen.span.start_time_unix_nano, default=None)
