"""Malformed varints, lengths, tags and groups in every message; nesting bombs; what the messages say."""

from __future__ import annotations

import re
import time

import pytest
from kernel_helpers import field, rule, scrub, spec, tag, varint, wrapped
from malformed_tools import MESSAGES, NO_LIMITS, accepts, compare, everything, everywhere, upb_accepts, within
from tailgate.kernel import Malformed


@pytest.fixture(scope="module")
def program(kernel):
    return kernel.compile(everything())


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
    start = time.thread_time()
    program.digest(make())
    assert time.thread_time() - start < 5


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
