"""The decision cache: late spans follow their trace's verdict, the least recently used one is forgotten."""

from __future__ import annotations

from array import array

import pytest
from desks import KEEP, Desk, ids, names, one
from kernel_helpers import all_spans, pair, request, spec


@pytest.fixture
def desk(kernel):
    return Desk(kernel)


def test_late_spans_follow(desk):
    """Spans of a kept trace come back with its labels, those of a dropped one are counted and gone."""
    desk.file(1, one(1), one(2))
    desk.settle(desk.due(1), desk.keep, desk.drop)
    records = desk.program.digest(
        request(one(3, name="new"), one(1, name="a"), one(2, name="gone"), one(1, name="b"), one(2), one(2))
    )
    filed = desk.table.file(records, 2)
    assert (filed.held_spans, filed.new_traces) == (1, 1)
    assert filed.late == {desk.keep: 2, desk.drop: 3}
    assert names(filed.late_kept) == ["a", "b"]
    assert list(filed.late_kept.labels(0)) == [desk.keep]
    assert list(filed.late_kept.columns().spans) == [2]
    assert desk.table.stats()[:2] == (1, 1)


def test_late_spans_of_several_traces_keep_their_order(desk):
    """Rows in order of first appearance, spans in the order of the request."""
    desk.decide(1, True, 1, 2)
    filed = desk.file(2, one(2, name="a"), one(1, name="b"), one(2, name="c"))
    assert ids(filed.late_kept.columns()) == [2, 1]
    assert names(filed.late_kept) == ["a", "b", "c"]


def test_late_spans_get_the_threshold(kernel):
    """The threshold of the verdict is remembered with the labels."""
    desk = Desk(kernel)
    setting = desk.book.add(KEEP | {"threshold": "set", "span": [pair("p", "v")]})
    desk.file(1, one(1))
    desk.table.settle(desk.due(1), array("I", [setting]), array("Q", [1 << 55]))
    [(data, _)] = desk.file(2, one(1)).late_kept.requests(0, 0)
    [late] = all_spans(data)
    assert late.trace_state == "ot=th:8"
    assert [each.key for each in late.attributes] == ["p"]


def test_remember(desk):
    """Labels that later stages set are those that late spans get; what is not remembered stays so."""
    second = desk.book.add(KEEP | {"span": [pair("retention", "7d")]})
    desk.file(1, one(1), one(2))
    kept = desk.settle(desk.due(1), desk.keep, desk.drop).kept
    kept.label(1, array("I", [second]))
    assert desk.file(2, one(1)).late_kept.labels(1)[0] == 0
    desk.table.remember(kept)
    late = desk.file(2, one(1)).late_kept
    assert (late.labels(0)[0], late.labels(1)[0]) == (desk.keep, second)
    [(data, _)] = late.requests(0, 0)
    assert [each.key for each in all_spans(data)[0].attributes] == ["retention"]
    assert desk.table.stats().kept_decisions == 1


def test_remember_does_not_add(kernel):
    """A decision that went from the cache does not come back."""
    desk = Desk(kernel, kept=1)
    desk.file(1, one(1))
    kept = desk.settle(desk.due(1), desk.keep).kept
    desk.decide(2, True, 2)
    desk.table.remember(kept)
    assert desk.table.stats().kept_decisions == 1
    assert desk.file(3, one(1)).held_spans == 1
    assert desk.file(3, one(2)).held_spans == 0


def test_remember_refined_records(kernel):
    """Records that a later segment has refined are remembered by their trace."""
    desk = Desk(kernel)
    second = desk.book.add(KEEP)
    desk.file(1, one(1))
    refined = kernel.compile(spec()).refine(desk.settle(desk.due(1), desk.keep).kept)
    refined.label(1, array("I", [second]))
    desk.table.remember(refined)
    assert desk.file(2, one(1)).late_kept.labels(1)[0] == second


@pytest.mark.parametrize("keep", [True, False])
def test_the_least_recently_used_decision_goes(kernel, keep):
    """Each map holds as many as it may; a late span refreshes its trace."""
    desk = Desk(kernel, kept=3, dropped=3)
    desk.decide(1, keep, 1, 2, 3)
    assert desk.file(2, one(1)).held_spans == 0
    desk.decide(3, keep, 4)
    stats = desk.table.stats()
    assert (stats.kept_decisions, stats.dropped_decisions) == ((3, 0) if keep else (0, 3))
    held = [number for number in (1, 2, 3, 4) if desk.file(4, one(number)).held_spans]
    assert held == [2]


def test_the_maps_are_bounded_apart(kernel):
    """Dropped traces never push out kept ones."""
    desk = Desk(kernel, kept=2, dropped=1)
    desk.decide(1, True, 1, 2)
    desk.decide(2, False, *range(3, 20))
    assert desk.table.stats()[4:6] == (2, 1)
    assert [number for number in range(1, 20) if not desk.file(3, one(number)).held_spans] == [1, 2, 19]


def test_no_cache(kernel):
    """With a bound of 0 nothing is remembered: a late span opens its trace again."""
    desk = Desk(kernel, kept=0, dropped=0)
    desk.decide(1, True, 1)
    desk.decide(1, False, 2)
    filed = desk.file(2, one(1), one(2))
    assert (filed.held_spans, filed.new_traces, filed.late) == (2, 2, {})
    assert desk.table.stats()[4:6] == (0, 0)


def test_a_trace_decided_anew(kernel):
    """A forgotten trace that comes again is held, judged again, and the new verdict is what counts."""
    desk = Desk(kernel, kept=1, dropped=1)
    desk.decide(1, True, 1, 2)
    desk.decide(2, False, 1)
    filed = desk.file(3, one(1), one(2))
    assert filed.late == {desk.drop: 1, desk.keep: 1}


@pytest.mark.parametrize(("after", "age"), [(-1, 0), (0, 0), (1, 1), (10**9, 1), (10**9 + 1, 2), (3600 * 10**9, 3600)])
def test_how_late_spans_are(desk, after, age):
    """Whole seconds since `settle`, rounded up; a trace counts once a request, a dropped one too, a new one never."""
    desk.file(5, one(1), one(2))
    due = desk.due(5)
    decided = 7 * 10**9
    desk.table.settle(due, array("I", [desk.keep, desk.drop]), None, decided)
    assert desk.file(decided + after, one(1), one(2), one(1), one(3)).late_ages == {age: 2}


def test_how_late_spans_are_is_counted_from_the_decision(desk):
    """A late span refreshes its trace's place in the cache, not the time of its decision, and neither does `adopt`."""
    desk.file(0, one(1))
    desk.table.settle(desk.due(0), array("I", [desk.keep]), None, 10**9)
    assert desk.file(2 * 10**9, one(1)).late_ages == {1: 1}
    desk.table.adopt(desk.program, {0: desk.program}, 9, 9)
    assert desk.file(5 * 10**9, one(1), one(4)).late_ages == {4: 1}
    assert desk.file(5 * 10**9, one(4)).late_ages == {}
