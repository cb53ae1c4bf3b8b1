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
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from .config.changes import NeedsRestart, check_reloadable
from .config.model import Configuration
from .exporters.base import UNBOUNDED, Exporter
from .exporters.fleet import Change, Fleet, Wanted
from .kernel.contract import Kernel, Records
from .processors.backgrounds import Backgrounds
from .processors.base import BuildContext
from .processors.building import Built, batch_sizes, build_all, join_row, strictest
from .processors.memory_limiter import MemoryGovernor
from .processors.row import Entry, Passed, Row, RowError
from .receivers.base import Receiver, Refused
from .telemetry.carried import Carried
from .telemetry.clock import Clock
from .telemetry.histogram import SPLIT_SECONDS, Histogram
from .telemetry.ledger import ledger_samples
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


class Pipeline:
    """One pipeline: a row of segments between receivers and exporters, and the ledger of its spans."""

    def __init__(self, name: str, row: Row, exporters: Sequence[Exporter], build: BuildContext) -> None:
        self.name, self.row, self.exporters, self.build = name, row, list(exporters), build
        self.context = list(build.context)
        self.max_spans, self.max_bytes = MAX_REQUEST_SPANS, MAX_REQUEST_BYTES
        self.accepted = self.created = self.out = self.looked = 0
        self.resting, self.dropped = False, Counter[str]()
        self.ticks, self.carried = Histogram(SPLIT_SECONDS), Carried()

    def become(self, other: Pipeline) -> None:
        """Go on as another one that was built for the same traces; what is held and counted stays."""
        self.carried.retire(self.row.samples())
        other.row.take_over(self.row)
        self.row, self.exporters, self.build, self.context = other.row, other.exporters, other.build, other.context
        self.max_spans, self.max_bytes = other.max_spans, other.max_bytes

    def open(self, clock: Callable[[], int], on_room: Callable[[], None]) -> None:
        """Let what works outside this process begin; `on_room` is told when something has come back."""

        def collect() -> None:
            self._pass_on(self.row.collect(clock()))
            on_room()

        for stage in self.row.remotes:
            stage.open(collect)

    def digest(self, request: bytes, metadata: Callable[[str], str | None]) -> Entry:
        """Walk the request. Raises `Malformed` or `OverLimit`; nothing is taken yet."""
        context = [metadata(name) for name in self.context] if self.context else ()
        return Entry(self.row, self.row.digest(request, context), context)

    def check_room(self, records: Records) -> None:
        """Raise `Refused` when a sampler is full, or a row that holds nothing has nowhere to send this."""
        self.check_open(records.spans)
        if not self.row.holds and records.bytes > self.room():
            raise Refused("queue_full", exhausted=False, spans=records.spans)
        if self.row.remotes and not self.row.takes(records.bytes):
            raise Refused("custom_queue_full", exhausted=False, spans=records.spans)

    def check_open(self, spans: int = 0) -> None:
        """Raise `Refused` while a sampler takes nothing more."""
        if self.row.full():
            raise Refused("num_traces", exhausted=False, spans=spans)

    def take(self, now: int, entry: Entry) -> None:
        """Take a digested request for good."""
        self.accepted += entry.spans
        self._pass_on(self.row.accept(now, entry))

    def judge(self, now: int, method: str = "tick", wanted: int = 0) -> bool:
        """Judge one slice of what is held; True when another slice is due at once."""
        passed = self.row.step(now, method, min(self.room(), self.row.leaving()[1]), wanted)
        self._pass_on(passed)
        return passed.more

    def room(self) -> int:
        """Bytes that can leave now: what the roomiest queue takes (a dead upstream must not stop a living one)."""
        rooms = [exporter.room() for exporter in self.exporters]
        return max((room for room in rooms if room < UNBOUNDED), default=UNBOUNDED) - self.row.leaving()[0]

    def give_up(self) -> None:
        """Count what is still held as dropped (the grace period is over)."""
        self.dropped["shutdown"] += self.row.held()[1]
        self.row = Row([])

    def samples(self) -> Iterable[Sample]:
        """The ledger, `accepted + created == out + dropped + held`, and the metrics of the row."""
        label = {"pipeline": self.name}
        yield from ledger_samples(label, (self.accepted, self.created, self.out), self.dropped, self.row.held())
        if self.row.holds:
            text = "How long judging what was due took, a tick, in seconds"
            yield self.ticks.sample("tailgate_decision_tick_seconds", text, label)
        yield from self.row.samples()
        yield from self.carried.samples()

    def _pass_on(self, passed: Passed) -> None:
        self.dropped.update(passed.dropped)
        self.created += passed.created
        if not self.row.holds:
            self._send([(r.request(), r.spans) for r in passed.records if r.spans or not passed.dropped])
            return
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

    def consume(self, request: bytes, metadata: Callable[[str], str | None]) -> int | Awaitable[int]:
        """Give one request to every pipeline, or to none; return its span count, or that to wait for."""
        entries = [(pipeline, pipeline.digest(request, metadata)) for pipeline in self.pipelines]
        if any(entry.row.gates for _, entry in entries):
            return self._consume_later(entries)
        return self._take(entries)

    async def _consume_later(self, entries: Sequence[tuple[Pipeline, Entry]]) -> int:
        """The same when processors are asked first. The request stays in flight meanwhile."""
        spans = entries[0][1].spans
        for _, entry in entries:
            if await entry.row.ask(entry) is not None:
                raise Refused("custom_failed", exhausted=False, spans=spans)
        if any(pipeline.row is not entry.row for pipeline, entry in entries):
            raise Refused("reloaded", exhausted=False, spans=spans)
        return self._take(entries)

    def _take(self, entries: Sequence[tuple[Pipeline, Entry]]) -> int:
        for pipeline, entry in entries:
            pipeline.check_room(entry.records)
        now = self.clock()
        for pipeline, entry in entries:
            pipeline.take(now, entry)
            if pipeline.resting:
                self.wake()
        return entries[0][1].spans


