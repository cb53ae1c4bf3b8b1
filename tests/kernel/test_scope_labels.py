"""What labels write on scopes, and how spans are grouped after it."""

from __future__ import annotations

from array import array

import pytest
from kernel_helpers import NOTHING, field, grouped, pair, pairs, parsed, request, span, spec


def kept(kernel, data, *labels):
    """Return the records of a request whose traces get these labels in turn."""
    program, book = kernel.compile(spec()), kernel.labels()
    numbers = [book.add(NOTHING | label) for label in labels]
    table = kernel.table(program, book, 10, 10)
    table.file(program.digest(data), 1)
    due = table.due(1, None, 100)
    verdicts = array("I", [numbers[row % len(numbers)] for row in range(due.count)])
    return table.settle(due, verdicts, None).kept, book


def scopes(records):
    """Return the attributes and span names of each scope, resource by resource."""
    [(data, _)] = records.requests(0, 0)
    return [
        [(pairs(scope.scope.attributes), [one.name for one in scope.spans]) for scope in resource.scope_spans]
        for resource in parsed(data).resource_spans
    ]


def test_attributes_are_upserted_on_scopes(kernel):
    """Updated in place, appended where absent; name, version and resource stay."""
    data = request(span(), resource={"r": 1}, scope={"p": "old", "x": 2}, name="lib", version="1")
    records, _ = kept(kernel, data, {"scope": [pair("p", "errors"), pair("q", True)]})
    assert scopes(records) == [[([("p", "errors"), ("x", 2), ("q", True)], ["work"])]]
    [(out, _)] = records.requests(0, 0)
    resource = parsed(out).resource_spans[0]
    assert (resource.scope_spans[0].scope.name, resource.scope_spans[0].scope.version) == ("lib", "1")
    assert pairs(resource.resource.attributes) == [("r", 1)]


def test_a_scope_is_made(kernel):
    """Where no scope is there, an empty one is appended to the header first."""
    records, _ = kept(kernel, request(span()), {"scope": [pair("p", 1)]})
    assert scopes(records) == [[([("p", 1)], ["work"])]]


def test_scopes_are_grouped_after_labels(kernel):
    """One scope of two traces becomes two where their labels differ, and stays one where they do not."""
    spans = [span(name=name, trace_id=name.encode() * 16) for name in "abc"]
    data = grouped((None, {"s": 1}, spans))
    records, _ = kept(kernel, data, {"scope": [pair("p", 1)]}, {"scope": [pair("p", 2)]})
    assert scopes(records) == [[([("s", 1), ("p", 1)], ["a", "c"]), ([("s", 1), ("p", 2)], ["b"])]]
    records, _ = kept(kernel, data, {"scope": [pair("p", 1)]})
    assert scopes(records) == [[([("s", 1), ("p", 1)], ["a", "b", "c"])]]


def test_a_key_that_comes_again_takes_the_later_value(kernel):
    """Once, before it is written: where the last value is empty, an attribute without a value stays as it is."""
    twice = [pair("p", "first"), ("p", field(1, b"p") + field(2, b""))]
    records, _ = kept(kernel, request(span(), scope={"x": 1}), {"scope": [pair("p", 1), pair("q", 2), pair("p", 3)]})
    assert scopes(records) == [[([("x", 1), ("p", 3), ("q", 2)], ["work"])]]
    header = field(3, field(1, b"p"))
    data = field(1, field(2, field(1, header) + field(2, span().SerializeToString())))
    records, _ = kept(kernel, data, {"scope": twice})
    [(out, _)] = records.requests(0, 0)
    assert header in out


def test_both_slots_write_on_scopes(kernel):
    """The second slot writes after the first; resources and scopes do not get in each other's way."""
    records, book = kept(kernel, request(span()), {"scope": [pair("p", 1), pair("q", 1)], "resource": [pair("r", 1)]})
    records.label(1, array("I", [book.add(NOTHING | {"scope": [pair("q", 2)]})]))
    assert scopes(records) == [[([("p", 1), ("q", 2)], ["work"])]]


@pytest.mark.parametrize("bad", [None, "x", [("k", b"\xff")], [("k",)]], ids=str)
def test_bad_scope_attributes(kernel, bad):
    """What is no list of attributes is refused."""
    with pytest.raises((ValueError, TypeError)):
        kernel.labels().add(NOTHING | {"scope": bad})
