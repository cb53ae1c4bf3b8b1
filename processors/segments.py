"""A pipeline's processors as a row of segments: neighbouring stateless stages fuse into one program and one walk.

A stage that holds traces (tail_sampling), or that decides on the facts of kept ones (retention), ends a segment; what
stands after it is walked when a kept trace is let go. So does a stage whose work another process does (custom); what
stands after that is walked when the answer has come. The order that is written is the order of effect.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..kernel.contract import FactsSpec, Kernel, Limits, Program, ProgramSpec, Stage
from ..kernel.meters import Meter
from ..telemetry.signals import Signal
from .base import Decider, Deciding, Fused, Holding, NamedLookup, Part, Sampler
from .remote import Remote, RemoteStage
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
    remote: RemoteStage | None = None
    ids: tuple[str, ...] = ()
    """Of the components at its end."""
    facts: FactsSpec = field(default_factory=lambda: NO_FACTS)
    scrubbed: list[Scrubbed] = field(default_factory=list)
    """The scrubbing that spans have been through when they come to its end."""
    history: dict[int, list[Scrubbed]] = field(default_factory=dict)
    """The same for spans that the sampler holds from earlier rules, by epoch."""
    upgrades: dict[int, Upgrade] = field(default_factory=dict)
    """What those spans still need."""
    lookups: Sequence[NamedLookup] = ()
    """The pipeline's tables, as `program.lookups` counts them."""
    measures: bool = False
    """Whether the walk notes what is to be counted once its records are taken."""

    def prepare(self, before: Segment, kernel: Kernel) -> None:
        """Compile what spans need that are held under the rules of `before`."""
        if self.sampler is None or before.sampler is None:
            return
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
        if self.remote and before.remote:
            self.remote = self.remote.take_over(before.remote)
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
    stages: Sequence[Stage] = ()


def upgrade_to(kernel: Kernel, before: Sequence[Scrubbed], now: Sequence[Scrubbed]) -> Upgrade | None:
    """Return what log records need that have been through `before` and should have been through `now`, if anything."""
    stages, counters = missing(before, now)
    return Upgrade(_compile(kernel, stages, NO_FACTS, 0, signal="logs"), counters, stages) if stages else None


@dataclass
class _Draft:
    """A segment while its stages are collected."""

    stages: list[Stage] = field(default_factory=list, repr=False)
    counters: list[tuple[str, str]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    facts: FactsSpec = field(default_factory=lambda: NO_FACTS)
    end: Holding | Deciding | Remote | None = None
    ids: tuple[str, ...] = ()
    decider: Decider | None = None
    """Decides on the facts of what the stage at the end holds."""

    def add(self, part: Fused) -> None:
        self.stages.extend(part.stages)
        self.counters.extend(part.counters)
        self.reasons.extend(part.reasons)

    def segment(
        self,
        kernel: Kernel,
        context: int,
        lookups: Sequence[NamedLookup],
        meters: Sequence[Meter],
        signal: Signal,
    ) -> Segment:
        program = _compile(kernel, self.stages, self.facts, context, lookups, meters=meters, signal=signal)
        segment = Segment(program, self.counters, self.reasons, ids=self.ids, facts=self.facts, lookups=lookups)
        segment.decider = self.decider
        segment.measures = any(stage["kind"] == "measure" for stage in self.stages)
        if isinstance(self.end, Holding):
            segment.sampler = self.end.start(program)
        elif isinstance(self.end, Deciding):
            segment.decider = self.end.decider
        elif isinstance(self.end, Remote):
            segment.remote = self.end.stage
        return segment


def _compile(
    kernel: Kernel,
    stages: Sequence[Stage],
    facts: FactsSpec,
    context: int,
    lookups: Sequence[NamedLookup] = (),
    *,
    meters: Sequence[Meter] = (),
    signal: Signal = "traces",
) -> Program:
    spec: ProgramSpec = {"stages": list(stages), "facts": facts, "limits": LIMITS, "context": context}
    if signal != "traces":
        spec["signal"] = signal
    return kernel.compile(spec, [named.lookup for named in lookups], meters)


def _drafts(parts: Iterable[tuple[str, Part]]) -> list[_Draft]:
    """Cut the row where a part ends a segment; the last draft is open."""
    drafts, held = [_Draft()], False
    for component, part in parts:
        if isinstance(part, Fused):
            drafts[-1].add(part)
        elif isinstance(part, Holding):
            drafts[-1].facts, held = part.facts, True
            _end(drafts, component, part)
        elif isinstance(part, Deciding) and held:
            _check_deciding(component, drafts)
            if not _read_along(drafts, component, part):
                drafts[-1].facts = part.decider.facts
                _end(drafts, component, part)
        elif isinstance(part, Deciding):
            if part.alone is None:
                raise RowError(component, part.why)
            drafts[-1].add(Fused(part.alone))
        elif isinstance(part, Remote):
            _check_refusing(component, part, drafts)
            _end(drafts, component, part)
    return drafts


def _end(drafts: list[_Draft], component: str, part: Holding | Deciding | Remote) -> None:
    drafts[-1].end, drafts[-1].ids = part, (component,)
    drafts.append(_Draft())


def _read_along(drafts: Sequence[_Draft], component: str, part: Deciding) -> bool:
    """Let a part decide on the facts of the stage right before it, where they tell all: that saves it a walk."""
    if len(drafts) < 2 or drafts[-1].stages or drafts[-2].decider or not isinstance(drafts[-2].end, Holding):
        return False
    if not part.decider.borrow(drafts[-2].facts):
        return False
    drafts[-2].decider = part.decider
    drafts[-2].ids += (component,)
    return True


def _check_deciding(component: str, drafts: Sequence[_Draft]) -> None:
    """What decides about a trace must do so before it is handed to another process: its labels stay here."""
    last = max(at for at, draft in enumerate(drafts) if isinstance(draft.end, Holding))
    for draft in drafts[last:]:
        if isinstance(draft.end, Remote):
            raise RowError(
                component, f"it decides about kept traces, which {draft.ids[0]} has then sent on: put it before"
            )


def _check_refusing(component: str, part: Remote, drafts: Sequence[_Draft]) -> None:
    """A request can be refused only as long as nothing has taken it."""
    if part.stage.on_error != "refuse":
        return
    for draft in drafts:
        if isinstance(draft.end, Holding) or (isinstance(draft.end, Remote) and draft.end.stage.on_error != "refuse"):
            raise RowError(
                component,
                f"on_error: refuse is possible only before {draft.ids[0]}, which takes what it is given for good",
            )


def build_segments(
    parts: Sequence[tuple[str, Part]],
    kernel: Kernel,
    context: Sequence[str],
    lookups: Sequence[NamedLookup] = (),
    *,
    meters: Sequence[Meter] = (),
    signal: Signal = "traces",
) -> list[Segment]:
    """Compile (component id, part) pairs into segments. Raises `RowError` or `BadProgram`."""
    drafts = _drafts(parts)
    if len(drafts) > 1 and not drafts[-1].stages and not isinstance(drafts[-2].end, Remote):
        drafts.pop()
    segments = [draft.segment(kernel, len(context), lookups, meters, signal) for draft in drafts]
    for at, segment in enumerate(segments):
        walked = drafts[: at + 1]
        stages, counters = [s for d in walked for s in d.stages], [c for d in walked for c in d.counters]
        segment.scrubbed = scrubbing(stages, counters)
        segment.history = {0: segment.scrubbed}
    return segments
