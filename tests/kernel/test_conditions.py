"""Operands and conditions: each form, on each type of value, present and absent.

One rich span is looked at from many sides; a table says of each condition whether it is true.
"""

from __future__ import annotations

import math

import pytest
from kernel_helpers import EMPTY, field, grouped, holds, request, span, spec, wrapped
from opentelemetry.proto.trace.v1.trace_pb2 import Status

ATTRIBUTES = {
    "s": "checkout",
    "empty_s": "",
    "t": True,
    "f": False,
    "i": 42,
    "neg": -7,
    "zero": 0,
    "big": 2**53 + 1,
    "max": 2**63 - 1,
    "d": 2.5,
    "whole": 42.0,
    "nan": math.nan,
    "inf": math.inf,
    "minus_zero": -0.0,
    "tiny": 5e-324,
    "huge": 1e21,
    "bytes": b"checkout",
    "array": ["a", 7, True, 1.5, ["nested"]],
    "no_elements": [],
    "map": {"k": "v"},
    "empty": EMPTY,
    "both": "of the span",
    "unicode": "Zürich 漢",
    "k.e.y": "dots",
}
RESOURCE = {"service.name": "shop", "both": "of the resource", "only_resource": "r"}
SCOPE = {"lib": "x", "both": "of the scope"}


def rich() -> bytes:
    one = span(
        ATTRIBUTES,
        name="GET /cart",
        span_id=bytes.fromhex("00ffab0000000001"),
        parent_span_id=b"\x02" * 8,
        trace_state="ot=th:8,x=y",
        kind=2,
        start_time_unix_nano=1_000,
        end_time_unix_nano=6_000,
        status=Status(code=2, message="boom"),
    )
    return request(one, resource=RESOURCE, scope=SCOPE, name="lib.name", version="1.2")


def attr(key: str, where: str = "span") -> list[str]:
    return ["attr", where, key]


def name(field: str) -> list[str]:
    return ["field", field]


S, INT, D = attr("s"), attr("i"), attr("d")

