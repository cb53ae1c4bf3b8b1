"""The two kernels agree: random requests through random programs give the same answers to the byte.

Requests are well formed or damaged (`wire_strategies.py`), programs use every stage and fact, and what is digested goes
on through tables, labels, thresholds, refinement and splitting. A counterexample that was found once stays as an
`@example`, or as a case of the tables in the other files.
"""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st
from program_strategies import meters, programs
from table_strategies import early_conditions, labels, tables
from tailgate.kernel import BadProgram, Malformed, OverLimit
from wire_strategies import mutated, requests_on_the_wire


@pytest.fixture(scope="module")
def kernels(reference, rust):
    return reference, rust


def outcome(action, *arguments) -> Any:
    """Return what an action gives, or the name of what it raises."""
    try:
        return action(*arguments)
    except OverLimit:
        return "OverLimit"
    except Malformed:
        return "Malformed"
    except BadProgram:
        return "BadProgram"


def columns_of(columns) -> dict[str, Any]:
    """Return everything that columns say."""
    rows = {name: list(getattr(columns, name)) for name in ("randomness", "spans", "bytes", "first_seen", "duration")}
    masks = [columns.masks[index] for index in columns.mask_index]
    assert list(dict.fromkeys(masks)) == columns.masks
    keys = [columns.keys(index) for index in range(2)]
    return rows | {"masks": masks, "ids": columns.trace_ids(), "keys": keys, "fnv": list(columns.fnv(b"salt"))}


def records_of(records, bounds) -> Any:
    """Return everything that records say, sent within these bounds."""
    if records is None:
        return None
    counts = (
        records.traces,
        records.spans,
        records.bytes,
        records.dropped,
        list(records.labels(0)),
        list(records.labels(1)),
    )
    return counts, columns_of(records.columns()), records.requests(*bounds)


def sent(records, bound) -> Any:
    """Return everything that log records say, sent within these bounds."""
    if records is None:
        return None
    return records.traces, records.spans, records.bytes, records.dropped, records.requests(*bound)


bounds = st.tuples(st.sampled_from([0, 1, 2, 3, 100]), st.sampled_from([0, 1, 50, 120, 200, 1000]))


@examples(250)
@given(
    spec=programs(), data=st.one_of(requests_on_the_wire(), mutated()), bound=bounds, rows=tables(), measured=meters()
)
def test_digest(kernels, spec, data, bound, rows, measured):
    """Same accept or reject, same request, same facts, same counters, same requests on the way out."""
    results = []
    for kernel in kernels:
        lookups = filled(kernel, rows)
        counted = [kernel.meter(one) for one in measured]
        program = outcome(kernel.compile, spec, lookups, counted)
        if program == "BadProgram":
            results.append(program)
            continue
        records = outcome(program.digest, data, ["one", None, "drei"])
        if isinstance(records, str):
            results.append((records, program.counters(), program.places()))
        else:
            records.measure(2)
            seen = [(meter.series(), meter.stats()) for meter in counted]
            results.append((records.request(), records_of(records, bound), program.counters(), program.places(), seen))
            assert (records.request() == data) is (records.request() is data)
            lookups[0].update(rows[2])
            results.append((program.digest(data, ["one"]).request(), program.lookups(), len(lookups[0])))
    assert len(results) % 2 == 0
    half = len(results) // 2
    assert results[:half] == results[half:]


def filled(kernel, rows) -> list[Any]:
    """Return the two lookups that programs know."""
    lookups = [kernel.lookup(), kernel.lookup()]
    for lookup, (exact, prefixes) in zip(lookups, rows, strict=False):
        lookup.fill(exact, prefixes)
    return lookups


ROWS = (
    ({"a": [("k", b""), ("new", b"\x0a\x01x")], "1": [("k", b"\x10\x01")]}, {"": [("any", b"\x18\x07")]}),
    ({}, {"a": [("k", b"\x0a\x00")], "ab": []}),
)
"""Rows of the two lookups."""
HALF_SECOND = 500_000_000


