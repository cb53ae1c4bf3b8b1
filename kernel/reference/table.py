"""The table: traces held until they are judged, and what was decided lately."""

from __future__ import annotations

import threading
import weakref
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..contract import Columns, Early, Filed, Followed, Program, Records, Settled, TableStats, Tally
from .columns import ReferenceColumns, Row
from .decisions import THRESHOLDS, Condition, Decision, Decisions
from .facts import Facts
from .following import LOG_COST, TRACE_COST, Following, Logs
from .labels import ReferenceLabels
from .program import ReferenceProgram
from .records import Entry, ReferenceRecords, Trace

_SPAN_COST = 24
_SECOND = 1_000_000_000


@dataclass
class _Held:
    """A trace in the table."""

    trace_id: bytes
    first_seen: int
    facts: Facts
    epoch: int
    entries: list[Entry] = field(default_factory=list)
    logs: Logs = field(default_factory=list)
    """The log records that follow it."""
    out: weakref.ref[ReferenceColumns] | None = None
    """The columns in which it is out to be judged; once those are gone it is not."""

    @property
    def cost(self) -> int:
        """Held bytes without headers."""
        logs = sum(len(entry.span) + LOG_COST for _, entry in self.logs)
        return self.facts.bytes + _SPAN_COST * self.facts.spans + TRACE_COST + logs

    @property
    def is_out(self) -> bool:
        """Whether it is out to be judged."""
        return self.out is not None and self.out() is not None


