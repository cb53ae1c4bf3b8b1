"""The way of a request, from top to bottom: build, take, judge, send; reload, drain.

    receivers take bytes and ask for admission before any decoding
      -> Intake: one walk through each pipeline's first segment, then all pipelines take the request or none does
        -> Pipeline: spans are held and judged, kept ones leave the row
          -> exporters queue, batch, retry, send

`Service` owns the loop, the clock and the tasks; what decides (`processors/`) is given the time and never asks for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from .config.changes import NeedsRestart, check_reloadable
from .config.model import Configuration
from .exporters.base import UNBOUNDED, Exporter
from .exporters.fleet import Change, Fleet, Wanted
from .kernel.contract import Kernel, Records
from .processors.base import Batching, BuildContext, Limiting
from .processors.building import Built, build_parts, join_row
from .processors.memory_limiter import MemoryGovernor, default_limits
from .processors.row import Passed, Row, RowError
from .receivers.base import Receiver, Refused
from .telemetry.carried import Carried
from .telemetry.clock import Clock
from .telemetry.histogram import MILLISECONDS, Histogram
from .telemetry.logs import RateLimited, get_logger
from .telemetry.samples import Sample

TICK_SECONDS = 0.1
"""How often what is due is judged: rarely enough that requests on the way out are large."""
REST_SECONDS = 1.0
"""How often memory is looked at while nothing comes."""
MAX_REQUEST_SPANS, MAX_REQUEST_BYTES = 8192, 3 << 20
"""Bounds of a request on the way out where the exporters set none; below gRPC's usual 4 MiB."""
MOST_LABELS = 60_000
"""A pipeline's book of labels has 65,535; a reload is refused while the rules in effect still have room for theirs."""

log = RateLimited(get_logger("tailgate.pipeline"))


def received(records: Records) -> int:
    """Return how many spans a digested request had, with those that were dropped on the walk."""
    return records.spans + sum(records.dropped)


class Pipeline:
    """One pipeline: a row of segments between receivers and exporters, and the ledger of its spans."""

    def __init__(self, name: str, row: Row, exporters: Sequence[Exporter], build: BuildContext) -> None:
        self.name, self.row, self.exporters, self.build = name, row, list(exporters), build
        self.context = list(build.context)
        self.max_spans, self.max_bytes = MAX_REQUEST_SPANS, MAX_REQUEST_BYTES
        self.accepted = self.out = self.looked = 0
        self.resting = False
        self.dropped: Counter[str] = Counter()
        self.ticks = Histogram(MILLISECONDS)
        self.carried = Carried()

    def become(self, other: Pipeline) -> None:
        """Go on as another one that was built for the same traces; what is held and counted stays."""
        self.carried.retire(self.row.samples())
        other.row.take_over(self.row)
        self.row, self.exporters, self.build, self.context = other.row, other.exporters, other.build, other.context
        self.max_spans, self.max_bytes = other.max_spans, other.max_bytes

    def digest(self, request: bytes, metadata: Callable[[str], str | None]) -> Records:
        """Walk the request. Raises `Malformed` or `OverLimit`; nothing is taken yet."""
        return self.row.digest(request, [metadata(name) for name in self.context] if self.context else ())

    def check_room(self, records: Records) -> None:
        """Raise `Refused` when a sampler is full, or a row that holds nothing has nowhere to send this."""
        self.check_open(records.spans)
        if not self.row.holds and records.bytes > self.room():
            raise Refused("queue_full", exhausted=False, spans=records.spans)

    def check_open(self, spans: int = 0) -> None:
        """Raise `Refused` while a sampler takes nothing more."""
        if self.row.full():
            raise Refused("num_traces", exhausted=False, spans=spans)

    def take(self, now: int, records: Records) -> None:
        """Take a digested request for good."""
        self.accepted += received(records)
        if self.row.holds:
            self._pass_on(self.row.offer(now, records))
        else:
            passed = self.row.offer(now, records)
            self.dropped.update(passed.dropped)
            self._send([(r.request(), r.spans) for r in passed.records if r.spans or not passed.dropped])

    def judge(self, now: int, method: str = "tick", wanted: int = 0) -> bool:
        """Judge one slice of what is held; True when another slice is due at once."""
        passed = self.row.step(now, method, self.room(), wanted)
        self._pass_on(passed)
        return passed.more

    def room(self) -> int:
        """Bytes that can leave now: what the roomiest queue takes (a dead upstream must not stop a living one)."""
        rooms = [exporter.room() for exporter in self.exporters]
        return max((room for room in rooms if room < UNBOUNDED), default=UNBOUNDED)

    def give_up(self) -> None:
        """Count what is still held as dropped (the grace period is over)."""
        self.dropped["shutdown"] += self.row.held()[1]
        self.row = Row([])

    def samples(self) -> Iterable[Sample]:
        """The ledger, `accepted == out + dropped + held`, and the metrics of the row."""
        label = {"pipeline": self.name}
        traces, spans, held_bytes = self.row.held()
        yield Sample("tailgate_pipeline_accepted_spans", "counter", "Spans taken by the pipeline", self.accepted, label)
        yield Sample("tailgate_pipeline_out_spans", "counter", "Spans handed to the exporters", self.out, label)
        for reason, count in sorted(self.dropped.items()):
            labels = {**label, "reason": reason}
            yield Sample("tailgate_pipeline_dropped_spans", "counter", "Spans dropped, by reason", count, labels)
        yield Sample("tailgate_pipeline_held_spans", "gauge", "Spans held until their trace is judged", spans, label)
        yield Sample("tailgate_pipeline_held_traces", "gauge", "Traces held", traces, label)
        yield Sample("tailgate_pipeline_held_bytes", "gauge", "Bytes held", held_bytes, label)
        if self.row.holds:
            name, text = "otelcol_processor_tail_sampling_sampling_decision_timer_latency", "How long a tick took"
            yield self.ticks.sample(f"{name}_milliseconds", text, label)
        yield from self.row.samples()
        yield from self.carried.samples()

    def _pass_on(self, passed: Passed) -> None:
        self.dropped.update(passed.dropped)
        for records in passed.records:
            self._send(records.requests(self.max_spans, self.max_bytes))

    def _send(self, requests: Sequence[tuple[bytes, int]]) -> None:
        self.out += sum(spans for _, spans in requests)
        for exporter in self.exporters:
            exporter.offer(requests)


