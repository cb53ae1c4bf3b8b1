"""Every string of a request by where it stands; what stands there is numbered before anything can be dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ..telemetry.signals import FACTS, Signal
from .recognising import FIELDS

Found = Iterator[tuple[str, str]]
"""Where, and the string."""
_NUMBER = (1 << 29) - 1
"""The field that a number is noted in: the last one there can be, of which OTLP says nothing. Stages leave it alone."""


class Numbering:
    """Numbers what is in the requests of one sample, through all of them and from 1 on."""

    def __init__(self) -> None:
        self.records: dict[Signal, int] = {}
        """Spans, log records and data points so far, of the signals that were seen."""
        self._resources = self._metrics = 0

    def numbered(self, signal: Signal, request: bytes) -> bytes:
        """Return the request with the numbers in it; one without resources is empty. Raises `DecodeError`."""
        message: Any = FACTS[signal].request.FromString(request)
        groups, scopes, records = FIELDS[signal]
        for group in getattr(message, groups):
            self.records.setdefault(signal, 0)
            self._resources += 1
            _note(group, self._resources)
            inside = getattr(group, scopes)
            for at, scope in enumerate(inside, 1):
                _note(scope, at if len(inside) > 1 else 0)
                for record in getattr(scope, records):
                    self._record(signal, record)
        return bytes(message.SerializeToString()) if getattr(message, groups) else b""

    def _record(self, signal: Signal, record: Any) -> None:
        if signal == "metrics":
            self._metrics += 1
            _note(record, self._metrics)
        for counted in _points(record) if signal == "metrics" else [record]:
            self.records[signal] += 1
            _note(counted, self.records[signal])


def _note(message: Message, number: int) -> None:
    message.MergeFromString(_varint(_NUMBER << 3) + _varint(number))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _noted(message: Message) -> int:
    """Return the number noted last; 0 when there is none."""
    unknown = UnknownFieldSet(message)
    fields = (unknown[at] for at in range(len(unknown)))
    return ([0] + [int(one.data) for one in fields if one.field_number == _NUMBER and one.wire_type == 0])[-1]


def _points(metric: Any) -> Sequence[Any]:
    data = metric.WhichOneof("data")
    return getattr(metric, data).data_points if data else ()


def strings_of(signal: Signal, request: bytes, names: Callable[[str], str], *, looks: bool) -> dict[str, str]:
    """Return every string of a numbered request by where it stands.

    `names`: the key of an attribute as it is shown; `looks`: keys count as strings, too.
    """
    return {where: text for where, text in _Strings(names, looks).request(signal, request) if text}


class _Strings:
    """A walk through messages of any signal."""

    def __init__(self, names: Callable[[str], str], looks: bool) -> None:
        self._names, self._looks = names, looks

    def request(self, signal: Signal, request: bytes) -> Found:
        groups, scopes, records = FIELDS[signal]
        record = {"traces": self._span, "logs": self._log, "metrics": self._metric}[signal]
        for group in getattr(FACTS[signal].request.FromString(request), groups):
            head = f"resource {_noted(group)}"
            yield from self._attributes(f"{head} attributes", group.resource.attributes)
            yield f"{head} schema_url", group.schema_url
            for scope in getattr(group, scopes):
                yield from self._scope(f"{head} scope" + (f" {at}" if (at := _noted(scope)) else ""), scope)
                for one in getattr(scope, records):
                    yield from record(one)

    def _scope(self, head: str, group: Any) -> Found:
        yield f"{head} name", group.scope.name
        yield f"{head} version", group.scope.version
        yield f"{head} schema_url", group.schema_url
        yield from self._attributes(f"{head} attributes", group.scope.attributes)

    def _span(self, span: Span) -> Found:
        head = f"span {_noted(span)}"
        yield f"{head} name", span.name
        yield f"{head} trace_state", span.trace_state
        yield f"{head} status.message", span.status.message
        yield from self._attributes(f"{head} attributes", span.attributes)
        for at, event in enumerate(span.events):
            yield f"{head} events[{at}].name", event.name
            yield from self._attributes(f"{head} events[{at}]", event.attributes)
        for at, link in enumerate(span.links):
            yield f"{head} links[{at}].trace_state", link.trace_state
            yield from self._attributes(f"{head} links[{at}]", link.attributes)

    def _log(self, record: Any) -> Found:
        head = f"log record {_noted(record)}"
        yield f"{head} severity_text", record.severity_text
        yield f"{head} event_name", record.event_name
        yield from self._value(f"{head} body", record.body)
        yield from self._attributes(f"{head} attributes", record.attributes)

    def _metric(self, metric: Any) -> Found:
        head = f"metric {_noted(metric)}"
        yield f"{head} name", metric.name
        yield f"{head} description", metric.description
        yield f"{head} unit", metric.unit
        yield from self._attributes(f"{head} metadata", metric.metadata)
        for point in _points(metric):
            head = f"data point {_noted(point)}"
            yield from self._attributes(f"{head} attributes", point.attributes)
            for at, exemplar in enumerate(getattr(point, "exemplars", ())):  # summaries have none
                yield from self._attributes(f"{head} exemplars[{at}]", exemplar.filtered_attributes)

    def _attributes(self, head: str, pairs: Sequence[KeyValue]) -> Found:
        seen: dict[str, int] = {}
        for pair in pairs:
            key = self._names(pair.key)
            seen[key] = seen.get(key, 0) + 1
            where = f"{head}.{key}" + (f"#{seen[key]}" if seen[key] > 1 else "")
            if self._looks:
                yield f"{where} (key)", pair.key
            yield from self._value(where, pair.value)

    def _value(self, where: str, value: AnyValue) -> Found:
        kind = value.WhichOneof("value")
        if kind == "array_value":
            for at, item in enumerate(value.array_value.values):
                yield from self._value(f"{where}[{at}]", item)
        elif kind == "kvlist_value":
            yield from self._attributes(where, value.kvlist_value.values)
        elif kind == "bytes_value":
            yield where, value.bytes_value.decode("utf-8", "replace")
        elif kind is not None:
            yield where, str(getattr(value, kind))
