"""What is wrong with a request that upb refused, for the message; upb itself does not say."""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from .wire import END_GROUP, GROUP, I32, I64, LEN, VARINT

_MAX_LEVELS = 100


class _Wrong(Exception):
    """The first thing that is wrong."""


def diagnose(data: bytes, schema: Descriptor) -> str:
    """Return what is wrong with a refused request of that schema and at which byte."""
    try:
        _message(data, 0, len(data), schema, 0)
    except _Wrong as wrong:
        return str(wrong)
    return f"not a valid {schema.name}"


def _varint(data: bytes, position: int, end: int, longest: int, what: str) -> tuple[int, int]:
    value = 0
    for index in range(longest):
        if position + index >= end:
            raise _Wrong(f"truncated {what} at byte {position}")
        byte = data[position + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise _Wrong(f"{what} of more than {longest} bytes at byte {position}")


def _tag(data: bytes, position: int, end: int) -> tuple[int, int, int]:
    tag, after = _varint(data, position, end, 5, "tag")
    if tag >> 32:
        raise _Wrong(f"tag of more than 32 bits at byte {position}")
    if tag & 7 > I32:
        raise _Wrong(f"wire type {tag & 7} at byte {position}")
    return tag >> 3, tag & 7, after


def _payload_end(data: bytes, position: int, end: int, wire: int) -> tuple[int, int]:
    """Return where the payload of a field that is no group begins and ends."""
    if wire == VARINT:
        return position, _varint(data, position, end, 10, "varint")[1]
    if wire == LEN:
        size, begin = _varint(data, position, end, 5, "length")
    else:
        size, begin = 8 if wire == I64 else 4, position
    if size > end - begin:
        raise _Wrong(f"a field of {size} bytes ends past its message at byte {begin}")
    return begin, begin + size


def _group(data: bytes, position: int, end: int, number: int, level: int) -> int:
    """Return the position after a group of unknown fields."""
    start, open_groups = position, [number]
    while open_groups:
        if level + len(open_groups) > _MAX_LEVELS:
            raise _Wrong(f"more than {_MAX_LEVELS} levels at byte {position}")
        if position >= end:
            raise _Wrong(f"unmatched group that begins at byte {start}")
        number, wire, after = _tag(data, position, end)
        if wire == GROUP:
            open_groups.append(number)
        elif wire == END_GROUP:
            if open_groups.pop() != number:
                raise _Wrong(f"unmatched end of a group at byte {position}")
        else:
            after = _payload_end(data, after, end, wire)[1]
        position = after
    return position


def _message(data: bytes, position: int, end: int, schema: Descriptor, level: int) -> None:
    if level > _MAX_LEVELS:
        raise _Wrong(f"more than {_MAX_LEVELS} levels at byte {position}")
    while position < end:
        start = position
        number, wire, position = _tag(data, position, end)
        if number == 0:
            raise _Wrong(f"field number 0 at byte {start}")
        if wire == END_GROUP:
            raise _Wrong(f"end of a group that did not begin at byte {start}")
        if wire == GROUP:
            position = _group(data, position, end, number, level)
            continue
        begin, position = _payload_end(data, position, end, wire)
        if wire == LEN and (known := schema.fields_by_number.get(number)):
            _known(data, begin, position, known, level)


def _known(data: bytes, begin: int, end: int, known: FieldDescriptor, level: int) -> None:
    if known.message_type is not None:
        _message(data, begin, end, known.message_type, level + 1)
    elif known.type == FieldDescriptor.TYPE_STRING:
        try:
            data[begin:end].decode()
        except UnicodeDecodeError as error:
            raise _Wrong(f"invalid UTF-8 in {known.full_name} at byte {begin + error.start}") from None
    elif known.is_packed and known.type in _PACKED:
        _packed(data, begin, end, _PACKED[known.type])


_PACKED = {FieldDescriptor.TYPE_FIXED64: 8, FieldDescriptor.TYPE_DOUBLE: 8, FieldDescriptor.TYPE_UINT64: 0}
"""The bytes of a number in a packed field; 0: a varint."""


def _packed(data: bytes, begin: int, end: int, size: int) -> None:
    if size:
        if (end - begin) % size:
            raise _Wrong(f"packed numbers of {end - begin} bytes at byte {begin}")
        return
    while begin < end:
        begin = _varint(data, begin, end, 10, "varint")[1]
