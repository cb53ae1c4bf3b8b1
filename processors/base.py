"""What a processor is: a name, the schema of its rules, and how they become a part of a pipeline.

A processor is one module (or a folder when it has parts) that holds a `ProcessorSpec` named `SPEC`. Its `build`
turns a validated configuration into one `Part`. No processor imports another; `processors/__init__.py` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel

from ..kernel.contract import FactsSpec, Kernel, LabelBook, LabelSpec, Lookup, Program, Records, Stage
from ..kernel.meters import Meter
from ..telemetry.samples import Sample
from ..telemetry.signals import SIGNALS, Signal
from .remote import Remote


@dataclass(frozen=True)
class Answer:
    """What one policy says of one trace."""

    policy: str
    says: Literal["keep", "drop", "pass"]
    why: str
    """The rest of a sentence that begins with what it says."""
    asked: bool
    """False: another policy had decided; this is what it would have said."""
    shadow: bool
    """What it says has no effect."""
    parts: tuple[tuple[str, bool | None], ...]
    """What its condition is made of, and whether it holds (None: that is not known before it is asked)."""


@dataclass(frozen=True)
class Judgement:
    """What a sampler has decided about one trace, and why."""

    processor: str
    trace_id: bytes
    spans: int
    duration: int
    """ns."""
    kept: bool
    policy: str | None
    """Who decided; None: nobody."""
    reason: str
    """`matched`, `default`, ... of what is kept, the ledger's reason of what is dropped."""
    retention: int | None
    """ns, where the policy gives one."""
    probability: float | None = None
    """The share of traces like this one that is kept while limits have room, where it is known."""
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Witness:
    """Somebody who looks on while traces are judged: the tools that explain. The proxy has none."""

    see: Callable[[Judgement], None]
    answers: bool = True
    """Wants every policy's answer, and the probability."""


@dataclass(frozen=True)
class NamedLookup:
    """A table that a processor's stages look up in."""

    lookup: Lookup
    processor: str
    """The processor's id."""
    name: str
    """What the table is called in metrics."""


class Background(Protocol):
    """Work beside the way of requests, such as watching what a processor looks up; shared by all who ask for it."""

    async def run(self) -> None:
        """Work until cancelled; does not raise."""

    async def ready(self) -> None:
        """Return as soon as requests may come (awaited once, while `run` runs; bounded in time)."""

    def samples(self) -> Iterable[Sample]:
        """Its metrics, read at scrape time."""


@dataclass
class BuildContext:
    """What a processor may use while it is built."""

    id: str
    """The component's id as written, `type` or `type/name`."""
    pipeline: str
    """The pipeline's id, such as `traces`."""
    kernel: Kernel
    labels: LabelBook
    """The pipeline's book of labels."""
    context: list[str]
    """Names of request values that the pipeline's programs use; grows by `context_index`."""
    lookups: list[NamedLookup] = field(default_factory=list)
    """Tables that the pipeline's programs look up in; grows by `lookup_index`."""
    meters: list[Meter] = field(default_factory=list)
    """What the pipeline's programs count in, by position."""
    backgrounds: dict[Hashable, Background] = field(default_factory=dict)
    """What the pipelines need to have running; grows by `background`."""
    running: Mapping[Hashable, Background] = field(default_factory=dict)
    """What runs already, under the rules in effect."""
    retentions: dict[int, tuple[str, int]] = field(default_factory=dict)
    """What a sampler says about retention: verdict label -> (class, ns). Shared by the pipeline's processors."""
    witness: Witness | None = None
    """Who is told of every trace that is judged; None: nobody, at no cost."""

    signal: Signal = "traces"
    """What the pipeline carries."""

    known_labels: dict[Hashable, int] = field(default_factory=dict)
    """What `label` has made."""

    def anew(self) -> BuildContext:
        """Return a context for the same pipeline under new rules: labels keep their numbers and their meaning."""
        return replace(self, id="", context=[], lookups=[], meters=[], backgrounds={}, running=self.backgrounds)

    def label(self, owner: Hashable, label: LabelSpec) -> int:
        """Return the number of an owner's label; one that it has had before, under earlier rules too, is not made anew.

        Raises ValueError when the book is full.
        """
        key = (owner, label["keep"], tuple(label["span"]), tuple(label["resource"]), label["threshold"])
        if key not in self.known_labels:
            self.known_labels[key] = self.labels.add(label)
        return self.known_labels[key]

    def lookup_index(self, lookup: Lookup, name: str) -> int:
        """Return the position of a new table among those that the pipeline's programs look up in."""
        self.lookups.append(NamedLookup(lookup, self.id, name))
        return len(self.lookups) - 1

    def meter_index(self, meter: Meter) -> int:
        """Return the position of a meter among those that the pipeline's programs count in."""
        self.meters.append(meter)
        return len(self.meters) - 1

    def background(self, key: Hashable, make: Callable[[], Background]) -> Background:
        """Return what runs, or will run, under this key: all that are built alike share one."""
        if key not in self.backgrounds:
            self.backgrounds[key] = self.running.get(key) or make()
        return self.backgrounds[key]

    def context_index(self, name: str) -> int:
        """Return the position of a request value (such as `metadata.x-tenant`) among those given to `digest`."""
        if name not in self.context:
            self.context.append(name)
        return self.context.index(name)


class Failure(str):
    """Among what scrub rules are counted as: a reason why something could not be scrubbed as it should be."""

    __slots__ = ()


@dataclass
class Fused:
    """A stateless part: stages that join the walk of their segment."""

    stages: list[Stage] = field(repr=False)
    """They may have keys in them, so they are not shown."""
    counters: list[tuple[str, str]] = field(default_factory=list)
    """For each scrub rule, in the order the kernel counts them: (processor id, rule name); or a `Failure`."""
    reasons: list[str] = field(default_factory=list)
    """For each stage that may drop spans, in order: why it does, as the ledger names it."""


