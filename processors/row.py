"""A pipeline's processors as a row of segments: neighbouring stateless stages fuse into one program and one walk.

A stage that holds traces (tail_sampling), or that decides on the facts of kept ones (retention), ends a segment; what
stands after it is walked when a kept trace is let go. The order that is written is the order of effect.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..kernel.contract import FactsSpec, Kernel, Limits, Program, ProgramSpec, Records, Stage
from ..telemetry.samples import Sample
from .base import Decider, Deciding, Fused, Holding, NamedLookup, Outcome, Part, Sampler
from .upgrade import Scrubbed, missing, scrubbing

LIMITS: Limits = {"max_bytes": 256 << 20, "max_spans": 1 << 20, "max_attributes": 1 << 14, "max_depth": 32}
"""Bounds of one request; the receivers' own limits on its size are lower."""

NO_FACTS: FactsSpec = {"leaves": [], "numbers": [], "keys": [], "compare": []}


class RowError(ValueError):
    """The processors cannot stand in this order; the message says why."""

    def __init__(self, component: str, why: str) -> None:
        """`component` is the id of the processor that cannot stand where it does."""
        self.component, self.why = component, why
        super().__init__(f"{component}: {why}")


@dataclass
class Segment:
    """One walk, and what stands at its end."""

    program: Program
    counters: list[tuple[str, str]]
    reasons: list[str] = field(default_factory=list)
    """Why each stage that may drop spans does so."""
    sampler: Sampler | None = None
    decider: Decider | None = None
    id: str = ""
    """Of the component at its end."""
    facts: FactsSpec = field(default_factory=lambda: NO_FACTS)
    scrubbed: list[Scrubbed] = field(default_factory=list)
    """The scrubbing that spans have been through when they come to its end."""
    history: dict[int, list[Scrubbed]] = field(default_factory=dict)
    """The same for spans that the sampler holds from earlier rules, by epoch."""
    upgrades: dict[int, Upgrade] = field(default_factory=dict)
    """What those spans still need."""
    lookups: Sequence[NamedLookup] = ()
    """The pipeline's tables, as `program.lookups` counts them."""

    def prepare(self, before: Segment, kernel: Kernel) -> None:
        """Compile what spans need that are held under the rules of `before`."""
        made: dict[str, Upgrade] = {}
        for epoch, scrubbed in before.history.items():
            stages, counters = missing(scrubbed, self.scrubbed)
            key = json.dumps(stages, sort_keys=True)
            if key not in made:
                made[key] = Upgrade(_compile(kernel, stages, self.facts, 0), counters)
            self.upgrades[epoch] = made[key]

    def take_over(self, before: Segment) -> None:
        """Go on with what the segment of earlier rules holds and knows; does not fail once it is prepared."""
        if self.decider and before.decider:
            self.decider.take_over(before.decider)
        if self.sampler and before.sampler:
            programs = {epoch: upgrade.program for epoch, upgrade in self.upgrades.items()}
            present = self.sampler.take_over(before.sampler, programs)
            held = {epoch: before.history[epoch] for epoch in self.sampler.epochs() if epoch in before.history}
            self.history = {**held, present: self.scrubbed}


@dataclass(frozen=True)
class Upgrade:
    """A walk of held spans, and what its scrub rules are counted as."""

    program: Program
    counters: list[tuple[str, str]]


