"""A compiled program: digest of requests, and the same anew for spans that were held."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ..contract import BadProgram, Lookup, Malformed, ProgramSpec, Records
from ..meters import Meter
from .diagnosis import diagnose
from .drop import Filter, Sample
from .edit import Edit
from .facts import FactsProgram
from .levels import LEVELS, RESOURCE, SCOPE, Level
from .limits import Limits
from .lookup import compiling
from .measure import Measure
from .meter import ReferenceMeter
from .positions import POSITIONS
from .records import ReferenceRecords
from .scrub import Scrub
from .spec import choice, listed, natural, need, only
from .walk import Versions, Walk
from .wire import split


class ReferenceProgram:
    """See `contract.Program`. Raises `BadProgram`."""

    def __init__(self, spec: ProgramSpec, lookups: Sequence[Lookup] = (), meters: Sequence[Meter] = ()) -> None:
        self.tables = len(lookups)
        self._meters = [_own(meter) for meter in meters]
        compiling(lookups, lambda: self._compile(spec))

    def _compile(self, spec: ProgramSpec) -> None:
        only(spec, {"stages", "facts", "limits", "context", "signal"}, "program")
        contexts, given = natural(spec.get("context"), "context"), spec.get("signal")
        self.signal = "traces" if given is None else choice(given, _REQUESTS, "signal")
        self.child = LEVELS[self.signal][2]
        stages = listed(spec.get("stages"), "stages")
        self.stages = [_stage(stage, contexts, self._meters, self.signal) for stage in stages]
        self.rules = sum(stage.rules for stage in self.stages)
        self.drops = sum(stage.drops for stage in self.stages)
        self.facts = FactsProgram(_facts(spec.get("facts"), self.signal))
        self.limits = Limits(spec.get("limits"))
        self._counters = [0] * self.counted
        self._places: Counter[tuple[int, str]] = Counter()
        self._lock = threading.Lock()

    def digest(self, request: bytes, context: Sequence[str | None] = ()) -> ReferenceRecords:
        """Walk, edit, scrub, compute facts. Raises `Malformed` or `OverLimit`."""
        self.limits.check_bytes(len(request))
        try:
            _REQUESTS[self.signal].FromString(request)
        except DecodeError:
            raise Malformed(diagnose(request, _REQUESTS[self.signal].DESCRIPTOR)) from None
        walk = Walk(self, context)
        whole = walk.request(request)
        self._count(walk)
        return ReferenceRecords(
            self, walk.traces(), walk.entries, None, request if whole == request else whole, walk.dropped, walk.noted
        )

    def refine(self, records: Records) -> ReferenceRecords:
        """The same for held spans; labels stay."""
        if not isinstance(records, ReferenceRecords):
            raise TypeError(f"no records of this kernel: {records!r}")
        if records.program.signal != self.signal:
            raise ValueError(f"a program of {self.signal} has no use for records of {records.program.signal}")
        walk, held = Walk(self, ()), records.current_rows()
        walk.expect(row.trace_id for row in held)
        resources: dict[bytes, Versions] = {}
        scopes: dict[tuple[bytes, bytes], Versions] = {}
        for entry in records.entries:
            resource, scope = entry.resource, (entry.resource, entry.scope)
            if resource not in resources:
                resources[resource] = walk.resource(Level(RESOURCE, split(resource)))
            if scope not in scopes:
                scopes[scope] = walk.scope(resources[resource], Level(SCOPE, split(entry.scope)))
            trace_id = held[entry.trace].trace_id if held else None
            child = Level(self.child, split(entry.span))
            walk.child(resources[resource], scopes[scope], child, trace_id)
        self._count(walk)
        before = {row.trace_id: row for row in held}
        rows = [replace(before[trace.trace_id], facts=trace.facts) for trace in walk.traces()]
        return ReferenceRecords(self, rows, walk.entries, records.book, None, walk.dropped, walk.noted)

    def drop_index(self, number: int) -> int:
        """Return the first of a stage's places among the reasons for which spans are dropped."""
        return sum(stage.drops for stage in self.stages[:number])

    def counters(self) -> list[int]:
        """Replacements since the start by scrub rule: stage by stage, `keys` before `values`."""
        with self._lock:
            return self._counters[: self.rules]

    def places(self) -> list[tuple[int, str, int]]:
        """Return where that was: (number of the counter, position, count), without those that are 0."""
        with self._lock:
            found = [(number, position, count) for (number, position), count in self._places.items() if count]
        return sorted(found, key=lambda one: (one[0], POSITIONS.index(one[1])))

    def lookups(self) -> list[tuple[int, int]]:
        """Since the start, for each lookup: how often actions found a row in it, and how often not."""
        with self._lock:
            counters = self._counters[self.rules :]
        return list(zip(counters[::2], counters[1::2], strict=True))

    @property
    def counted(self) -> int:
        """How many counters there are: one for each scrub rule, then two for each lookup."""
        return self.rules + 2 * self.tables

    def _count(self, walk: Walk) -> None:
        with self._lock:
            self._counters = [mine + its for mine, its in zip(self._counters, walk.counters, strict=True)]
            self._places.update(walk.counters.places)


_REQUESTS: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


def _facts(spec: Any, signal: str) -> Any:
    """Return the facts to compute: none but of traces."""
    if signal == "traces":
        return spec
    given = only({} if spec is None else spec, {"leaves", "numbers", "keys", "compare"}, "facts")
    need(all(asked in (None, [], ()) for asked in given.values()), f"facts are those of traces, not of {signal}")
    return {"leaves": [], "numbers": [], "keys": [], "compare": []}


def _own(meter: Meter) -> ReferenceMeter:
    if not isinstance(meter, ReferenceMeter):
        raise TypeError(f"no meter of this kernel: {meter!r}")
    return meter


def _stage(
    stage: Any, contexts: int, meters: Sequence[ReferenceMeter], signal: str
) -> Edit | Scrub | Filter | Sample | Measure:
    kind = stage.get("kind") if isinstance(stage, dict) else None
    if kind == "edit":
        return Edit(stage, contexts, signal)
    if kind == "scrub":
        return Scrub(stage, signal)
    if kind == "filter":
        return Filter(stage, signal)
    if kind == "sample":
        need(signal == "traces", f"sample is not there for {signal}")
        return Sample(stage)
    if kind == "measure":
        need(signal == "traces", f"measure is not there for {signal}")
        return Measure(stage, meters)
    raise BadProgram(f"unknown stage {kind!r}")
