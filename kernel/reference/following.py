"""Log records that follow the verdicts of their traces, and wait until these have come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..contract import Followed, Limits, Records
from .decisions import Decision
from .facts import Facts
from .program import ReferenceProgram
from .records import Entry, ReferenceRecords, Trace

LOG_COST, TRACE_COST = 24, 128
Logs = list[tuple[int, Entry]]
"""Log records, each with the number of its follower."""


@dataclass
class _Waiting:
    """A trace of which only log records came."""

    first_seen: int
    logs: Logs = field(default_factory=list)

    @property
    def cost(self) -> int:
        """Held bytes without headers."""
        return TRACE_COST + sum(len(entry.span) + LOG_COST for _, entry in self.logs)


class Following:
    """The log records of a table whose traces have not come; in order of arrival."""

    def __init__(self) -> None:
        limits: Limits = {"max_bytes": 0, "max_spans": 0, "max_attributes": 0, "max_depth": 0}
        self._program = ReferenceProgram({"signal": "logs", "stages": [], "limits": limits, "context": 0})
        self._waiting: dict[bytes, _Waiting] = {}

    @property
    def traces(self) -> int:
        """How many traces."""
        return len(self._waiting)

    @property
    def records(self) -> int:
        """How many log records."""
        return sum(len(one.logs) for one in self._waiting.values())

    @property
    def cost(self) -> int:
        """Held bytes without headers."""
        return sum(one.cost for one in self._waiting.values())

    def own(self, records: Records) -> ReferenceRecords:
        """Return records of logs of this kernel; ValueError when they are not."""
        if not isinstance(records, ReferenceRecords) or records.program.signal != "logs":
            raise ValueError("only log records follow")
        return records

    def waiting(self, trace_id: bytes, now: int) -> Logs:
        """Return where log records of a trace that has not come are held."""
        return self._waiting.setdefault(trace_id, _Waiting(now)).logs

    def joined(self, trace_id: bytes) -> Logs:
        """Return the log records that waited for a trace that has come now."""
        waiting = self._waiting.pop(trace_id, None)
        return [] if waiting is None else waiting.logs

    def first_seen(self) -> int | None:
        """Return when the oldest of them came."""
        return next((one.first_seen for one in self._waiting.values()), None)

    def unmatched(self, first_seen: int, limit: int) -> list[tuple[bytes, Logs]]:
        """Take out the oldest traces that came at `first_seen` or before, at most `limit`."""
        due = [trace_id for trace_id, one in self._waiting.items() if one.first_seen <= first_seen]
        return [(trace_id, self._waiting.pop(trace_id).logs) for trace_id in due[: max(0, limit)]]

    def by_follower(self, traces: Iterable[tuple[bytes, Logs]]) -> dict[int, Records]:
        """Return the log records of some traces as records, by follower."""
        rows: dict[int, list[Trace]] = {}
        entries: dict[int, list[Entry]] = {}
        for trace_id, logs in traces:
            for follower, entry in logs:
                mine = rows.setdefault(follower, [])
                if not mine or mine[-1].trace_id != trace_id:
                    mine.append(Trace(trace_id, Facts()))
                entries.setdefault(follower, []).append(entry._replace(trace=len(mine) - 1))
        return {follower: self._records(rows[follower], entries[follower]) for follower in sorted(rows)}

    def _records(self, rows: Sequence[Trace], entries: Sequence[Entry]) -> ReferenceRecords:
        return ReferenceRecords(self._program, rows, entries)

    def followed(
        self, own: ReferenceRecords, fates: Mapping[int, Logs | Decision | None], keeps: Callable[[int], bool]
    ) -> Followed:
        """Return what became of records, given each row's fate: held, decided, or (None) without a trace."""
        held = untraced = 0
        late: dict[int, int] = {}
        rows: dict[int, int] = {}
        passed: list[Entry] = []
        for entry in own.entries:
            fate = fates[entry.trace]
            if isinstance(fate, list):
                held += 1
                continue
            untraced += fate is None
            if fate is not None:
                label = fate.labels[0]
                late[label] = late.get(label, 0) + 1
                if not keeps(label):
                    continue
            passed.append(entry._replace(trace=rows.setdefault(entry.trace, len(rows))))
        traces = [Trace(own.rows[row].trace_id, Facts()) for row in rows]
        return Followed(held, self._records(traces, passed) if passed else None, untraced, late)