@dataclass
class Outcome:
    """What a sampler lets go of."""

    kept: Records | None = None
    """Judged now; its verdict label is set."""
    late: Records | None = None
    """Late spans of traces kept before; all their labels are set."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Spans dropped, by reason."""
    more: bool = False
    """Another `tick` at this same moment would do more."""
    logs: dict[int, Records] = field(default_factory=dict)
    """Log records that followed traces which were kept, by what they were given as (`follow`)."""
    logs_dropped: dict[str, int] = field(default_factory=dict)
    """Log records that followed traces which were dropped, by reason."""


class Sampler(Protocol):
    """A tail sampler as a pure state machine: time is an argument in ns, chance is the trace id's own."""

    def offer(self, now: int, records: Records) -> Outcome:
        """Hold these records; late spans follow the verdict of their trace."""

    def tick(self, now: int, room: int) -> Outcome:
        """Judge one slice of what is due; let go of at most `room` bytes (one trace, if it alone is larger)."""

    def relieve(self, now: int, wanted: int, room: int) -> Outcome:
        """Judge early the heaviest and oldest traces until `wanted` bytes are free (one slice a call)."""

    def drain(self, now: int, room: int) -> Outcome:
        """Judge one slice of everything, due or not (shutdown)."""

    def next_deadline(self) -> int | None:
        """The `now` at which `tick` has something to do, None when nothing is held."""

    def full(self) -> bool:
        """Whether nothing more may come until traces have been judged (a configuration may ask for that)."""

    def remember(self, records: Records) -> None:
        """Keep these records' labels for their late spans (called after later stages have set theirs)."""

    def held(self) -> tuple[int, int, int]:
        """Traces, spans and bytes held."""

    def held_bytes(self) -> int:
        """The bytes alone, which is asked several times a request."""

    def epochs(self) -> list[int]:
        """The epochs of rules under which spans are held, and the present one (see `Table.adopt`)."""

    def take_over(self, before: Sampler, upgrades: Mapping[int, Program]) -> int:
        """Go on with what the sampler of earlier rules holds, remembers and has spent; return the new epoch.

        `upgrades` has a program for each of its epochs. Does not fail.
        """

    def samples(self) -> Iterable[Sample]:
        """Its metrics, read at scrape time."""


@runtime_checkable
class FollowedSampler(Sampler, Protocol):
    """One whose verdicts log records can follow."""

    def follow(self, now: int, records: Records, number: int) -> Outcome:
        """Hold log records with their traces; `kept`: those to be sent on at once. They come back under `number`."""

    def unmatched(self, now: int, *, everything: bool) -> dict[int, Records]:
        """Let go of log records whose trace has not come in time, or (`everything`) not yet; one slice a call."""

    def next_unmatched(self) -> int | None:
        """The `now` at which `unmatched` has something to do."""

    def held_logs(self) -> tuple[int, int]:
        """Traces of which only log records came, and log records held."""


@dataclass
class Holding:
    """A stateful part that holds traces: it ends a segment."""

    facts: FactsSpec
    start: Callable[[Program], Sampler]
    """Called once with the compiled segment that ends here."""


class Decider(Protocol):
    """Decides on the facts of kept traces (retention)."""

    facts: FactsSpec

    def borrow(self, facts: FactsSpec) -> bool:
        """Decide on these facts, those of the stage before, from now on; False when they lack some of its own."""

    def decide(self, records: Records) -> None:
        """Set the label of every trace that has none in the decider's slot."""

    def take_over(self, before: Decider) -> None:
        """Know what the decider of earlier rules knew."""

    def samples(self) -> Iterable[Sample]:
        """Its metrics, read at scrape time."""


@dataclass
class Deciding:
    """A part that decides on the facts of traces that a stage before it held."""

    decider: Decider
    alone: list[Stage] | None
    """The stages to use in a row where nothing holds traces before; None: not possible there."""
    why: str = ""
    """Why `alone` is None, as a sentence for the configuration error."""


@dataclass
class Limiting:
    """A part that governs admission before anything is decoded (memory_limiter)."""

    soft_bytes: int
    hard_bytes: int
    budget_bytes: int
    check_interval: float


@dataclass
class Batching:
    """A part that sets how large the requests on the way out are."""

    send_batch_size: int
    send_batch_max_size: int
    timeout: float


Part = Fused | Holding | Deciding | Remote | Limiting | Batching


ALL_SIGNALS = SIGNALS
"""For processors that can stand in any pipeline."""

Lint = tuple[tuple[str | int, ...], str] | tuple[tuple[str | int, ...], str, str]
"""Keys and positions from the block on, what is odd there, and the lint's code."""


@dataclass(frozen=True)
class ProcessorSpec:
    """One entry of the table of processors."""

    name: str
    config: type[BaseModel]
    build: Callable[[Any, BuildContext], Part]
    aliases: tuple[str, ...] = ()
    """The collector's names for the same thing."""
    lint: Callable[[Any], Iterable[Lint]] | None = None
    """From a valid configuration to places in it and what its author may not have meant there."""
    fragments: Callable[[Any], Iterable[Lint]] | None = None
    """The same for where a node sees only a part of each trace."""
    signals: tuple[Signal, ...] = ("traces",)
    """In pipelines of which signals it can stand."""
    unfit: Callable[[Any, Signal], str | None] = lambda _config, _signal: None
    """Why a valid configuration cannot be used on one of those signals, as what follows the id; None: it can."""
    plan: Callable[[Any], Iterable[str]] | None = None
    """A valid configuration in plain sentences, a line each; those that begin with a space belong to the one before."""
