"""Records on the way out: labels, thresholds in the trace state, grouping and splitting."""

from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from kernel_helpers import (
    all_spans,
    field,
    first_resource,
    first_span,
    grouped,
    pair,
    pairs,
    parsed,
    request,
    span,
    span_attributes,
    spec,
    wrapped,
)

NOTHING = {"keep": True, "span": [], "resource": [], "threshold": "leave"}


def kept(kernel, data, trace_threshold=0, retention=None, **label):
    """Return the records of a request whose traces are all kept with this label (and one in the second slot)."""
    program, book = kernel.compile(spec()), kernel.labels()
    number = book.add(NOTHING | label)
    table = kernel.table(program, book, 10, 10)
    table.file(program.digest(data), 1)
    due = table.due(1, None, 100)
    settled = table.settle(due, array("I", [number] * due.count), array("Q", [trace_threshold] * due.count))
    if retention is not None:
        second = book.add(NOTHING | retention)
        settled.kept.label(1, array("I", [second] * due.count))
    return settled.kept


def sent(kernel, data, **label):
    [(out, _)] = kept(kernel, data, **label).requests(0, 0)
    return out


# -- attributes ---------------------------------------------------------------------------------------------------


def test_labels_write_attributes(kernel):
    """Attributes are upserted on every span and resource: updated in place, appended where absent."""
    data = request(span({"p": 1, "x": 2}), span(), resource={"r": 1})
    out = sent(kernel, data, span=[pair("p", "errors"), pair("q", True)], resource=[pair("r", "7d"), pair("t", 8)])
    assert [pairs(one.attributes) for one in all_spans(out)] == [
        [("p", "errors"), ("x", 2), ("q", True)],
        [("p", "errors"), ("q", True)],
    ]
    assert pairs(first_resource(out).resource.attributes) == [("r", "7d"), ("t", 8)]


def test_both_slots_write(kernel):
    """The label of the second slot writes after that of the first."""
    data = request(span(), resource={})
    first = {"span": [pair("a", 1), pair("b", 1)], "resource": [pair("x", 1)]}
    second = {"span": [pair("b", 2), pair("c", 2)], "resource": [pair("x", 2)]}
    out = sent(kernel, data, retention=second, **first)
    assert span_attributes(out) == [("a", 1), ("b", 2), ("c", 2)]
    assert pairs(first_resource(out).resource.attributes) == [("x", 2)]


def test_labels_make_a_resource(kernel):
    """Where no resource is there, one is appended to the header."""
    out = sent(kernel, request(span()), resource=[pair("r", 1)])
    raw = span().SerializeToString()
    made = field(1, field(1, pair("r", 1)[1]))
    assert out == field(1, made + field(2, field(2, raw)))


def test_an_inserted_label_is_the_given_key_value(kernel):
    """To the byte, also where it is not written minimally; an update takes its value."""
    odd = field(2, field(1, b"v"), length=2) + field(1, b"k")
    data = wrapped(b"") + wrapped(field(9, field(1, b"k") + field(2, b"") + field(77, b"u")))
    out = sent(kernel, data, span=[("k", odd)])
    changed = field(9, field(1, b"k") + field(2, field(1, b"v")) + field(77, b"u"))
    assert out == field(1, field(2, field(2, field(9, odd)) + field(2, changed)))


def test_labels_of_many_traces(kernel):
    """Each trace has its own label; label 0 in a slot writes nothing."""
    program, book = kernel.compile(spec()), kernel.labels()
    numbers = [book.add(NOTHING | {"span": [pair("n", index)]}) for index in range(5)]
    assert numbers == [1, 2, 3, 4, 5]
    table = kernel.table(program, book, 10, 10)
    spans = [span(trace_id=bytes([index]) * 16) for index in range(5)]
    table.file(program.digest(request(*spans)), 1)
    records = table.settle(table.due(1, None, 9), array("I", numbers), None).kept
    assert list(records.labels(0)) == numbers
    assert list(records.labels(1)) == [0] * 5
    records.label(0, array("I", [5, 0, 1, 0, 2]))
    assert list(records.labels(0)) == [5, 0, 1, 0, 2]
    [(out, count)] = records.requests(0, 0)
    assert count == 5
    got = [pairs(one.attributes) for one in all_spans(out)]
    assert got == [[("n", 4)], [], [("n", 0)], [], [("n", 1)]]


