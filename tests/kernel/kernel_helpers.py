"""Small builders and readers of OTLP requests and programs for the kernel's tests."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span
from tailgate.kernel.contract import Kernel, Records
from tailgate.kernel.stages import POSITIONS
from tailgate.rules.values import any_value as scalar

NOTHING = {"keep": True, "span": [], "resource": [], "threshold": "leave"}
"""A label that writes nothing."""
LIMITS = {"max_bytes": 1 << 24, "max_spans": 10_000, "max_attributes": 1_000, "max_depth": 32}


class Raw(bytes):
    """An `AnyValue` (or `KeyValue`, where attributes are given as a list) already serialized."""


class Empty:
    """Stands for an `AnyValue` without a member."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Empty)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "EMPTY"


EMPTY = Empty()


def spec(
    stages: Sequence[Any] = (),
    leaves: Sequence[Any] = (),
    numbers: Sequence[Any] = (),
    keys: Sequence[Any] = (),
    compare: Sequence[Any] = (),
    context: int = 0,
    **limits: int,
) -> Any:
    facts = {"leaves": list(leaves), "numbers": list(numbers), "keys": list(keys), "compare": list(compare)}
    return {"stages": list(stages), "facts": facts, "limits": LIMITS | limits, "context": context}


def any_value(value: Any) -> AnyValue:
    if isinstance(value, Raw):
        return AnyValue.FromString(value)
    if isinstance(value, Empty):
        return AnyValue()
    if isinstance(value, (str, bool, int, float, bytes)):
        return scalar(value)
    out = AnyValue()
    if isinstance(value, list):
        out.array_value.SetInParent()
        out.array_value.values.extend(any_value(item) for item in value)
    else:
        out.kvlist_value.SetInParent()
        out.kvlist_value.values.extend(attributes(value))
    return out


