"""The way of records through the segments of a pipeline (`segments.py`), and what is held on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..kernel.contract import Kernel, Malformed, Program, Records
from ..telemetry.samples import Sample
from .base import Failure, FollowedSampler, NamedLookup, Outcome
from .remote import Parcel
from .segments import RowError, Segment, build_segments

__all__ = ["Entry", "Passed", "Row", "RowError", "Segment", "build_segments", "received"]

UNBOUNDED = 1 << 62
"""Room without a bound."""


@dataclass
class Passed:
    """What left the row at its end, and what it lost on the way."""

    records: list[Records] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    created: int = 0
    """Spans that came into being on the way."""
    more: bool = False
    followed: list[tuple[Sequence[str], Outcome]] = field(default_factory=list)
    """What has become of log records that follow a sampler, by the ids of its segment."""

    def drop(self, reason: str, spans: int) -> None:
        """Count spans that were dropped."""
        if spans:
            self.dropped[reason] = self.dropped.get(reason, 0) + spans


@dataclass
class Entry:
    """A request on its way in, of which nothing has been taken yet."""

    row: Row
    records: Records
    """As the last walk left them."""
    context: Sequence[str | None] = ()
    """Request values."""
    segment: int = 0
    """The walk that they have done."""
    passed: Passed = field(default_factory=Passed)
    """What was lost before that."""
    walked: list[Records] = field(default_factory=list)
    """What earlier walks have noted, to be counted once the request is taken."""
    spans: int = field(init=False)
    """How many it came with, those that were dropped on the first walk included."""

    def __post_init__(self) -> None:
        self.spans = received(self.records)


def received(records: Records) -> int:
    """Return how many spans a digested request had, with those that were dropped on the walk."""
    return records.spans + sum(records.dropped)


class Row:
    """The segments of one pipeline, and the way of records through them. Time is an argument in ns."""

    def __init__(self, segments: Sequence[Segment], pipeline: str = "", values: int = 0) -> None:
        """`values`: how many request values the programs use."""
        self.segments, self.pipeline, self._values = list(segments), pipeline, values
        self.samplers = [segment.sampler for segment in segments if segment.sampler]
        self._list_remotes()

    def _list_remotes(self) -> None:
        self.remotes = [segment.remote for segment in self.segments if segment.remote]
        """The stages whose work another process does."""
        self.gates = [remote for remote in self.remotes if remote.on_error == "refuse"]
        """Those of them that are asked before a request is accepted."""

    @property
    def holds(self) -> bool:
        """Whether some stage holds traces."""
        return bool(self.samplers)

    def prepare(self, before: Row, kernel: Kernel) -> None:
        """Compile what is needed to go on with what a row of earlier rules holds.

        Raises `RowError` when something that holds traces there is not in this row.
        """
        mine = self._by_id()
        for id_, segment in before._by_id().items():
            if segment.sampler and id_ == segment.ids[0] and (id_ not in mine or not mine[id_].sampler):
                raise RowError(id_, f"it holds traces and is no longer in {self.pipeline}")
            if segment.remote and (id_ not in mine or not mine[id_].remote):
                raise RowError(id_, f"it works on spans and is no longer in {self.pipeline}")
        for segment, old in self._successions(before):
            segment.prepare(old, kernel)

    def take_over(self, before: Row) -> None:
        """Go on with what that row holds and knows; does not fail once this is prepared."""
        for segment, old in self._successions(before):
            segment.take_over(old)
        self._list_remotes()

    def _by_id(self) -> dict[str, Segment]:
        return {id_: segment for segment in self.segments for id_ in segment.ids}

    def _successions(self, before: Row) -> Iterable[tuple[Segment, Segment]]:
        """Yield the segments that end with a component with which one of `before` did, each pair once."""
        theirs = before._by_id()
        pairs = ((segment, theirs[id_]) for id_, segment in self._by_id().items() if id_ in theirs)
        return {(id(segment), id(old)): (segment, old) for segment, old in pairs}.values()

    def digest(self, request: bytes, context: Sequence[str | None]) -> Records:
        """Walk the first segment. Raises `Malformed` or `OverLimit`."""
        return self.segments[0].program.digest(request, context)

    def offer(self, now: int, records: Records, context: Sequence[str | None] = ()) -> Passed:
        """Take digested records to wherever they stay or leave; `context` is for stages behind a remote one."""
        return self.accept(now, Entry(self, records, context))

    def accept(self, now: int, entry: Entry) -> Passed:
        """Take what has come in to wherever it stays or leaves."""
        for records in entry.walked:
            records.measure(now)
        self._end_segment(now, entry.segment, entry.records, entry.passed, False, entry.context)
        return entry.passed

    async def ask(self, entry: Entry) -> Parcel | None:
        """Lead a request through the gates that it stands before; returns the parcel that had no answer."""
        while (gate := self.segments[entry.segment].remote) and gate.on_error == "refuse":
            self._count_filtered(entry.segment, entry.records, entry.passed)
            if self.segments[entry.segment].measures:
                entry.walked.append(entry.records)
            parcel = Parcel(entry.records.request(), entry.records.spans, entry.records.traces, entry.context)
            await gate.ask(parcel)
            answered = self._answered(entry.segment, parcel, entry.passed)
            if answered is None:
                return parcel
            entry.records, entry.segment = answered, entry.segment + 1
        return None

    def collect(self, now: int) -> Passed:
        """Let everything for which an answer has come go on."""
        passed = Passed()
        for index, segment in enumerate(self.segments):
            for parcel in segment.remote.finished() if segment.remote else ():
                records = self._answered(index, parcel, passed)
                if records is None:
                    passed.drop(f"{segment.ids[0]}:{parcel.outcome}", parcel.spans)
                else:
                    self._end_segment(now, index + 1, records, passed, parcel.late, parcel.context)
        return passed

    def step(self, now: int, method: str, room: int, wanted: int = 0) -> Passed:
        """Let every sampler judge one slice: `method` is `tick`, `relieve` (with `wanted`) or `drain`."""
        passed = Passed()
        for index, segment in enumerate(self.segments):
            if segment.sampler is None:
                continue
            if method == "relieve":
                outcome = segment.sampler.relieve(now, wanted, room)
            elif method == "drain":
                outcome = segment.sampler.drain(now, room)
            else:
                outcome = segment.sampler.tick(now, room)
            self._leave_sampler(now, index, outcome, passed)
        return passed

    def followed_sampler(self, id_: str) -> FollowedSampler:
        """Return the sampler of that id, whose verdicts log records follow."""
        sampler = next(segment.sampler for segment in self.segments if segment.sampler and id_ in segment.ids)
        if not isinstance(sampler, FollowedSampler):
            raise TypeError(f"{id_} cannot be followed")
        return sampler

    def full(self) -> bool:
        """Whether nothing more may come until traces have been judged."""
        return any(sampler.full() for sampler in self.samplers)

    def held(self) -> tuple[int, int, int]:
        """Traces, spans and bytes held."""
        held = [sampler.held() for sampler in self.samplers]
        held += [remote.held() for remote in self.remotes]
        return sum(h[0] for h in held), sum(h[1] for h in held), sum(h[2] for h in held)

    def held_bytes(self) -> int:
        """Bytes held."""
        held = 0
        for sampler in self.samplers:
            held += sampler.held_bytes()
        for remote in self.remotes:
            held += remote.held_bytes()
        return held

    def leaving(self) -> tuple[int, int]:
        """Bytes that wait in remote stages behind the last sampler, and how many more those take now."""
        last = max((at for at, segment in enumerate(self.segments) if segment.sampler), default=-1)
        waiting, room = 0, UNBOUNDED
        for segment in self.segments[last + 1 :]:
            if segment.remote:
                room = min(room, max(0, segment.remote.room() - waiting))
                waiting += segment.remote.held_bytes()
        return waiting, room

    def takes(self, size: int) -> bool:
        """Whether remote stages have room for a request of `size` bytes that comes in now; gates say so themselves."""
        waiting = 0
        for segment in self.segments:
            if segment.sampler:
                break
            if segment.remote and segment.remote.on_error != "refuse":
                if not segment.remote.takes(size + waiting):
                    return False
                waiting += segment.remote.held_bytes()
        return True

    def next_deadline(self) -> int | None:
        """The `now` at which a tick has something to do."""
        return min((d for s in self.samplers if (d := s.next_deadline()) is not None), default=None)

    def samples(self) -> Iterable[Sample]:
        """The metrics of everything in the row."""
        for segment in self.segments:
            yield from self.scrubbed(segment.program, segment.counters)
            for upgrade in {id(one): one for one in segment.upgrades.values()}.values():
                yield from self.scrubbed(upgrade.program, upgrade.counters)
            if segment.sampler:
                yield from segment.sampler.samples()
            if segment.decider:
                yield from segment.decider.samples()
            if segment.remote:
                yield from segment.remote.samples()
        yield from self._lookups()

    def _lookups(self) -> Iterable[Sample]:
        counts: Counter[tuple[NamedLookup, str]] = Counter()
        for segment in self.segments:
            for named, (found, not_found) in zip(segment.lookups, segment.program.lookups(), strict=True):
                counts[named, "found"] += found
                counts[named, "missing"] += not_found
        for (named, result), count in counts.items():
            labels = {"pipeline": self.pipeline, "processor": named.processor, "table": named.name, "result": result}
            yield Sample("tailgate_lookups", "counter", "Rows that were looked up in a table", count, labels)

    def scrubbed(self, program: Program, counters: Sequence[tuple[str, str]]) -> Iterable[Sample]:
        """Yield what the scrub rules of one program have replaced."""
        for (processor, rule), count in zip(counters, program.counters(), strict=True):
            labels = {"pipeline": self.pipeline, "processor": processor}
            if isinstance(rule, Failure):
                text = "What could not be scrubbed and did not pass, by reason"
                yield Sample("tailgate_scrub_failures", "counter", text, count, {**labels, "reason": rule})
                continue
            text = "Values replaced, by scrub rule"
            yield Sample("tailgate_scrubbed", "counter", text, count, {**labels, "rule": rule})
        for number, position, count in program.places():
            processor, rule = counters[number]
            if not isinstance(rule, Failure):
                labels = {"pipeline": self.pipeline, "processor": processor, "rule": rule, "position": position}
                text = "Values replaced, by scrub rule and by where they stood"
                yield Sample("tailgate_scrubbed_positions", "counter", text, count, labels)

    def _end_segment(
        self, now: int, index: int, records: Records, passed: Passed, late: bool, context: Sequence[str | None] = ()
    ) -> None:
        segment = self.segments[index]
        self._count_filtered(index, records, passed)
        if segment.measures:
            records.measure(now)
        if segment.remote:
            self._hand_over(index, records, late, context)
            return
        if segment.sampler:
            self._leave_sampler(now, index, segment.sampler.offer(now, records), passed)
            return
        if segment.decider:
            segment.decider.decide(records)
        self._next_segment(now, index, records, passed, late)

    def _count_filtered(self, index: int, records: Records, passed: Passed) -> None:
        for reason, spans in zip(self.segments[index].reasons, records.dropped, strict=True):
            passed.drop(reason, spans)

    def _leave_sampler(self, now: int, index: int, outcome: Outcome, passed: Passed) -> None:
        passed.more = passed.more or outcome.more
        for reason, spans in outcome.dropped.items():
            passed.drop(reason, spans)
        if outcome.logs or outcome.logs_dropped:
            passed.followed.append((self.segments[index].ids, outcome))
        decider = self.segments[index].decider
        for records, late in ((outcome.kept, False), (outcome.late, True)):
            if records is not None:
                if decider:
                    decider.decide(records)
                self._next_segment(now, index, records, passed, late)

    def _next_segment(self, now: int, index: int, records: Records, passed: Passed, late: bool) -> None:
        if index + 1 < len(self.segments):
            refined = self.segments[index + 1].program.refine(records)
            self._end_segment(now, index + 1, refined, passed, late)
            return
        self._remember(index, records, late)
        passed.records.append(records)

    def _remember(self, index: int, records: Records, late: bool) -> None:
        """Everything has been decided: let samplers whose labels these records have keep them for late spans."""
        for segment in reversed(() if late else self.segments[: index + 1]):
            if segment.remote and segment is not self.segments[index]:
                return
            if segment.sampler:
                segment.sampler.remember(records)

    def _hand_over(self, index: int, records: Records, late: bool, context: Sequence[str | None]) -> None:
        """Give records to the remote stage at the end of a segment, with their labels applied."""
        stage = self.segments[index].remote
        if stage is None or not records.spans:
            return
        before = next((s for s in reversed(self.segments[:index]) if s.sampler or s.remote), None)
        if before is None or before.remote:
            stage.put(Parcel(records.request(), records.spans, records.traces, context, late))
            return
        self._remember(index, records, late)
        for request, spans in records.requests(0, 0):
            stage.put(Parcel(request, spans, records.traces, context, late))

    def _answered(self, index: int, parcel: Parcel, passed: Passed) -> Records | None:
        """Return the next segment's walk of what has come back; None: the parcel ends here."""
        stage, program = self.segments[index].remote, self.segments[index + 1].program
        if stage is None:
            raise TypeError("no remote stage ends this segment")
        context = parcel.context or [None] * self._values
        records = None
        if parcel.answer is not None:
            try:
                records = program.digest(parcel.answer, context)
            except Malformed:
                parcel.answer = None
                parcel.outcome = "malformed"
        stage.count(parcel)
        if records is not None:
            grown = received(records) - parcel.spans
            passed.created += max(0, grown)
            passed.drop(stage.id, max(0, -grown))
            return records
        return program.digest(parcel.request, context) if stage.on_error == "pass" else None