def test_wrong_labels(kernel):
    """Labels that do not exist, as many as there are not, and a slot that is none are ValueErrors."""
    records = kept(kernel, request(span(), span(trace_id=b"b" * 16)))
    for slot, labels in ((0, [1]), (0, [1, 1, 1]), (0, [1, 2]), (1, [9, 0]), (2, [0, 0])):
        with pytest.raises(ValueError, match=r"\w"):
            records.label(slot, array("I", labels))
    with pytest.raises(ValueError, match=r"\w"):
        records.labels(2)
    assert list(records.labels(0)) == [1, 1]


def test_records_of_a_digest_have_no_book(kernel):
    """They take label 0 and no other."""
    records = kernel.compile(spec()).digest(request(span()))
    records.label(0, array("I", [0]))
    with pytest.raises(ValueError, match=r"\w"):
        records.label(0, array("I", [1]))


BAD_LABELS = [
    {"keep": True, "span": [], "resource": []},
    {"keep": 1, "span": [], "resource": [], "threshold": "leave"},
    {"keep": True, "span": [], "resource": [], "threshold": "reset"},
    {"keep": True, "span": [("k", b"\x0a\x05")], "resource": [], "threshold": "leave"},
    {"keep": True, "span": [], "resource": [("k", b"\xff")], "threshold": "leave"},
]


@pytest.mark.parametrize("label", BAD_LABELS, ids=str)
def test_bad_labels(kernel, label):
    """A label that says nothing sensible is a ValueError, and takes no number."""
    book = kernel.labels()
    with pytest.raises(ValueError, match=r"\w"):
        book.add(label)
    assert book.add(NOTHING) == 1


def test_the_book_is_bounded(kernel):
    """65,535 labels fit, the next one does not."""
    book = kernel.labels()
    for number in range(1, 65_536):
        assert book.add(NOTHING) == number
    with pytest.raises(ValueError, match="65"):
        book.add(NOTHING)


# -- threshold ----------------------------------------------------------------------------------------------------

HALF = 1 << 55
LONG = "x:" + "y" * 252  # 254 characters
THRESHOLDS = [
    # (before, mode, threshold, after)
    ("", "set", HALF, "ot=th:8"),
    ("", "set", 0, "ot=th:0"),
    ("", "set", 2**56 - 1, "ot=th:ffffffffffffff"),
    ("", "set", 1, "ot=th:00000000000001"),
    ("", "set", 0xFD70A3D70A3D70, "ot=th:fd70a3d70a3d7"),
    ("", "erase", 0, ""),
    ("", "leave", HALF, ""),
    ("ot=th:4", "leave", HALF, "ot=th:4"),
    ("ot=th:4", "set", HALF, "ot=th:8"),
    ("ot=th:c", "set", HALF, "ot=th:c"),
    ("ot=th:c000", "set", HALF, "ot=th:c"),
    ("ot=th:0", "set", 0, "ot=th:0"),
    ("ot=th:80000000000001", "set", HALF, "ot=th:80000000000001"),
    ("ot=rv:0123456789abcd", "set", HALF, "ot=rv:0123456789abcd;th:8"),
    ("ot=rv:1;th:4;x:y", "set", HALF, "ot=rv:1;th:8;x:y"),
    ("a=b", "set", HALF, "ot=th:8,a=b"),
    ("a=b,ot=x:y,c=d", "set", HALF, "ot=x:y;th:8,a=b,c=d"),
    ("a=b , ot=th:4 ,\tc=d", "set", HALF, "ot=th:8,a=b ,\tc=d"),
    ("a=b,,c=d", "set", HALF, "ot=th:8,a=b,,c=d"),
    (" ", "set", HALF, "ot=th:8, "),
    ("ot=", "set", HALF, "ot=th:8"),
    ("ot=th:4,ot=th:c", "set", HALF, "ot=th:8,ot=th:c"),
    ("ot=th:4;th:c", "set", HALF, "ot=th:8"),
    ("ot=x:y;th:4;z:w;th:c", "set", HALF, "ot=x:y;th:8;z:w"),
    # malformed ones do not count, and are replaced
    ("ot=th:", "set", HALF, "ot=th:8"),
    ("ot=th:C", "set", HALF, "ot=th:8"),
    ("ot=th:c00000000000000", "set", HALF, "ot=th:8"),
    ("ot=th:xyz", "set", 0, "ot=th:0"),
    ("ot=th:c;broken", "set", HALF, "ot=th:8;broken"),
    ("ot=broken", "set", HALF, "ot=broken;th:8"),
    ("ot=th:c;", "set", HALF, "ot=th:8;"),
    ("ot= th:c", "set", HALF, "ot= th:c;th:8"),
    ("OT=th:c", "set", HALF, "ot=th:8,OT=th:c"),
    # erase
    ("ot=th:8", "erase", 0, ""),
    ("ot=th:8,a=b", "erase", 0, "a=b"),
    ("a=b,ot=th:8;rv:1,c=d", "erase", 0, "ot=rv:1,a=b,c=d"),
    ("a=b,ot=rv:1", "erase", 0, "a=b,ot=rv:1"),
    ("a=b, ot=", "erase", 0, "a=b, ot="),
    ("ot=th:8;th:4", "erase", 0, ""),
    ("ot=th:bad;broken", "erase", 0, "ot=broken"),
    # bounds
    ("ot=" + LONG[:-3], "set", HALF, "ot=" + LONG[:-3] + ";th:8"),
    ("ot=" + LONG[:-2], "set", HALF, "ot=" + LONG[:-2]),
    ("ot=" + LONG, "set", HALF, "ot=" + LONG),
    ("ot=" + "x:" + "é" * 249, "set", HALF, "ot=x:" + "é" * 249 + ";th:8"),
    ("a=" + "b" * 8190, "set", HALF, "ot=th:8,a=" + "b" * 8190),
    ("a=" + "b" * 8191, "set", HALF, "a=" + "b" * 8191),
    ("ot=th:4,a=" + "b" * 8191, "erase", 0, "ot=th:4,a=" + "b" * 8191),
]


