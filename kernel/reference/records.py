"""Records: spans with the facts and labels of their traces."""

from __future__ import annotations

import builtins
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .columns import ReferenceColumns, Row
from .facts import Facts
from .grouping import Packed, pack
from .labels import ReferenceLabels
from .levels import RESOURCE, SCOPE, SPAN, Level
from .meter import Noted
from .wire import split

if TYPE_CHECKING:
    from .program import ReferenceProgram

_SLOTS = 2
_Headers = tuple[bytes, bytes]
"""Of a resource and a scope."""


class Entry(NamedTuple):
    """A span, a log record or a metric with where it belongs."""

    trace: int
    """The row of its trace."""
    resource: bytes
    scope: bytes
    """Headers."""
    span: bytes
    records: int = 1
    """What it counts for: a metric for its data points."""


@dataclass(frozen=True)
class Trace:
    """A row of records."""

    trace_id: bytes
    facts: Facts
    labels: tuple[int, int] = (0, 0)
    threshold: int = 0


_NO_TRACE = Trace(bytes(16), Facts())
"""Of metrics."""


class ReferenceRecords:
    """See `contract.Records`."""

    def __init__(
        self,
        program: ReferenceProgram,
        rows: Sequence[Trace],
        entries: Sequence[Entry],
        book: ReferenceLabels | None = None,
        whole: builtins.bytes | None = None,
        dropped: Sequence[int] = (),
        noted: Sequence[Noted] = (),
    ) -> None:
        self.program = program
        self.rows = rows
        self.entries = entries
        self.book = book
        self._whole = whole
        self.dropped = list(dropped)
        """Spans dropped, by stage that may drop them."""
        self._noted = noted
        self._labels = [array("I", [row.labels[slot] for row in rows]) for slot in range(_SLOTS)]

    @property
    def traces(self) -> int:
        """How many traces."""
        return len(self.rows)

    @property
    def spans(self) -> int:
        """How many spans, log records or data points."""
        return sum(entry.records for entry in self.entries)

    @property
    def bytes(self) -> int:
        """Of span, log record or metric messages."""
        return sum(len(entry.span) for entry in self.entries)

    def measure(self, now: int) -> None:
        """Count in its meters what the walk has noted, stage by stage; a second call does nothing."""
        noted, self._noted = self._noted, ()
        for one in noted:
            one.meter.count(one, now)

    def request(self) -> builtins.bytes:
        """The whole request after the stages; ValueError for records that did not come from `digest`."""
        if self._whole is None:
            raise ValueError("these records are not those of one request")
        return self._whole

    def columns(self) -> ReferenceColumns:
        """Facts, a row a trace; ValueError for records of another signal."""
        if self.program.signal != "traces":
            raise ValueError(f"records of {self.program.signal} have no facts")
        return ReferenceColumns(self.program.facts, [Row(row.trace_id, row.facts) for row in self.rows])

    def labels(self, slot: int) -> array[int]:
        """Each trace's label in that slot."""
        return self._labels[_checked(slot)][:]

    def label(self, slot: int, labels: array[int]) -> None:
        """Set each trace's label in that slot; ValueError when there are not as many, or one does not exist."""
        if len(labels) != len(self.rows):
            raise ValueError(f"{len(labels)} labels for {len(self.rows)} traces")
        for number in set(labels):
            if self.book is not None:
                self.book.get(number)
            elif number:
                raise ValueError(f"label {number}, but the records come from no table")
        self._labels[_checked(slot)] = array("I", labels)

    def current_rows(self) -> list[Trace]:
        """The rows with the labels that they have now."""
        pairs = zip(*self._labels, strict=True)
        return [Trace(row.trace_id, row.facts, pair, row.threshold) for row, pair in zip(self.rows, pairs, strict=True)]

    def requests(self, max_spans: int, max_bytes: int) -> list[tuple[builtins.bytes, int]]:
        """Requests on the way out with their span counts, labels applied."""
        return pack(self._labelled(), max_spans, max_bytes)

    def _labelled(self) -> Iterator[Packed]:
        rows = self.current_rows() or [_NO_TRACE]
        headers: dict[tuple[builtins.bytes, builtins.bytes, tuple[int, int]], _Headers] = {}
        for entry in self.entries:
            row = rows[entry.trace]
            place = (entry.resource, entry.scope, row.labels)
            if place not in headers:
                headers[place] = self._headers(*place)
            yield Packed(*headers[place], self._span(entry.span, row), entry.records)

    def _headers(self, resource: builtins.bytes, scope: builtins.bytes, labels: tuple[int, int]) -> _Headers:
        """Return both headers with what the labels write on them."""
        if self.book is None or not any(labels):
            return resource, scope
        outer, inner = Level(RESOURCE, split(resource)), Level(SCOPE, split(scope))
        for number in labels:
            label = self.book.get(number)
            outer, inner = label.on_resource(outer), label.on_scope(inner)
        return outer.header, inner.header

    def _span(self, span: builtins.bytes, row: Trace) -> builtins.bytes:
        if self.book is None or not any(row.labels):
            return span
        level = Level(SPAN, split(span))
        for number in row.labels:
            level = self.book.get(number).on_span(level, row.threshold)
        return level.header


def _checked(slot: int) -> int:
    if slot not in range(_SLOTS):
        raise ValueError(f"there is no label slot {slot}")
    return slot