TABLE: list[tuple[object, bool]] = [
    (["true"], True),
    (["false"], False),
    (["and"], True),
    (["or"], False),
    (["and", ["true"], ["true"]], True),
    (["and", ["true"], ["false"]], False),
    (["or", ["false"], ["true"]], True),
    (["or", ["false"], ["false"]], False),
    (["not", ["false"]], True),
    (["not", ["not", ["false"]]], False),
    # operands
    (["exists", S], True),
    (["exists", attr("absent")], False),
    (["exists", attr("empty")], True),
    (["exists", attr("only_resource")], False),
    (["exists", attr("only_resource", "resource")], True),
    (["exists", attr("s", "resource")], False),
    (["exists", attr("lib", "scope")], True),
    (["exists", attr("lib", "any")], False),
    (["exists", attr("only_resource", "any")], True),
    (["exists", name("trace_state")], True),
    (["cmp", "==", attr("both", "any"), "of the span"], True),
    (["cmp", "==", attr("both", "resource"), "of the resource"], True),
    (["cmp", "==", attr("both", "scope"), "of the scope"], True),
    (["cmp", "==", name("name"), "GET /cart"], True),
    (["cmp", "==", name("status.message"), "boom"], True),
    (["cmp", "==", name("status.code"), 2], True),
    (["cmp", "==", name("kind"), 2], True),
    (["cmp", "==", name("trace_state"), "ot=th:8,x=y"], True),
    (["cmp", "==", name("scope.name"), "lib.name"], True),
    (["cmp", "==", name("scope.version"), "1.2"], True),
    (["cmp", "==", name("duration"), 5_000], True),
    (["cmp", "==", name("trace_id"), "0102030405060708090a0b0c0d0e0f10"], True),
    (["cmp", "==", name("span_id"), "00ffab0000000001"], True),
    (["cmp", "==", name("parent_span_id"), "0202020202020202"], True),
    (["root"], False),
    # cmp: strings by code point
    (["cmp", "==", S, "checkout"], True),
    (["cmp", "==", S, "Checkout"], False),
    (["cmp", "<", S, "checkouu"], True),
    (["cmp", "<", S, "checkout"], False),
    (["cmp", "<=", S, "checkout"], True),
    (["cmp", ">", S, "check"], True),
    (["cmp", ">=", S, "checkout"], True),
    (["cmp", ">", attr("unicode"), "Zz"], True),
    (["cmp", "<", attr("unicode"), "Zürich \U0001f600"], True),
    (["cmp", ">", attr("unicode"), "Zürich \uffee"], False),
    (["cmp", "==", attr("empty_s"), ""], True),
    # cmp: numbers, exactly
    (["cmp", "==", INT, 42], True),
    (["cmp", "==", INT, 42.0], True),
    (["cmp", "==", attr("whole"), 42], True),
    (["cmp", "<", INT, 42.5], True),
    (["cmp", ">", INT, 41.999999], True),
    (["cmp", "<=", INT, 42], True),
    (["cmp", ">=", INT, 43], False),
    (["cmp", ">", attr("big"), 9007199254740992.0], True),
    (["cmp", "==", attr("big"), 9007199254740992.0], False),
    (["cmp", "<", attr("max"), 9223372036854775808.0], True),
    (["cmp", "==", attr("max"), 9223372036854775807], True),
    (["cmp", "<", attr("neg"), -6.5], True),
    (["cmp", ">", attr("inf"), 9223372036854775807], True),
    (["cmp", "==", attr("minus_zero"), 0], True),
    (["cmp", ">", attr("tiny"), 0], True),
    *[(["cmp", op, attr("nan"), 0], False) for op in ("==", "<", "<=", ">", ">=")],
    # cmp: booleans, == only
    (["cmp", "==", attr("t"), True], True),
    (["cmp", "==", attr("f"), False], True),
    (["cmp", "==", attr("t"), False], False),
    (["cmp", ">", attr("t"), False], False),
    (["cmp", "<=", attr("t"), True], False),
    # cmp: other pairs
    (["cmp", "==", attr("t"), 1], False),
    (["cmp", ">", attr("t"), 0], False),
    (["cmp", "==", attr("zero"), False], False),
    (["cmp", "==", INT, "42"], False),
    (["cmp", "==", S, 0], False),
    (["cmp", "==", attr("bytes"), "checkout"], False),
    (["cmp", "==", attr("map"), "v"], False),
    (["cmp", "==", attr("empty"), ""], False),
    (["cmp", "<=", attr("absent"), 0], False),
    (["not", ["cmp", "==", attr("absent"), 0]], True),
    # arrays: any element, one level
    (["cmp", "==", attr("array"), "a"], True),
    (["cmp", "==", attr("array"), 7], True),
    (["cmp", "==", attr("array"), True], True),
    (["cmp", "<", attr("array"), 1.6], True),
    (["cmp", "==", attr("array"), "nested"], False),
    (["cmp", "==", attr("no_elements"), "a"], False),
    (["exists", attr("no_elements")], True),
    (["is", attr("array"), 7], True),
    (["is", attr("array"), 7.0], False),
    (["in", attr("array"), ["b", "a"]], True),
    (["matches", attr("array"), "^a$"], True),
    (["matches", attr("array"), "7"], False),
    (["contains", attr("array"), "a"], True),
    (["contains", attr("array"), "nest"], False),
    # is
    (["is", S, "checkout"], True),
    (["is", INT, 42], True),
    (["is", INT, 42.0], False),
    (["is", attr("whole"), 42.0], True),
    (["is", attr("whole"), 42], False),
    (["is", attr("t"), True], True),
    (["is", attr("t"), 1], False),
    (["is", attr("zero"), False], False),
    (["is", attr("minus_zero"), 0.0], True),
    (["is", attr("absent"), ""], False),
    # in
    (["in", S, ["a", "checkout"]], True),
    (["in", S, []], False),
    (["in", INT, [1, 42.0]], True),
    (["in", INT, ["42"]], False),
    (["in", attr("t"), [True]], True),
    # matches, contains
    (["matches", S, "eck"], True),
    (["matches", S, "^eck"], False),
    (["matches", S, ""], True),
    (["matches", INT, "42"], False),
    (["matches", attr("bytes"), "check"], False),
    (["matches", attr("absent"), ""], False),
    (["contains", S, "eck"], True),
    (["contains", S, "e.k"], False),
    (["contains", S, ""], True),
    (["contains", INT, "4"], False),
    (["contains", attr("unicode"), "漢"], True),
    # text_matches
    (["text_matches", S, "^checkout$"], True),
    (["text_matches", attr("t"), "^true$"], True),
    (["text_matches", attr("f"), "^false$"], True),
    (["text_matches", INT, "^42$"], True),
    (["text_matches", attr("neg"), "^-7$"], True),
    (["text_matches", D, r"^2\.5$"], True),
    (["text_matches", attr("whole"), "^42$"], True),
    (["text_matches", attr("nan"), "^NaN$"], True),
    (["text_matches", attr("inf"), r"^\+Inf$"], True),
    (["text_matches", attr("minus_zero"), "^-0$"], True),
    (["text_matches", attr("huge"), "^1000000000000000000000$"], True),
    (["text_matches", attr("tiny"), r"^0\.0{323}5$"], True),
    *[(["text_matches", attr(key), ""], False) for key in ("bytes", "array", "map", "empty", "absent")],
    # the collector's way of reading another type
    (["go_str_in", S, ["checkout"]], True),
    (["go_str_in", S, [""]], False),
    (["go_str_in", INT, [""]], True),
    (["go_str_in", attr("array"), [""]], True),
    (["go_str_in", attr("array"), ["a"]], False),
    (["go_str_in", attr("empty"), [""]], True),
    (["go_str_in", attr("absent"), [""]], False),
    (["go_str_matches", S, "eck"], True),
    (["go_str_matches", INT, "^$"], True),
    (["go_str_matches", INT, "4"], False),
    (["go_str_matches", attr("array"), "a"], False),
    (["go_str_matches", attr("absent"), ""], False),
    (["go_int_between", INT, 42, 42], True),
    (["go_int_between", INT, 43, None], False),
    (["go_int_between", INT, None, 41], False),
    (["go_int_between", INT, None, None], True),
    (["go_int_between", attr("max"), 2**63 - 1, None], True),
    (["go_int_between", attr("whole"), 42, 42], False),
    (["go_int_between", attr("whole"), 0, 0], True),
    (["go_int_between", attr("t"), 0, 0], True),
    (["go_int_between", S, -1, 1], True),
    (["go_int_between", attr("absent"), None, None], False),
    (["go_bool_is", attr("t"), True], True),
    (["go_bool_is", attr("f"), False], True),
    (["go_bool_is", attr("f"), True], False),
    (["go_bool_is", INT, False], True),
    (["go_bool_is", INT, True], False),
    (["go_bool_is", attr("absent"), False], False),
]