@dataclass
class _Draft:
    """A segment while its stages are collected."""

    stages: list[Stage] = field(default_factory=list)
    counters: list[tuple[str, str]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    facts: FactsSpec = field(default_factory=lambda: NO_FACTS)
    end: Holding | Deciding | None = None
    id: str = ""

    def add(self, part: Fused) -> None:
        self.stages.extend(part.stages)
        self.counters.extend(part.counters)
        self.reasons.extend(part.reasons)

    def segment(self, kernel: Kernel, context: int, lookups: Sequence[NamedLookup]) -> Segment:
        program = _compile(kernel, self.stages, self.facts, context, lookups)
        segment = Segment(program, self.counters, self.reasons, id=self.id, facts=self.facts, lookups=lookups)
        if isinstance(self.end, Holding):
            segment.sampler = self.end.start(program)
        elif isinstance(self.end, Deciding):
            segment.decider = self.end.decider
        return segment


def _compile(
    kernel: Kernel, stages: Sequence[Stage], facts: FactsSpec, context: int, lookups: Sequence[NamedLookup] = ()
) -> Program:
    spec: ProgramSpec = {"stages": list(stages), "facts": facts, "limits": LIMITS, "context": context}
    return kernel.compile(spec, [named.lookup for named in lookups])


def _drafts(parts: Iterable[tuple[str, Part]]) -> list[_Draft]:
    """Cut the row where a part ends a segment; the last draft is open."""
    drafts, held = [_Draft()], False
    for component, part in parts:
        if isinstance(part, Fused):
            drafts[-1].add(part)
        elif isinstance(part, Holding):
            drafts[-1].facts, drafts[-1].end, drafts[-1].id, held = part.facts, part, component, True
            drafts.append(_Draft())
        elif isinstance(part, Deciding) and held:
            drafts[-1].facts, drafts[-1].end, drafts[-1].id = part.decider.facts, part, component
            drafts.append(_Draft())
        elif isinstance(part, Deciding):
            if part.alone is None:
                raise RowError(component, part.why)
            drafts[-1].add(Fused(part.alone))
    return drafts


def build_segments(
    parts: Sequence[tuple[str, Part]], kernel: Kernel, context: Sequence[str], lookups: Sequence[NamedLookup] = ()
) -> list[Segment]:
    """Compile (component id, part) pairs into segments. Raises `RowError` or `BadProgram`."""
    drafts = _drafts(parts)
    if len(drafts) > 1 and not drafts[-1].stages:
        drafts.pop()
    segments = [draft.segment(kernel, len(context), lookups) for draft in drafts]
    for at, segment in enumerate(segments):
        walked = drafts[: at + 1]
        stages, counters = [s for d in walked for s in d.stages], [c for d in walked for c in d.counters]
        segment.scrubbed = scrubbing(stages, counters)
        segment.history = {0: segment.scrubbed}
    return segments


@dataclass
class Passed:
    """What left the row at its end, and what it lost on the way."""

    records: list[Records] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    more: bool = False

    def drop(self, reason: str, spans: int) -> None:
        """Count spans that were dropped."""
        if spans:
            self.dropped[reason] = self.dropped.get(reason, 0) + spans


class Row:
    """The segments of one pipeline, and the way of records through them. Time is an argument in ns."""

    def __init__(self, segments: Sequence[Segment], pipeline: str = "") -> None:
        self.segments, self.pipeline = list(segments), pipeline
        self.samplers = [segment.sampler for segment in segments if segment.sampler]

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
            if segment.sampler and (id_ not in mine or not mine[id_].sampler):
                raise RowError(id_, f"it holds traces and is no longer in {self.pipeline}")
        for id_, segment in mine.items():
            if id_ in before._by_id():
                segment.prepare(before._by_id()[id_], kernel)

    def take_over(self, before: Row) -> None:
        """Go on with what that row holds and knows; does not fail once this is prepared."""
        old = before._by_id()
        for id_, segment in self._by_id().items():
            if id_ in old:
                segment.take_over(old[id_])

    def _by_id(self) -> dict[str, Segment]:
        return {segment.id: segment for segment in self.segments if segment.id}

    def digest(self, request: bytes, context: Sequence[str | None]) -> Records:
        """Walk the first segment. Raises `Malformed` or `OverLimit`."""
        return self.segments[0].program.digest(request, context)

    def offer(self, now: int, records: Records) -> Passed:
        """Take digested records to wherever they stay or leave."""
        passed = Passed()
        self._end_segment(now, 0, records, passed, late=False)
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

    def full(self) -> bool:
        """Whether nothing more may come until traces have been judged."""
        return any(sampler.full() for sampler in self.samplers)

    def held(self) -> tuple[int, int, int]:
        """Traces, spans and bytes held."""
        held = [sampler.held() for sampler in self.samplers]
        return sum(h[0] for h in held), sum(h[1] for h in held), sum(h[2] for h in held)

    def held_bytes(self) -> int:
        """Bytes held."""
        held = 0
        for sampler in self.samplers:
            held += sampler.held_bytes()
        return held

    def next_deadline(self) -> int | None:
        """The `now` at which a tick has something to do."""
        return min((d for s in self.samplers if (d := s.next_deadline()) is not None), default=None)

    def samples(self) -> Iterable[Sample]:
        """The metrics of everything in the row."""
        for segment in self.segments:
            yield from self._scrubbed(segment.program, segment.counters)
            for upgrade in {id(one): one for one in segment.upgrades.values()}.values():
                yield from self._scrubbed(upgrade.program, upgrade.counters)
            if segment.sampler:
                yield from segment.sampler.samples()
            if segment.decider:
                yield from segment.decider.samples()
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

    def _scrubbed(self, program: Program, counters: Sequence[tuple[str, str]]) -> Iterable[Sample]:
        for (processor, rule), count in zip(counters, program.counters(), strict=True):
            labels = {"pipeline": self.pipeline, "processor": processor, "rule": rule}
            yield Sample("tailgate_scrubbed", "counter", "Values replaced, by scrub rule", count, labels)

    def _end_segment(self, now: int, index: int, records: Records, passed: Passed, late: bool) -> None:
        segment = self.segments[index]
        for reason, spans in zip(segment.reasons, records.dropped, strict=True):
            passed.drop(reason, spans)
        if segment.sampler:
            self._leave_sampler(now, index, segment.sampler.offer(now, records), passed)
            return
        if segment.decider:
            segment.decider.decide(records)
        self._next_segment(now, index, records, passed, late)

    def _leave_sampler(self, now: int, index: int, outcome: Outcome, passed: Passed) -> None:
        passed.more = passed.more or outcome.more
        for reason, spans in outcome.dropped.items():
            passed.drop(reason, spans)
        if outcome.kept is not None:
            self._next_segment(now, index, outcome.kept, passed, late=False)
        if outcome.late is not None:
            self._next_segment(now, index, outcome.late, passed, late=True)

    def _next_segment(self, now: int, index: int, records: Records, passed: Passed, late: bool) -> None:
        if index + 1 < len(self.segments):
            refined = self.segments[index + 1].program.refine(records)
            self._end_segment(now, index + 1, refined, passed, late)
            return
        if not late:
            for sampler in self.samplers:
                sampler.remember(records)
        passed.records.append(records)
