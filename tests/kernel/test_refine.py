"""`refine`: stages and facts anew for spans that were held, labels kept."""

from __future__ import annotations

from array import array

from kernel_helpers import (
    all_spans,
    edit,
    encoded,
    grouped,
    pair,
    pairs,
    parsed,
    request,
    rule,
    run,
    scrub,
    span,
    spec,
)

KEEP = {"keep": True, "span": [], "resource": [], "threshold": "leave"}


def held(kernel, data, numbers=1):
    """Return the records of a request that was held and kept, with a label of its own for each trace."""
    program, book = kernel.compile(spec()), kernel.labels()
    table = kernel.table(program, book, 10, 10)
    table.file(program.digest(data), 1)
    due = table.due(1, None, 100)
    labels = [book.add(KEEP | {"span": [pair("label", index)]}) for index in range(due.count)]
    return table.settle(due, array("I", labels), None).kept


def put(key, value):
    return {"do": "upsert", "key": key, "value": encoded(value)}


STAGES = [
    edit(put("r", "secret"), on="resource"),
    edit(put("s", 1), on="scope", when=["exists", ["attr", "resource", "r"]]),
    edit({"do": "insert", "key": "from_r", "from": ["resource", "r"]}, when=["exists", ["attr", "scope", "s"]]),
    scrub(rule("secret")),
]


def data():
    return grouped(
        ({"x": 1}, None, [span(name="a", trace_id=b"a" * 16), span(name="secret", trace_id=b"b" * 16)]),
        (None, {"y": "secret"}, [span(name="c", trace_id=b"a" * 16)]),
    )


def test_stages_run_on_held_spans(kernel):
    """Resources, scopes and spans come out as they would of `digest` with these stages."""
    refined = kernel.compile(spec(STAGES)).refine(held(kernel, data()))
    [(out, count)] = refined.requests(0, 0)
    assert count == 3
    expected = run(kernel, data(), *STAGES)
    assert {one.name: pairs(one.attributes)[:1] for one in all_spans(out)} == {
        one.name: pairs(one.attributes) for one in all_spans(expected)
    }
    for ours, theirs in zip(parsed(out).resource_spans, parsed(expected).resource_spans, strict=True):
        assert ours.resource == theirs.resource
        assert [one.scope for one in ours.scope_spans] == [one.scope for one in theirs.scope_spans]


def test_labels_stay(kernel):
    """Each trace keeps its labels; rows and spans keep their order."""
    records = held(kernel, data())
    refined = kernel.compile(spec(STAGES)).refine(records)
    assert refined.labels(0) == records.labels(0)
    assert refined.columns().trace_ids() == records.columns().trace_ids() == [b"a" * 16, b"b" * 16]
    labels = {one.name: pairs(one.attributes)[-1] for out, _ in refined.requests(0, 0) for one in all_spans(out)}
    assert labels == {"a": ("label", 0), "c": ("label", 0), "X": ("label", 1)}
    assert (refined.traces, refined.spans) == (2, 3)


def test_facts_are_computed_again(kernel):
    """With the new program's leaves, numbers and keys, after its stages."""
    program = kernel.compile(
        spec(STAGES, leaves=[["exists", ["attr", "span", "from_r"]]], keys=[["attr", "resource", "r"]])
    )
    columns = program.refine(held(kernel, data())).columns()
    assert columns.masks == [0b111]
    assert columns.keys(0) == [b"X", b"X"]
    expected = program.digest(data()).columns()
    assert columns.bytes == expected.bytes
    assert list(columns.first_seen) == [0, 0]


def test_the_records_before_stay(kernel):
    """Refining changes nothing in the records that were given."""
    records = held(kernel, data())
    before = records.requests(0, 0)
    kernel.compile(spec(STAGES)).refine(records)
    assert records.requests(0, 0) == before


def test_nothing_to_do_changes_nothing(kernel):
    """A program without stages gives the same bytes again."""
    records = held(kernel, data())
    assert kernel.compile(spec()).refine(records).requests(0, 0) == records.requests(0, 0)


def test_no_limits_and_no_context(kernel):
    """Held spans are never over a limit, and context values are null for them."""
    stage = edit({"do": "insert", "key": "c", "context": 0})
    program = kernel.compile(spec([stage], context=1, max_spans=1, max_attributes=0, max_bytes=1))
    [(out, count)] = program.refine(held(kernel, data())).requests(0, 0)
    assert count == 3
    assert all([key for key, _ in pairs(one.attributes)] == ["label"] for one in all_spans(out))


def test_refine_of_a_digest(kernel):
    """Records that were never held are refined alike, in the order of the request."""
    records = kernel.compile(spec()).digest(
        request(span(name="a", trace_id=b"a" * 16), span(name="b"), span(name="c", trace_id=b"a" * 16))
    )
    refined = kernel.compile(spec(STAGES)).refine(records)
    [(out, _)] = refined.requests(0, 0)
    assert [one.name for one in all_spans(out)] == ["a", "b", "c"]
    assert list(refined.labels(0)) == [0, 0]


def test_counted(kernel):
    """Replacements in held spans are counted."""
    program = kernel.compile(spec([scrub(rule("secret"))]))
    program.refine(held(kernel, data()))
    assert program.counters() == [2]


def test_a_changed_trace_id_stays_filed(kernel):
    """The trace that a span belongs to is the one that it was filed under."""
    refined = kernel.compile(spec([scrub(rule("."))])).refine(held(kernel, request(span(trace_id=b"\1" * 3))))
    assert refined.columns().trace_ids() == [b"\1" * 3 + bytes(13)]
