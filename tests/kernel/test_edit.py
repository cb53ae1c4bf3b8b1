"""Stage `edit`: every action and source on every level, and what is converted to what."""

from __future__ import annotations

import base64
import hashlib
import math
import struct

import pytest
from kernel_helpers import (
    EMPTY,
    Raw,
    edit,
    encoded,
    field,
    first_resource,
    grouped,
    pairs,
    parsed,
    request,
    run,
    span,
    span_attributes,
    spec,
    wrapped,
)


def edited(kernel, values, *actions, when=None, context=()):
    """Return a span's attributes after these actions."""
    data = request(span(values), resource={"service.name": "shop", "n": 7}, scope={"lib": [1]})
    return span_attributes(run(kernel, data, edit(*actions, when=when), context=context))


def put(do, key, value):
    return {"do": do, "key": key, "value": encoded(value)}


TWICE = [("k", "1"), ("x", True), ("k", 2)]

ACTIONS = [
    ("insert an absent key", {"a": 1}, [put("insert", "b", "new")], [("a", 1), ("b", "new")]),
    ("insert a present key", {"a": 1}, [put("insert", "a", "new")], [("a", 1)]),
    ("update an absent key", {"a": 1}, [put("update", "b", "new")], [("a", 1)]),
    ("update a present key", {"a": 1, "b": 2}, [put("update", "a", "new")], [("a", "new"), ("b", 2)]),
    ("upsert an absent key", {}, [put("upsert", "b", 1.5)], [("b", 1.5)]),
    ("upsert a present key", {"a": 1, "b": 2}, [put("upsert", "a", [1])], [("a", [1]), ("b", 2)]),
    ("update every place", TWICE, [put("update", "k", 0)], [("k", 0), ("x", True), ("k", 0)]),
    ("upsert every place", TWICE, [put("upsert", "k", 0)], [("k", 0), ("x", True), ("k", 0)]),
    ("delete every place", TWICE, [{"do": "delete", "key": "k"}], [("x", True)]),
    ("delete by pattern", {"ab": 1, "b": 2, "c": 3}, [{"do": "delete", "pattern": "b"}], [("c", 3)]),
    ("delete by anchored pattern", {"ab": 1, "b": 2}, [{"do": "delete", "pattern": "^b$"}], [("ab", 1)]),
    ("delete by either", {"a": 1, "b": 2, "c": 3}, [{"do": "delete", "key": "a", "pattern": "c"}], [("b", 2)]),
    ("delete an absent key", {"a": 1}, [{"do": "delete", "key": "b"}], [("a", 1)]),
    (
        "in order",
        {},
        [put("insert", "a", 1), put("insert", "a", 2), {"do": "delete", "key": "a"}, put("insert", "a", 3)],
        [("a", 3)],
    ),
    ("an empty value is present", {"a": EMPTY}, [put("insert", "a", 1)], [("a", EMPTY)]),
    ("to the empty value", {"a": 1}, [put("update", "a", EMPTY)], [("a", EMPTY)]),
    ("the empty key", {"": 1}, [put("update", "", 2), put("insert", "", 3)], [("", 2)]),
    # sources
    ("from the span", {"a": {"m": b"\0"}}, [{"do": "insert", "key": "b", "from": ["span", "a"]}], 2),
    ("from the resource", {}, [{"do": "insert", "key": "b", "from": ["resource", "n"]}], [("b", 7)]),
    ("from the scope", {}, [{"do": "insert", "key": "b", "from": ["scope", "lib"]}], [("b", [1])]),
    ("from an absent one", {"b": 1}, [{"do": "upsert", "key": "b", "from": ["span", "a"]}], [("b", 1)]),
    (
        "from what an action before wrote",
        {},
        [put("insert", "a", 1), {"do": "insert", "key": "b", "from": ["span", "a"]}],
        [("a", 1), ("b", 1)],
    ),
    # extract
    (
        "extract named groups",
        {"url": "https://a.example/x?y"},
        [
            {
                "do": "extract",
                "key": "url",
                "pattern": r"^(?P<scheme>\w+)://(?P<host>[^/]+)(/(?P<path>\w+))?(:(?P<none>z))?",
            }
        ],
        [("url", "https://a.example/x?y"), ("scheme", "https"), ("host", "a.example"), ("path", "x"), ("none", "")],
    ),
    (
        "extract over what is there",
        [("k", "ab"), ("b", 1), ("k", "zz")],
        [{"do": "extract", "key": "k", "pattern": "(?P<b>b)(?P<k>)"}],
        [("k", ""), ("b", "b"), ("k", "")],
    ),
    ("extract without a match", {"k": "x"}, [{"do": "extract", "key": "k", "pattern": "(?P<y>y)"}], [("k", "x")]),
    ("extract of another type", {"k": 12}, [{"do": "extract", "key": "k", "pattern": r"(?P<y>\d)"}], [("k", 12)]),
    ("extract without names", {"k": "x"}, [{"do": "extract", "key": "k", "pattern": "(x)"}], [("k", "x")]),
    ("extract of an absent key", {}, [{"do": "extract", "key": "k", "pattern": "(?P<y>)"}], []),
    (
        "extract of an empty text",
        {"k": ""},
        [{"do": "extract", "key": "k", "pattern": "(?P<y>)"}],
        [("k", ""), ("y", "")],
    ),
    (
        "extract beyond ASCII",
        {"k": "Zürich→漢字"},
        [{"do": "extract", "key": "k", "pattern": "(?P<y>→.)"}],
        [("k", "Zürich→漢字"), ("y", "→漢")],
    ),
]


