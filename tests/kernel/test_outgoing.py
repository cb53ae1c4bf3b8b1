"""Requests on the way out: grouping and splitting."""

from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from kernel_helpers import (
    NOTHING,
    all_spans,
    field,
    grouped,
    kept,
    pair,
    pairs,
    parsed,
    request,
    span,
    spec,
    wrapped,
)


def names(data):
    return [
        [[one.name for one in scope.spans] for scope in resource.scope_spans]
        for resource in parsed(data).resource_spans
    ]


def test_grouping(kernel):
    """Spans are grouped by equal headers, groups in order of first appearance, spans in the order of the records."""
    data = grouped(
        ({"r": 1}, {"s": 1}, [span(name="a"), span(name="b")]),
        ({"r": 2}, {"s": 1}, [span(name="c")]),
        ({"r": 1}, {"s": 2}, [span(name="d")]),
        ({"r": 1}, {"s": 1}, [span(name="e")]),
    )
    records = kernel.compile(spec()).digest(data)
    [(out, count)] = records.requests(0, 0)
    assert count == 5
    assert names(out) == [[["a", "b", "e"], ["d"]], [["c"]]]


def test_headers_are_every_byte(kernel):
    """Headers that differ in a byte only - unknown fields, padding, order, schema_url - are not the same."""
    resources = [
        b"",
        field(3, b"url"),
        field(3, b"url", length=2),
        field(9, b"unknown"),
        field(1, b""),
        field(1, b"") + field(3, b"url"),
        field(3, b"url") + field(1, b""),
    ]
    data = b"".join(wrapped(field(5, bytes([97 + index])), one, one) for index, one in enumerate(resources * 2))
    [(out, count)] = kernel.compile(spec()).digest(data).requests(0, 0)
    assert count == 14
    expected = b"".join(
        field(
            1, one + field(2, one + field(2, field(5, bytes([97 + index]))) + field(2, field(5, bytes([104 + index]))))
        )
        for index, one in enumerate(resources)
    )
    assert out == expected


def test_header_fields_after_the_children(kernel):
    """A header is put before the children, its fields in order, wherever they stood."""
    raw = field(5, b"n")
    data = field(1, field(3, b"u") + field(2, field(2, raw) + field(1, b"") + field(2, raw)) + field(1, b""))
    records = kernel.compile(spec()).digest(data)
    assert records.request() is data
    out = field(1, field(3, b"u") + field(1, b"") + field(2, field(1, b"") + field(2, raw) + field(2, raw)))
    assert records.requests(0, 0) == [(out, 2)]


def test_resources_are_grouped_after_labels(kernel):
    """Resources that become equal by a label are one; those that a label tells apart are two."""
    data = grouped(
        ({"x": 1, "r": "a"}, None, [span(name="a", trace_id=b"a" * 16)]),
        ({"x": 1, "r": "b"}, None, [span(name="b", trace_id=b"b" * 16)]),
        ({"x": 1, "r": "a"}, None, [span(name="c", trace_id=b"c" * 16)]),
    )
    program, book = kernel.compile(spec()), kernel.labels()
    one, two = (book.add(NOTHING | {"resource": [pair("r", value)]}) for value in ("7d", "30d"))
    table = kernel.table(program, book, 10, 10)
    table.file(program.digest(data), 1)
    records = table.settle(table.due(1, None, 9), array("I", [one, one, two]), None).kept
    [(out, _)] = records.requests(0, 0)
    assert names(out) == [[["a", "b"]], [["c"]]]
    assert [pairs(resource.resource.attributes) for resource in parsed(out).resource_spans] == [
        [("x", 1), ("r", "7d")],
        [("x", 1), ("r", "30d")],
    ]


def test_no_spans_no_requests(kernel):
    """Records without spans make no request, even where resources were there."""
    assert kernel.compile(spec()).digest(b"").requests(0, 0) == []
    assert kernel.compile(spec()).digest(request(resource={"a": 1})).requests(5, 5) == []


