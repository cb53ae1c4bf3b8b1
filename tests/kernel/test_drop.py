"""Stages that drop: what goes, what is counted, and what is left of requests, rows and facts."""

from __future__ import annotations

from typing import Any

import pytest
from kernel_helpers import all_spans, edit, encoded, grouped, parsed, request, span, spec
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tailgate.kernel.contract import BadProgram, OverLimit


def named(name: str, trace: int = 1, **fields: Any) -> Span:
    return span({"n": len(name)}, name=name, trace_id=bytes([trace]) * 16, **fields)


def drop(*names: str) -> Any:
    return {"kind": "filter", "on": "span", "if": ["in", ["field", "name"], list(names)]}


def test_what_is_left_keeps_its_bytes(kernel):
    """Guarantees: other spans, headers and unknown fields keep their bytes and their order."""
    groups = [({"r": 1}, {"s": 1}, [named("a"), named("b"), named("c")]), (None, None, [named("d")]), ({}, {}, [])]
    data = grouped(*groups) + b"\x1a\x01x"
    expected = [(groups[0][0], groups[0][1], [named("a"), named("c")]), *groups[1:]]
    records = kernel.compile(spec([drop("b")])).digest(data)
    assert records.request() == grouped(*expected) + b"\x1a\x01x"
    assert (records.spans, records.dropped) == (3, [1])


def test_what_is_empty_is_left_out(kernel):
    """Guarantees: a ScopeSpans all of whose spans went is left out, then its ResourceSpans; those empty before stay."""
    data = grouped(({"r": 1}, {}, [named("a")]), ({"r": 2}, {}, []), ({"r": 3}, {}, [named("b")]))
    records = kernel.compile(spec([drop("a", "b")])).digest(data)
    assert records.request() == grouped(({"r": 2}, {}, []))
    assert (records.spans, records.traces, records.dropped, records.requests(0, 0)) == (0, 0, [2], [])


def test_stages_before_and_behind(kernel):
    """Guarantees: a filter sees what stages before it did; what it drops is seen by no stage behind it."""
    rename = edit({"do": "set", "field": "name", "of": ["lit", "new"]}, when=["cmp", "==", ["field", "name"], "a"])
    program = kernel.compile(spec([drop("a"), rename, drop("new", "b"), drop("b", "c")]))
    records = program.digest(request(*(named(name) for name in "aabbcd")))
    assert [one.name for one in all_spans(records.request())] == ["d"]
    assert records.dropped == [2, 2, 1]
    assert kernel.compile(spec([rename, drop("a"), drop("new")])).digest(request(named("a"))).dropped == [0, 1]


def test_rows_and_facts(kernel):
    """Guarantees: what is dropped is in no trace and no fact; a trace of which nothing is left has no row."""
    stages = [drop("a")]
    program = kernel.compile(spec(stages, leaves=[["true"]], numbers=[{"value": None, "if": None}]))
    columns = program.digest(request(named("a", 1), named("b", 2), named("a", 2))).columns()
    assert (columns.trace_ids(), list(columns.spans)) == ([b"\x02" * 16], [1])


def test_refine_keeps_rows(kernel):
    """Guarantees: held traces keep their rows and labels when all their spans are dropped later."""
    program, later = kernel.compile(spec()), kernel.compile(spec([drop("a")], leaves=[["true"]]))
    records = later.refine(program.digest(request(named("a", 1), named("b", 2))))
    columns = records.columns()
    assert (records.traces, records.spans, records.dropped) == (2, 1, [1])
    assert (columns.trace_ids(), list(columns.spans)) == ([b"\x01" * 16, b"\x02" * 16], [0, 1])
    assert [columns.masks[i] & 3 for i in columns.mask_index] == [2, 3], "of no spans: not any, but all"
    assert len(parsed(records.requests(0, 0)[0][0]).resource_spans) == 1


