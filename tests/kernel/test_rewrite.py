"""The actions that set fields, replace texts and keep or cut attributes, in the corners processors do not reach."""

from __future__ import annotations

from typing import Any

import pytest
from kernel_helpers import (
    EMPTY,
    Raw,
    all_spans,
    edit,
    field,
    first_resource,
    request,
    run,
    span,
    span_attributes,
    wrapped,
)


def attributes(kernel, values: Any, *actions: Any) -> list[tuple[str, Any]]:
    return span_attributes(run(kernel, request(span(values)), edit(*actions)))


CASES: list[tuple[str, Any, Any, Any]] = [
    ("a key that stands twice", [("a", 1), ("b", 2), ("a", 3)], {"do": "keep", "keys": ["a"]}, [("a", 1), ("a", 3)]),
    (
        "twice counts twice",
        [("a", 1), ("b", 2), ("a", 3)],
        {"do": "limit", "count": 2, "keys": []},
        [("a", 1), ("b", 2)],
    ),
    (
        "priority keys that stand twice",
        [("b", 2), ("c", 0), ("a", 1), ("a", 3)],
        {"do": "limit", "count": 2, "keys": ["a"]},
        [("b", 2), ("a", 1), ("a", 3)],
    ),
    ("cut between characters", {"a": "aé漢"}, {"do": "truncate", "limit": 5}, [("a", "aé")]),
    ("cut to nothing", {"a": "漢", "b": 5}, {"do": "truncate", "limit": 0}, [("a", ""), ("b", 5)]),
    ("empty matches", {"a": "ab"}, {"do": "replace", "pattern": "x*", "with": ["-"]}, [("a", "-a-b-")]),
    ("empty behind another", {"a": "axb"}, {"do": "replace", "pattern": "x*", "with": ["-"]}, [("a", "-a-b-")]),
    ("empty, beyond ASCII", {"a": "é漢"}, {"do": "replace", "pattern": "", "with": ["-"]}, [("a", "-é-漢-")]),
    ("the whole", {"a": "abc"}, {"do": "replace", "pattern": "b", "with": ["<", 0, 0, ">"]}, [("a", "a<bb>c")]),
    ("a group without part", {"a": "b"}, {"do": "replace", "pattern": "(a)|b", "with": ["x", 1]}, [("a", "x")]),
    (
        "bytes and empty stay",
        {"a": b"a", "b": EMPTY},
        {"do": "replace", "pattern": "", "with": ["x"]},
        [("a", b"a"), ("b", EMPTY)],
    ),
    ("nil", {"a": 1}, {"do": "upsert", "key": "a", "of": ["attr", "span", "b"]}, [("a", EMPTY)]),
    ("nil, absent", {}, {"do": "upsert", "key": "a", "of": ["attr", "span", "b"]}, [("a", EMPTY)]),
    ("failed", {"a": 1}, {"do": "upsert", "key": "a", "of": ["call", "int", ["lit", "x"]]}, [("a", 1)]),
    (
        "keys that become the same",
        [("ab", 1), ("b", 2), ("c", 3), ("b", 4)],
        {"do": "rename", "pattern": "^a", "with": []},
        [("c", 3), ("b", 4)],
    ),
    (
        "no key changes",
        [("b", 2), ("b", 4)],
        {"do": "rename", "pattern": "^a", "with": []},
        [("b", 2), ("b", 4)],
    ),
    ("groups of a key", {"old.a": 1}, {"do": "rename", "pattern": r"^(\w+)\.(.)", "with": [2, "-", 1]}, [("a-old", 1)]),
    (
        "an array is copied",
        {"a": [1, "x"]},
        {"do": "insert", "key": "b", "of": ["attr", "span", "a"]},
        [("a", [1, "x"]), ("b", [1, "x"])],
    ),
    (
        "a map is copied",
        {"a": {"k": 1}},
        {"do": "insert", "key": "b", "of": ["attr", "span", "a"]},
        [("a", {"k": 1}), ("b", {"k": 1})],
    ),
    ("split", {}, {"do": "insert", "key": "b", "of": ["call", "split", ["lit", "a,b,"], ","]}, [("b", ["a", "b", ""])]),
    ("own condition", {"a": 1}, {"do": "delete", "key": "a", "if": ["exists", ["attr", "span", "b"]]}, [("a", 1)]),
]