@pytest.mark.parametrize(
    ("values", "actions", "expected"), [row[1:] for row in ACTIONS], ids=[str(row[0]) for row in ACTIONS]
)
def test_actions(kernel, values, actions, expected):
    """Each action leaves the attributes that the table says, in their places, new ones at the end."""
    if expected == 2:  # a copied value is the very same
        expected = [("a", {"m": b"\0"}), ("b", {"m": b"\0"})]
    assert edited(kernel, values, *actions) == expected


def test_context(kernel):
    """A context value becomes a string; null and missing ones leave things alone."""
    actions = [{"do": "upsert", "key": key, "context": index} for index, key in enumerate("abc")]
    assert edited(kernel, {"b": 1}, *actions, context=["ten ant", None, "é"]) == [
        ("b", 1),
        ("a", "ten ant"),
        ("c", "é"),
    ]
    program = kernel.compile(spec([edit(*actions)], context=3))
    assert span_attributes(program.digest(request(span()), ["x"]).request()) == [("a", "x")]
    assert span_attributes(program.digest(request(span())).request()) == []


HASHES = [
    ("text", b"text"),
    ("Zürich", "Zürich".encode()),
    (True, b"\x01"),
    (False, b"\x00"),
    (42, struct.pack("<q", 42)),
    (-1, struct.pack("<q", -1)),
    (2.5, struct.pack("<d", 2.5)),
    (-0.0, struct.pack("<d", -0.0)),
    ("", b""),
    (b"bytes", None),
    ([1], None),
    ({"a": 1}, None),
    (EMPTY, None),
]


@pytest.mark.parametrize(("value", "content"), HASHES, ids=[str(value) for value, _ in HASHES])
def test_hash(kernel, value, content):
    """A hash is the SHA-256 of the bytes that the contract says; what has none becomes the empty string."""
    expected = "" if content is None else hashlib.sha256(content).hexdigest()
    assert edited(kernel, {"a": value, "b": 1}, {"do": "hash", "key": "a"}) == [("a", expected), ("b", 1)]
    assert edited(kernel, {"a": value}, {"do": "hash", "pattern": "^a"}) == [("a", expected)]


