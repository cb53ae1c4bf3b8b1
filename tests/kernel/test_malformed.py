"""Malformed requests: refused exactly when upb refuses them, always with `Malformed` and never anything else.

The corpus is made here: truncations of golden requests, every field of the schema in every wire type, strings that are
no UTF-8, odd varints, lengths, tags and groups, and random damage. Each case runs with a program that looks at
everything.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError
from hypothesis import given
from kernel_helpers import attributes, edit, encoded, field, grouped, rule, scrub, span, spec, tag, varint, wrapped
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tailgate.kernel import Malformed, OverLimit
from wire_strategies import examples, mutated

NO_LIMITS = {"max_bytes": 1 << 30, "max_spans": 1 << 20, "max_attributes": 1 << 20, "max_depth": 1000}


def everything():
    """Return a program with a stage and a fact of every kind."""
    stages = [
        edit({"do": "insert", "key": "a", "value": encoded(1)}, on="resource"),
        edit({"do": "hash", "pattern": "."}, on="scope", when=["exists", ["attr", "resource", "k"]]),
        edit({"do": "convert", "key": "k", "to": "string"}, {"do": "extract", "key": "k", "pattern": "(?P<x>.)"}),
        scrub(rule("a.c"), rule(r"\d+", check="ipv4"), keys=[rule("pass", {"do": "drop"})], skip="^s"),
    ]
    names = ("name", "trace_state", "status.message", "status.code", "kind", "duration", "trace_id", "scope.name")
    leaves = [["cmp", "==", ["field", name], "x"] for name in names] + [["root"]]
    return spec(stages, leaves, [{"value": ["attr", "any", "k"], "if": None}], [["attr", "span", "k"]], **NO_LIMITS)


def upb_accepts(data: bytes) -> bool:
    try:
        ExportTraceServiceRequest.FromString(data)
    except DecodeError:
        return False
    return True


@pytest.fixture(scope="module")
def program(kernel):
    return kernel.compile(everything())


def accepts(program, data: bytes) -> bool:
    refusal = None
    try:
        records = program.digest(data)
    except Malformed as error:
        refusal = error
    if refusal is None:
        assert upb_accepts(records.request())
        return True
    assert not isinstance(refusal, OverLimit)
    assert str(refusal)
    return False


def compare(program, corpus) -> tuple[int, int]:
    """Assert the same answer as upb's for each; return how many were accepted and refused."""
    counts = [0, 0]
    for data in corpus:
        expected = upb_accepts(data)
        assert accepts(program, data) is expected, data.hex()
        counts[not expected] += 1
    return counts[0], counts[1]


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


def paths() -> dict[str, tuple[Descriptor, list[int]]]:
    """Return every message of the schema with the shortest way of field numbers from the request to it."""
    top = ExportTraceServiceRequest.DESCRIPTOR
    found = {top.full_name: (top, [])}
    todo = [top]
    while todo:
        outer = todo.pop(0)
        for one in outer.fields:
            if one.message_type is not None and one.message_type.full_name not in found:
                found[one.message_type.full_name] = (one.message_type, [*found[outer.full_name][1], one.number])
                todo.append(one.message_type)
    return found


def within(path: list[int], payload: bytes, length: int = 0) -> bytes:
    """Return a request with this payload in the message at the end of the path."""
    for number in reversed(path):
        payload = field(number, payload, length)
    return payload


MESSAGES = paths()


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


# -- varints, lengths, tags ---------------------------------------------------------------------------------------


def everywhere(payload: bytes) -> list[bytes]:
    """Return requests with this payload in every message of the schema, and behind good fields."""
    return [within(path, prefix + payload) for _, path in MESSAGES.values() for prefix in (b"", field(99, b"x"))]


@pytest.mark.parametrize("length", range(1, 13))
def test_padded_varints(program, length):
    """Tags and lengths of up to five bytes, values of up to ten."""
    for payload in (
        varint(99 << 3, length) + b"\x01",
        varint(99 << 3 | 2, length) + b"\x00",
        tag(99, 0) + varint(1, length),
        tag(99, 2) + varint(1, length) + b"x",
        tag(99, 3) + varint(98 << 3, length) + b"\x01" + tag(99, 4),
        tag(99, 3) + varint(99 << 3 | 4, length),
    ):
        accepted, refused = compare(program, everywhere(payload))
        assert accepted == 0 or refused == 0
    assert compare(program, everywhere(tag(99, 0) + varint(1, length)))[0] == (28 if length <= 10 else 0)
    assert compare(program, everywhere(varint(99 << 3, length) + b"\x01"))[0] == (28 if length <= 5 else 0)
    assert compare(program, everywhere(field(99, b"x", length)))[0] == (28 if length <= 5 else 0)


LENGTHS = [2, 127, 128, 2**14, 2**21, 2**28, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**35 - 1, 2**35, 2**63, 2**64 - 1]


@pytest.mark.parametrize("size", LENGTHS)
def test_lengths_past_the_end(program, size):
    """A length that reaches past its message is refused, whatever it would wrap round to."""
    for number in (1, 2, 3, 9, 15, 99):
        corpus = everywhere(tag(number, 2) + varint(size) + b"x")
        assert compare(program, corpus)[0] == 0
        inside_group = tag(99, 3) + tag(number, 2) + varint(size) + b"x" + tag(99, 4)
        assert compare(program, everywhere(inside_group))[0] == 0


def test_lengths_past_the_message_but_not_the_request(program):
    """A field must end within its own message, even where the request goes on."""
    for _, path in MESSAGES.values():
        if path:
            data = within(path, field(99, b"xxxx")[:-2]) + field(99, b"yyyyyyyy")
            assert compare(program, [data]) == (0, 1)


