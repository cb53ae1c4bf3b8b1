"""Traces that are given before they are due, because what they have satisfied already decides them."""

from __future__ import annotations

import random
from array import array

import pytest
from desks import KEEP, ids, one, trace
from kernel_helpers import request, spec
from tailgate.kernel.contract import Early

ERROR = ["cmp", "==", ["field", "status.code"], 2]
SPANS = {"of": ["spans"], "op": ">=", "value": "3"}
ANY, SOME, ROOT = 0, 2, 3
"""Positions in the mask of one leaf and one comparison."""


class EarlyDesk:
    """A table with these early conditions."""

    def __init__(self, kernel, *early, kept=10):
        self.program, self.book = kernel.compile(spec(leaves=[ERROR], compare=[SPANS])), kernel.labels()
        self.keep = self.book.add(KEEP)
        self.table = kernel.table(self.program, self.book, kept, 10, early)

    def file(self, now, *spans):
        return self.table.file(self.program.digest(request(*spans)), now)

    def early(self, limit=100):
        return self.table.early(limit)

    def settle(self, columns, *verdicts):
        return self.table.settle(columns, array("I", verdicts), None)


def failed(number):
    return one(number, status={"code": 2})


def test_without_conditions_nothing_is_early(kernel):
    """A table without early conditions gives nothing early."""
    desk = EarlyDesk(kernel)
    desk.file(1, failed(1))
    assert (ids(desk.early()), desk.table.stats().early) == ([], 0)


def test_what_satisfies_a_condition_is_given(kernel):
    """In the order in which traces came to satisfy one of the conditions, each once, at most the limit."""
    desk = EarlyDesk(kernel, Early([ANY]), Early([SOME]))
    desk.file(1, one(1), one(2), one(3))
    assert (ids(desk.early()), desk.table.stats().early) == ([], 0)
    desk.file(2, failed(3), one(1))
    desk.file(3, one(1), failed(2), failed(1))
    assert desk.table.stats().early == 3
    assert ids(desk.early(limit=0)) == []
    assert ids(desk.early(limit=2)) == [3, 1]
    assert ids(desk.early()) == [3, 1, 2]
    assert ids(desk.early(limit=-1)) == []


def test_all_of_a_condition_must_hold(kernel):
    """A condition of several bits is satisfied by the trace as a whole, whichever spans bring them."""
    desk = EarlyDesk(kernel, Early([ANY, ROOT]))
    desk.file(1, failed(1), one(2, root=True))
    assert ids(desk.early()) == []
    desk.file(2, one(1, root=True))
    assert ids(desk.early()) == [1]


def test_an_empty_condition_holds_at_once(kernel):
    """Nothing is asked: every trace is given."""
    desk = EarlyDesk(kernel, Early([]))
    desk.file(1, one(2), one(1))
    assert ids(desk.early()) == [2, 1]


def test_what_is_out_is_not_given_again(kernel):
    """A trace that is out waits for its verdict; put back, it stands where it stood; judged, it is gone."""
    desk = EarlyDesk(kernel, Early([ANY]))
    desk.file(1, failed(1), failed(2))
    columns = desk.early(limit=1)
    assert ids(desk.early()) == [2]
    desk.settle(columns, 0)
    columns = desk.early()
    assert ids(columns) == [1, 2]
    assert len(desk.settle(columns, desk.keep, 0).tally) == 1
    assert (ids(desk.early()), desk.table.stats().early) == ([2], 1)


def test_traces_that_left_otherwise_are_gone(kernel):
    """A trace that was judged when it was due is not given early, nor is another one in its place."""
    desk = EarlyDesk(kernel, Early([ANY]), kept=0)
    desk.file(1, failed(1))
    desk.settle(desk.table.due(1, None, 9), desk.keep)
    desk.file(2, one(2))
    assert (ids(desk.early()), desk.table.stats().early) == ([], 0)
    desk.file(3, failed(2))
    assert (ids(desk.early()), desk.table.stats().early) == ([2], 1)


def test_early_traces_are_still_due(kernel):
    """Being early changes nothing about when a trace is due."""
    desk = EarlyDesk(kernel, Early([ANY]))
    desk.file(1, failed(1), one(2))
    assert ids(desk.table.due(1, None, 9)) == [1, 2]
    assert desk.table.next_due() == (1, None)


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def test_by_hash(kernel):
    """A hash is at most the bound, and of several all are."""
    hashes = {number: fnv(b"salt" + trace(number)) for number in range(1, 9)}
    bound = sorted(hashes.values())[4]
    desk = EarlyDesk(kernel, Early([], [(b"salt", bound)]), Early([ANY], [(b"salt", 2**64 - 1), (b"", 2**64 - 1)]))
    desk.file(1, *map(one, hashes))
    assert set(ids(desk.early())) == {number for number, value in hashes.items() if value <= bound}
    desk.file(2, *map(failed, hashes))
    assert set(ids(desk.early())) == set(hashes)


def test_by_randomness(kernel):
    """The trace's own randomness, `rv` where there is one, is at least the bound."""
    bound = int.from_bytes(trace(3)[9:], "big")
    desk = EarlyDesk(kernel, Early([], randomness=bound))
    state = {"trace_state": f"ot=rv:{bound:014x}"}
    desk.file(1, one(2), one(3), one(4), one(1, **state), one(5, trace_state="ot=rv:00000000000001"))
    assert ids(desk.early()) == [3, 4, 1]


@pytest.mark.parametrize(
    "bad",
    [
        Early([4]),
        Early([-1]),
        Early([], [(b"", 2**64)]),
        Early([], [(b"", -1)]),
        Early([], randomness=2**56),
        Early([], randomness=-1),
    ],
)
def test_bad_conditions(kernel, bad):
    """A bit that masks do not have and a number out of range are refused."""
    with pytest.raises(ValueError, match="early"):
        EarlyDesk(kernel, Early([ANY]), bad)


def test_against_a_model(kernel):
    """A thousand random steps: what is given is exactly what satisfies a condition and was not judged."""
    chance = random.Random(7)
    desk = EarlyDesk(kernel, Early([ANY]), Early([SOME, ROOT]), kept=0)
    held: dict[int, list[int]] = {}
    order: list[int] = []
    for now in range(1000):
        number, bad, root = chance.randrange(1, 40), chance.random() < 0.1, chance.random() < 0.2
        desk.file(now, one(number, root=root, status={"code": 2 if bad else 0}))
        spans, errors, roots = held.setdefault(number, [0, 0, 0])
        held[number] = [spans + 1, errors + bad, roots + root]
        ready = held[number][1] or (held[number][0] >= 3 and held[number][2])
        if ready and number not in order:
            order.append(number)
        assert desk.table.stats().early == len(order)
        if now % 7 == 0:
            columns = desk.early(limit=3)
            assert ids(columns) == order[:3]
            verdicts = [desk.keep if chance.random() < 0.7 else 0 for _ in order[:3]]
            desk.settle(columns, *verdicts)
            for gone in [one for one, verdict in zip(order[:3], verdicts, strict=True) if verdict]:
                order.remove(gone)
                del held[gone]
