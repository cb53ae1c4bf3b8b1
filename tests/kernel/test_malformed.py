"""Malformed requests: refused exactly when upb refuses them, always with `Malformed` and never anything else.

The corpus is made here: truncations of golden requests, every field of the schema in every wire type, strings that are
no UTF-8, odd varints, lengths, tags and groups, and random damage. Each case runs with a program that looks at
everything.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from effort import examples
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from kernel_helpers import attributes, field, grouped, span, tag, varint, wrapped
from malformed_tools import MESSAGES, compare, everything, within
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from wire_strategies import mutated


@pytest.fixture(scope="module")
def program(kernel):
    return kernel.compile(everything())


# -- golden requests ----------------------------------------------------------------------------------------------


def golden() -> list[bytes]:
    values = {"s": "text é", "i": -1, "b": True, "d": 1.5, "y": b"\0\xff", "a": [1, "x", [2]], "m": {"k": {"l": "v"}}}
    event = Span.Event(name="e", time_unix_nano=5, attributes=attributes(values), dropped_attributes_count=300)
    link = Span.Link(trace_id=b"l" * 16, span_id=b"s" * 8, trace_state="a=b", attributes=attributes({"k": 1}), flags=1)
    rich = span(
        values,
        parent_span_id=b"p" * 8,
        trace_state="ot=th:8",
        kind=2,
        start_time_unix_nano=1,
        end_time_unix_nano=2,
        events=[event],
        links=[link],
        status=Status(code=2, message="é"),
        dropped_links_count=1,
        flags=256,
    )
    odd = (
        tag(20, 3) + tag(21, 0) + varint(1) + tag(22, 3) + tag(22, 4) + tag(20, 4) + field(23, b"unknown") + tag(24, 5)
    )
    return [
        grouped((values, {"s": 1}, [rich, span()]), (None, None, [span()]), name="n", version="v"),
        wrapped(odd + b"abcd" + tag(25, 1) + b"abcdefgh" + field(5, b"x", 5), tag(3, 5) + b"abcd"),
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_truncated_at_every_byte(program, which):
    """Each prefix of a golden request is refused, but for those that end between two fields of the request."""
    data = golden()[which]
    accepted, refused = compare(program, (data[:end] for end in range(len(data) + 1)))
    assert accepted < 4 < refused


@pytest.mark.parametrize("which", [0, 1])
def test_every_byte_changed(program, which):
    """Each byte of a golden request with its continuation bit flipped, zeroed, all ones."""
    data = golden()[which]
    changes = (lambda byte: byte ^ 0x80, lambda byte: 0, lambda byte: 0xFF, lambda byte: byte ^ 7)
    corpus = (data[:at] + bytes([change(byte)]) + data[at + 1 :] for at, byte in enumerate(data) for change in changes)
    accepted, refused = compare(program, corpus)
    assert accepted > 50
    assert refused > 100


@pytest.mark.parametrize("which", [0, 1])
def test_every_byte_gone_or_doubled(program, which):
    """Each byte of a golden request cut out, and put in twice."""
    data = golden()[which]
    compare(program, (data[:at] + data[at + 1 :] for at in range(len(data))))
    compare(program, (data[:at] + data[at : at + 1] + data[at:] for at in range(len(data))))


# -- every field of the schema ------------------------------------------------------------------------------------


def every_field() -> Iterator[tuple[list[int], FieldDescriptor]]:
    for message, path in MESSAGES.values():
        for one in message.fields:
            yield path, one


ONES = b"\xff"
PAYLOADS = {
    0: [b"\x00", b"\x01", b"\x80\x00", ONES * 9 + b"\x01", ONES * 9 + b"\x7f", ONES * 10 + b"\x01", b"\x80", b""],
    1: [bytes(8), ONES * 8, ONES * 7, b""],
    2: [b"\x00", b"\x01x", b"\x80\x00", varint(1, 5) + b"x", varint(1, 6) + b"x", b"\x02x", b"\x01\xff", b""],
    5: [bytes(4), ONES * 4, ONES * 3, b""],
}


def test_the_schema_is_the_one_expected():
    """The kernels' walk knows these messages; a new one in the schema shows here."""
    names = {name.rpartition(".")[2] for name in MESSAGES}
    known = {"ExportTraceServiceRequest", "ResourceSpans", "ScopeSpans", "Resource", "InstrumentationScope", "Span"}
    known |= {"Event", "Link", "Status", "KeyValue", "AnyValue", "ArrayValue", "KeyValueList", "EntityRef"}
    assert names <= known


def test_every_field_in_every_wire_type(program):
    """With a good payload and with bad ones: a wrong wire type is an unknown field, so only its form is checked."""
    corpus = [
        within(path, tag(one.number, wire) + payload)
        for path, one in every_field()
        for wire, payloads in PAYLOADS.items()
        for payload in payloads
    ]
    accepted, refused = compare(program, corpus)
    assert accepted > 500
    assert refused > 500


def test_every_field_as_a_group(program):
    """Matched ones are unknown fields, unmatched and crossed ones are refused, whatever the number."""
    corpus = []
    for path, one in every_field():
        start, end, other = tag(one.number, 3), tag(one.number, 4), tag(one.number + 1, 4)
        inside = [
            b"",
            field(1, b"\xff"),
            tag(1, 0) + b"\x01",
            tag(9, 3) + tag(9, 4),
            tag(9, 6),
            tag(0, 0) + b"\x01",
            tag(0, 3) + tag(0, 4),
        ]
        corpus += [within(path, start + content + end) for content in inside]
        corpus += [within(path, start), within(path, end), within(path, start + other), within(path, end + start)]
        corpus += [within(path, start) + end, start + within(path, end)]
    accepted, refused = compare(program, corpus)
    assert accepted > 200
    assert refused > 400


BAD_TEXTS = [
    b"\xff",
    b"\x80",
    b"\xc0\x80",  # overlong
    b"\xc1\xbf",
    b"\xe0\x80\x80",
    b"\xf0\x80\x80\x80",
    b"\xed\xa0\x80",  # a surrogate
    b"\xed\xbf\xbf",
    b"\xf4\x90\x80\x80",  # beyond U+10FFFF
    b"\xf5\x80\x80\x80",
    b"\xe2\x82",  # cut
    b"good until here \xc3",
    b"\xc3 ",
    b"a" * 40 + b"\xff" + b"a" * 40,
]
GOOD_TEXTS = [
    b"",
    b"\x00",
    b"\x7f",
    "é".encode(),
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    b"\xf4\x8f\xbf\xbf",
    b"\xef\xbf\xbe",
]


def test_utf8_in_every_string_field(program):
    """A string field of any message takes valid UTF-8 only; bytes take anything."""
    strings = 0
    for path, one in every_field():
        if one.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            corpus = [within(path, field(one.number, text)) for text in BAD_TEXTS + GOOD_TEXTS]
            accepted, refused = compare(program, corpus)
            is_text = one.type == FieldDescriptor.TYPE_STRING
            strings += is_text
            assert (accepted, refused) == ((len(GOOD_TEXTS), len(BAD_TEXTS)) if is_text else (len(corpus), 0))
    assert strings > 10


def test_utf8_in_hidden_fields(program):
    """A string that a later field hides must be valid as well."""
    for path, one in every_field():
        if one.type == FieldDescriptor.TYPE_STRING:
            data = within(path, field(one.number, b"\xff") + field(one.number, b"good"))
            assert compare(program, [data]) == (0, 1)


@examples(120)
@given(data=mutated())
def test_random_damage(program, data):
    """Requests with bytes changed, cut out, doubled or put in are accepted and refused as upb does."""
    compare(program, [data])
