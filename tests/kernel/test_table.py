"""The table: traces are held, fall due, are judged and leave; what is held is counted to the byte."""

from __future__ import annotations

import threading
from array import array

import pytest
from desks import PARENT, Desk, ids, names, one
from kernel_helpers import field, grouped, pair, request, span, spec, wrapped
from tailgate.kernel.contract import TableStats, Tally


@pytest.fixture
def desk(kernel):
    return Desk(kernel)


def test_file_counts(desk):
    """What is new and what is held; spans of a trace that is there join it."""
    filed = desk.file(5, one(1), one(2), one(1))
    assert (filed.held_spans, filed.new_traces, filed.late_kept, filed.late) == (3, 2, None, {})
    filed = desk.file(6, one(2), one(3))
    assert (filed.held_spans, filed.new_traces) == (2, 1)
    columns = desk.due(10)
    assert ids(columns) == [1, 2, 3]
    assert list(columns.first_seen) == [5, 5, 6]
    assert list(columns.spans) == [2, 2, 1]


def test_file_nothing(desk):
    """Records without spans change nothing."""
    filed = desk.table.file(desk.program.digest(b""), 1)
    assert tuple(filed) == (0, 0, None, {}, {})
    assert desk.table.stats() == TableStats(0, 0, 0, 0, 0, 0)
    assert desk.table.next_due() == (None, None)


def test_due_by_first_seen(desk):
    """At or before, oldest first, at most the limit."""
    for now, number in ((1, 4), (2, 2), (2, 9), (3, 1)):
        desk.file(now, one(number))
    assert ids(desk.due(0)) == []
    assert ids(desk.due(1)) == [4]
    assert ids(desk.due(2)) == [4, 2, 9]
    assert ids(desk.due(2, limit=2)) == [4, 2]
    assert ids(desk.due(99)) == [4, 2, 9, 1]
    assert ids(desk.due(99, limit=0)) == []


def test_due_by_root(desk):
    """Traces whose root came are due after those by first seen, in the order of their roots, each once."""
    desk.file(1, one(1))
    desk.file(2, one(2))
    desk.file(3, one(3, root=True))
    desk.file(4, one(2, root=True))
    desk.file(5, one(4, root=True))
    desk.file(6, one(2, root=True), one(3))
    assert ids(desk.due(0, None)) == []
    assert ids(desk.due(0, 2)) == []
    assert ids(desk.due(0, 3)) == [3]
    assert ids(desk.due(0, 4)) == [3, 2]
    assert ids(desk.due(0, 5)) == [3, 2, 4]
    assert ids(desk.due(1, 4)) == [1, 3, 2]
    assert ids(desk.due(2, 5)) == [1, 2, 3, 4]
    assert ids(desk.due(2, 5, limit=3)) == [1, 2, 3]


def test_next_due(desk):
    """The oldest trace and the oldest root among those that are not out."""
    desk.file(3, one(1))
    assert desk.table.next_due() == (3, None)
    desk.file(4, one(2, root=True))
    desk.file(7, one(1, root=True))
    assert desk.table.next_due() == (3, 4)
    out = desk.due(3)
    assert desk.table.next_due() == (4, 4)
    more = desk.due(4)
    assert ids(more) == [2]
    assert desk.table.next_due() == (None, None)
    desk.settle(out, 0)
    assert desk.table.next_due() == (3, 7)


def test_settle(desk):
    """Kept ones come back in row order, trace by trace; dropped ones do not; both are counted by label."""
    first, second = one(1, name="1a"), one(2, name="2a")
    desk.file(1, first, second, one(3))
    desk.file(2, one(1, name="1b"), one(2, name="2b"))
    settled = desk.settle(desk.due(5), desk.keep, desk.keep, desk.drop)
    assert names(settled.kept) == ["1a", "1b", "2a", "2b"]
    assert ids(settled.kept.columns()) == [1, 2]
    assert list(settled.kept.columns().first_seen) == [0, 0]
    assert list(settled.kept.labels(0)) == [desk.keep] * 2
    assert list(settled.kept.labels(1)) == [0, 0]
    size, third = len(first.SerializeToString()), len(one(3).SerializeToString())
    assert settled.tally == {desk.keep: Tally(2, 4, 4 * size), desk.drop: Tally(1, 1, third)}
    assert desk.table.stats() == TableStats(0, 0, 0, 0, 2, 1)
    assert ids(desk.due(99)) == []


def test_settle_nothing_kept(desk):
    """Without a kept trace there are no records; without rows nothing happens."""
    desk.file(1, one(1))
    settled = desk.settle(desk.due(5), desk.drop)
    assert settled.kept is None
    assert desk.settle(desk.due(5)).tally == {}


def test_records_that_were_filed_stay(desk):
    """Filing takes nothing from the records: they can be sent or refined still."""
    records = desk.program.digest(request(one(1)))
    desk.table.file(records, 1)
    desk.settle(desk.due(1), desk.drop)
    assert names(records) == ["t1"]


