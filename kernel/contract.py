"""What both kernels promise, as types. `docs/kernel.md` says what each thing does, to the byte."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, NotRequired, Protocol, TypedDict

from .digesting import Columns as Columns
from .digesting import Digesters as Digesters
from .digesting import Program as Program
from .digesting import Records as Records
from .meters import Meter
from .tallies import Early as Early
from .tallies import TableStats as TableStats
from .tallies import Tally as Tally


class Malformed(ValueError):
    """The bytes are no OTLP request; the message says what is wrong and at which byte."""


class OverLimit(Malformed):
    """The bytes exceed a limit of the program; the message names the limit and its value."""


class BadProgram(ValueError):
    """The program cannot be compiled; the message says which part and why."""


Expr = list[Any]
"""A condition as nested lists, see "Conditions"."""

Operand = list[str]
"""See "Operands"."""

Source = Mapping[str, Any]


Signal = Literal["traces", "logs", "metrics"]


class Edit(TypedDict):
    """A stage that edits attributes."""

    kind: Literal["edit"]
    on: Literal["span", "resource", "scope", "event", "log", "metric", "datapoint"]
    actions: list[dict[str, Any]]


class Filter(TypedDict):
    """A stage that drops what its condition is true for."""

    kind: Literal["filter"]
    on: Literal["span", "event", "log", "metric", "datapoint"]


class Sample(TypedDict):
    """A stage that keeps spans by the probability of their trace."""

    kind: Literal["sample"]
    mode: Literal["hash_seed", "proportional", "equalizing"]
    seed: int
    buckets: int
    ratio: float
    precision: int
    fail_closed: bool


Stage = Mapping[str, Any]
"""An `Edit`, `Scrub`, `Filter`, `Sample` or `meters.Measure` (conditions stand under the key `if`)."""


class FactsSpec(TypedDict):
    """What is computed of every trace."""

    leaves: list[Expr]
    numbers: list[dict[str, Any]]
    keys: list[Operand]
    compare: list[dict[str, Any]]


class Limits(TypedDict):
    """Bounds of one request."""

    max_bytes: int
    max_spans: int
    max_attributes: int
    max_depth: int


class ProgramSpec(TypedDict):
    """A segment of a pipeline, compiled by `Kernel.compile`."""

    signal: NotRequired[Signal]
    """Default: traces. A program of logs or metrics has no facts."""
    stages: list[Stage]
    facts: NotRequired[FactsSpec]
    limits: Limits
    context: int


class LabelSpec(TypedDict):
    """What is done with a trace that carries the label; attributes are (key, serialized KeyValue)."""

    keep: bool
    span: list[tuple[str, bytes]]
    resource: list[tuple[str, bytes]]
    scope: NotRequired[list[tuple[str, bytes]]]
    threshold: Literal["leave", "set", "erase"]


VERDICT, RETENTION = 0, 1
"""The two label slots of a trace: the sampler's, and that of a stage after it."""


Row = Sequence[tuple[str, bytes]]
"""Attributes: keys, each with a serialized AnyValue."""


class Lookup(Protocol):
    """A table that programs look up in: rows by a text. It may change while requests are walked."""

    def fill(self, rows: Mapping[str, Row], prefixes: Mapping[str, Row] | None = None) -> None:
        """Replace all rows at once; `prefixes` has rows for all texts that begin so.

        ValueError when a value is no AnyValue, or a key stands twice in a row; then nothing has changed.
        """

    def update(self, rows: Mapping[str, Row | None]) -> None:
        """Replace some rows (none of prefixes); those that are None go. ValueError as in `fill`."""

    def __len__(self) -> int:
        """How many rows there are."""


class LabelBook(Protocol):
    """Labels by number; number 0 is "none"."""

    def add(self, label: LabelSpec) -> int:
        """Return the new label's number (1, 2, ...); at most 65,535 of them, then `ValueError`."""

    def __len__(self) -> int:
        """Return how many labels were added."""


class Filed(NamedTuple):
    """What became of records that were filed."""

    held_spans: int
    new_traces: int
    late_kept: Records | None
    late: dict[int, int]
    """Spans of traces decided before, by verdict label, kept and dropped ones."""
    late_ages: dict[int, int]
    """Those traces, by the whole seconds (rounded up) since they were settled."""


