"""What OTTL values may call: functions of one or several values, and of constants."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from .levels import View
from .operands import Read
from .patterns import compile_pattern
from .spec import choice, listed, natural, need, text
from .values import Array, Map, Value, convert, decode, of_string, of_value, text_of
from .wire import is_len, split, tagged

Compile = Callable[[Any], Read]
Call = Callable[[Compile, list[Any]], Read]


class Failed(Exception):
    """A value cannot be computed; the collector would report an error."""


def _string(value: Value | None) -> str:
    """Return a value that must be a string."""
    if not isinstance(value, str):
        raise Failed
    return value


def like_text(value: Value | None) -> str | None:
    """Return a value as text: bytes in hex, None for nil. Arrays and maps have none."""
    if value is None:
        return None
    found = value.hex() if isinstance(value, bytes) else text_of(value)
    if found is None:
        raise Failed
    return found


def _unary(change: Callable[[Value | None], Value | None]) -> Call:
    """Return a function of one value."""

    def call(compiled: Compile, arguments: list[Any]) -> Read:
        need(len(arguments) == 1, "call: expected one value")
        value = compiled(arguments[0])
        return lambda view: change(value(view))

    return call


def _lower(value: Value | None) -> Value:
    return re.sub("[A-Z]+", lambda found: found[0].lower(), _string(value))


def _upper(value: Value | None) -> Value:
    return re.sub("[a-z]+", lambda found: found[0].upper(), _string(value))


def _length(value: Value | None) -> Value:
    if isinstance(value, (str, bytes)):
        return len(value.encode() if isinstance(value, str) else value)
    if isinstance(value, (Array, Map)):
        return sum(is_len(one, 1) for one in split(value.payload))
    raise Failed


def _converted(to: str) -> Callable[[Value | None], Value | None]:
    """Return a conversion as the action `convert` does it; what that leaves alone fails."""
    wanted = int if to == "int" else float

    def change(value: Value | None) -> Value | None:
        if value is None:
            return None
        if not isinstance(value, (str, bool, int, float)):
            raise Failed
        found = decode(convert(of_value(value), to))
        if type(found) is not wanted:
            raise Failed
        return found

    return change


def _sha256(value: Value | None) -> Value:
    return hashlib.sha256(_string(value).encode()).hexdigest()


def _fnv(value: Value | None) -> Value:
    state = 0xCBF29CE484222325
    for byte in _string(value).encode():
        state = (state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return state - (1 << 64) if state >> 63 else state


def _id(value: Value | None) -> Value:
    """Return an identifier in hex; one that is all zero has no text."""
    found = _string(value)
    return found if found.strip("0") else ""


def _scalar(value: Value | None) -> Value:
    """Return a scalar as text, and for anything else what the collector's `span` writes for it."""
    return "<unknown-attribute-type>" if (found := text_of(value)) is None else found


def _is_match(compiled: Compile, arguments: list[Any]) -> Read:
    need(len(arguments) == 2, "is_match: expected a value and a pattern")
    value, pattern = compiled(arguments[0]), compile_pattern(arguments[1])

    def call(view: View) -> Value:
        found = like_text(value(view))
        return found is not None and pattern.search(found.encode()) is not None

    return call


def _edge(name: str) -> Call:
    """Return `has_prefix` or `has_suffix`."""

    def edge(compiled: Compile, arguments: list[Any]) -> Read:
        need(len(arguments) == 2, f"{name}: expected a value and a text")
        value, wanted = compiled(arguments[0]), text(arguments[1], name)
        if name == "has_prefix":
            return lambda view: _string(value(view)).startswith(wanted)
        return lambda view: _string(value(view)).endswith(wanted)

    return edge


_TYPES: dict[str, type] = {
    "string": str,
    "bool": bool,
    "int": int,
    "double": float,
    "bytes": bytes,
    "list": Array,
    "map": Map,
}


def _is_a(compiled: Compile, arguments: list[Any]) -> Read:
    need(len(arguments) == 2, "is_a: expected a value and a type")
    value, wanted = compiled(arguments[0]), _TYPES[choice(arguments[1], _TYPES, "is_a")]
    return lambda view: type(value(view)) is wanted


def _concat(compiled: Compile, arguments: list[Any]) -> Read:
    need(len(arguments) == 2, "concat: expected values and a separator")
    values, separator = [compiled(one) for one in listed(arguments[0], "concat")], text(arguments[1], "concat")

    def call(view: View) -> Value:
        texts = [like_text(value(view)) for value in values]
        return separator.join("<nil>" if one is None else one for one in texts)

    return call


def _substring(compiled: Compile, arguments: list[Any]) -> Read:
    need(len(arguments) == 3, "substring: expected a value, a start and a length")
    value, start, length = compiled(arguments[0]), natural(arguments[1], "start"), natural(arguments[2], "length")

    def call(view: View) -> Value:
        content = _string(value(view)).encode()
        if start + length > len(content):
            raise Failed
        try:
            return content[start : start + length].decode()
        except UnicodeDecodeError:
            raise Failed from None

    return call


def _split(compiled: Compile, arguments: list[Any]) -> Read:
    need(len(arguments) == 2, "split: expected a value and a separator")
    value, separator = compiled(arguments[0]), text(arguments[1], "split")
    need(separator != "", "split: the separator is empty")

    def call(view: View) -> Value:
        parts = _string(value(view)).split(separator)
        return Array(b"".join(tagged(1, of_string(part)) for part in parts))

    return call


def _pick(compiled: Compile, arguments: list[Any]) -> Read:
    need(len(arguments) == 2, "pick: expected a value and texts")
    value, texts = compiled(arguments[0]), [text(one, "pick") for one in listed(arguments[1], "pick")]

    def call(view: View) -> Value:
        index = value(view)
        return texts[index] if isinstance(index, int) and 0 <= index < len(texts) else ""

    return call


def _member(compiled: Compile, arguments: list[Any]) -> Read:
    need(len(arguments) == 2, "member: expected a value and a key")
    value, key = compiled(arguments[0]), text(arguments[1], "member")

    def call(view: View) -> Value:
        members = (one.strip(" \t").split("=", 1) for one in _string(value(view)).split(","))
        return next((member[1] for member in members if len(member) == 2 and member[0] == key), "")

    return call


CALLS: dict[str, Call] = {
    "text": _unary(like_text),
    "lower": _unary(_lower),
    "upper": _unary(_upper),
    "len": _unary(_length),
    "int": _unary(_converted("int")),
    "double": _unary(_converted("double")),
    "sha256": _unary(_sha256),
    "fnv": _unary(_fnv),
    "id": _unary(_id),
    "scalar": _unary(_scalar),
    "is_match": _is_match,
    "has_prefix": _edge("has_prefix"),
    "has_suffix": _edge("has_suffix"),
    "is_a": _is_a,
    "concat": _concat,
    "substring": _substring,
    "split": _split,
    "pick": _pick,
    "member": _member,
}
"""By name; each is given how to compile a value, and its arguments."""