class Life:
    """A table with its program on one kernel, driven by the same steps as the other's."""

    def __init__(self, kernel, spec, later, specs, early, measured):
        lookups = filled(kernel, ROWS)
        self.meters = [kernel.meter(one) for one in measured]
        self.program, self.later = (kernel.compile(one, lookups, self.meters) for one in (spec, later))
        self.book = kernel.labels()
        self.labels = [self.book.add(label) for label in specs]
        self.table = kernel.table(self.program, self.book, 2, 2, early)
        # Programs that the table goes on with: the same facts, without and with stages that what is held has not seen.
        editions = ([], later["stages"][:1])
        self.editions = [kernel.compile(later | {"stages": stages}, lookups, self.meters) for stages in editions]
        self.early = early
        self.columns = []
        self.logs = kernel.compile({"signal": "logs", "stages": [], "limits": spec["limits"], "context": 0})

    def step(self, step, now, data, choices, bound) -> Any:
        """Do one step; return everything that can be seen of it."""
        if step == "file":
            records = outcome(self.program.digest, data)
            if isinstance(records, str):
                return records
            filed = self.table.file(records, now * HALF_SECOND)
            records.measure(now)
            return filed[:2], records_of(filed.late_kept, bound), filed.late, filed.late_ages
        if step == "follow":
            records = outcome(self.logs.digest, data)
            if isinstance(records, str):
                return records
            followed = self.table.follow(records, now * HALF_SECOND, choices[0] % 3)
            return followed.held, sent(followed.passed, bound), followed.untraced, followed.late
        if step == "unmatched":
            gone = self.table.unmatched((now - choices[0]) * HALF_SECOND, choices[1])
            return {follower: sent(records, bound) for follower, records in gone.items()}
        if step in ("due", "heaviest", "early"):
            now, earlier = now * HALF_SECOND, (now - 2) * HALF_SECOND
            due = (earlier, now - choices[0] * HALF_SECOND, choices[1])
            heaviest = (now, 100 * choices[0], choices[1])
            arguments = {"due": due, "heaviest": heaviest, "early": choices[1:2]}[step]
            self.columns.append(getattr(self.table, step)(*arguments))
            return columns_of(self.columns[-1])
        if step == "adopt":
            program = self.editions[choices[0] % 2]
            upgrades = {epoch: self.editions[(epoch + choices[1]) % 2] for epoch in self.table.epochs()}
            sizes = choices[0] % 3, choices[1] % 3
            try:
                epoch = self.table.adopt(program, upgrades, *sizes, self.early[: choices[0] % 2])
            except ValueError:
                return "no such bit"
            self.program = program
            return epoch, self.table.epochs()
        if step == "forget":
            return len(self.columns.pop(0).masks) if self.columns else None
        if step == "meters":
            for meter in self.meters:
                meter.advance(now)
            return [meter.forget(now - choices[0]) for meter in self.meters]
        return self._settle(now, choices, bound) if self.columns else None

    def _settle(self, now, choices, bound) -> Any:
        columns = self.columns.pop(0)
        numbers = [0, *self.labels]
        verdicts = [numbers[choices[row % len(choices)] % len(numbers)] for row in range(columns.count)]
        thresholds = [choices[(row + 1) % len(choices)] << 53 for row in range(columns.count)]
        try:
            settled = self.table.settle(columns, array("I", verdicts), array("Q", thresholds), now * HALF_SECOND)
        except ValueError:
            return "put back"
        seen = [records_of(settled.kept, bound), {label: tuple(tally) for label, tally in settled.tally.items()}]
        seen += [{follower: sent(records, bound) for follower, records in settled.logs.items()}, settled.followed]
        if settled.kept is not None:
            refined = self.later.refine(settled.kept)
            second = [numbers[choices[row % len(choices)] % len(numbers)] for row in range(refined.traces)]
            refined.label(1, array("I", second))
            refined.measure(now)
            self.table.remember(refined)
            seen.append(records_of(refined, bound))
        return seen

    def state(self) -> Any:
        """Return what the table says of itself."""
        programs_ = (self.program, self.later, *self.editions)
        counters = [(program.counters(), program.places(), program.lookups()) for program in programs_]
        measured = [(meter.series(), meter.stats()) for meter in self.meters]
        due = self.table.next_due(), self.table.next_unmatched()
        return tuple(self.table.stats()), self.table.held_bytes, due, counters, measured


STEPS = ["file", "file", "file", "due", "heaviest", "early", "settle", "settle", "forget", "adopt", "meters"]
STEPS += ["follow", "follow", "follow", "unmatched"]
steps = st.tuples(
    st.sampled_from(STEPS),
    st.integers(0, 2),
    st.integers(0, 5),
    st.lists(st.integers(0, 6), min_size=2, max_size=5),
    bounds,
)


@examples(100)
@given(
    spec=programs(stages=1, valid=True),
    later=programs(stages=2, valid=True),
    specs=st.lists(labels(), min_size=1, max_size=3),
    data=st.lists(requests_on_the_wire(), min_size=1, max_size=4),
    logs=st.lists(requests_on_the_wire("logs"), min_size=1, max_size=2),
    course=st.lists(steps, max_size=14),
    early=early_conditions(),
    measured=meters(),
)
def test_life_of_a_table(kernels, spec, later, specs, data, logs, course, early, measured):
    """Filing, falling due, judging, labelling, refining, remembering, late spans, logs, new rules, in any order."""
    lives = [Life(kernel, spec, later, specs, early, measured) for kernel in kernels]
    now = 0
    for name, wait, which, choices, bound in course:
        now += wait
        of = logs if name == "follow" else data
        seen = [life.step(name, now, of[which % len(of)], choices, bound) for life in lives]
        assert seen[0] == seen[1]
        assert lives[0].state() == lives[1].state()