def attributes(values: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> list[KeyValue]:
    pairs = values.items() if isinstance(values, Mapping) else values
    return [KeyValue(key=key, value=any_value(value)) for key, value in pairs]


def encoded(value: Any) -> str:
    """An edit's `value`."""
    return base64.b64encode(any_value(value).SerializeToString()).decode()


def pair(key: str, value: Any) -> tuple[str, bytes]:
    """A label's attribute."""
    return key, KeyValue(key=key, value=any_value(value)).SerializeToString()


def span(values: Any = (), **fields: Any) -> Span:
    """Return a span; ids are those of one trace and one span unless given."""
    given = {"trace_id": bytes(range(1, 17)), "span_id": b"\x01" * 8, "name": "work"} | fields
    return Span(attributes=attributes(values), **given)


def request(*spans: Span, resource: Any = None, scope: Any = None, **scope_fields: Any) -> bytes:
    """Return a request of one resource and one scope (each absent where None)."""
    return grouped((resource, scope, spans), **scope_fields)


def grouped(*groups: tuple[Any, Any, Sequence[Span]], **scope_fields: Any) -> bytes:
    """Return a request with a ResourceSpans for each (resource attributes, scope attributes, spans)."""
    out = ExportTraceServiceRequest()
    for resource, scope, spans in groups:
        resource_spans = out.resource_spans.add()
        if resource is not None:
            resource_spans.resource.SetInParent()
            resource_spans.resource.attributes.extend(attributes(resource))
        scope_spans = resource_spans.scope_spans.add(spans=spans)
        if scope is not None or scope_fields:
            scope_spans.scope.SetInParent()
            scope_spans.scope.attributes.extend(attributes(scope or ()))
            for name, value in scope_fields.items():
                setattr(scope_spans.scope, name, value)
    return out.SerializeToString()


def plain(value: AnyValue) -> Any:
    """Return an `AnyValue` as Python data, bytes and maps (as lists of pairs) too."""
    which = value.WhichOneof("value")
    if which is None:
        return EMPTY
    if which == "array_value":
        return [plain(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return {one.key: plain(one.value) for one in value.kvlist_value.values}
    return getattr(value, which)


def pairs(values: Iterable[KeyValue]) -> list[tuple[str, Any]]:
    return [(one.key, plain(one.value)) for one in values]


def parsed(data: bytes) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(data)


def first_resource(data: bytes) -> ResourceSpans:
    return parsed(data).resource_spans[0]


def first_span(data: bytes) -> Span:
    return first_resource(data).scope_spans[0].spans[0]


def span_attributes(data: bytes) -> list[tuple[str, Any]]:
    """Return those of the first span."""
    return pairs(first_span(data).attributes)


def all_spans(data: bytes) -> list[Span]:
    return [one for resource in parsed(data).resource_spans for scope in resource.scope_spans for one in scope.spans]


def run(kernel: Kernel, data: bytes, *stages: Any, context: Sequence[str | None] = ()) -> bytes:
    """Return the request after these stages."""
    return kernel.compile(spec(stages, context=len(context))).digest(data, context).request()


def edit(*actions: Any, on: str = "span", when: Any = None) -> Any:
    return {"kind": "edit", "on": on, "if": when, "actions": list(actions)}


def redact(text: str = "X") -> Any:
    return {"do": "redact", "text": text}


def rule(pattern: str, action: Any = None, **more: Any) -> Any:
    return {"pattern": pattern, "action": action or redact(), **more}


EVERYWHERE = list(POSITIONS["traces"])
"""Every position of a trace's strings but for the keys of attributes."""


def scrub(*values: Any, keys: Sequence[Any] = (), skip: str | None = None, positions: Any = None, **more: Any) -> Any:
    return {
        "kind": "scrub",
        "positions": EVERYWHERE if positions is None else positions,
        "skip": skip,
        "keys": list(keys),
        "values": list(values),
        **more,
    }


def scrubbed(kernel: Kernel, values: Any, *rules: Any, **more: Any) -> list[tuple[str, Any]]:
    """Return a span's attributes after a stage with these `values` rules."""
    return span_attributes(run(kernel, request(span(values)), scrub(*rules, **more)))


def holds(kernel: Kernel, condition: Any, data: bytes) -> bool:
    """Return whether a condition is true of the one span of a request."""
    columns = kernel.compile(spec(leaves=[condition])).digest(data).columns()
    assert columns.count == 1
    return bool(columns.masks[columns.mask_index[0]] & 1)


def tag(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def varint(value: int, length: int = 0) -> bytes:
    """Return a varint, padded to at least `length` bytes (not minimal then)."""
    out = bytearray()
    while value >= 0x80 or len(out) + 1 < length:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, payload: bytes, length: int = 0) -> bytes:
    """Return a length-delimited field."""
    return tag(number, 2) + varint(len(payload), length) + payload


def wrapped(raw_span: bytes, resource: bytes = b"", scope: bytes = b"") -> bytes:
    """Return a request around a raw span; `resource` and `scope` are raw fields before the children."""
    return field(1, resource + field(2, scope + field(2, raw_span)))


def kept(
    kernel: Any, data: bytes, trace_threshold: int = 0, retention: dict[str, Any] | None = None, **label: Any
) -> Records:
    """Return the records of a request whose traces are all kept with this label (and one in the second slot)."""
    program, book = kernel.compile(spec()), kernel.labels()
    number = book.add(NOTHING | label)
    table = kernel.table(program, book, 10, 10)
    table.file(program.digest(data), 1)
    due = table.due(1, None, 100)
    settled = table.settle(due, array("I", [number] * due.count), array("Q", [trace_threshold] * due.count))
    if retention is not None:
        second = book.add(NOTHING | retention)
        settled.kept.label(1, array("I", [second] * due.count))
    return settled.kept


def sent(kernel: Any, data: bytes, **label: Any) -> bytes:
    """Return the one request that comes out when all traces are kept with this label."""
    [(out, _)] = kept(kernel, data, **label).requests(0, 0)
    return out
