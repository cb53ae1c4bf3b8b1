"""The tail sampler as a pure state machine: a table of traces, an evaluation that judges them, and deadlines."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from ...kernel.contract import VERDICT, Columns, Filed, Program, Records, Settled, Table
from ...telemetry.samples import Sample
from ..base import Outcome, Sampler
from .judging import Evaluation, Moment, Room
from .labels import Labels
from .metrics import Origin, SamplerCounts, sampler_samples

SLICE = 2048
"""Traces that one call judges at most; that takes a few ms."""
SLOW_SLICE = 128
"""The same after a reload, while those that are due were held before it: they are walked anew."""
Adopt = Callable[[Table, Mapping[int, Program]], int]
"""Makes a table go on with other rules; the second argument are programs for what it holds, by epoch."""
RETRY = 50_000_000
"""ns after which traces that had no room are looked at again when nobody says that there is room."""


@dataclass(frozen=True)
class Timing:
    """When traces are judged."""

    decision_wait: int
    """ns after a trace's first span."""
    after_root: int | None = None
    """ns after its root; None: only `decision_wait` counts."""
    num_traces: int = 0
    """More than this are judged early, the oldest first; 0: no bound but the byte budget."""
    block: bool = False
    """Refuse what comes while there are `num_traces`, instead of judging the oldest early."""
    drop_on_shutdown: bool = False
    """Drop what is held at the end instead of judging it."""