SAME = object()
CONVERT = [
    # (value, int, double, string)
    (7, SAME, 7.0, "7"),
    (-(2**63), SAME, -(2.0**63), "-9223372036854775808"),
    (2**53 + 1, SAME, 2.0**53, "9007199254740993"),
    (2.9, 2, SAME, "2.9"),
    (-2.9, -2, SAME, "-2.9"),
    (-0.0, 0, SAME, "-0"),
    (1e18, 10**18, SAME, "1000000000000000000"),
    (2.0**63, SAME, SAME, "9223372036854776000"),
    (-(2.0**63), -(2**63), SAME, "-9223372036854776000"),
    (1e300, SAME, SAME, "1" + "0" * 300),
    (1e-7, 0, SAME, "0.0000001"),
    (0.1, 0, SAME, "0.1"),
    (1.7976931348623157e308, SAME, SAME, "17976931348623157" + "0" * 292),
    (math.nan, SAME, SAME, "NaN"),
    (math.inf, SAME, SAME, "+Inf"),
    (-math.inf, SAME, SAME, "-Inf"),
    (True, 1, 1.0, "true"),
    (False, 0, 0.0, "false"),
    ("12", 12, 12.0, SAME),
    ("+12", 12, 12.0, SAME),
    ("-012", -12, -12.0, SAME),
    ("9223372036854775807", 2**63 - 1, 9223372036854775807.0, SAME),
    ("9223372036854775808", SAME, 9223372036854775808.0, SAME),
    ("-9223372036854775808", -(2**63), -(2.0**63), SAME),
    ("-9223372036854775809", SAME, -(2.0**63), SAME),
    ("0" * 5000 + "7", 7, 7.0, SAME),
    ("9" * 5000, SAME, math.inf, SAME),
    ("1.5", SAME, 1.5, SAME),
    (".5", SAME, 0.5, SAME),
    ("5.", SAME, 5.0, SAME),
    ("1e3", SAME, 1000.0, SAME),
    ("-1.5E-3", SAME, -0.0015, SAME),
    ("1e999", SAME, math.inf, SAME),
    ("-1e-999", SAME, -0.0, SAME),
    ("0.1", SAME, 0.1, SAME),
    ("2.2250738585072014e-308", SAME, 2.2250738585072014e-308, SAME),
    ("", SAME, SAME, SAME),
    ("+", SAME, SAME, SAME),
    (".", SAME, SAME, SAME),
    ("1 ", SAME, SAME, SAME),
    ("1\n", SAME, SAME, SAME),
    (" 1", SAME, SAME, SAME),
    ("1_000", SAME, SAME, SAME),
    ("0x10", SAME, SAME, SAME),
    ("1e", SAME, SAME, SAME),
    ("inf", SAME, SAME, SAME),
    ("NaN", SAME, SAME, SAME),
    ("\u0661", SAME, SAME, SAME),
    (b"12", SAME, SAME, SAME),
    ([1], SAME, SAME, SAME),
    ({"a": 1}, SAME, SAME, SAME),
    (EMPTY, SAME, SAME, SAME),
]


@pytest.mark.parametrize("to", ["int", "double", "string"])
@pytest.mark.parametrize("row", CONVERT, ids=[repr(row[0])[:24] for row in CONVERT])
def test_convert(kernel, row, to):
    """Each value becomes what the table says, and what cannot be converted keeps its bytes."""
    value, expected = row[0], row[1 + ["int", "double", "string"].index(to)]
    data = request(span({"a": value}))
    after = run(kernel, data, edit({"do": "convert", "key": "a", "to": to}))
    if expected is SAME:
        assert after is data
    else:
        assert repr(span_attributes(after)) == repr([("a", expected)])


def test_conditions_choose(kernel):
    """Actions run only where the condition holds."""
    when = ["cmp", "==", ["attr", "any", "service.name"], "shop"]
    assert edited(kernel, {}, put("insert", "a", 1), when=when) == [("a", 1)]
    assert edited(kernel, {}, put("insert", "a", 1), when=["not", when]) == []


def test_condition_is_asked_once_before_the_actions(kernel):
    """An action that makes the condition false does not stop those after it."""
    when = ["not", ["exists", ["attr", "span", "a"]]]
    assert edited(kernel, {}, put("insert", "a", 1), put("insert", "b", 2), when=when) == [("a", 1), ("b", 2)]


def test_resource_and_scope(kernel):
    """Edits on a resource and a scope change those, and later stages see them changed, earlier ones do not."""
    seen = ["exists", ["attr", "resource", "r"]]
    after = run(
        kernel,
        request(span(), resource={"a": 1}, scope={"b": 2}),
        edit(put("insert", "too_early", 1), when=seen),
        edit(put("insert", "r", "R"), on="resource", when=["exists", ["attr", "resource", "a"]]),
        edit(
            put("insert", "s", "S"), {"do": "insert", "key": "from_r", "from": ["resource", "r"]}, on="scope", when=seen
        ),
        edit({"do": "insert", "key": "x", "from": ["resource", "r"]}, when=["exists", ["attr", "scope", "from_r"]]),
    )
    resource = first_resource(after)
    assert pairs(resource.resource.attributes) == [("a", 1), ("r", "R")]
    assert pairs(resource.scope_spans[0].scope.attributes) == [("b", 2), ("s", "S"), ("from_r", "R")]
    assert span_attributes(after) == [("x", "R")]