def test_dropped_spans_count_for_the_limit(kernel):
    """Guarantees: the limit on spans is about what comes, not about what is left."""
    program = kernel.compile(spec([drop("a")], max_spans=2))
    assert program.digest(request(named("a"), named("a"))).spans == 0
    with pytest.raises(OverLimit):
        program.digest(request(named("a"), named("a"), named("a")))


def test_drop_if(kernel):
    """Guarantees: an action's drop_if is asked right before it, and before its own condition."""
    actions = [
        {"do": "upsert", "key": "n", "value": encoded(5), "if": ["cmp", "==", ["field", "name"], "a"]},
        {"do": "delete", "key": "n", "if": ["false"], "drop_if": ["cmp", "==", ["attr", "span", "n"], 5]},
    ]
    records = kernel.compile(spec([drop("z"), edit(*actions)])).digest(request(named("a"), named("b"), named("z")))
    assert [one.name for one in all_spans(records.request())] == ["b"]
    assert records.dropped == [1, 1]
    of_event = edit(
        {"do": "delete", "key": "x", "drop_if": ["ottl", ["cmp", "==", ["field", "event.name"], ["lit", "e"]]]},
        on="event",
    )
    records = kernel.compile(spec([of_event])).digest(request(named("a", events=[Span.Event(name="e")]), named("b")))
    assert (records.spans, records.dropped) == (1, [1])


@pytest.mark.parametrize(
    "stage",
    [
        {"kind": "filter", "on": "resource", "if": ["true"]},
        {"kind": "filter", "on": "span"},
        {"kind": "filter", "on": "span", "if": None},
        {"kind": "filter", "on": "span", "if": ["true"], "more": 1},
        {"kind": "filter", "on": "span", "if": ["cmp", "==", ["field", "event.name"], "a"]},
        {"kind": "filter", "on": "event", "if": ["exists", ["attr", "event", "a"]]},
        {"kind": "filter", "on": "event", "if": ["ottl", ["events", ["leaf", ["true"]]]]},
        {"kind": "sample"},
        edit({"do": "delete", "key": "k", "drop_if": ["true"]}, on="resource"),
        edit({"do": "delete", "key": "k", "drop_if": None}),
        edit({"do": "set", "field": "event.name", "of": ["lit", "x"]}),
        edit({"do": "set", "field": "name", "of": ["nothing"]}),
        edit({"do": "set", "field": "name"}),
        edit({"do": "keep"}),
        edit({"do": "keep", "keys": [], "pattern": ""}),
        edit({"do": "replace", "pattern": "(a)", "with": [2]}),
        edit({"do": "replace", "pattern": "a", "with": [], "key": "a", "field": "name"}),
        edit({"do": "replace", "pattern": "a", "with": [], "field": "kind"}),
        edit({"do": "rename", "pattern": "(a)", "with": [2]}),
        edit({"do": "rename", "pattern": "a", "with": [], "key": "a"}),
        edit({"do": "truncate", "limit": -1}),
        edit({"do": "limit", "count": 1}),
        edit({"do": "parse_name", "patterns": ["(a)"], "rename": True, "first": True}),
        edit({"do": "parse_name", "patterns": [], "rename": 1, "first": True}),
        edit({"do": "parse_name", "patterns": [], "rename": True, "first": True}, on="resource"),
        edit({"do": "upsert", "key": "k", "of": ["lit", 1], "value": encoded(1)}),
        edit({"do": "upsert", "key": "k", "of": ["call", "len"]}),
        edit({"do": "upsert", "key": "k", "of": ["call", "split", ["lit", ""], ""]}),
        edit({"do": "upsert", "key": "k", "of": ["at", ["lit", ""], -1]}),
        edit({"do": "upsert", "key": "k", "of": ["hex", "0"]}),
        edit({"do": "upsert", "key": "k", "of": ["field", "event.name"]}),
    ],
)
def test_what_does_not_compile(kernel, stage):
    """Guarantees: both kernels refuse the same programs."""
    with pytest.raises(BadProgram, match=r"\w"):
        kernel.compile(spec([stage]))