def test_put_back(desk):
    """Label 0: the trace stands where it stood, is due again at once, and was not counted or remembered."""
    for number in (1, 2, 3):
        desk.file(number, one(number, root=True))
    settled = desk.settle(desk.due(5), desk.keep, 0, desk.drop)
    assert names(settled.kept) == ["t1"]
    assert set(settled.tally) == {desk.keep, desk.drop}
    assert desk.table.next_due() == (2, 2)
    desk.file(9, one(4), one(2))
    columns = desk.due(9)
    assert ids(columns) == [2, 4]
    assert list(columns.first_seen) == [2, 9]
    assert list(columns.spans) == [2, 1]
    desk.settle(columns, 0, 0)
    assert ids(desk.due(0, 2)) == [2]


def test_what_is_out_is_not_given_again(desk):
    """Traces in columns not yet settled are not due and not heaviest; they are held still."""
    desk.file(1, one(1), one(2), one(3))
    out = desk.due(1, limit=2)
    assert ids(desk.due(1)) == [3]
    assert ids(desk.table.heaviest(9, 10**9, 100)) == [3]
    assert desk.table.stats().traces == 3
    desk.settle(out, desk.drop, 0)
    assert ids(desk.due(1)) == [2, 3]


def test_dropped_columns_put_back(desk):
    """Columns that go without being settled put their traces back."""
    desk.file(1, one(1), one(2))
    columns = desk.due(1)
    assert ids(columns) == [1, 2]
    del columns
    assert ids(desk.due(1)) == [1, 2]


def test_spans_that_come_while_a_trace_is_out(desk):
    """They join the trace and leave with it; the columns stay as they were."""
    desk.file(1, one(1))
    columns = desk.due(1)
    filed = desk.file(2, one(1, name="more", root=True))
    assert (filed.held_spans, filed.new_traces, filed.late) == (1, 0, {})
    assert list(columns.spans) == [1]
    settled = desk.settle(columns, desk.keep)
    assert names(settled.kept) == ["t1", "more"]
    assert settled.tally[desk.keep][:2] == (1, 2)
    got = settled.kept.columns()
    assert list(got.spans) == [2]
    assert got.masks == [1]