@pytest.mark.parametrize(
    ("before", "mode", "threshold", "after"),
    THRESHOLDS,
    ids=[f"{row[1]} {row[0][:40]!r} {row[2]:x}" for row in THRESHOLDS],
)
def test_threshold(kernel, before, mode, threshold, after):
    """`set` keeps the larger threshold and moves `ot` to the front, `erase` removes it, the rest keeps its bytes."""
    data = request(span(trace_id=b"\xff" * 16, trace_state=before))
    [(out, _)] = kept(kernel, data, trace_threshold=threshold, threshold=mode).requests(0, 0)
    assert first_span(out).trace_state == after


CONTRADICTED = [
    # (last 7 bytes of the trace id, before, after a `set` of 0)
    (HALF, "ot=th:8", "ot=th:8"),
    (HALF - 1, "ot=th:8", ""),
    (HALF - 1, "ot=th:8;x:y,a=b", "ot=x:y,a=b"),
    (HALF - 1, "ot=th:8;rv:80000000000000", "ot=th:8;rv:80000000000000"),
    (2**56 - 1, "ot=th:8;rv:7fffffffffffff", "ot=rv:7fffffffffffff"),
    (HALF - 1, "ot=th:8;rv:8", "ot=rv:8"),
    (0, "ot=th:0", "ot=th:0"),
    (0, "ot=th:00000000000001", ""),
]


@pytest.mark.parametrize(("chance", "before", "after"), CONTRADICTED)
def test_a_threshold_that_the_randomness_contradicts_is_removed(kernel, chance, before, after):
    """A span cannot have been kept with a threshold above its own randomness, so what it stands for is not known."""
    data = request(span(trace_id=b"\1" * 9 + chance.to_bytes(7, "big"), trace_state=before))
    [(out, _)] = kept(kernel, data, trace_threshold=0, threshold="set").requests(0, 0)
    assert first_span(out).trace_state == after


def test_threshold_bytes(kernel):
    """Every trace_state that stands is treated by its own content; a new one is appended to the span."""
    program, book = kernel.compile(spec()), kernel.labels()
    number = book.add(NOTHING | {"threshold": "set"})
    table = kernel.table(program, book, 10, 10)
    twice = field(1, b"\xff" * 16) + field(3, b"ot=th:c") + b"\x30\x02" + field(3, b"a=b", length=3)
    none = field(1, b"\xff" * 16) + b"\x30\x02"
    table.file(program.digest(wrapped(twice) + wrapped(none)), 1)
    due = table.due(1, None, 9)
    [(out, _)] = table.settle(due, array("I", [number]), array("Q", [HALF])).kept.requests(0, 0)
    after = field(1, b"\xff" * 16) + field(3, b"ot=th:c") + b"\x30\x02" + field(3, b"ot=th:8,a=b")
    assert out == field(1, field(2, field(2, after) + field(2, none + field(3, b"ot=th:8"))))


# -- requests -----------------------------------------------------------------------------------------------------


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