class Service:
    """Everything that runs in one process, built from one configuration."""

    def __init__(self, config: Configuration, kernel: Kernel) -> None:
        self.config, self.kernel, self.clock = config, kernel, Clock()
        self.ready, self.backgrounds, self._room = False, Backgrounds(), asyncio.Event()
        parts = build_all(config, kernel)
        self.governor = MemoryGovernor(
            strictest(parts.values()), self._held_bytes, lambda reason, wait: Refused(reason, wait)
        )
        self.fleet = Fleet(_wanted(config, parts), self._room.set)
        self.pipelines = _build_pipelines(config, parts, self.exporters)
        self.receivers = self._build_receivers()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open exporters, then receivers; ready when this returns."""
        await self.fleet.start()
        self._open()
        await self.backgrounds.ready()
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
        await self.backgrounds.stop()
        await self.fleet.stop(deadline)

    def _open(self) -> None:
        for pipeline in self.pipelines.values():
            pipeline.open(lambda: self.clock(), self._room.set)
        self.backgrounds.become(pipeline.build for pipeline in self.pipelines.values())

    async def reload(self, config: Configuration) -> None:
        """Go on under another configuration, wholly or not at all: all is made aside, then swapped in one step.

        What is held stays held and is judged by the new rules. Raises `NeedsRestart`, ValueError or OSError; then
        nothing has changed. One call at a time.
        """
        check_reloadable(self.config, config)
        before = {key: pipeline.build for key, pipeline in self.pipelines.items()}
        parts = await asyncio.to_thread(build_all, config, self.kernel, before)
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
        self._open()
        self.governor.adopt(strictest(parts.values()))
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
        yield from self.backgrounds.samples()
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
            pipeline.ticks.observe(busy / 1e9)

    async def _relieve(self, pipeline: Pipeline) -> None:
        """When memory is short, judge the heaviest and oldest traces before they are due."""
        while (wanted := self.governor.wanted()) > 0 and pipeline.judge(self.clock(), "relieve", wanted):
            await self._pause(0)

    async def _drain(self, pipeline: Pipeline, deadline: float) -> None:
        """Judge everything that is held, as fast as the exporters have room, until `deadline`."""
        loop, remotes = asyncio.get_running_loop(), pipeline.row.remotes
        while (before := pipeline.row.held()[1]) and loop.time() < deadline:
            pipeline.judge(self.clock(), "drain")
            await self._pause(0 if pipeline.row.held()[1] < before else 0.05)
        if pipeline.row.held()[1]:
            log.warning("spans_given_up_at_shutdown", pipeline=pipeline.name, spans=pipeline.row.held()[1])
            pipeline.give_up()
        await asyncio.gather(*(stage.stop() for stage in remotes))


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
        sizes = batch_sizes(parts[pipeline.id])
        for key in pipeline.exporters:
            one = config.exporters[key]
            wanted.setdefault(key, Wanted.of(key, one.spec, one.config, sizes))
    return wanted