class TailSampler:
    """Holds traces, judges them when they are due, and lets late spans follow the verdict of their trace."""

    def __init__(
        self,
        table: Table,
        evaluation: Evaluation,
        timing: Timing,
        labels: Labels,
        *,
        root: int,
        origin: Origin,
        adopt: Adopt,
    ) -> None:
        """`root`: the bit of a mask that says that the trace has its root; `adopt`: gives a table to these rules."""
        self._table = table
        self._adopt = adopt
        self._evaluation = evaluation
        self._timing = timing
        self._labels = labels
        self._root = root
        self._origin = origin
        self._counts = SamplerCounts()
        self._slice = SLICE
        self._reloaded: int | None = None
        """`now` of the first judging under these rules, when they took over from others."""
        self._most_room = 0
        self._retry_at: int | None = None

    def offer(self, now: int, records: Records) -> Outcome:
        """Hold these records; late spans follow the verdict of their trace."""
        filed = self._table.file(records, now)
        self._counts.new_traces += filed.new_traces
        outcome = Outcome(late=filed.late_kept, more=self._excess() > 0)
        if filed.late:
            outcome.dropped = self._late(filed)
        return outcome

    def _late(self, filed: Filed) -> dict[str, int]:
        """Count and mark late spans; return how many of them are dropped, by reason."""
        self._mark_late(filed.late_kept)
        for seconds, traces in filed.late_ages.items():
            self._counts.late_ages.observe(seconds, traces)
        late: Counter[bool] = Counter()
        for label, spans in filed.late.items():
            late[label not in self._labels.dropped] += spans
        self._counts.late_spans.update(late)
        return {"late_not_sampled": late[False]} if late[False] else {}

    def _mark_late(self, records: Records | None) -> None:
        """Write on late spans what their trace's verdict has for them."""
        late = self._labels.late
        if records is not None and late:
            records.label(VERDICT, array("I", [late.get(label, label) for label in records.labels(VERDICT)]))

    def follow(self, now: int, records: Records, number: int) -> Outcome:
        """Hold log records with their traces; late ones follow the verdict that is remembered."""
        followed = self._table.follow(records, now, number)
        late = sum(count for label, count in followed.late.items() if label in self._labels.dropped)
        return Outcome(kept=followed.passed, dropped={"late_not_sampled": late} if late else {})

    def unmatched(self, now: int, *, everything: bool) -> dict[int, Records]:
        """Let go of log records whose trace has not come within `decision_wait`, or has not come (`everything`)."""
        return self._table.unmatched(now if everything else now - self._timing.decision_wait, SLICE)

    def next_unmatched(self) -> int | None:
        """Return the `now` at which the first of them has waited long enough."""
        first = self._table.next_unmatched()
        return None if first is None else first + self._timing.decision_wait

    def held_logs(self) -> tuple[int, int]:
        """Return the traces of which only log records came, and the log records that are held."""
        stats = self._table.stats()
        return stats.log_traces, stats.logs

    def full(self) -> bool:
        """Say whether nothing more may come until traces have been judged."""
        return self._timing.block and self._table.stats().traces >= self._timing.num_traces

    def tick(self, now: int, room: int) -> Outcome:
        """Judge one slice of what is due; see `Room` for what happens when there is too little of it."""
        excess = self._excess()
        if excess > 0:
            outcome = self._judge(self._table.due(now, None, min(excess, self._slice)), room, Moment(now, "num_traces"))
            outcome.more = self._retry_at is None
            return outcome
        timing = self._timing
        since_root = None if timing.after_root is None else now - timing.after_root
        columns, moment = self._table.due(now - timing.decision_wait, since_root, self._slice), Moment(now)
        early = self._table.stats().early > 0
        if early and not columns.count:
            columns, moment = self._table.early(self._slice), Moment(now, "certain")
        outcome = self._judge(columns, room, moment)
        outcome.more = outcome.more or (early and columns.count > 0 and self._retry_at is None)
        return outcome

    def relieve(self, now: int, wanted: int, room: int) -> Outcome:
        """Judge early the heaviest and oldest traces until `wanted` bytes are free (one slice a call)."""
        before = self._table.held_bytes
        outcome = self._judge(self._table.heaviest(now, wanted, self._slice), room, Moment(now, "pressure"))
        stats = self._table.stats()
        freed = before - stats.held_bytes
        outcome.more = self._retry_at is None and stats.traces > 0 and 0 < freed < wanted
        return outcome

    def drain(self, now: int, room: int) -> Outcome:
        """Judge one slice of everything, due or not."""
        columns = self._table.due(now, None, self._slice)
        if not self._timing.drop_on_shutdown:
            return self._judge(columns, room, Moment(now, "shutdown"))
        self._counts.early["shutdown"] += columns.count
        return self._settle(columns, array("I", [self._labels.drop("shutdown")]) * columns.count, None, now)

    def next_deadline(self) -> int | None:
        """Return the `now` at which `tick` has something to do, None when nothing is held."""
        first, root = self._table.next_due()
        if first is None:
            return None
        if self._retry_at is not None:
            return self._retry_at
        if self._excess() > 0 or self._table.stats().early:
            return first
        deadline = first + self._timing.decision_wait
        if self._timing.after_root is not None and root is not None:
            deadline = min(deadline, root + self._timing.after_root)
        return deadline

    def remember(self, records: Records) -> None:
        """Keep these records' labels for their late spans."""
        self._table.remember(records)

    def held(self) -> tuple[int, int, int]:
        """Return the traces, spans and bytes that are held."""
        stats = self._table.stats()
        return stats.traces, stats.spans, stats.held_bytes

    def held_bytes(self) -> int:
        """Return the bytes that are held."""
        return self._table.held_bytes

    def epochs(self) -> list[int]:
        """Return the epochs of rules under which spans are held, and the present one."""
        return self._table.epochs()

    def take_over(self, before: Sampler, upgrades: Mapping[int, Program]) -> int:
        """Go on with the table of earlier rules, with their labels, and with what their limits have spent."""
        if not isinstance(before, TailSampler):
            raise TypeError(f"no tail sampler: {before!r}")
        self._table = before._table
        self._labels.take_over(before._labels)
        self._evaluation.adopt(before._evaluation)
        self._most_room, self._slice = before._most_room, SLOW_SLICE
        return self._adopt(self._table, upgrades)

    def samples(self) -> Iterable[Sample]:
        """Return its metrics and those of its policies."""
        return chain(
            self._evaluation.samples(), sampler_samples(self._counts, self._table.stats().traces, self._origin)
        )

    def _excess(self) -> int:
        most = 0 if self._timing.block else self._timing.num_traces
        return self._table.stats().traces - most if most else 0

    def _judge(self, columns: Columns, room: int, moment: Moment) -> Outcome:
        self._most_room = max(self._most_room, room)
        self._retry_at = None
        if not columns.count:
            return Outcome()
        full = columns.count == self._slice
        if self._slice < SLICE:
            self._hasten(columns, moment)
        # A trace larger than all the room there ever was would wait for ever.
        space = Room(room, whole=room >= self._most_room)
        judged = self._evaluation.judge(columns, space, moment)
        if space.shut:
            self._retry_at = moment.now + RETRY
        self._count(columns, judged.verdicts, moment)
        outcome = self._settle(columns, judged.verdicts, judged.thresholds, moment.now)
        outcome.more = full and not space.shut
        return outcome

    def _hasten(self, columns: Columns, moment: Moment) -> None:
        """Judge whole slices again once even the oldest of what is due came after the reload."""
        self._reloaded = moment.now if self._reloaded is None else self._reloaded
        if moment.cause == "due" and columns.first_seen[0] > self._reloaded:
            self._slice = SLICE

    def _count(self, columns: Columns, verdicts: array[int], moment: Moment) -> None:
        back = [row for row, label in enumerate(verdicts) if label == 0] if self._retry_at is not None else []
        seen = columns.first_seen
        for first, traces in (Counter(seen) - Counter(seen[row] for row in back)).items():
            self._counts.ages.observe((moment.now - first) / 1e9, traces)
        if moment.cause != "due":
            self._counts.early[moment.cause] += columns.count - len(back)
        if moment.cause == "certain":
            return
        index, masks = columns.mask_index, columns.masks
        rows = Counter(index)
        rows.subtract(index[row] for row in back)
        self._counts.without_root += sum(count for at, count in rows.items() if not masks[at] & self._root)

    def _settle(self, columns: Columns, verdicts: array[int], thresholds: array[int] | None, now: int) -> Outcome:
        settled = self._table.settle(columns, verdicts, thresholds, now)
        outcome = Outcome(kept=settled.kept, dropped=self._account(settled), more=columns.count == self._slice)
        if settled.followed:
            outcome.logs = settled.logs
            for label, count in settled.followed.items():
                if (why := self._labels.dropped.get(label)) is not None:
                    outcome.logs_dropped[why] = outcome.logs_dropped.get(why, 0) + count
        return outcome

    def _account(self, settled: Settled) -> dict[str, int]:
        """Count the verdicts; return the spans dropped by reason."""
        dropped: dict[str, int] = {}
        for label, tally in settled.tally.items():
            why = self._labels.dropped.get(label)
            if why is None:
                self._counts.traces["sampled"] += tally.traces
                continue
            dropped[why] = dropped.get(why, 0) + tally.spans
            self._counts.traces["dropped" if why == "policy_drop" else "not_sampled"] += tally.traces
            if why == "too_large":
                self._counts.traces["too_large"] += tally.traces
        return dropped
