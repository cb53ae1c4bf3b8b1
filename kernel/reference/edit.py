"""Stage `edit`: actions on the attributes of spans, resources or scopes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from ..contract import BadProgram
from .expressions import compile_if
from .levels import SHAPES, Level, Shape, View, change_values
from .operands import raw_attribute
from .patterns import compile_pattern
from .spec import choice, listed, natural, need, only, text
from .values import Value, convert, decode, key_value, of_string

Context = Sequence[str | None]
Source = Callable[[View, Context], bytes | None]
"""From what is seen to an `AnyValue`, None when it is absent."""
Action = Callable[[View, Level, Context], Level]


class Edit:
    """A compiled edit stage. Raises `BadProgram`."""

    rules = 0

    def __init__(self, stage: Any, contexts: int) -> None:
        only(stage, {"kind", "on", "if", "actions"}, "edit")
        self._shape = SHAPES[choice(stage.get("on"), SHAPES, "edit: on")]
        self._holds = compile_if(stage.get("if"), self._shape)
        self._actions = [_action(one, self._shape, contexts) for one in listed(stage.get("actions"), "actions")]

    def bind(self, context: Context, counters: list[int], first: int) -> Callable[[View, Level], Level]:
        """Return the stage for one request; it leaves levels alone that it is not on."""

        def apply(view: View, level: Level) -> Level:
            if level.shape is self._shape and self._holds(view):
                for action in self._actions:
                    level = action(view._replace(**{level.shape.name: level}), level, context)
            return level

        return apply


def _action(spec: Any, shape: Shape, contexts: int) -> Action:
    do = only(spec, {"do", "key", "pattern", "to", "value", "from", "context"}, "action").get("do")
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
    raise BadProgram(f"unknown action {do!r}")


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


def put(level: Level, key: bytes, value: bytes, update: bool, insert: bytes | None) -> Level:
    """Return the level with the attribute updated where it stands, or the `KeyValue` `insert` appended where not."""
    if key not in level.attributes:
        return level if insert is None else level.appended(insert)
    if not update:
        return level
    return level.changed(lambda found, pair: change_values(pair, lambda _: value) if found == key else pair)


def _write(spec: Any, shape: Shape, contexts: int) -> Action:
    only(spec, {"do", "key", "value", "from", "context"}, spec["do"])
    key, source = text(spec.get("key"), f"{spec['do']}: key").encode(), _source(spec, shape, contexts)
    update, insert = spec["do"] != "insert", spec["do"] != "update"

    def action(view: View, level: Level, context: Context) -> Level:
        value = source(view, context)
        return level if value is None else put(level, key, value, update, key_value(key, value) if insert else None)

    return action


def _source(spec: Any, shape: Shape, contexts: int) -> Source:
    given = [name for name in ("value", "from", "context") if spec.get(name) is not None]
    need(len(given) == 1, f"{spec['do']}: expected one of value, from and context")
    if given == ["value"]:
        value = _any_value(spec["value"])
        return lambda view, context: value
    if given == ["from"]:
        return _from(spec["from"], shape)
    index = natural(spec["context"], "context")
    need(index < contexts, f"context {index}: the program has {contexts}")

    def from_context(view: View, context: Context) -> bytes | None:
        found = context[index] if index < len(context) else None
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
    need(SHAPES[where].rank <= shape.rank, f"from: a {where} is not there on a {shape.name}")
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
