"""Tables that programs look up in: rows of attributes by a text, replaced while requests are walked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from ..contract import Lookup, Row
from .levels import SPAN, Level, Shape, View, put
from .spec import choice, listed, natural, need, only, text
from .values import Empty, Value, decode, key_value, text_of

Columns = dict[bytes, bytes]
"""From key to `AnyValue`."""


class _Rows(NamedTuple):
    exact: dict[str, Columns]
    prefixes: dict[bytes, Columns]
    """By the UTF-8 of what texts begin with."""


class ReferenceLookup:
    """See `contract.Lookup`."""

    def __init__(self) -> None:
        self._rows = _Rows({}, {})
        self._lock = threading.Lock()

    def fill(self, rows: Mapping[str, Row], prefixes: Mapping[str, Row] | None = None) -> None:
        """Replace all rows at once; ValueError when a value is no AnyValue, or a key stands twice in a row."""
        exact = {found_by: _columns(found_by, row) for found_by, row in rows.items()}
        self._rows = _Rows(exact, {one.encode(): _columns(one, row) for one, row in (prefixes or {}).items()})

    def update(self, rows: Mapping[str, Row | None]) -> None:
        """Replace some rows; those that are None go. ValueError as in `fill`, then nothing has changed."""
        new = {found_by: None if row is None else _columns(found_by, row) for found_by, row in rows.items()}
        with self._lock:
            exact = {**self._rows.exact, **new}
            self._rows = self._rows._replace(exact={key: row for key, row in exact.items() if row is not None})

    def __len__(self) -> int:
        return len(self._rows.exact) + len(self._rows.prefixes)

    def find(self, found_by: str) -> Columns | None:
        """Return the row of this very text, else that of the longest prefix of it."""
        exact, prefixes = self._rows
        if found_by in exact:
            return exact[found_by]
        content = found_by.encode()
        fitting = [prefix for prefix in prefixes if content.startswith(prefix)]
        return prefixes[max(fitting, key=len)] if fitting else None


def _columns(found_by: str, row: Row) -> Columns:
    columns: Columns = {}
    for key, value in row:
        try:
            AnyValue.FromString(value)
        except DecodeError:
            raise ValueError(f"lookup: {key!r} of {found_by!r} is no AnyValue") from None
        if key.encode() in columns:
            raise ValueError(f"lookup: {key!r} stands twice in {found_by!r}")
        columns[key.encode()] = value
    return columns


_OF_PROGRAM: ContextVar[Sequence[ReferenceLookup]] = ContextVar("lookups of the program that is being compiled")


def compiling(lookups: Sequence[Lookup], compile_all: Callable[[], None]) -> None:
    """Run what compiles a program, in which `of_program` finds these lookups."""
    given = []
    for one in lookups:
        if not isinstance(one, ReferenceLookup):
            raise TypeError(f"no lookup of this kernel: {one!r}")
        given.append(one)
    token = _OF_PROGRAM.set(given)
    try:
        compile_all()
    finally:
        _OF_PROGRAM.reset(token)


def of_program(index: Any) -> tuple[ReferenceLookup, int]:
    """Return the lookup of that number, and where its counters begin, from the end of the program's."""
    number, lookups = natural(index, "lookup"), _OF_PROGRAM.get(())
    need(number < len(lookups), f"lookup {number}: the program has {len(lookups)}")
    return lookups[number], -2 * (len(lookups) - number)


def column(index: Any, key: Any) -> Callable[[Value | None], Value | None]:
    """Return how to find a column of the row that a lookup has for the text of a value."""
    lookup, wanted = of_program(index)[0], text(key, "lookup").encode()

    def found(value: Value | None) -> Value | None:
        found_by = text_of(value)
        row = None if found_by is None else lookup.find(found_by)
        value = None if row is None or wanted not in row else decode(row[wanted])
        return None if isinstance(value, Empty) else value

    return found


Source = Callable[[View, Any], bytes | None]
_WRITES = ("insert", "upsert", "fill", "nothing")


def look_up(spec: Any, shape: Shape, source: Callable[[Any], Source]) -> Callable[[View, Level, Any], Level]:
    """Return the action `lookup`; `source` compiles where a part of what rows are found by comes from."""
    only(spec, {"do", "in", "by", "write"}, "lookup")
    need(shape.rank <= SPAN.rank, f"lookup is not there on {shape.name}s")
    lookup, counter = of_program(spec.get("in"))
    by = [[_part(one, source) for one in listed(parts, "by")] for parts in listed(spec.get("by"), "by")]
    need(all(by), "by: an alternative of nothing")
    write = choice(spec.get("write"), _WRITES, "lookup: write")

    def action(view: View, level: Level, context: Any) -> Level:
        for parts in by:
            texts = [_text(part(view, context)) for part in parts]
            if all(texts):
                row = lookup.find("\0".join(texts))
                context.counters[counter + (row is None)] += 1
                return _written(level, row or {}, write)
        return level

    return action


def _part(spec: Any, source: Callable[[Any], Source]) -> Source:
    only(spec, {"value", "from", "context", "of"}, "by")
    return source({"do": "lookup", **spec})


def _text(payload: bytes | None) -> str:
    return "" if payload is None else text_of(decode(payload)) or ""


def _written(level: Level, row: Columns, write: str) -> Level:
    if write == "nothing":
        return level
    for key, value in row.items():
        stands = decode(level.attributes.get(key, b""))
        update = write == "upsert" or (write == "fill" and (isinstance(stands, Empty) or stands == ""))
        level = put(level, key, value, update, key_value(key, value))
    return level
