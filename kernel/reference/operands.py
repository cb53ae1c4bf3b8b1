"""Operands: what a condition, a number or a key looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..contract import BadProgram
from .levels import SHAPES, Level, Shape, View
from .spec import choice, listed, need, text
from .tracestate import member
from .values import Value, decode
from .wire import I32, I64, VARINT, Field, is_len, last_integer, last_payload, signed, split

Read = Callable[[View], Value | None]
"""From what is seen to the operand's value, None when it is absent."""

TRACE_ID, SPAN_ID, TRACE_STATE, PARENT_SPAN_ID, NAME, KIND, START, END = range(1, 9)
EVENTS, LINKS, STATUS, FLAGS = 11, 13, 15, 16


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
        name = choice(parts[1], _FIELDS, "field")
        needed = SHAPES[name.split(".")[0] if name.startswith(("scope.", "event.")) else "span"]
        need(needed.rank <= shape.rank, f"{spec} is not there on a {shape.name}")
        return _FIELDS[name]
    if kind == "state" and len(parts) == 2:
        return _state(text(parts[1], "operand"), shape)
    raise BadProgram(f"unknown operand {spec!r}")


def _state(key: str, shape: Shape) -> Read:
    need(shape.rank >= SHAPES["span"].rank, f"a trace state is not there on a {shape.name}")
    return lambda view: member(_text(_fields(view), TRACE_STATE), key)


def _attribute(where: Any, key: bytes, shape: Shape) -> Read:
    place = choice(where, (*SHAPES, "any"), "attr")
    needed = SHAPES["span" if place == "any" else place]
    need(needed.rank <= shape.rank, f"an attribute of {where!r} is not there on a {shape.name}")
    if place == "any":

        def read_any(view: View) -> Value | None:
            found = raw_attribute(view, "span", key)
            return _decoded(raw_attribute(view, "resource", key) if found is None else found)

        return read_any
    return lambda view: _decoded(raw_attribute(view, place, key))


def raw_attribute(view: View, where: str, key: bytes) -> bytes | None:
    """Return the `AnyValue` of an attribute of the event, span, scope or resource."""
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


_FIELDS: dict[str, Read] = {
    "name": lambda view: _text(_fields(view), NAME),
    "trace_state": lambda view: _text(_fields(view), TRACE_STATE),
    "status.message": lambda view: _text(_status(view), 2),
    "status.code": lambda view: _enum(_status(view), 3),
    "kind": lambda view: _enum(_fields(view), KIND),
    "flags": lambda view: last_integer(_fields(view), FLAGS, I32),
    "duration": _duration,
    "start": lambda view: signed(times(_fields(view))[0], 64),
    "end": lambda view: signed(times(_fields(view))[1], 64),
    "trace_id": lambda view: _hex(_fields(view), TRACE_ID),
    "span_id": lambda view: _hex(_fields(view), SPAN_ID),
    "parent_span_id": lambda view: _hex(_fields(view), PARENT_SPAN_ID),
    "scope.name": lambda view: _text(_fields(view, "scope"), 1),
    "scope.version": lambda view: _text(_fields(view, "scope"), 2),
    "event.name": lambda view: _text(_fields(view, "event"), 2),
    "event.time": lambda view: signed(last_integer(_fields(view, "event"), 1, I64), 64),
}