@pytest.mark.parametrize("wire", range(8))
def test_field_numbers_and_wire_types(program, wire):
    """Field number 0 and wire types 6 and 7 are refused, the largest field number is not."""
    rest = {0: b"\x01", 1: bytes(8), 2: b"\x00", 3: b"", 4: b"", 5: bytes(4)}.get(wire, b"")
    compare(program, everywhere(varint(wire) + rest))
    compare(program, everywhere(varint(wire) + rest + varint(4)))
    compare(program, everywhere(tag(99, wire) + rest))
    largest = (1 << 29) - 1
    accepted, _ = compare(program, everywhere(tag(largest, wire) + rest))
    assert bool(accepted) is (wire in (0, 1, 2, 5))
    for beyond in (1 << 29, 1 << 30, 1 << 31, 1 << 32, (1 << 32) | 99, 1 << 60):
        assert compare(program, everywhere(varint(beyond << 3 | wire) + rest))[0] == 0


def test_groups_up_to_the_hundredth_level(program):
    """Levels of messages and groups add up to a hundred, in every message."""
    for _, path in MESSAGES.values():
        for depth in (1, 99 - len(path), 100 - len(path), 101 - len(path), 102 - len(path), 200):
            for number in (1, 99):
                data = within(path, tag(number, 3) * depth + tag(number, 4) * depth)
                assert upb_accepts(data) is (depth + len(path) <= 100)
                compare(program, [data])


def test_messages_up_to_the_hundredth_level(program):
    """Nested arrays and maps too, alone and with groups inside."""
    value_path = MESSAGES["opentelemetry.proto.common.v1.AnyValue"][1]
    for numbers in ((5, 1), (6, 1, 2)):
        for levels in range(25, 60):
            nested = within(list(numbers) * levels, b"")
            compare(program, [within(value_path, nested)])
            for groups in (1, 2, 3):
                inner = within(list(numbers) * levels, tag(99, 3) * groups + tag(99, 4) * groups)
                compare(program, [within(value_path, inner)])


# -- bombs --------------------------------------------------------------------------------------------------------


def bombs() -> dict[str, bytes]:
    levels = 100_000
    sizes = [0]
    for _ in range(levels):
        sizes.append(sizes[-1] + 1 + len(varint(sizes[-1])))
    deep = b"".join(tag(5 if index % 2 else 1, 2) + varint(size) for index, size in enumerate(reversed(sizes[:-1])))
    return {
        "groups": tag(1, 3) * levels + tag(1, 4) * levels,
        "open groups": tag(1, 3) * levels,
        "groups in a span": wrapped(tag(99, 3) * levels),
        "arrays": wrapped(field(9, field(2, deep))),
        "lengths": (tag(1, 2) + varint(2**31 - 1)) * levels,
        "tags": b"\xff" * levels,
        "a varint": tag(99, 0) + b"\xff" * levels,
    }


@pytest.mark.parametrize("name", bombs())
def test_bombs(kernel, program, name):
    """Nesting without end is refused at once, and says so, without running out of stack."""
    data = bombs()[name]
    with pytest.raises(Malformed):
        program.digest(data)
    best = min(_seconds(program, data) for _ in range(3))
    assert best < (0.01 if kernel.name == "rust" else 1)


def _seconds(program, data):
    start = time.perf_counter()
    assert not accepts(program, data)
    return time.perf_counter() - start


WIDE = [
    ("empty resources", lambda: field(1, b"") * 100_000),
    ("empty attributes", lambda: wrapped(field(9, b"") * 50_000)),
    ("empty array elements", lambda: wrapped(field(9, field(2, field(5, field(1, b"") * 50_000))))),
    ("the same field", lambda: wrapped(field(5, b"n") * 50_000)),
]


@pytest.mark.parametrize("make", [row[1] for row in WIDE], ids=[row[0] for row in WIDE])
def test_wide_requests(kernel, make):
    """A hundred thousand small fields take time in proportion to their number."""
    program = kernel.compile(spec([scrub(rule("never"))], **NO_LIMITS))
    start = time.perf_counter()
    program.digest(make())
    assert time.perf_counter() - start < 5


# -- messages -----------------------------------------------------------------------------------------------------

MESSAGES_OF_ERRORS = [
    (b"\x0a", 1),
    (b"\x0a\x05ab", 2),
    (field(99, b"xxxx") + b"\x00", 7),
    (field(1, field(3, b"good \xff")), 9),
    (field(1, b"\x0e"), 2),
]


@pytest.mark.parametrize(("data", "near"), MESSAGES_OF_ERRORS)
def test_messages_name_a_byte(kernel, data, near):
    """The message says at which byte the request is wrong, counted from the request's start."""
    with pytest.raises(Malformed, match=r"byte \d+") as refused:
        kernel.compile(spec()).digest(data)
    [byte] = re.findall(r"byte (\d+)", str(refused.value))
    assert abs(int(byte) - near) <= 6


def test_messages_quote_no_content(kernel):
    """What a peer sent never stands in the message: it might be a secret."""
    for data in (wrapped(field(5, b"secret\xff")), wrapped(b"secret"), b"secret", wrapped(field(9, b"secret"))):
        with pytest.raises(Malformed) as refused:
            kernel.compile(spec()).digest(data)
        assert "secret" not in str(refused.value)


@examples(300)
@given(data=mutated())
def test_random_damage(program, data):
    """Requests with bytes changed, cut out, doubled or put in are accepted and refused as upb does."""
    compare(program, [data])
