"""Attribute values: `AnyValue` messages as Python values, as text, and back."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from .wire import I64, LEN, VARINT, Field, field, is_len, signed, split, tagged, varint

STRING, BOOL, INT, DOUBLE, ARRAY, KVLIST, BYTES = range(1, 8)
_WIRES = {STRING: LEN, BOOL: VARINT, INT: VARINT, DOUBLE: I64, ARRAY: LEN, KVLIST: LEN, BYTES: LEN}


class Array(NamedTuple):
    """An array value, not decoded yet."""

    payload: bytes

    def elements(self) -> Iterator[Value]:
        """Yield the values of the array, one level deep."""
        return (decode(one.payload) for one in split(self.payload) if is_len(one, 1))


class Map(NamedTuple):
    """A map value, not decoded yet."""

    payload: bytes


class Empty(NamedTuple):
    """An `AnyValue` without a member."""


Value = str | bool | int | float | bytes | Array | Map | Empty
"""What an attribute holds; None is used for an absent attribute."""


def decode(payload: bytes) -> Value:
    """Return the value of an `AnyValue`: its last member."""
    members = [one for one in split(payload) if _WIRES.get(one.number) == one.wire]
    if not members:
        return Empty()
    last = members[-1]
    if last.number == STRING:
        return last.payload.decode()
    if last.number == BOOL:
        return last.integer != 0
    if last.number == INT:
        return signed(last.integer, 64)
    if last.number == DOUBLE:
        return float(struct.unpack("<d", last.integer.to_bytes(8, "little"))[0])
    if last.number == BYTES:
        return last.payload
    return Array(last.payload) if last.number == ARRAY else Map(last.payload)


def of_string(text: str | bytes) -> bytes:
    """Return the `AnyValue` that holds this string."""
    return tagged(STRING, text if isinstance(text, bytes) else text.encode())


def _of_int(number: int) -> bytes:
    return varint(INT << 3 | VARINT) + varint(number)


def _of_double(number: float) -> bytes:
    return varint(DOUBLE << 3 | I64) + struct.pack("<d", number)


def of_value(value: Value) -> bytes:
    """Return the `AnyValue` that holds this value."""
    if isinstance(value, str):
        return of_string(value)
    if isinstance(value, bool):
        return varint(BOOL << 3 | VARINT) + varint(value)
    if isinstance(value, int):
        return _of_int(value)
    if isinstance(value, float):
        return _of_double(value)
    if isinstance(value, bytes):
        return tagged(BYTES, value)
    if isinstance(value, Empty):
        return b""
    return tagged(ARRAY if isinstance(value, Array) else KVLIST, value.payload)


def key_value(key: bytes, value: bytes) -> bytes:
    """Return the `KeyValue` with this key and this `AnyValue`."""
    return tagged(1, key) + field(2, value).raw


def _double_text(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    text = format(Decimal(repr(number)), "f")
    return text[:-2] if text.endswith(".0") else text


def text_of(value: Value | None) -> str | None:
    """Return the text of a value; None where it has none (bytes, arrays, maps, empty, absent)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return _double_text(value) if isinstance(value, float) else None


_INT = re.compile(r"([+-]?)(?=[0-9])0*+([0-9]{0,19})", re.ASCII)  # longer ones are beyond 64 bits


def _to_int(value: Value) -> int | None:
    if isinstance(value, float):
        number = math.trunc(value) if math.isfinite(value) else None
    elif isinstance(value, bool):
        number = int(value)
    elif isinstance(value, str) and (match := _INT.fullmatch(value)):
        number = int(match[1] + (match[2] or "0"))
    else:
        return None
    return number if number is not None and -(1 << 63) <= number < 1 << 63 else None


_DOUBLE = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def _to_double(value: Value) -> float | None:
    if isinstance(value, (bool, int)):
        return float(value)
    return float(value) if isinstance(value, str) and _DOUBLE.fullmatch(value) else None


def convert(payload: bytes, to: str) -> bytes:
    """Return the `AnyValue` converted to `int`, `double` or `string`; as it was where that is not possible."""
    value = decode(payload)
    if to == "int":
        integer = _to_int(value)
        return payload if integer is None else _of_int(integer)
    if to == "double":
        number = _to_double(value)
        return payload if number is None else _of_double(number)
    text = None if isinstance(value, str) else text_of(value)
    return payload if text is None else of_string(text)


def is_nested(member: Field) -> bool:
    """Return whether a member of an `AnyValue` is an array or a map."""
    return is_len(member, ARRAY) or is_len(member, KVLIST)


def number_text(payload: bytes) -> bytes | None:
    """Return the text of a number; None for other values."""
    value = decode(payload)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return (text_of(value) or "").encode() if is_number else None


def is_text(content: bytes) -> bool:
    """Return whether bytes are valid UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
