"""What labels write on spans and resources, and thresholds in the trace state."""

from __future__ import annotations

from array import array

import pytest
from kernel_helpers import (
    NOTHING,
    all_spans,
    field,
    first_resource,
    first_span,
    kept,
    pair,
    pairs,
    request,
    sent,
    span,
    span_attributes,
    spec,
    wrapped,
)

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