class Intake:
    """What stands behind one receiver: admission, and all the pipelines that it feeds."""

    def __init__(
        self,
        pipelines: Sequence[Pipeline],
        governor: MemoryGovernor,
        clock: Clock,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """`wake` is called when a pipeline takes something that had been resting."""
        self.pipelines, self.governor, self.clock, self.wake = list(pipelines), governor, clock, wake

    def admit(self, size: int) -> None:
        """Raise `Refused` when nothing more may come in now."""
        self.governor.admit(size)
        for pipeline in self.pipelines:
            pipeline.check_open()

    def reserve(self, size: int) -> None:
        """Count bytes as in flight. Raises `Refused`."""
        self.governor.reserve(size)

    def release(self, size: int) -> None:
        """Give in-flight bytes back."""
        self.governor.release(size)

    def consume(self, request: bytes, metadata: Callable[[str], str | None]) -> int:
        """Give one request to every pipeline, or to none; return its span count."""
        digested = [(pipeline, pipeline.digest(request, metadata)) for pipeline in self.pipelines]
        for pipeline, records in digested:
            pipeline.check_room(records)
        now = self.clock()
        for pipeline, records in digested:
            pipeline.take(now, records)
            if pipeline.resting:
                self.wake()
        return received(digested[0][1])


class Service:
    """Everything that runs in one process, built from one configuration."""

    def __init__(self, config: Configuration, kernel: Kernel) -> None:
        self.config, self.kernel, self.clock = config, kernel, Clock()
        self.ready = False
        parts = _build_parts(config, kernel)
        self.governor = MemoryGovernor(_bounds(parts), self._held_bytes, lambda reason, wait: Refused(reason, wait))
        self._room = asyncio.Event()
        self.fleet = Fleet(_wanted(config, parts), self._room.set)
        self.pipelines = _build_pipelines(config, parts, self.exporters)
        self.receivers = self._build_receivers()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open exporters, then receivers; ready when this returns."""
        await self.fleet.start()
        for receiver in self.receivers:
            await receiver.start()
        loop = asyncio.get_running_loop()
        for work in (self._watch_memory(), *(self._keep_judging(pipeline) for pipeline in self.pipelines.values())):
            self._tasks.add(loop.create_task(work))
        self.ready = True

    async def stop(self, grace: float) -> None:
        """Stop accepting, judge what is held, flush; over within `grace` seconds, every loss counted."""
        self.ready = False
        deadline = asyncio.get_running_loop().time() + grace
        async with asyncio.TaskGroup() as group:
            for receiver in self.receivers:
                group.create_task(receiver.stop(min(5.0, grace / 3)))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pipeline in self.pipelines.values():
            await self._drain(pipeline, deadline - grace / 5)
        await self.fleet.stop(deadline)

    async def reload(self, config: Configuration) -> None:
        """Go on under another configuration, wholly or not at all: all is made aside, then swapped in one step.

        What is held stays held and is judged by the new rules. Raises `NeedsRestart`, ValueError or OSError; then
        nothing has changed. One call at a time.
        """
        check_reloadable(self.config, config)
        parts = await asyncio.to_thread(_build_parts, config, self.kernel, self.pipelines)
        change = await self.fleet.prepare(_wanted(config, parts))
        try:
            pipelines = await asyncio.to_thread(self._prepare, config, parts, change)
        except BaseException:
            await self.fleet.discard(change)
            raise
        # From here on nothing waits and nothing fails.
        self.fleet.commit(change)
        for key, pipeline in self.pipelines.items():
            pipeline.become(pipelines[key])
        self.governor.adopt(_bounds(parts))
        self.config = config

    def _prepare(self, config: Configuration, parts: Mapping[str, Built], change: Change) -> dict[str, Pipeline]:
        """Compile the rows, and what it takes to go on with what is held now."""
        pipelines = _build_pipelines(config, parts, self.fleet.after(change))
        for key, pipeline in self.pipelines.items():
            if len(pipeline.build.labels) > MOST_LABELS:
                raise NeedsRestart(f"{key}: so many rules have come and gone that their labels are used up")
            try:
                pipelines[key].row.prepare(pipeline.row, self.kernel)
            except RowError as error:
                raise NeedsRestart(f"service.pipelines.{key}: {error}") from None
        return pipelines

    def samples(self) -> Iterable[Sample]:
        """Every metric, read in one go on the event loop: an atomic snapshot."""
        for receiver in self.receivers:
            yield from receiver.samples()
        for pipeline in self.pipelines.values():
            yield from pipeline.samples()
        yield from self.fleet.samples()
        yield from self.governor.samples()

    @property
    def exporters(self) -> dict[str, Exporter]:
        """The exporters that are in use, by id."""
        return self.fleet.running

    @property
    def endpoints(self) -> Mapping[str, Mapping[str, str]]:
        """Bound addresses, by receiver id and protocol."""
        return {receiver.id: receiver.endpoints for receiver in self.receivers}

    def _build_receivers(self) -> list[Receiver]:
        fed: dict[str, list[Pipeline]] = {}
        for key, pipeline in self.pipelines.items():
            for receiver in self.config.pipelines[key].receivers:
                fed.setdefault(receiver, []).append(pipeline)
        return [
            self.config.receivers[key].spec.build(
                self.config.receivers[key].config, key, Intake(pipelines, self.governor, self.clock, self._room.set)
            )
            for key, pipelines in fed.items()
        ]

    def _held_bytes(self) -> int:
        held = self.fleet.held_bytes()
        for pipeline in self.pipelines.values():  # a plain loop: this is asked several times a request
            held += pipeline.row.held_bytes()
        return held

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until a queue that was full has room again, or a resting pipeline has work."""
        self._room.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._room.wait()

    async def _watch_memory(self) -> None:
        while True:
            try:
                self.governor.check(self.clock())
            except Exception as error:
                log.error("memory_not_read", exc_info=error)
            await asyncio.sleep(self.governor.bounds.check_interval)

    async def _keep_judging(self, pipeline: Pipeline) -> None:
        while True:
            await self._pause(self._rest(pipeline))
            pipeline.resting = False
            try:
                await self._judge_due(pipeline)
                await self._relieve(pipeline)
            except Exception as error:
                log.error("judging_failed", pipeline=pipeline.name, exc_info=error)

    def _rest(self, pipeline: Pipeline) -> float:
        """Seconds until the next look at what is due; longer than a tick when nothing comes, until something does."""
        quiet, pipeline.looked = pipeline.accepted == pipeline.looked, pipeline.accepted
        if not quiet:
            return TICK_SECONDS
        pipeline.resting = True
        deadline = pipeline.row.next_deadline()
        left = REST_SECONDS if deadline is None else (deadline - self.clock()) / 1e9
        return min(max(left, TICK_SECONDS), REST_SECONDS)

    async def _judge_due(self, pipeline: Pipeline) -> None:
        """Judge all that is due, slice by slice, so that receiving never waits longer than one slice."""
        more, busy = True, 0
        while more and (deadline := pipeline.row.next_deadline()) is not None and deadline <= (now := self.clock()):
            more = pipeline.judge(now)
            busy += self.clock() - now
            await asyncio.sleep(0)
        if busy:
            pipeline.ticks.observe(busy / 1e6)

    async def _relieve(self, pipeline: Pipeline) -> None:
        """When memory is short, judge the heaviest and oldest traces before they are due."""
        while (wanted := self.governor.wanted()) > 0 and pipeline.judge(self.clock(), "relieve", wanted):
            await self._pause(0)

    async def _drain(self, pipeline: Pipeline, deadline: float) -> None:
        """Judge everything that is held, as fast as the exporters have room, until `deadline`."""
        loop = asyncio.get_running_loop()
        while pipeline.row.held()[0] and loop.time() < deadline:
            before = pipeline.row.held()[0]
            pipeline.judge(self.clock(), "drain")
            await self._pause(0 if pipeline.row.held()[0] < before else 0.05)
        if pipeline.row.held()[1]:
            log.warning("spans_given_up_at_shutdown", pipeline=pipeline.name, spans=pipeline.row.held()[1])
            pipeline.give_up()


def _build_parts(
    config: Configuration, kernel: Kernel, before: Mapping[str, Pipeline] | None = None
) -> dict[str, Built]:
    """Build the processors of each pipeline, in the order written; `before`: the pipelines that they will join."""
    built: dict[str, Built] = {}
    for key, pipeline in config.pipelines.items():
        if before is None:
            context = BuildContext(id="", pipeline=key, kernel=kernel, labels=kernel.labels(), context=[])
        else:
            context = before[key].build.anew()
        built[key] = build_parts(pipeline, config, context), context
    return built


def _build_pipelines(
    config: Configuration, parts: Mapping[str, Built], exporters: Mapping[str, Exporter]
) -> dict[str, Pipeline]:
    """Compile each pipeline's row; its requests on the way out are as large as all of its exporters want."""
    built = {}
    for key, (row_parts, context) in parts.items():
        row = join_row(config.pipelines[key], row_parts, context)
        used = [exporters[id_] for id_ in config.pipelines[key].exporters]
        built[key] = pipeline = Pipeline(key, row, used, context)
        for spans, size in (exporter.largest for exporter in used):
            pipeline.max_spans = min(pipeline.max_spans, spans or pipeline.max_spans)
            pipeline.max_bytes = min(pipeline.max_bytes, size or pipeline.max_bytes)
    return built


def _wanted(config: Configuration, parts: Mapping[str, Built]) -> dict[str, Wanted]:
    """Return each exporter that some pipeline uses once; a pipeline's batch processor sets how it batches."""
    wanted: dict[str, Wanted] = {}
    for pipeline in config.pipelines.values():
        batch = next((p for _, p in parts[pipeline.id][0] if isinstance(p, Batching)), None)
        sizes = (batch.send_batch_size, batch.send_batch_max_size, batch.timeout) if batch else None
        for key in pipeline.exporters:
            if key not in wanted:
                component = config.exporters[key]
                wanted[key] = Wanted.of(key, component.spec, component.config, sizes)
    return wanted


def _bounds(parts: Mapping[str, Built]) -> Limiting:
    """Return the bounds of memory for the process: the strictest of the memory limiters, or the defaults."""
    limits = [part for built, _ in parts.values() for _, part in built if isinstance(part, Limiting)]
    return min(limits, key=lambda limit: limit.hard_bytes, default=default_limits())
