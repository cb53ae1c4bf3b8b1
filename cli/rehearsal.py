"""A configuration's pipelines run in this process, with time passed in: what every tool that tries rules out uses.

The rows are those that the proxy would run, built by the same code. Only what stands around them is missing:
receivers, exporters, memory limits and the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ..config.model import Configuration, PipelineConfig
from ..kernel.contract import Kernel, Records
from ..processors.base import Judgement, Witness
from ..processors.building import build_row
from ..processors.remote import Parcel, RemoteStage
from ..processors.row import Entry, Passed
from ..processors.segments import Segment

NO_TRACES = "there is no pipeline of traces"
ROOM = 1 << 62
"""Bytes that may leave: there is no exporter whose queue could be full."""


@dataclass
class Left:
    """What has left a row so far."""

    requests: list[bytes] = field(default_factory=list)
    """ExportTraceServiceRequests."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Spans, by reason."""
    judged: list[Judgement] = field(default_factory=list)


class Rehearsal:
    """One pipeline; time is an argument in ns and never goes back."""

    def __init__(
        self, config: Configuration, pipeline: PipelineConfig, kernel: Kernel, *, answers: bool = True
    ) -> None:
        """`answers`: judgements have every policy's answer. Raises ValueError when the row cannot be built."""
        self.pipeline = pipeline
        self.left = Left()
        self.row, self._context = build_row(pipeline, config, kernel, Witness(self.left.judged.append, answers))

    def offer(self, now: int, request: bytes, metadata: Mapping[str, str] | None = None) -> int:
        """Take a request; returns its spans. Raises `Malformed`. `metadata`: request values by their full name."""
        given = metadata or {}
        context = [given.get(name) for name in self._context]
        entry = Entry(self.row, self.row.digest(request, context), context)
        self._take(now, self.row.accept(now, entry))
        return entry.spans

    def advance(self, now: int) -> None:
        """Judge what falls due until `now`, each trace at the time at which it does."""
        while (deadline := self.row.next_deadline()) is not None and deadline <= now:
            passed = self.row.step(deadline, "tick", ROOM)
            self._take(deadline, passed)
            while passed.more:
                passed = self.row.step(deadline, "tick", ROOM)
                self._take(deadline, passed)

    def finish(self) -> None:
        """Judge everything that is held, each trace at the time at which it falls due."""
        while (deadline := self.row.next_deadline()) is not None:
            self.advance(deadline)

    def scrubbed(self, requests: Sequence[bytes], metadata: Mapping[str, str] | None = None) -> list[bytes]:
        """Return requests as every stage would leave them were all traces kept: fit to be shown. Raises `Malformed`."""
        given = metadata or {}
        out: list[bytes] = []
        for request in requests:
            context = [given.get(name) for name in self._context]
            records = self.row.digest(request, context)
            for before, segment in pairwise(self.row.segments):
                if before.remote:
                    records = self._remade(before.remote, segment, records, context)
                else:
                    records = segment.program.refine(records)
            out.extend(body for body, _ in records.requests(0, 0))
        return out

    def replaced(self) -> dict[tuple[str, str], int]:
        """Return how many values each scrub rule has replaced so far, by (processor, rule), in the order of effect."""
        counts: dict[tuple[str, str], int] = {}
        for segment in self.row.segments:
            for rule, number in zip(segment.counters, segment.program.counters(), strict=True):
                counts[rule] = counts.get(rule, 0) + number
        return {rule: number for rule, number in counts.items() if number}

    def _take(self, now: int, passed: Passed) -> None:
        self._left(passed)
        for stage in self.row.remotes:  # in their order: what one answers may come to the next
            stage.work()
            self._left(self.row.collect(now))

    def _left(self, passed: Passed) -> None:
        self.left.dropped.update(passed.dropped)
        for records in passed.records:
            self.left.requests.extend(request for request, _ in records.requests(0, 0))

    @staticmethod
    def _remade(stage: RemoteStage, behind: Segment, records: Records, context: Sequence[str | None]) -> Records:
        """Return what a remote stage makes of records; of those that it makes nothing of, nothing is shown."""
        parcels = [Parcel(body, spans, 0, context) for body, spans in records.requests(0, 0)]
        for parcel in parcels:
            stage.put(parcel)
            stage.work()
        answers = [parcel.answer for parcel in stage.finished()]
        return behind.program.digest(b"".join(answer for answer in answers if answer is not None), context)


def pipeline_of(config: Configuration, name: str | None) -> PipelineConfig:
    """Return the pipeline of traces of that name; without one the first that samples, else the first.

    Raises KeyError for a name that no pipeline of traces has, ValueError when there is no such pipeline at all.
    """
    rows = trace_pipelines(config)
    if name is not None:
        return {row.id: row for row in rows}[name]
    if not rows:
        raise ValueError(NO_TRACES)
    sampling = (row for row in rows if any(config.processors[id_].type == "tail_sampling" for id_ in row.processors))
    return next(sampling, rows[0])


def trace_pipelines(config: Configuration) -> list[PipelineConfig]:
    """Return the pipelines that take spans, which is what recordings and tests are made of."""
    return [row for row in config.pipelines.values() if row.signal == "traces"]
