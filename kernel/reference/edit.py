"""Stage `edit`: actions on the attributes of spans, resources or scopes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from ..contract import BadProgram
from . import lookup, rewrite
from .expressions import compile_condition, compile_if
from .levels import DATAPOINT, EVENT, LEVELS, METRIC, SHAPES, SPAN, Level, Shape, View, change_values, put, sees
from .operands import EVENTS, raw_attribute
from .patterns import compile_pattern
from .points import on_points
from .spec import choice, listed, natural, need, only, text
from .values import Value, convert, decode, key_value, of_string
from .wire import is_len, replaced, split


class Context(NamedTuple):
    """What comes with a walk."""

    values: Sequence[str | None]
    counters: list[int]


Source = Callable[[View, Context], bytes | None]
"""From what is seen to an `AnyValue`, None when it is absent."""
Action = Callable[[View, Level, Context], Level]


class Edit:
    """A compiled edit stage. Raises `BadProgram`."""

    rules = 0

    def __init__(self, stage: Any, contexts: int, signal: str = "traces") -> None:
        only(stage, {"kind", "on", "if", "actions"}, "edit")
        self._shape = SHAPES[choice(stage.get("on"), [shape.name for shape in LEVELS[signal]], "edit: on")]
        self._holds = compile_if(stage.get("if"), self._shape)
        self._actions = [_conditional(one, self._shape, contexts) for one in listed(stage.get("actions"), "actions")]
        self.drops = any("drop_if" in one for one in stage["actions"])

    def bind(
        self, values: Sequence[str | None], counters: list[int], first: int
    ) -> Callable[[View, Level], Level | None]:
        """Return the stage for one request; it leaves levels alone that it is not on. None: the span goes."""
        context = Context(values, counters)

        def edited(view: View, level: Level) -> Level:
            if self._holds(view):
                for action in self._actions:
                    level = action(view.on(level), level, context)
            return level

        def apply(view: View, level: Level) -> Level | None:
            try:
                return changed(view, level)
            except _Dropped:
                return None

        def changed(view: View, level: Level) -> Level | None:
            if self._shape is EVENT and level.shape is SPAN:
                return _on_events(level, lambda event: edited(view.on(event), event))
            if self._shape is DATAPOINT and level.shape is METRIC:
                return on_points(level, lambda point: pointed(view.on(point), point))
            return edited(view, level) if level.shape is self._shape else level

        def pointed(view: View, point: Level) -> Level | None:
            try:
                return edited(view, point)
            except _Dropped:
                return None

        return apply


class _Dropped(Exception):
    """The condition `drop_if` of an action is true."""


def _conditional(spec: Any, shape: Shape, contexts: int) -> Action:
    """Return an action with its own conditions, asked right before it."""
    if not isinstance(spec, dict) or not spec.keys() & {"if", "drop_if"}:
        return _action(spec, shape, contexts)
    need("drop_if" not in spec or shape.rank >= SPAN.rank, f"drop_if is not there on a {shape.name}")
    inner = _action({name: value for name, value in spec.items() if name not in ("if", "drop_if")}, shape, contexts)
    holds, drops = compile_if(spec.get("if"), shape), compile_condition(spec.get("drop_if", ["false"]), shape)

    def action(view: View, level: Level, context: Context) -> Level:
        if drops(view):
            raise _Dropped
        return inner(view, level, context) if holds(view) else level

    return action


def _on_events(span: Level, change: Callable[[Level], Level]) -> Level:
    fields = []
    for one in span.fields:
        if is_len(one, EVENTS):
            one = replaced(one, change(Level(EVENT, split(one.payload))).header)
        fields.append(one)
    return span.with_fields(fields)


def _action(spec: Any, shape: Shape, contexts: int) -> Action:
    do = only(spec, _KEYS, "action").get("do")
    if isinstance(do, str) and do in _REWRITES:
        change = _REWRITES[do](spec, shape)
        return lambda view, level, context: change(view, level)
    if do in ("insert", "update", "upsert"):
        return _write(spec, shape, contexts)
    if do in ("delete", "hash"):
        return _by_key(spec)
    if do == "extract":
        return _extract(spec)
    if do == "convert":
        only(spec, {"do", "key", "to"}, "convert")
        to = choice(spec.get("to"), ("int", "double", "string"), "convert: to")
        return _each(_is_key(spec), lambda value: convert(value, to))
    if do == "lookup":
        return lookup.look_up(spec, shape, lambda one: _source(one, shape, contexts))
    raise BadProgram(f"unknown action {do!r}")


_REWRITES: dict[str, Callable[[Any, Shape], rewrite.Change]] = {
    "set": rewrite.set_field,
    "keep": rewrite.keep,
    "replace": rewrite.replace_text,
    "rename": rewrite.rename_keys,
    "truncate": rewrite.truncate,
    "limit": rewrite.limit_count,
    "parse_name": rewrite.parse_name,
}
_KEYS = {"do", "key", "pattern", "to", "value", "from", "context", "of", "field", "keys", "with", "limit", "count"}
_KEYS |= {"patterns", "rename", "first", "in", "by", "write"}


def _is_key(spec: Any) -> Callable[[bytes], bool]:
    wanted = text(spec.get("key"), f"{spec['do']}: key").encode()
    return lambda key: key == wanted


def _each(chosen: Callable[[bytes], bool], change: Callable[[bytes], bytes | None]) -> Action:
    """Return an action that changes (None: removes) the value of every attribute whose key is chosen."""

    def changed(key: bytes, pair: bytes) -> bytes | None:
        return change_values(pair, change) if chosen(key) else pair

    return lambda view, level, context: level.changed(changed)


def _by_key(spec: Any) -> Action:
    only(spec, {"do", "key", "pattern"}, spec["do"])
    tests: list[Callable[[bytes], bool]] = []
    if spec.get("key") is not None:
        tests.append(_is_key(spec))
    if spec.get("pattern") is not None:
        pattern = compile_pattern(spec["pattern"])
        tests.append(lambda key: pattern.search(key) is not None)
    need(bool(tests), f"{spec['do']}: key or pattern is missing")
    change: Callable[[bytes], bytes | None] = _hashed if spec["do"] == "hash" else lambda value: None
    return _each(lambda key: any(test(key) for test in tests), change)


def _hashed(payload: bytes) -> bytes:
    content = _hash_input(decode(payload))
    return of_string(hashlib.sha256(content).hexdigest() if content is not None else "")


def _hash_input(value: Value) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, int):
        return struct.pack("<q", value)
    return struct.pack("<d", value) if isinstance(value, float) else None


def _write(spec: Any, shape: Shape, contexts: int) -> Action:
    only(spec, {"do", "key", "value", "from", "context", "of"}, spec["do"])
    key, source = text(spec.get("key"), f"{spec['do']}: key").encode(), _source(spec, shape, contexts)
    update, insert = spec["do"] != "insert", spec["do"] != "update"

    def action(view: View, level: Level, context: Context) -> Level:
        value = source(view, context)
        return level if value is None else put(level, key, value, update, key_value(key, value) if insert else None)

    return action


def _source(spec: Any, shape: Shape, contexts: int) -> Source:
    given = [name for name in ("value", "from", "context", "of") if spec.get(name) is not None]
    need(len(given) == 1, f"{spec['do']}: expected one of value, from, context and of")
    if given == ["value"]:
        value = _any_value(spec["value"])
        return lambda view, context: value
    if given == ["from"]:
        return _from(spec["from"], shape)
    if given == ["of"]:
        return rewrite.computed_bytes(spec["of"], shape)
    index = natural(spec["context"], "context")
    need(index < contexts, f"context {index}: the program has {contexts}")

    def from_context(view: View, context: Context) -> bytes | None:
        found = context.values[index] if index < len(context.values) else None
        return None if found is None else of_string(found)

    return from_context


def _any_value(encoded: Any) -> bytes:
    try:
        value = base64.b64decode(text(encoded, "value"), validate=True)
        AnyValue.FromString(value)
    except (binascii.Error, DecodeError, ValueError) as error:
        raise BadProgram(f"value: no base64 of an AnyValue: {error}") from None
    return value


def _from(spec: Any, shape: Shape) -> Source:
    parts = listed(spec, "from")
    need(len(parts) == 2, f"from: {spec!r}")
    where, key = choice(parts[0], SHAPES, "from"), text(parts[1], "from").encode()
    need(sees(shape, where), f"from: a {where} is not there on a {shape.name}")
    return lambda view, context: raw_attribute(view, where, key)


def _extract(spec: Any) -> Action:
    only(spec, {"do", "key", "pattern"}, "extract")
    key, pattern = text(spec.get("key"), "extract: key").encode(), compile_pattern(spec.get("pattern"))
    names = sorted((index, name.encode()) for name, index in pattern.groupindex.items())

    def action(view: View, level: Level, context: Context) -> Level:
        value = decode(level.attributes.get(key, b""))
        content = value.encode() if isinstance(value, str) else b""
        match = pattern.search(content) if isinstance(value, str) else None
        if match is not None:
            for index, name in names:
                start, end = match.span(index)
                found = of_string(content[start:end] if start >= 0 else b"")
                level = put(level, name, found, update=True, insert=key_value(name, found))
        return level

    return action