@pytest.mark.parametrize(
    ("values", "action", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_attributes(kernel, values, action, expected):
    """Guarantees: each leaves the attributes that the table says."""
    assert attributes(kernel, values, action) == expected


def set_(name: str, value: Any) -> Any:
    return {"do": "set", "field": name, "of": ["lit", value]}


def test_fields_that_stand_twice(kernel):
    """Guarantees: a field is replaced wherever it stands; in several statuses, where it stands in any of them."""
    twice = field(5, b"one") + field(5, b"two")
    assert run(kernel, wrapped(twice), edit(set_("name", "x"))) == wrapped(field(5, b"x") * 2)
    statuses = field(15, field(2, b"m")) + field(15, b"\x18\x01")
    changed = field(15, field(2, b"m")) + field(15, b"\x18\x02")
    assert run(kernel, wrapped(statuses), edit(set_("status.code", 2))) == wrapped(changed)
    new = field(15, field(2, b"new")) + field(15, b"\x18\x01")
    assert run(kernel, wrapped(statuses), edit(set_("status.message", "new"))) == wrapped(new)
    kinds = b"\x30\x82\x00\x30\x05"
    assert run(kernel, wrapped(kinds), edit(set_("kind", 5))) == wrapped(b"\x30\x05\x30\x05")


def test_the_value_that_is_there(kernel):
    """Guarantees: a field that is given the value it has keeps its bytes, however they are written."""
    data = wrapped(field(5, b"same", length=3) + b"\x30\x82\x00" + field(15, b"\x18\x81\x00"))
    assert run(kernel, data, edit(set_("name", "same"), set_("kind", 2), set_("status.code", 1))) is data


def test_fields_that_are_not_there(kernel):
    """Guarantees: they are appended, in the order of the actions; a status as one message."""
    after = run(
        kernel,
        wrapped(b""),
        edit(set_("kind", 1), set_("status.message", "m"), set_("status.code", 2), set_("name", "n")),
    )
    assert after == wrapped(b"\x30\x01" + field(15, field(2, b"m") + b"\x18\x02") + field(5, b"n"))


def test_later_stages_see_it(kernel):
    """Guarantees: conditions, facts and scrubbing behind an edit see the fields as it left them."""
    seen = {
        "do": "insert",
        "key": "seen",
        "of": ["call", "concat", [["field", "name"], ["field", "kind"], ["field", "status.code"]], "/"],
    }
    after = run(
        kernel, request(span(kind=1)), edit(set_("name", "x"), set_("kind", 3)), edit(set_("status.code", 2), seen)
    )
    assert span_attributes(after) == [("seen", "x/3/2")]


def test_a_scope_that_is_not_there(kernel):
    """Guarantees: a name makes a scope, as an attribute would."""
    after = run(kernel, request(span()), edit(set_("scope.name", "x"), on="scope"))
    assert first_resource(after).scope_spans[0].scope.name == "x"


def test_events(kernel):
    """Guarantees: each event is asked and edited by itself; one in which nothing changes keeps its bytes."""
    event = field(2, b"e") + field(3, field(1, b"k") + field(2, b"\x18\x05"))
    other = field(2, b"o", length=4)
    when = ["ottl", ["cmp", "==", ["field", "event.name"], ["lit", "e"]]]
    actions = [{"do": "delete", "key": "k"}, {"do": "set", "field": "event.name", "of": ["field", "name"]}]
    after = run(
        kernel, wrapped(field(5, b"n") + field(11, event) + field(11, other)), edit(*actions, on="event", when=when)
    )
    assert after == wrapped(field(5, b"n") + field(11, field(2, b"n")) + field(11, other))


def test_a_status_keeps_what_is_unknown(kernel):
    """Guarantees: unknown fields of a status stay in their places."""
    status = field(9, b"u") + b"\x18\x01" + field(2, b"m")
    after = run(kernel, wrapped(field(15, status)), edit(set_("status.code", 0)))
    assert after == wrapped(field(15, field(9, b"u") + b"\x18\x00" + field(2, b"m")))
    assert all_spans(after)[0].status.message == "m"
    assert Raw(after)