@pytest.mark.parametrize(("condition", "expected"), TABLE, ids=[str(condition) for condition, _ in TABLE])
def test_condition(kernel, condition, expected):
    """Each form of condition is true of the rich span exactly where the table says so, and `not` turns it round."""
    assert holds(kernel, condition, rich()) is expected
    assert holds(kernel, ["not", condition], rich()) is not expected


@pytest.mark.parametrize(
    ("parent", "expected"), [(b"", True), (b"\0" * 8, True), (b"\0" * 3, True), (b"\0" * 7 + b"\1", False)]
)
def test_root_is_a_span_without_a_parent(kernel, parent, expected):
    """A parent id that is empty or all zero, of whatever length, makes a root."""
    assert holds(kernel, ["root"], request(span(parent_span_id=parent))) is expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 0, 0), (5, 0, 0), (0, 5, 0), (5, 5, 0), (5, 7, 2), (7, 5, 0), (1, 2**64 - 1, 2**64 - 2)],
)
def test_duration_is_never_negative(kernel, start, end, expected):
    """A missing start or end, or an end before the start, is a duration of 0; the largest times do not overflow."""
    one = span(start_time_unix_nano=start, end_time_unix_nano=end)
    assert holds(kernel, ["cmp", "==", ["field", "duration"], min(expected, 2**63 - 1)], request(one)) is (
        expected < 2**63
    )
    assert holds(kernel, ["cmp", ">=", ["field", "duration"], float(expected)], request(one)) is (expected < 2**63)


def test_absent_fields_are_empty(kernel):
    """A span without name, status, kind, ids and a scope that is absent read as empty strings and zeros."""
    data = wrapped(b"")
    for text in ("name", "trace_state", "status.message", "scope.name", "scope.version", "trace_id", "span_id"):
        assert holds(kernel, ["is", ["field", text], ""], data), text
    for number in ("kind", "status.code", "duration"):
        assert holds(kernel, ["is", ["field", number], 0], data), number