@pytest.mark.parametrize("most", [1, 2, 3, 4, 6, 7, 100])
def test_split_by_spans(kernel, most):
    """No request has more spans; headers are repeated, order is kept, requests are filled."""
    groups = [({"r": number}, {"s": number}, [span(name=f"{number}{letter}") for letter in "abc"]) for number in (1, 2)]
    out = kernel.compile(spec()).digest(grouped(*groups)).requests(most, 0)
    counts = [count for _, count in out]
    assert counts == [min(most, 6 - done) for done in range(0, 6, most)]
    flat = [one.name for data, _ in out for one in all_spans(data)]
    assert flat == ["1a", "1b", "1c", "2a", "2b", "2c"]
    assert all(pairs(resource.resource.attributes) for data, _ in out for resource in parsed(data).resource_spans)


def test_split_by_bytes(kernel):
    """For every bound: no request is larger unless it has one span, and none could take the next span."""
    groups = [
        ({"r": "x" * (number * 50)}, {"s": number}, [span(name="n" * (40 * number + size)) for size in (0, 3, 90, 200)])
        for number in range(4)
    ]
    records = kernel.compile(spec()).digest(grouped(*groups))
    whole = records.requests(0, 0)[0][0]
    for bound in [*range(1, 400, 7), len(whole) - 1, len(whole), len(whole) + 1]:
        out = records.requests(0, bound)
        assert sum(count for _, count in out) == 16
        assert all(len(data) <= bound or count == 1 for data, count in out), bound
        assert [one.name for data, _ in out for one in all_spans(data)] == [one.name for one in all_spans(whole)]
        for (data, count), (after, _) in pairwise(out):
            assert len(_joined(kernel, data, after, count + 1)) > bound
    assert records.requests(0, len(whole)) == [(whole, 16)]


def _joined(kernel, one, two, spans):
    """Return one request with the spans of the first and the first span of the second."""
    return kernel.compile(spec()).digest(one + two).requests(spans, 0)[0][0]


def test_split_by_both(kernel):
    """Both bounds hold at once."""
    records = kernel.compile(spec()).digest(request(*(span(name="n" * size) for size in range(60))))
    out = records.requests(7, 300)
    assert all(count <= 7 and (len(data) <= 300 or count == 1) for data, count in out)
    assert {count for _, count in out} >= {7, 3}


def test_length_of_lengths(kernel):
    """Bounds are exact where a length grows from one byte to two and to three."""
    for size in (120, 127, 128, 129, 16_380, 16_384, 16_390):
        records = kernel.compile(spec()).digest(request(span(name="n" * size), span(name="m")))
        whole = records.requests(0, 0)[0][0]
        assert len(records.requests(0, len(whole))) == 1
        assert len(records.requests(0, len(whole) - 1)) == 2


def test_length_of_nothing(kernel):
    """Bounds are exact for spans without a byte, too."""
    records = kernel.compile(spec()).digest(wrapped(b"") + wrapped(b""))
    whole = b"\x0a\x06\x12\x04\x12\x00\x12\x00"
    assert records.requests(0, 0) == [(whole, 2)]
    assert len(records.requests(0, len(whole))) == 1
    assert len(records.requests(0, len(whole) - 1)) == 2


def test_request_is_that_of_digest(kernel):
    """`request` of records that come from a table or from refine is a ValueError."""
    records = kept(kernel, request(span()))
    with pytest.raises(ValueError, match=r"\w"):
        records.request()
    with pytest.raises(ValueError, match=r"\w"):
        kernel.compile(spec()).refine(records).request()


def test_counts_of_records(kernel):
    """Traces, spans and bytes of records."""
    spans = [span(name="a"), span(name="bcd"), span(trace_id=b"b" * 16)]
    records = kernel.compile(spec()).digest(request(*spans))
    sizes = sum(len(one.SerializeToString()) for one in spans)
    assert (records.traces, records.spans, records.bytes) == (2, 3, sizes)