def test_settle_refuses(kernel, desk):
    """Wrong lengths, labels and thresholds, columns settled before or of another place: ValueError, nothing done."""
    desk.file(1, one(1), one(2))
    columns = desk.due(1)
    keep = array("I", [desk.keep] * 2)
    for verdicts, thresholds in (
        (array("I", [desk.keep]), None),
        (array("I", [desk.keep] * 3), None),
        (array("I", [desk.keep, 99]), None),
        (keep, array("Q", [1])),
        (keep, array("Q", [1, 2, 3])),
        (keep, array("Q", [0, 1 << 56])),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            desk.table.settle(columns, verdicts, thresholds)
    assert desk.table.stats()[:2] == (2, 2)
    others = Desk(kernel)
    others.file(1, one(1), one(2))
    for foreign in (others.due(1), desk.program.digest(request(one(1), one(2))).columns()):
        with pytest.raises(ValueError, match=r"\w"):
            desk.table.settle(foreign, keep, None)
    settled = desk.table.settle(columns, keep, array("Q", [0, (1 << 56) - 1]))
    assert settled.kept.traces == 2
    with pytest.raises(ValueError, match=r"\w"):
        desk.table.settle(columns, keep, None)


def test_file_refuses_other_programs(kernel, desk):
    """Records of another program have other facts: ValueError."""
    other = kernel.compile(spec(leaves=[["true"]]))
    with pytest.raises(ValueError, match=r"\w"):
        desk.table.file(other.digest(request(one(1))), 1)


# -- heaviest -----------------------------------------------------------------------------------------------------


def test_heaviest(desk):
    """By held bytes times age, as few as reach the wanted bytes."""
    desk.file(0, one(1, name="x" * 100))
    desk.file(0, one(2, name="x" * 1000))
    desk.file(90, one(3, name="x" * 3000))
    held = {
        number: len(one(number, name="x" * size).SerializeToString()) + 24 + 128
        for number, size in ((1, 100), (2, 1000), (3, 3000))
    }
    order = sorted(held, key=lambda number: held[number] * (100 - (90 if number == 3 else 0)), reverse=True)
    assert order == [2, 3, 1]

    def heaviest(wanted, limit=100, now=100):
        return ids(desk.table.heaviest(now, wanted, limit))

    assert heaviest(0) == []
    assert heaviest(1) == [2]
    assert heaviest(held[2]) == [2]
    assert heaviest(held[2] + 1) == [2, 3]
    assert heaviest(held[2] + held[3]) == [2, 3]
    assert heaviest(held[2] + held[3] + 1) == [2, 3, 1]
    assert heaviest(10**9) == [2, 3, 1]
    assert heaviest(10**9, limit=2) == [2, 3]
    assert heaviest(10**9, limit=0) == []
    assert heaviest(1, now=1_000_000) == [3]


def test_heaviest_ties(desk):
    """The same product: the older first; the same age: the one that came first. Settled as any others."""
    light, heavy = one(2, name=""), one(1, name="")
    base = len(light.SerializeToString()) + 152
    while (heavy_cost := len(heavy.SerializeToString()) + 152) != 2 * base:
        heavy.name += "x"
    desk.file(0, light)
    desk.file(50, heavy, one(3, name=heavy.name), one(4, name=heavy.name))
    assert heavy_cost * 50 == base * 100
    columns = desk.table.heaviest(100, 10**9, 100)
    assert ids(columns) == [2, 1, 3, 4]
    assert desk.settle(columns, *[desk.keep] * 4).kept.traces == 4


# -- what is held -------------------------------------------------------------------------------------------------


def test_held_bytes(desk):
    """Spans' bytes, 24 a span, 128 a trace, each header once; all of it goes with the traces."""
    data = grouped(
        ({"r": 1}, {"s": 1}, [one(1), one(2)]),
        ({"r": 1}, {"s": 2}, [one(1)]),
        ({"r": 2}, {"s": 1}, [one(3)]),
    )
    records = desk.program.digest(data)
    resources = sum(len(field(1, field(1, pair("r", number)[1]))) for number in (1, 2))
    scopes = sum(len(field(1, field(3, pair("s", number)[1]))) for number in (1, 2))
    held = sum(len(one(number).SerializeToString()) for number in (1, 2, 1, 3)) + 4 * 24 + 3 * 128
    desk.table.file(records, 1)
    assert desk.table.stats() == TableStats(3, 4, held + resources + scopes, 4, 0, 0)
    assert desk.table.held_bytes == held + resources + scopes
    desk.table.file(records, 2)
    assert desk.table.stats()[:4] == (3, 8, 2 * held - 3 * 128 + resources + scopes, 4)
    desk.settle(desk.due(5), desk.keep, 0, desk.drop)
    assert desk.table.stats()[:2] == (1, 2)
    two = 2 * (len(one(2).SerializeToString()) + 24) + 128
    assert desk.table.stats().held_bytes == two + (resources + scopes) // 2
    assert desk.table.stats().headers == 2
    desk.settle(desk.due(5), desk.drop)
    assert desk.table.stats() == TableStats(0, 0, 0, 0, 1, 2)


def test_headers_of_resources_and_scopes_are_apart(desk):
    """An empty resource header and an empty scope header are two."""
    desk.table.file(desk.program.digest(wrapped(b"")), 1)
    assert desk.table.stats() == TableStats(1, 1, 24 + 128, 2, 0, 0)


def test_late_spans_are_not_held(desk):
    """Neither kept nor dropped late spans count as held."""
    desk.decide(1, True, 1)
    desk.decide(1, False, 2)
    before = desk.table.stats()
    desk.file(2, one(1), one(2))
    assert desk.table.stats() == before


def test_facts_merge_in_the_table(kernel):
    """Facts over several requests are those of one request with all the spans."""
    leaves = [["exists", ["attr", "span", "a"]]]
    compare = [{"of": ["sum", 0], "op": ">=", "value": "3000000"}, {"of": ["duration"], "op": ">", "value": "50"}]
    facts = {"leaves": leaves, "compare": compare, "keys": [["attr", "span", "k"]]}
    facts["numbers"] = [{"value": ["attr", "span", "n"], "if": None}]
    spans = [
        span({"a": 1, "n": 1, "k": "late"}, parent_span_id=PARENT, start_time_unix_nano=40, end_time_unix_nano=100),
        span({"n": 2}, parent_span_id=PARENT, start_time_unix_nano=10, end_time_unix_nano=20),
        span({"k": "early"}, parent_span_id=PARENT, start_time_unix_nano=20, trace_state="ot=rv:00000000000009"),
    ]
    desk = Desk(kernel, **facts)
    for number, each in enumerate(spans):
        desk.file(number, each)
    apart, together = desk.due(9), desk.program.digest(request(*spans)).columns()
    assert apart.masks == together.masks == [0b0_11_0_1]
    assert apart.keys(0) == together.keys(0) == [b"early"]
    for name in ("spans", "bytes", "duration", "randomness"):
        assert getattr(apart, name) == getattr(together, name)
    assert list(apart.randomness) == [9]
    assert list(apart.first_seen) == [0]


def test_several_threads(desk):
    """Filing and judging from several threads loses nothing and counts right."""
    total, done = 4 * 50 * 8, []

    def file(seed):
        for index in range(50):
            number = seed * 50 + index
            spans = [span(trace_id=number.to_bytes(16, "big"), name=str(each)) for each in range(8)]
            desk.table.file(desk.program.digest(request(*spans)), 1)

    def judge():
        while sum(done) < total:
            columns = desk.due(1, limit=7)
            settled = desk.settle(columns, *([desk.keep] * columns.count))
            done.append(settled.kept.spans if settled.kept else 0)

    threads = [threading.Thread(target=file, args=(seed,)) for seed in range(4)] + [threading.Thread(target=judge)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=60)
    assert sum(done) == total
    assert desk.table.stats()[:4] == (0, 0, 0, 0)
