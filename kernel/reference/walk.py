"""One request (or some held spans) on the way through the stages of a program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from .facts import Facts
from .levels import LOG, RESOURCE, SCOPE, SPAN, Level, View
from .marks import Counters
from .measure import Measure
from .meter import Noted
from .operands import TRACE_ID
from .points import records_in
from .records import Entry, Trace
from .wire import is_len, join, last_payload, replaced, split

if TYPE_CHECKING:
    from .program import ReferenceProgram

_TRACE_IDS = {SPAN: TRACE_ID, LOG: 9}
"""The field of a child that holds its trace id."""

Versions = list[Level]
"""A resource or scope before each stage, and after the last one."""


class Walk:
    """Applies the stages, collects entries and facts, counts replacements."""

    def __init__(self, program: ReferenceProgram, context: Sequence[str | None]) -> None:
        self.counters = Counters(program.counted)
        self.dropped = [0] * program.drops
        self.entries: list[Entry] = []
        self._program = program
        self._rows: dict[bytes, int] = {}
        self._facts: list[Facts] = []
        self._stages: list[Callable[[View, Level], Level | None]] = []
        self._seen = 0
        first = 0
        self.noted: list[Noted] = []
        """For each stage that measures."""
        for stage in program.stages:
            if isinstance(stage, Measure):
                self.noted.append(Noted(stage.meter))
                self._stages.append(stage.noting(self.noted[-1]))
            else:
                self._stages.append(stage.bind(context, self.counters, first))
            first += stage.rules

    def request(self, request: bytes) -> bytes:
        """Walk a whole request; return it after the stages."""
        out = []
        for one in split(request):
            if is_len(one, 1):
                new = self._resource_spans(one.payload)
                if new is None:
                    continue
                one = replaced(one, new)
            out.append(one)
        return join(out)

    def _resource_spans(self, payload: bytes) -> bytes | None:
        level = Level(RESOURCE, split(payload))
        self._program.limits.check_level(level)
        resources = self.resource(level)
        return resources[-1].with_children([self._scope_spans(resources, one.payload) for one in level.children])

    def _scope_spans(self, resources: Versions, payload: bytes) -> bytes | None:
        level = Level(SCOPE, split(payload))
        self._program.limits.check_level(level)
        scopes = self.scope(resources, level)
        return scopes[-1].with_children([self._child(resources, scopes, one.payload) for one in level.children])

    def _child(self, resources: Versions, scopes: Versions, payload: bytes) -> bytes | None:
        level = Level(self._program.child, split(payload))
        self._program.limits.check_level(level)
        self._seen += max(1, records_in(level))
        self._program.limits.check_spans(self._seen)
        return self.child(resources, scopes, level)

    def resource(self, level: Level) -> Versions:
        """Return the resource before each stage and after the last."""
        versions = [level]
        for stage in self._stages:
            versions.append(stage(View(versions[-1]), versions[-1]) or versions[-1])
        return versions

    def scope(self, resources: Versions, level: Level) -> Versions:
        """Return the scope before each stage and after the last."""
        versions = [level]
        for stage, resource in zip(self._stages, resources[:-1], strict=True):
            versions.append(stage(View(resource, versions[-1]), versions[-1]) or versions[-1])
        return versions

    def expect(self, trace_ids: Iterable[bytes]) -> None:
        """Have a row for each of these traces, whatever becomes of their spans."""
        for trace_id in trace_ids:
            self._rows[trace_id] = len(self._rows)
            self._facts.append(self._program.facts.nothing())

    def child(self, resources: Versions, scopes: Versions, level: Level, trace_id: bytes | None = None) -> bytes | None:
        """Walk a span, filed under `trace_id` (default: its own), a log record or a metric.

        Return it after the stages, None: it goes.
        """
        for number, stage in enumerate(self._stages):
            before = records_in(level)
            new = stage(View(resources[number], scopes[number]).on(level), level)
            gone = before - (0 if new is None else records_in(new))
            if gone:
                self.dropped[self._program.drop_index(number) + getattr(stage, "why", 0)] += gone
            if new is None:
                return None
            level = new
        message = join(level.fields)
        row = self._row(View(resources[-1], scopes[-1]).on(level), level, len(message), trace_id)
        self.entries.append(Entry(row, resources[-1].header, scopes[-1].header, message, records_in(level)))
        return message

    def _row(self, view: View, level: Level, size: int, trace_id: bytes | None) -> int:
        """Return the row of the trace that this belongs to, its facts merged into it; 0 for a metric."""
        if level.shape not in _TRACE_IDS:
            return 0
        if trace_id is None:
            trace_id = (last_payload(level.fields, _TRACE_IDS[level.shape]) or b"")[:16].ljust(16, b"\0")
        facts = self._program.facts.of_span(view, size) if level.shape is SPAN else self._program.facts.nothing()
        row = self._rows.setdefault(trace_id, len(self._rows))
        if row == len(self._facts):
            self._facts.append(facts)
        else:
            self._facts[row] = self._facts[row].merge(facts)
        return row

    def traces(self) -> list[Trace]:
        """Return the traces in order of first appearance."""
        return [Trace(trace_id, facts) for trace_id, facts in zip(self._rows, self._facts, strict=True)]