class ReferenceTable:
    """See `contract.Table`."""

    def __init__(
        self, program: ReferenceProgram, labels: ReferenceLabels, kept: int, dropped: int, early: Sequence[Early] = ()
    ) -> None:
        self._program = program
        self._book = labels
        self._epoch = 0
        self._upgrades: Mapping[int, ReferenceProgram] = {}
        self._lock = threading.Lock()
        self._held: dict[bytes, _Held] = {}
        self._roots: dict[bytes, int] = {}
        self._conditions = [Condition(condition, program.facts) for condition in early]
        self._early: dict[bytes, None] = {}
        """Trace ids, in the order in which they came to satisfy a condition."""
        self._headers: Counter[tuple[str, bytes]] = Counter()
        self._kept, self._dropped = Decisions(kept), Decisions(dropped)
        self._following = Following()

    def file(self, records: Records, now: int) -> Filed:
        """Hold the records of `digest` of the table's program; spans of traces decided before follow."""
        with self._lock:
            own = self._own(records)
            decisions = [self._kept.get(row.trace_id) or self._dropped.get(row.trace_id) for row in own.rows]
            held = [row for row, decision in enumerate(decisions) if decision is None]
            for row in held:
                if own.rows[row].trace_id in self._held:
                    self._upgrade(self._held[own.rows[row].trace_id])
            new = sum(self._hold(own.rows[row], now) for row in held)
            self._hold_entries(own, held)
            return self._late(own, decisions, new, now)

    def _own(self, records: Records) -> ReferenceRecords:
        if not isinstance(records, ReferenceRecords) or records.program is not self._program:
            raise ValueError("these records are not those of the table's program")
        return records

    def _hold(self, trace: Trace, now: int) -> bool:
        """Merge a trace's facts; return whether it is new."""
        held = self._held.get(trace.trace_id)
        if held is None:
            logs = self._following.joined(trace.trace_id)
            self._held[trace.trace_id] = _Held(trace.trace_id, now, trace.facts, self._epoch, logs=logs)
        else:
            held.facts = held.facts.merge(trace.facts)
        if trace.facts.root:
            self._roots.setdefault(trace.trace_id, now)
        facts = self._held[trace.trace_id].facts
        if any(condition.holds(trace.trace_id, facts) for condition in self._conditions):
            self._early.setdefault(trace.trace_id)
        return held is None

    def _hold_entries(self, records: ReferenceRecords, rows: Sequence[int]) -> None:
        wanted = set(rows)
        for entry in records.entries:
            if entry.trace in wanted:
                self._held[records.rows[entry.trace].trace_id].entries.append(entry)
                self._headers.update(_headers_of(entry))

    def _late(self, records: ReferenceRecords, decisions: Sequence[Decision | None], new: int, now: int) -> Filed:
        late: Counter[int] = Counter()
        ages = Counter(max(0, -((decision.at - now) // _SECOND)) for decision in decisions if decision is not None)
        traces: list[Trace] = []
        new_rows: dict[int, int] = {}
        for row, decision in enumerate(decisions):
            if decision is not None:
                trace = records.rows[row]
                late[decision.labels[0]] += trace.facts.spans
                if self._book.get(decision.labels[0]).keep:
                    new_rows[row] = len(traces)
                    traces.append(Trace(trace.trace_id, trace.facts, decision.labels, decision.threshold))
        entries = [entry._replace(trace=new_rows[entry.trace]) for entry in records.entries if entry.trace in new_rows]
        kept = ReferenceRecords(self._program, traces, entries, self._book) if traces else None
        return Filed(len(records.entries) - late.total(), new, kept, dict(late), dict(ages))

    def follow(self, records: Records, now: int, follower: int = 0) -> Followed:
        """Hold log records with their traces; those of traces decided before follow, those without a trace pass."""
        with self._lock:
            own = self._following.own(records)
            rows = sorted({entry.trace for entry in own.entries})
            fates = {row: self._fate(own.rows[row].trace_id, now) for row in rows}
            for entry in own.entries:
                fate = fates[entry.trace]
                if isinstance(fate, list):
                    fate.append((follower, entry))
                    self._headers.update(_headers_of(entry))
            return self._following.followed(own, fates, lambda label: self._book.get(label).keep)

    def _fate(self, trace_id: bytes, now: int) -> Logs | Decision | None:
        """Return where the log records of a trace are held, or what was decided on it; None: they have no trace."""
        if not any(trace_id):
            return None
        decision = self._kept.get(trace_id) or self._dropped.get(trace_id)
        if decision is not None:
            return decision
        held = self._held.get(trace_id)
        return self._following.waiting(trace_id, now) if held is None else held.logs

    def unmatched(self, first_seen: int, limit: int) -> dict[int, Records]:
        """Let go of the log records whose traces have not come."""
        with self._lock:
            gone = self._following.unmatched(first_seen, limit)
            self._release(entry for _, logs in gone for _, entry in logs)
            return self._following.by_follower(gone)

    def next_unmatched(self) -> int | None:
        """Return `first_seen` of the oldest trace of which only log records came."""
        with self._lock:
            return self._following.first_seen()

    def due(self, first_seen: int, root_seen: int | None, limit: int) -> ReferenceColumns:
        """Return the oldest traces that are due, at most `limit`; the table keeps them until `settle`."""
        chosen: dict[bytes, _Held] = {}
        with self._lock:
            for held in self._held.values():
                if held.first_seen > first_seen:
                    break
                if len(chosen) < limit and not held.is_out:
                    chosen[held.trace_id] = held
            for trace_id, seen in self._roots.items() if root_seen is not None else ():
                if root_seen is not None and seen > root_seen:
                    break
                if len(chosen) < limit and not self._held[trace_id].is_out:
                    chosen[trace_id] = self._held[trace_id]
            return self._out(chosen.values())

    def early(self, limit: int) -> ReferenceColumns:
        """Return what satisfies an early condition, in the order in which it came to."""
        with self._lock:
            waiting = [held for trace_id in self._early if not (held := self._held[trace_id]).is_out]
            return self._out(waiting[: max(0, limit)])

    def heaviest(self, now: int, bytes_wanted: int, limit: int) -> ReferenceColumns:
        """Return the traces with the most held bytes times age whose held bytes reach `bytes_wanted`."""
        with self._lock:
            waiting = [held for held in self._held.values() if not held.is_out]
            waiting.sort(key=lambda held: (held.cost * (now - held.first_seen), now - held.first_seen), reverse=True)
            chosen: list[_Held] = []
            for held in waiting[:limit]:
                if sum(one.cost for one in chosen) >= bytes_wanted:
                    break
                chosen.append(held)
            return self._out(chosen)

    def _out(self, chosen: Iterable[_Held]) -> ReferenceColumns:
        traces = list(chosen)
        for held in traces:
            self._upgrade(held)
        rows = [Row(held.trace_id, held.facts, held.first_seen) for held in traces]
        columns = ReferenceColumns(self._program.facts, rows)
        for held in traces:
            held.out = weakref.ref(columns)
        return columns

    def settle(self, columns: Columns, verdicts: array[int], thresholds: array[int] | None, now: int = 0) -> Settled:
        """Let go of the rows' traces; those whose label keeps come back, label 0 puts back."""
        with self._lock:
            rows = self._checked(columns, verdicts, thresholds)
            tally: dict[int, Tally] = {}
            followed: Counter[int] = Counter()
            kept: list[tuple[Trace, list[Entry]]] = []
            logs: list[tuple[bytes, Logs]] = []
            for index, (held, verdict) in enumerate(zip(rows, verdicts, strict=True)):
                held.out = None
                if verdict:
                    facts, before = held.facts, tally.get(verdict, Tally(0, 0, 0))
                    tally[verdict] = Tally(before.traces + 1, before.spans + facts.spans, before.bytes + facts.bytes)
                    decision = Decision((verdict, 0), 0 if thresholds is None else thresholds[index], now)
                    followed[verdict] += len(held.logs)
                    self._forget(held)
                    if self._decide(held, decision):
                        kept.append((Trace(held.trace_id, facts, decision.labels, decision.threshold), held.entries))
                        logs.append((held.trace_id, held.logs))
            counts = {verdict: count for verdict, count in followed.items() if count}
            return Settled(self._records(kept), tally, self._following.by_follower(logs), counts)

    def _checked(self, columns: Columns, verdicts: array[int], thresholds: array[int] | None) -> list[_Held]:
        if not isinstance(columns, ReferenceColumns):
            raise ValueError("these columns are not the table's")  # noqa: TRY004 - the contract says ValueError
        if len(verdicts) != columns.count or (thresholds is not None and len(thresholds) != columns.count):
            raise ValueError(f"{columns.count} traces need as many verdicts and thresholds")
        for verdict in set(verdicts):
            self._book.get(verdict)
        if any(threshold not in THRESHOLDS for threshold in thresholds or ()):
            raise ValueError("a threshold is not below 2**56")
        rows = [self._held.get(row.trace_id) for row in columns.rows]
        held = [row for row in rows if row is not None and row.out is not None and row.out() is columns]
        if len(held) != columns.count:
            raise ValueError("the traces of these columns are not out to be judged")
        return held

    def _forget(self, held: _Held) -> None:
        del self._held[held.trace_id]
        self._roots.pop(held.trace_id, None)
        self._early.pop(held.trace_id, None)
        self._release(held.entries)
        self._release(entry for _, entry in held.logs)

    def _release(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            for header in _headers_of(entry):
                self._headers[header] -= 1
                if not self._headers[header]:
                    del self._headers[header]

    def _decide(self, held: _Held, decision: Decision) -> bool:
        """Remember a decision; return whether it keeps."""
        keep = self._book.get(decision.labels[0]).keep
        (self._kept if keep else self._dropped).add(held.trace_id, decision)
        return keep

    def _records(self, kept: Sequence[tuple[Trace, list[Entry]]]) -> ReferenceRecords | None:
        entries = [entry._replace(trace=row) for row, (_, held) in enumerate(kept) for entry in held]
        traces = [trace for trace, _ in kept]
        return ReferenceRecords(self._program, traces, entries, self._book) if kept else None

    def epochs(self) -> list[int]:
        """Return the epochs under which spans are held, and the present one."""
        with self._lock:
            return self._epochs()

    def _epochs(self) -> list[int]:
        return sorted({self._epoch, *(held.epoch for held in self._held.values())})

    def adopt(
        self,
        program: Program,
        upgrades: Mapping[int, Program],
        kept_decisions: int,
        dropped_decisions: int,
        early: Sequence[Early] = (),
    ) -> int:
        """Hold records of `program` from now on; what is held is walked anew when it is touched."""
        own = {epoch: _program(upgrade) for epoch, upgrade in upgrades.items()}
        new = _program(program)
        if any(upgrade.facts.shape != new.facts.shape for upgrade in own.values()):
            raise ValueError("an upgrade computes other facts than the program")
        conditions = [Condition(condition, new.facts) for condition in early]
        with self._lock:
            missing = [epoch for epoch in self._epochs() if epoch not in own]
            if missing:
                raise ValueError(f"there is no upgrade for what is held under epoch {missing[0]}")
            for held in self._held.values():
                held.out = None
            self._kept.resize(kept_decisions)
            self._dropped.resize(dropped_decisions)
            self._program, self._upgrades = new, own
            self._conditions = conditions
            self._early.clear()
            self._epoch += 1
            return self._epoch

    def _upgrade(self, held: _Held) -> None:
        """Walk a trace's spans anew if they were held under an earlier epoch."""
        if held.epoch == self._epoch:
            return
        entries = [entry._replace(trace=0) for entry in held.entries]
        before = ReferenceRecords(self._program, [Trace(held.trace_id, held.facts)], entries)
        after = self._upgrades[held.epoch].refine(before)
        self._release(held.entries)
        held.entries, held.facts, held.epoch = list(after.entries), after.rows[0].facts, self._epoch
        for entry in held.entries:
            self._headers.update(_headers_of(entry))

    def remember(self, records: Records) -> None:
        """Replace the labels remembered for the traces of these records by those they have now."""
        if not isinstance(records, ReferenceRecords):
            raise TypeError(f"no records of this kernel: {records!r}")
        with self._lock:
            for row in records.current_rows():
                self._kept.change(row.trace_id, row.labels)
                self._dropped.change(row.trace_id, row.labels)

    def next_due(self) -> tuple[int | None, int | None]:
        """Return `first_seen` of the oldest trace that waits, and the earliest `now` at which a root came."""
        with self._lock:
            first = next((held.first_seen for held in self._held.values() if not held.is_out), None)
            root = next((seen for trace_id, seen in self._roots.items() if not self._held[trace_id].is_out), None)
            return first, root

    @property
    def held_bytes(self) -> int:
        """As in `stats`."""
        return self.stats().held_bytes

    def stats(self) -> TableStats:
        """Return what the table holds now."""
        with self._lock:
            headers, waiting = sum(len(header) for _, header in self._headers), self._following
            return TableStats(
                len(self._held),
                sum(held.facts.spans for held in self._held.values()),
                sum(held.cost for held in self._held.values()) + headers + waiting.cost,
                len(self._headers),
                len(self._kept),
                len(self._dropped),
                len(self._early),
                sum(len(held.logs) for held in self._held.values()) + waiting.records,
                waiting.traces,
            )


def _headers_of(entry: Entry) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    return ("resource", entry.resource), ("scope", entry.scope)


def _program(program: Program) -> ReferenceProgram:
    if not isinstance(program, ReferenceProgram):
        raise TypeError(f"no program of this kernel: {program!r}")
    if program.signal != "traces":
        raise ValueError(f"a table holds traces, not {program.signal}")
    return program
