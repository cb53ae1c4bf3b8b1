"""Operands: what a condition, a number or a key looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..contract import BadProgram
from . import points
from .levels import SHAPES, Level, Shape, View, sees
from .spec import choice, listed, need, text
from .tracestate import member
from .values import Value, decode
from .wire import I32, I64, VARINT, Field, is_len, last_integer, last_payload, signed, split

Read = Callable[[View], Value | None]
"""From what is seen to the operand's value, None when it is absent."""

TRACE_ID, SPAN_ID, TRACE_STATE, PARENT_SPAN_ID, NAME, KIND, START, END = range(1, 9)
EVENTS, LINKS, STATUS, FLAGS = 11, 13, 15, 16
SEVERITY_NUMBER, SEVERITY_TEXT, BODY, EVENT_NAME = 2, 3, 5, 12
"""Of a log record."""


def compile_operand(spec: Any, shape: Shape, events: bool = False) -> Read:
    """Return how to read an operand where a condition stands on `shape`. Raises `BadProgram`.

    Those of an event only when `events` is set.
    """
    parts = listed(spec, "operand")
    kind = parts[0] if parts else None
    place = parts[1] if len(parts) > 1 else None
    of_event = place == "event" if kind == "attr" else place in ("event.name", "event.time")
    need(events or not of_event, f"{spec} cannot stand here")
    if kind == "attr" and len(parts) == 3:
        return _attribute(parts[1], text(parts[2], "operand").encode(), shape)
    if kind == "field" and len(parts) == 2:
        name = choice(parts[1], _KNOWN, "field")
        found = [fields[name] for level, fields in _FIELDS.items() if name in fields and sees(shape, level)]
        need(bool(found), f"{spec} is not there on a {shape.name}")
        return found[0]
    if kind == "state" and len(parts) == 2:
        return _state(text(parts[1], "operand"), shape)
    raise BadProgram(f"unknown operand {spec!r}")


def _state(key: str, shape: Shape) -> Read:
    need(sees(shape, "span"), f"a trace state is not there on a {shape.name}")
    return lambda view: member(_text(_fields(view), TRACE_STATE), key)


def _attribute(where: Any, key: bytes, shape: Shape) -> Read:
    place = choice(where, (*SHAPES, "any"), "attr")
    inner = next((name for name in _ANY if sees(shape, name)), None)
    seen = inner is not None if place == "any" else sees(shape, place)
    need(seen, f"an attribute of {where!r} is not there on a {shape.name}")
    if place == "any" and inner is not None:

        def read_any(view: View) -> Value | None:
            found = raw_attribute(view, inner, key)
            return _decoded(raw_attribute(view, "resource", key) if found is None else found)

        return read_any
    return lambda view: _decoded(raw_attribute(view, place, key))


def raw_attribute(view: View, where: str, key: bytes) -> bytes | None:
    """Return the `AnyValue` of an attribute of a level that is seen."""
    return level_of(view, where).attributes.get(key)


def level_of(view: View, where: str) -> Level:
    """Return a level that is known to be there."""
    level: Level = getattr(view, where)
    return level


def _decoded(payload: bytes | None) -> Value | None:
    return None if payload is None else decode(payload)


def _fields(view: View, where: str = "span") -> Sequence[Field]:
    return level_of(view, where).merged


def _status(view: View) -> Sequence[Field]:
    return [inner for one in _fields(view) if is_len(one, STATUS) for inner in split(one.payload)]


def _text(fields: Sequence[Field], number: int) -> str:
    return (last_payload(fields, number) or b"").decode()


def _hex(fields: Sequence[Field], number: int) -> str:
    return (last_payload(fields, number) or b"").hex()


def _enum(fields: Sequence[Field], number: int) -> int:
    return signed(last_integer(fields, number, VARINT), 32)


def times(span: Sequence[Field]) -> tuple[int, int]:
    """Return a span's start and end in ns, 0 where they are missing."""
    return last_integer(span, START, I64), last_integer(span, END, I64)


def _duration(view: View) -> int:
    start, end = times(_fields(view))
    return max(0, end - start) if start and end else 0


def is_root(view: View) -> bool:
    """Return whether the parent span id is empty or all zero."""
    return not any(last_payload(_fields(view), PARENT_SPAN_ID) or b"")


def _body(view: View) -> Value | None:
    return _decoded(last_payload(_fields(view, "log"), BODY))


def _time(where: str, number: int) -> Read:
    return lambda view: signed(last_integer(_fields(view, where), number, I64), 64)


def _string(where: str, number: int) -> Read:
    return lambda view: _text(_fields(view, where), number)


def _id(where: str, number: int) -> Read:
    return lambda view: _hex(_fields(view, where), number)


_ANY = ("span", "log", "datapoint")
"""The levels whose attribute `any` takes before the resource's."""

_SPAN: dict[str, Read] = {
    "name": lambda view: _text(_fields(view), NAME),
    "trace_state": lambda view: _text(_fields(view), TRACE_STATE),
    "status.message": lambda view: _text(_status(view), 2),
    "status.code": lambda view: _enum(_status(view), 3),
    "kind": lambda view: _enum(_fields(view), KIND),
    "flags": lambda view: last_integer(_fields(view), FLAGS, I32),
    "duration": _duration,
    "start": lambda view: signed(times(_fields(view))[0], 64),
    "end": lambda view: signed(times(_fields(view))[1], 64),
    "trace_id": _id("span", TRACE_ID),
    "span_id": _id("span", SPAN_ID),
    "parent_span_id": _id("span", PARENT_SPAN_ID),
}
_LOG: dict[str, Read] = {
    "body": _body,
    "severity_number": lambda view: _enum(_fields(view, "log"), SEVERITY_NUMBER),
    "severity_text": _string("log", SEVERITY_TEXT),
    "event_name": _string("log", EVENT_NAME),
    "trace_id": _id("log", 9),
    "span_id": _id("log", 10),
    "flags": lambda view: last_integer(_fields(view, "log"), 8, I32),
    "time": _time("log", 1),
    "observed_time": _time("log", 11),
}
_METRIC: dict[str, Read] = {
    "metric.name": _string("metric", 1),
    "metric.description": _string("metric", 2),
    "metric.unit": _string("metric", 3),
    "metric.type": points.metric_type,
    "metric.aggregation_temporality": points.temporality,
    "metric.is_monotonic": points.is_monotonic,
}
_POINT: dict[str, Read] = {
    "datapoint.value": points.value,
    "datapoint.count": points.count,
    "datapoint.sum": points.total,
    "datapoint.flags": points.flags,
    "datapoint.start": _time("datapoint", 2),
    "datapoint.time": _time("datapoint", 3),
}
_SCOPE: dict[str, Read] = {"scope.name": _string("scope", 1), "scope.version": _string("scope", 2)}
_EVENT: dict[str, Read] = {"event.name": _string("event", 2), "event.time": _time("event", 1)}
_FIELDS = {"scope": _SCOPE, "span": _SPAN, "event": _EVENT, "log": _LOG, "metric": _METRIC, "datapoint": _POINT}
_KNOWN = {name for fields in _FIELDS.values() for name in fields}