class Followed(NamedTuple):
    """What became of log records that follow their traces."""

    held: int
    passed: Records | None
    """To be sent on: those of traces that were kept, and those without a trace id."""
    untraced: int
    """How many have no trace id."""
    late: dict[int, int]
    """Log records of traces decided before, by verdict label, kept and dropped ones."""


class Settled(NamedTuple):
    """What became of traces that were judged."""

    kept: Records | None
    tally: dict[int, Tally]
    """By verdict label, kept and dropped ones; those put back (label 0) are not in it."""
    logs: dict[int, Records]
    """By follower, the log records that followed those that are kept."""
    followed: dict[int, int]
    """Log records by verdict label, kept and dropped ones."""


class Table(Protocol):
    """Traces held until they are judged, and what was decided lately."""

    def file(self, records: Records, now: int) -> Filed:
        """Hold the records of `digest` of the table's program; `now` in ns, never less than before."""

    def due(self, first_seen: int, root_seen: int | None, limit: int) -> Columns:
        """What is due, oldest first; it stays until settled."""

    def heaviest(self, now: int, bytes_wanted: int, limit: int) -> Columns:
        """What holds most for longest; it stays until settled."""

    def early(self, limit: int) -> Columns:
        """What satisfies an early condition, in the order in which it came to; it stays until settled."""

    def settle(self, columns: Columns, verdicts: array[int], thresholds: array[int] | None, now: int = 0) -> Settled:
        """`verdicts` typecode I, `thresholds` typecode Q (None: 0). ValueError when lengths or labels are wrong.

        `now`, in ns as in `file`, is remembered for the ages of late spans.
        """

    def remember(self, records: Records) -> None:
        """Replace the labels remembered for these traces by those they have now."""

    def follow(self, records: Records, now: int, follower: int = 0) -> Followed:
        """Hold log records with their traces. `follower` (32 bits) tells whose they are when they come back."""

    def unmatched(self, first_seen: int, limit: int) -> dict[int, Records]:
        """Let go of log records, by follower, whose traces have not come; oldest traces first, at most `limit`."""

    def next_unmatched(self) -> int | None:
        """`first_seen` of the oldest trace of which only log records came."""

    def next_due(self) -> tuple[int | None, int | None]:
        """`first_seen` of the oldest trace held, and the earliest `now` at which a held trace's root came."""

    @property
    def held_bytes(self) -> int:
        """As in `stats`, which costs more to ask."""

    def epochs(self) -> list[int]:
        """The epochs under which spans are held, and the present one, ascending; a new table's is 0."""

    def adopt(
        self,
        program: Program,
        upgrades: Mapping[int, Program],
        kept_decisions: int,
        dropped_decisions: int,
        early: Sequence[Early] = (),
    ) -> int:
        """Hold records of `program` from now on and return the new epoch; the decision cache gets these sizes.

        A trace that is held is asked for the new early conditions when more of its spans come.

        A trace that was held under an earlier epoch is walked by that epoch's upgrade before anybody sees it again:
        when more of its spans are filed, or when it is handed out. ValueError when one of `epochs` has no upgrade, or
        one that computes other facts than `program`.
        """

    def stats(self) -> TableStats:
        """What is held now."""


class Kernel(Protocol):
    """One implementation of all this."""

    @property
    def name(self) -> str:
        """`reference` or `rust`."""

    def compile(self, spec: ProgramSpec, lookups: Sequence[Lookup] = (), meters: Sequence[Meter] = ()) -> Program:
        """A program that looks up in these tables and counts in these meters, by place. Raises `BadProgram`."""

    def lookup(self) -> Lookup:
        """Return a new, empty table to look up in."""

    def meter(self, spec: Mapping[str, Any]) -> Meter:
        """Return a new meter without series. Raises `BadProgram`."""

    def digesters(self, threads: int) -> Digesters:
        """Return so many new threads that digest. ValueError for none; OSError when the system has no more."""

    def labels(self) -> LabelBook:
        """Return a new, empty book."""

    def table(
        self,
        program: Program,
        labels: LabelBook,
        kept_decisions: int,
        dropped_decisions: int,
        early: Sequence[Early] = (),
    ) -> Table:
        """A table for records of `program`; two numbers bound the decision cache. ValueError for a wrong `early`."""
