"""Protobuf's wire format: messages as the lists of their fields, kept with the very bytes they came with.

Everything here works on bytes that upb has accepted before, so nothing is checked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

VARINT, I64, LEN, GROUP, END_GROUP, I32 = range(6)
_U64 = (1 << 64) - 1


class Field(NamedTuple):
    """One field of a message."""

    number: int
    wire: int
    raw: bytes
    """Tag, length and payload as they stood."""
    payload: bytes = b""
    """Of a length-delimited field."""
    integer: int = 0
    """Of a varint (unsigned, modulo 2^64) or a fixed field (unsigned)."""


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the varint at `position` modulo 2^64, and the position after it."""
    value = data[position]
    if value < 0x80:
        return value, position + 1
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _U64, position
        shift += 7


def _after_group(data: bytes, position: int) -> int:
    """Return the position after the group whose content begins at `position`."""
    depth = 1
    while depth:
        tag, position = read_varint(data, position)
        wire = tag & 7
        if wire == VARINT:
            position = read_varint(data, position)[1]
        elif wire == LEN:
            size, position = read_varint(data, position)
            position += size
        elif wire in (I64, I32):
            position += 8 if wire == I64 else 4
        else:
            depth += 1 if wire == GROUP else -1
    return position


def split(data: bytes) -> tuple[Field, ...]:
    """Return the fields of a message, in order; joined, their `raw` is the message again."""
    return _split_short(data) if len(data) <= SHORT else _split(data)


def _split(data: bytes) -> tuple[Field, ...]:
    fields: list[Field] = []
    position, end = 0, len(data)
    while position < end:
        start = position
        tag, position = read_varint(data, position)
        number, wire = tag >> 3, tag & 7
        payload, integer = b"", 0
        if wire == LEN:
            size, position = read_varint(data, position)
            payload = data[position : position + size]
            position += size
        elif wire == VARINT:
            integer, position = read_varint(data, position)
        elif wire == GROUP:
            position = _after_group(data, position)
        else:
            size = 8 if wire == I64 else 4
            integer = int.from_bytes(data[position : position + size], "little")
            position += size
        fields.append(Field(number, wire, data[start:position], payload, integer))
    return tuple(fields)


SHORT = 256  # bytes; attributes are taken apart several times on their way, and often come again
_split_short = lru_cache(8192)(_split)


def join(fields: Iterable[Field]) -> bytes:
    """Return the message that has these fields."""
    return b"".join([field.raw for field in fields])


def varint(value: int) -> bytes:
    """Return `value` (unsigned, or signed within 64 bits) as a minimal varint."""
    value &= _U64
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tagged(number: int, payload: bytes) -> bytes:
    """Return a length-delimited field with a minimal tag and length."""
    return varint(number << 3 | LEN) + varint(len(payload)) + payload


def field(number: int, payload: bytes) -> Field:
    """Return a new length-delimited field."""
    return Field(number, LEN, tagged(number, payload), payload)


def replaced(old: Field, payload: bytes) -> Field:
    """Return the field with another payload; the same field when it has that payload already."""
    return old if payload == old.payload else field(old.number, payload)


def is_len(one: Field, number: int) -> bool:
    """Return whether this is the length-delimited field `number` (with another wire type it is unknown)."""
    return one.number == number and one.wire == LEN


def last_payload(fields: Sequence[Field], number: int) -> bytes | None:
    """Return the payload of the last length-delimited field `number`, None when there is none."""
    for one in reversed(fields):
        if one.number == number and one.wire == LEN:
            return one.payload
    return None


def last_integer(fields: Sequence[Field], number: int, wire: int) -> int:
    """Return the last field `number` of that wire type as an unsigned integer, 0 when there is none."""
    for one in reversed(fields):
        if one.number == number and one.wire == wire:
            return one.integer
    return 0


def signed(value: int, bits: int) -> int:
    """Return the low `bits` of an unsigned integer as a signed one."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
