"""Spans as people write them in YAML, and OTLP requests: one way and the other.

A step is one request: `at`, `resource`, `resource_schema`, `scope`, `scope_schema`, `metadata`, `spans`. A span has
`trace` (a number or 32 hex digits), `id`, `parent` (left out: a root), `name`, `kind` (CLIENT), `start` and `duration`
(`10ms`), `attributes`, `status` (ERROR, or `{code, message}`), `events` and `links` (`{name, attributes}`,
`{trace, id, attributes}`), `state`, `flags`, `dropped` (how many attributes). Attributes are a mapping, or a list of
pairs where a key stands twice; their values keep their YAML type (`!!binary` is bytes, null the empty value).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status
from tailgate.rules.durations import parse_duration
from tailgate.rules.values import any_value

Words = dict[str, Any]
Pairs = list[tuple[str, Any]]

STEP = {"at", "resource", "resource_schema", "scope", "scope_schema", "metadata", "spans"}
SPAN = {
    *("trace", "id", "parent", "name", "kind", "start", "duration", "attributes", "status", "events", "links"),
    *("state", "flags", "dropped"),
}


def pairs(attributes: Any) -> Pairs:
    """Return a mapping, or a list of pairs, as pairs."""
    listed = attributes.items() if isinstance(attributes, dict) else attributes or []
    return [(str(key), value) for key, value in listed]


def trace_id(trace: int | str) -> bytes:
    return trace.to_bytes(16, "big") if isinstance(trace, int) else bytes.fromhex(trace)


def span_id(number: int | None) -> bytes:
    return b"" if not number else number.to_bytes(8, "big")


def nanoseconds(words: Any) -> int:
    """Return a duration such as `10ms` (negative ones too), or a bare 0, in ns."""
    text = str(words)
    return -parse_duration(text[1:]) if text.startswith("-") else 0 if text == "0" else parse_duration(text)


def _add(target: Any, attributes: Any) -> None:
    for key, value in pairs(attributes):
        target.append(KeyValue(key=key, value=any_value(value)))


def request(step: Words, base: int, first_id: int = 1) -> bytes:
    """Return the request of a step; span times count from `base` (ns), ids that are not written from `first_id`."""
    assert set(step) <= STEP, f"unknown keys: {set(step) - STEP}"
    message = ExportTraceServiceRequest()
    block = message.resource_spans.add(schema_url=step.get("resource_schema", ""))
    _add(block.resource.attributes, step.get("resource"))
    scope = block.scope_spans.add(schema_url=step.get("scope_schema", ""))
    _set_scope(scope, step.get("scope", {}))
    for number, words in enumerate(step["spans"]):
        scope.spans.append(_span(words, base, first_id + number))
    return message.SerializeToString()


def _set_scope(scope: ScopeSpans, words: Words) -> None:
    scope.scope.name, scope.scope.version = words.get("name", ""), words.get("version", "")
    _add(scope.scope.attributes, words.get("attributes"))


def _span(words: Words, base: int, number: int) -> Span:
    assert set(words) <= SPAN, f"unknown keys: {set(words) - SPAN}"
    start = base + nanoseconds(words.get("start", 0))
    span = Span(
        trace_id=trace_id(words.get("trace", 1)),
        span_id=span_id(words.get("id", number)),
        parent_span_id=span_id(words.get("parent")),
        name=words.get("name", "op"),
        kind=Span.SpanKind.Value(f"SPAN_KIND_{words.get('kind', 'UNSPECIFIED')}"),
        start_time_unix_nano=start,
        end_time_unix_nano=start + nanoseconds(words.get("duration", "1ms")),
        trace_state=words.get("state", ""),
        flags=words.get("flags", 0),
        dropped_attributes_count=words.get("dropped", 0),
    )
    status = words.get("status", {})
    status = {"code": status} if isinstance(status, str) else status
    if status:
        code = Status.StatusCode.Value(f"STATUS_CODE_{status.get('code', 'UNSET')}")
        span.status.CopyFrom(Status(code=code, message=status.get("message", "")))
    _add(span.attributes, words.get("attributes"))
    for item in words.get("events", ()):
        event = span.events.add(name=item.get("name", ""), time_unix_nano=start + nanoseconds(item.get("start", 0)))
        _add(event.attributes, item.get("attributes"))
    for item in words.get("links", ()):
        link = span.links.add(trace_id=trace_id(item.get("trace", 1)), span_id=span_id(item.get("id", 1)))
        link.trace_state = item.get("state", "")
        _add(link.attributes, item.get("attributes"))
    return span


def plain(value: AnyValue) -> Any:
    """Return an attribute's value as Python has it; maps are lists of pairs in a tuple, as keys may stand twice."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return tuple((item.key, plain(item.value)) for item in value.kvlist_value.values)
    return getattr(value, kind)


def _plain_pairs(attributes: Iterable[KeyValue]) -> Pairs:
    return [(item.key, plain(item.value)) for item in attributes]


def spans(requests: Iterable[bytes], base: int) -> Iterator[Words]:
    """Yield every span of some requests with what stands above it, in the words of this module."""
    for data in requests:
        for block in ExportTraceServiceRequest.FromString(data).resource_spans:
            for scope in block.scope_spans:
                above = {
                    "resource": _plain_pairs(block.resource.attributes),
                    "resource_schema": block.schema_url,
                    "scope": {
                        "name": scope.scope.name,
                        "version": scope.scope.version,
                        "attributes": _plain_pairs(scope.scope.attributes),
                    },
                    "scope_schema": scope.schema_url,
                }
                for span in scope.spans:
                    yield {**above, **_words(span, base)}


def _words(span: Span, base: int) -> Words:
    code = Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_")
    return {
        "trace": _number(span.trace_id),
        "id": int.from_bytes(span.span_id, "big"),
        "parent": int.from_bytes(span.parent_span_id, "big"),
        "name": span.name,
        "kind": Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        "start": span.start_time_unix_nano - base,
        "duration": span.end_time_unix_nano - span.start_time_unix_nano,
        "attributes": _plain_pairs(span.attributes),
        "status": {"code": code, "message": span.status.message},
        "events": [
            {"name": e.name, "start": e.time_unix_nano - base, "attributes": _plain_pairs(e.attributes)}
            for e in span.events
        ],
        "links": [
            {
                "trace": _number(link.trace_id),
                "id": int.from_bytes(link.span_id, "big"),
                "state": link.trace_state,
                "attributes": _plain_pairs(link.attributes),
            }
            for link in span.links
        ],
        "state": span.trace_state,
        "flags": span.flags,
        "dropped": span.dropped_attributes_count,
    }


def _number(trace: bytes) -> int | str:
    number = int.from_bytes(trace, "big")
    return number if number < 1 << 32 else trace.hex()


def canonical(value: Any) -> str:
    """Return a text that is the same for the same value of the same type; attributes and maps have no order."""
    if isinstance(value, dict):
        value = tuple(value.items())
    if isinstance(value, tuple):
        return "{" + ", ".join(sorted(f"{key}: {canonical(item)}" for key, item in value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(canonical(item) for item in value) + "]"
    return repr(value)


def canonical_pairs(attributes: Any) -> str:
    """The same of attributes, each key as often as it stands."""
    return canonical(tuple(pairs(attributes)))
