"""Bytes that nothing changes stay as they came: of whole requests, of messages, of fields."""

from __future__ import annotations

from array import array

import pytest
from effort import examples
from hypothesis import given
from kernel_helpers import edit, encoded, field, rule, run, scrub, spec, tag, varint, wrapped
from wire_strategies import requests_on_the_wire

NOTHING = [
    edit({"do": "update", "key": "absent\x00", "value": encoded(1)}),
    edit({"do": "insert", "key": "a", "value": encoded(1)}, when=["false"]),
    edit({"do": "delete", "pattern": "^absent\x00"}, on="resource"),
    edit({"do": "convert", "key": "absent\x00", "to": "string"}, on="scope"),
    scrub(rule("absent\x01"), keys=[rule("absent\x01")]),
]


def test_the_same_object(kernel):
    """A request in which nothing changed is returned as the very object that came."""
    data = wrapped(field(5, b"name", length=4) + field(77, b"x") + b"\x30\x82\x80\x00", field(1, b"", length=2))
    for stages in ([], NOTHING):
        assert run(kernel, data, *stages) is data


@examples(60)
@given(data=requests_on_the_wire())
def test_any_request_that_nothing_changes(kernel, data):
    """Whatever a request looks like - shuffled, padded, with unknown fields - it comes back as the same object."""
    assert run(kernel, data, *NOTHING) is data


@examples(60)
@given(data=requests_on_the_wire())
def test_an_edit_and_its_undoing(kernel, data):
    """Adding an attribute and deleting it again restores every span byte for byte."""
    key = "added\x00"
    stages = [edit({"do": "insert", "key": key, "value": encoded("v")}), edit({"do": "delete", "key": key})]
    assert run(kernel, data, *stages) is data


@examples(40)
@given(data=requests_on_the_wire())
def test_spans_through_the_table(kernel, data):
    """Held and sent again, every span has its bytes, and so have the headers of the resources and scopes with spans."""
    program, book = kernel.compile(spec()), kernel.labels()
    keep = book.add({"keep": True, "span": [], "resource": [], "threshold": "leave"})
    table = kernel.table(program, book, 10, 10)
    table.file(program.digest(data), 1)
    due = table.due(1, None, 1000)
    kept = table.settle(due, array("I", [keep] * due.count), None).kept
    out = b"" if kept is None else b"".join(one for one, _ in kept.requests(1, 0))
    assert sorted(_spans(kernel, out)) == sorted(_spans(kernel, data))


def _spans(kernel, data):
    """Return each span with its headers, as a request of its own."""
    return [one for one, _ in kernel.compile(spec()).digest(data).requests(1, 0)]


AROUND = [
    ("unknown varint", tag(50, 0) + varint(5, 3)),
    ("unknown bytes", field(50, b"\xff\xfe", length=5)),
    ("unknown fixed", tag(50, 1) + b"\1" * 8 + tag(51, 5) + b"\2" * 4),
    ("unknown group", tag(50, 3) + field(1, b"x") + tag(51, 3) + tag(51, 4) + tag(50, 4)),
    ("known field in another wire type", tag(9, 0) + b"\x01" + field(7, b"x") + tag(5, 5) + b"abcd"),
    ("a padded tag", b"\xb0\x80\x00" + b"\x02"),
    ("a padded length", field(4, b"p", length=5)),
    ("a padded varint", tag(6, 0) + varint(2, 10)),
    ("duplicates", field(5, b"one") + field(5, b"two") + field(1, b"a" * 16) * 2),
    ("defaults written out", field(5, b"") + tag(6, 0) + b"\0" + tag(7, 1) + bytes(8)),
    ("fields out of order", tag(16, 5) + bytes(4) + field(15, b"\x18\x02") + field(1, b"t" * 16)),
    ("an empty event and link", field(11, b"", length=2) + field(13, b"")),
]


@pytest.mark.parametrize("raw", [row[1] for row in AROUND], ids=[row[0] for row in AROUND])
def test_fields_around_a_change(kernel, raw):
    """In a span that does change every other field keeps its bytes and its place."""
    kept = field(9, field(1, b"k", length=3) + field(2, field(1, b"v", length=2)), length=4)
    before = raw + kept + field(9, field(1, b"x") + field(2, field(1, b"secret"))) + raw
    after = raw + kept + field(9, field(1, b"x") + field(2, field(1, b"X"))) + raw
    added = field(9, field(1, b"new") + field(2, field(1, b"n")))
    stages = [scrub(rule("secret")), edit({"do": "insert", "key": "new", "value": encoded("n")})]
    assert run(kernel, wrapped(before), *stages) == wrapped(after + added)


@pytest.mark.parametrize(
    "raw", [AROUND[index][1] for index in (0, 1, 2, 3)], ids=[AROUND[index][0] for index in range(4)]
)
def test_fields_around_a_changed_child(kernel, raw):
    """A changed span is written minimally; its siblings, scopes and resources keep everything else."""
    untouched = field(2, field(5, b"name", length=2), length=3)
    before = field(2, raw + untouched + field(2, field(5, b"secret"), length=4) + raw, length=4)
    after = field(2, raw + untouched + field(2, field(5, b"X")) + raw)
    sibling = field(1, field(2, untouched, length=4) + raw, length=5)
    data = raw + sibling + field(1, raw + before + raw, length=5) + raw
    assert run(kernel, data, scrub(rule("secret"))) == raw + sibling + field(1, raw + after + raw) + raw


def test_nested_messages_around_a_change(kernel):
    """Events, links, status and nested values keep what is not changed inside them."""
    unknown = field(60, b"u", length=3)
    pair = field(1, b"k") + unknown

    def build(text, length):
        nested = field(1, field(1, b"a", length=2) + unknown + field(2, field(1, text)), length)
        inside = unknown + field(6, unknown + nested, length) + b"\x18\x01"
        attribute = pair + field(2, inside, length)
        event = unknown + field(3, attribute, length) + field(2, text) + unknown
        link = field(3, text) + unknown + field(4, attribute, length)
        status = unknown + field(2, text) + b"\x18\x82\x00"
        return unknown + field(11, event, length) + field(13, link, length) + field(15, status, length) + unknown

    assert run(kernel, wrapped(build(b"secret", 3)), scrub(rule("secret"))) == wrapped(build(b"X", 0))