REPEATED = [
    ("the last name", field(5, b"a") + field(5, b"b"), ["cmp", "==", ["field", "name"], "b"]),
    ("status merged: code", field(15, b"\x18\x02") + field(15, field(2, b"m")), ["is", ["field", "status.code"], 2]),
    (
        "status merged: message",
        field(15, field(2, b"m")) + field(15, b"\x18\x02"),
        ["is", ["field", "status.message"], "m"],
    ),
    ("enum modulo 2^32", b"\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ["is", ["field", "kind"], -1]),
    ("kind in the wrong wire type", field(6, b"\x02"), ["is", ["field", "kind"], 0]),
    (
        "key at its first place",
        field(9, field(1, b"k") + field(2, field(1, b"1"))) + field(9, field(1, b"k") + field(2, field(1, b"2"))),
        ["is", ["attr", "span", "k"], "1"],
    ),
    (
        "last key and last value of a KeyValue",
        field(9, field(1, b"x") + field(2, field(1, b"1")) + field(1, b"k") + field(2, b"")),
        ["and", ["exists", ["attr", "span", "k"]], ["not", ["is", ["attr", "span", "k"], "1"]]],
    ),
    (
        "last member of an AnyValue",
        field(9, field(1, b"k") + field(2, field(1, b"1") + b"\x18\x05")),
        ["is", ["attr", "span", "k"], 5],
    ),
    (
        "a member in the wrong wire type",
        field(9, field(1, b"k") + field(2, field(1, b"1") + field(3, b"\x05"))),
        ["is", ["attr", "span", "k"], "1"],
    ),
    (
        "an index into strings is unknown",
        field(9, field(1, b"k") + field(2, field(1, b"1") + b"\x40\x05")),
        ["is", ["attr", "span", "k"], "1"],
    ),
    (
        "no value is the empty value",
        field(9, field(1, b"k")),
        ["and", ["exists", ["attr", "span", "k"]], ["go_str_in", ["attr", "span", "k"], [""]]],
    ),
    ("no key is the empty key", field(9, field(2, field(1, b"1"))), ["is", ["attr", "span", ""], "1"]),
    (
        "any non-zero varint is true",
        field(9, field(1, b"k") + field(2, b"\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")),
        ["is", ["attr", "span", "k"], True],
    ),
]


@pytest.mark.parametrize(("raw", "condition"), [row[1:] for row in REPEATED], ids=[str(row[0]) for row in REPEATED])
def test_raw_fields(kernel, raw, condition):
    """Fields that stand several times, or in another wire type, are read as the contract says."""
    assert holds(kernel, condition, wrapped(raw))


def test_resource_and_scope_are_merged(kernel):
    """Attributes of all occurrences of a resource and a scope are read, names of the last that has one."""
    one, two = (field(1, field(1, field(1, key) + field(2, field(1, key)))) for key in (b"a", b"b"))
    scope_1 = field(1, field(1, b"n1") + field(2, b"v1") + field(3, field(1, b"x") + field(2, field(1, b"1"))))
    scope_2 = field(1, field(1, b"n2") + field(3, field(1, b"x") + field(2, field(1, b"2"))))
    data = wrapped(b"", resource=one + two, scope=scope_1 + scope_2)
    for condition in (
        ["is", ["attr", "resource", "a"], "a"],
        ["is", ["attr", "resource", "b"], "b"],
        ["is", ["field", "scope.name"], "n2"],
        ["is", ["field", "scope.version"], "v1"],
        ["is", ["attr", "scope", "x"], "1"],
    ):
        assert holds(kernel, condition, data), condition


def test_conditions_of_one_leaf_meet_in_one_span(kernel):
    """A leaf is about one span: two spans that each satisfy a half do not satisfy the whole."""
    both = ["and", ["exists", ["attr", "span", "a"]], ["exists", ["attr", "span", "b"]]]
    leaves = [both, ["exists", ["attr", "span", "a"]], ["exists", ["attr", "span", "b"]]]
    data = grouped((None, None, [span({"a": 1}), span({"b": 1})]))
    columns = kernel.compile(spec(leaves=leaves)).digest(data).columns()
    assert columns.masks[columns.mask_index[0]] & 0b111 == 0b110