@pytest.mark.parametrize(("on", "number"), [("resource", 1), ("scope", 3)])
def test_absent_resource_and_scope_are_made(kernel, on, number):
    """An edit that adds appends an empty resource or scope first; one that does not add leaves nothing behind."""
    data = request(span())
    after = run(kernel, data, edit(put("upsert", "a", "b"), on=on))
    made = field(1, field(number, field(1, b"a") + field(2, field(1, b"b"))))
    raw_span = field(2, span().SerializeToString())
    inner = field(2, raw_span) + made if on == "resource" else field(2, raw_span + made)
    assert after == field(1, inner)
    assert run(kernel, data, edit(put("update", "a", "b"), {"do": "delete", "pattern": ""}, on=on)) is data


def test_adding_goes_to_the_last_resource(kernel):
    """With several occurrences every one is edited, and what is new is appended to the last."""
    one = field(1, field(1, field(1, b"a") + field(2, field(1, b"1"))))
    data = wrapped(b"", resource=one + one)
    after = run(kernel, data, edit(put("update", "a", "2"), put("insert", "b", "3"), on="resource"))
    new = field(1, field(1, b"a") + field(2, field(1, b"2")))
    added = field(1, field(1, b"b") + field(2, field(1, b"3")))
    assert after == wrapped(b"", resource=field(1, new) + field(1, new + added))


OCCURRENCES = [
    (
        "update gives every value the new one",
        field(1, b"k") + field(2, field(1, b"1")) + field(2, b""),
        put("update", "k", "n"),
        field(1, b"k") + field(2, field(1, b"n")) + field(2, field(1, b"n")),
    ),
    (
        "a missing value is appended",
        field(1, b"k"),
        put("update", "k", "n"),
        field(1, b"k") + field(2, field(1, b"n")),
    ),
    (
        "convert takes each by itself",
        field(1, b"k") + field(2, field(1, b"1")) + field(2, field(1, b"x")),
        {"do": "convert", "key": "k", "to": "int"},
        field(1, b"k") + field(2, b"\x18\x01") + field(2, field(1, b"x")),
    ),
    (
        "the whole AnyValue is replaced",
        field(2, field(1, b"1") + field(99, b"unknown") + b"\x18\x02") + field(1, b"k") + field(77, b"kept"),
        {"do": "convert", "key": "k", "to": "string"},
        field(2, field(1, b"2")) + field(1, b"k") + field(77, b"kept"),
    ),
    (
        "the changed field is written minimally, the others as they stood",
        field(1, b"k", length=3) + field(2, field(1, b"1"), length=4),
        put("update", "k", "n"),
        field(1, b"k", length=3) + field(2, field(1, b"n")),
    ),
    (
        "the same value is no change",
        field(1, b"k") + field(2, field(1, b"n"), length=4),
        put("update", "k", "n"),
        field(1, b"k") + field(2, field(1, b"n"), length=4),
    ),
    (
        "another value with the same meaning is one",
        field(1, b"k") + field(2, field(1, b"n", length=2)),
        put("update", "k", "n"),
        field(1, b"k") + field(2, field(1, b"n")),
    ),
]


@pytest.mark.parametrize(
    ("before", "action", "after"), [row[1:] for row in OCCURRENCES], ids=[str(row[0]) for row in OCCURRENCES]
)
def test_bytes_of_an_edited_attribute(kernel, before, action, after):
    """An edited KeyValue is written to the byte as the contract says; its neighbours keep theirs."""
    around = field(99, b"u", length=3)
    data = wrapped(around + field(9, before, length=3) + around)
    got = run(kernel, data, edit(action))
    if before == after:
        assert got is data
    else:
        assert got == wrapped(around + field(9, after) + around)


def test_inserted_attribute_is_appended(kernel):
    """A new attribute comes after everything else, key and value both written, and the value's bytes are kept."""
    odd = Raw(field(1, b"v", length=3))
    raw = span({"a": 1}, kind=2, flags=1).SerializeToString()
    action = {"do": "insert", "key": "", "value": base64.b64encode(odd).decode()}
    assert run(kernel, wrapped(raw), edit(action)) == wrapped(raw + field(9, field(1, b"") + field(2, odd)))


def test_every_span_is_edited(kernel):
    """Each span of each scope of each resource is, with its own resource."""
    data = grouped(*[({"n": index}, None, [span({"i": i}) for i in range(3)]) for index in range(4)])
    after = parsed(run(kernel, data, edit({"do": "insert", "key": "n", "from": ["resource", "n"]})))
    for index, resource in enumerate(after.resource_spans):
        got = [pairs(one.attributes) for one in resource.scope_spans[0].spans]
        assert got == [[("i", i), ("n", index)] for i in range(3)]
