"""The way of a request, from top to bottom: build, take, judge, send; reload, drain.

    receivers take bytes and ask for admission before any decoding
      -> Intake: one walk through each pipeline's first segment, then all pipelines take the request or none does
        -> Pipeline: spans are held and judged, kept ones leave the row
          -> exporters queue, batch, retry, send

`Service` owns the loop, the clock and the tasks; what decides (`processors/`) is given the time and never asks for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

from .config.changes import NeedsRestart, check_reloadable
from .config.model import Configuration
from .exporters.base import UNBOUNDED, Exporter
from .exporters.fleet import Change, Fleet, exporter_key, wanted_exporters
from .kernel.contract import Kernel, Records
from .processors.backgrounds import Backgrounds
from .processors.base import BuildContext
from .processors.building import Built, batches, build_all, join_row, strictest
from .processors.digesting import Digesting
from .processors.following import Following
from .processors.memory_limiter import MemoryGovernor
from .processors.pacing import Pacemaker
from .processors.row import Entry, Passed, Row, RowError
from .receivers.base import Receiver, Refused, give
from .telemetry.carried import Carried
from .telemetry.clock import Clock
from .telemetry.histogram import SPLIT_SECONDS, Histogram
from .telemetry.ledger import ledger_samples
from .telemetry.samples import Sample, Sampled
from .telemetry.signals import Signal

MAX_REQUEST_SPANS, MAX_REQUEST_BYTES = 8192, 3 << 20
"""Bounds of a request on the way out where the exporters set none; below gRPC's usual 4 MiB."""
MOST_LABELS = 60_000
"""A pipeline's book of labels has 65,535; a reload is refused while the rules in effect still have room for theirs."""


class Pipeline:
    """One pipeline: a row of segments between receivers and exporters, and the ledger of its records.

    Records are what its signal is counted in: spans, log records or data points.
    """

    def __init__(self, name: str, row: Row, exporters: Sequence[Exporter], build: BuildContext) -> None:
        self.name, self.row, self.exporters, self.build = name, row, list(exporters), build
        self.signal = build.signal
        self.context = list(build.context)
        self.max_spans, self.max_bytes = MAX_REQUEST_SPANS, MAX_REQUEST_BYTES
        self.accepted = self.created = self.out = self.looked = 0
        self.resting, self.dropped = False, Counter[str]()
        self.ticks, self.carried = Histogram(SPLIT_SECONDS), Carried()
        self.follows: Following | None = None
        self.followers: dict[str, Pipeline] = {}
        """Who follows its samplers, by their id."""

    def become(self, other: Pipeline) -> None:
        """Go on as another one that was built for the same traces; what is held and counted stays."""
        self.carried.retire(self.row.samples())
        other.row.take_over(self.row)
        self.row, self.exporters, self.build, self.context = other.row, other.exporters, other.build, other.context
        self.follows = other.follows
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
        if not (self.row.holds or self.follows) and records.bytes > self.room():
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
        passed = self.row.accept(now, entry)
        if self.follows is not None:
            passed = self._follow(now, self.follows, passed)
        self._pass_on(passed)

    def _follow(self, now: int, follows: Following, came: Passed) -> Passed:
        """Let what has come follow its traces; return what goes on at once."""
        passed = Passed(dropped=came.dropped, created=came.created)
        for records in (one for one in came.records if one.spans):
            held = follows.offer(now, records)
            passed.records += held.records
            for reason, count in held.dropped.items():
                passed.drop(reason, count)
        return passed

    def judge(self, now: int, method: str = "tick", wanted: int = 0) -> bool:
        """Judge one slice of what is held; True when another slice is due at once."""
        if self.follows is not None:
            passed = self.follows.step(now, method)
        else:
            passed = self.row.step(now, method, min(self.room(), self.row.leaving()[1]), wanted)
        self._pass_on(passed)
        return passed.more

    def next_deadline(self) -> int | None:
        """The `now` at which `judge` has something to do."""
        return self.row.next_deadline() if self.follows is None else self.follows.next_deadline()

    def held(self) -> tuple[int, int, int]:
        """Traces, records and bytes held; the bytes of log records that follow a sampler are in its pipeline."""
        return self.row.held() if self.follows is None else self.follows.held()

    def holds_records(self) -> int:
        """How many records are held."""
        return self.held()[1]

    def room(self) -> int:
        """Bytes that can leave now: what the roomiest queue takes (a dead upstream must not stop a living one)."""
        rooms = [exporter.room() for exporter in self.exporters]
        return max((room for room in rooms if room < UNBOUNDED), default=UNBOUNDED) - self.row.leaving()[0]

    def give_up(self) -> None:
        """Count what is still held as dropped (the grace period is over)."""
        self.dropped["shutdown"] += self.holds_records()
        self.row, self.follows = Row([]), None

    def samples(self) -> Iterable[Sample]:
        """The ledger, `accepted + created == out + dropped + held`, and the metrics of the row."""
        label = {"pipeline": self.name}
        ways = self.accepted, self.created, self.out
        yield from ledger_samples(label, ways, self.dropped, self.held(), self.signal)
        if self.row.holds:
            text = "How long judging what was due took, a tick, in seconds"
            yield self.ticks.sample("tailgate_decision_tick_seconds", text, label)
        yield from self.row.samples()
        for program, counters in self.follows.programs() if self.follows else ():
            yield from self.row.scrubbed(program, counters)
        yield from self.carried.samples()

    def _pass_on(self, passed: Passed) -> None:
        self.dropped.update(passed.dropped)
        self.created += passed.created
        for ids, outcome in passed.followed:
            for follower in (self.followers[id_] for id_ in ids if id_ in self.followers):
                if follower.follows is not None:
                    follower._pass_on(follower.follows.settled(outcome))
        if not (self.row.holds or self.follows):
            self._send([(r.request(), r.spans) for r in passed.records if r.spans or not passed.dropped])
            return
        for records in passed.records:
            self._send(records.requests(self.max_spans, self.max_bytes))

    def _send(self, requests: Sequence[tuple[bytes, int]]) -> None:
        self.out += sum(spans for _, spans in requests)
        for exporter in self.exporters:
            exporter.offer(requests)


class Intake:
    """What stands behind one receiver for one signal: admission, and all the pipelines that it feeds."""

    def __init__(
        self,
        pipelines: Sequence[Pipeline],
        governor: MemoryGovernor,
        clock: Clock,
        wake: Callable[[], None] = lambda: None,
        digesting: Digesting | None = None,
    ) -> None:
        """`wake` is called when a pipeline takes something that had been resting; `digesting` has threads to walk."""
        self.pipelines, self.governor, self.clock, self.wake = list(pipelines), governor, clock, wake
        self.digesting = digesting

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
        """Give one request to every pipeline, or to none; return its record count, or that to wait for."""
        if self.digesting is not None and self.digesting.takes(len(request)):
            return self._consume_aside(self.digesting, request, metadata)
        entries = [(pipeline, pipeline.digest(request, metadata)) for pipeline in self.pipelines]
        if any(entry.row.gates for _, entry in entries):
            return self._consume_later(entries)
        return self._take(entries)

    async def _consume_aside(self, aside: Digesting, request: bytes, metadata: Callable[[str], str | None]) -> int:
        """The same when threads walk it, by the rules that are in effect when it is taken."""
        entries = await aside.digest(request, metadata, self.pipelines)
        return await self._consume_later(list(zip(self.pipelines, entries, strict=True)))

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
        self.fleet = Fleet(wanted_exporters(config, batches(parts)), self._room.set)
        self.pipelines = _build_pipelines(config, parts, self.exporters)
        _connect(self.pipelines)
        self.digesting = Digesting(kernel, config.worker_threads)
        self.receivers = self._build_receivers()
        self._pace = Pacemaker(lambda: self.clock(), self.governor.wanted, self._room)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open exporters, then receivers; ready when this returns."""
        await self.fleet.start()
        self.digesting.open()
        self._open()
        await self.backgrounds.ready()
        for receiver in self.receivers:
            await receiver.start()
        judging = (self._pace.keep_judging(pipeline) for pipeline in self.pipelines.values())
        for work in (self._pace.keep_checking(self.governor), *judging):
            self._tasks.add(asyncio.get_running_loop().create_task(work))
        self.ready = True

    async def stop(self, grace: float) -> None:
        """Stop accepting, judge what is held, flush; over within `grace` seconds, every loss counted."""
        self.ready = False
        deadline = asyncio.get_running_loop().time() + grace
        async with asyncio.TaskGroup() as group:
            for receiver in self.receivers:
                group.create_task(receiver.stop(min(5.0, grace / 3)))
        self.digesting.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pipeline in sorted(self.pipelines.values(), key=lambda one: one.follows is not None):
            remotes = pipeline.row.remotes
            await self._pace.drain(pipeline, deadline - grace / 5)
            await asyncio.gather(*(stage.stop() for stage in remotes))
        await self.backgrounds.stop()
        await self.fleet.stop(deadline)

    def _open(self) -> None:
        for pipeline in self.pipelines.values():
            pipeline.open(lambda: self.clock(), self._room.set)
        self.backgrounds.become(pipeline.build for pipeline in self.pipelines.values())
        fed = self._intakes({key: pipeline.sources for key, pipeline in self.config.pipelines.items()})
        self.backgrounds.feed({id_: partial(give, intakes["metrics"]) for id_, intakes in fed.items()})

    async def reload(self, config: Configuration) -> None:
        """Go on under another configuration, wholly or not at all: all is made aside, then swapped in one step.

        What is held stays held and is judged by the new rules. Raises `NeedsRestart`, ValueError or OSError; then
        nothing has changed. One call at a time.
        """
        check_reloadable(self.config, config)
        before = {key: pipeline.build for key, pipeline in self.pipelines.items()}
        parts = await asyncio.to_thread(build_all, config, self.kernel, before)
        change = await self.fleet.prepare(wanted_exporters(config, batches(parts)))
        try:
            pipelines = await asyncio.to_thread(self._prepare, config, parts, change)
        except BaseException:
            await self.fleet.discard(change)
            raise
        # From here on nothing waits and nothing fails.
        self.fleet.commit(change)
        for key, pipeline in self.pipelines.items():
            pipeline.become(pipelines[key])
        _connect(self.pipelines)
        self.config = config
        self._open()
        self.governor.adopt(strictest(parts.values()))

    def _prepare(self, config: Configuration, parts: Mapping[str, Built], change: Change) -> dict[str, Pipeline]:
        """Compile the rows, and what it takes to go on with what is held now."""
        pipelines = _build_pipelines(config, parts, self.fleet.after(change))
        for key, pipeline in self.pipelines.items():
            if len(pipeline.build.labels) > MOST_LABELS:
                raise NeedsRestart(f"{key}: so many rules have come and gone that their labels are used up")
            try:
                pipelines[key].row.prepare(pipeline.row, self.kernel)
                if (follows := pipelines[key].follows) is not None and pipeline.follows is not None:
                    follows.prepare(pipeline.follows, self.kernel)
            except RowError as error:
                raise NeedsRestart(f"service.pipelines.{key}: {error}") from None
        return pipelines

    def samples(self) -> Iterable[Sample]:
        """Every metric, read in one go on the event loop: an atomic snapshot."""
        shared = self.fleet, self.backgrounds, self.digesting, self.governor
        parts: tuple[Sampled, ...] = (*self.receivers, *self.pipelines.values(), *shared)
        for part in parts:
            yield from part.samples()

    @property
    def exporters(self) -> dict[str, Exporter]:
        """The exporters that are in use, by `exporter_key`."""
        return self.fleet.running

    @property
    def endpoints(self) -> Mapping[str, Mapping[str, str]]:
        """Bound addresses, by receiver id and protocol."""
        return {receiver.id: receiver.endpoints for receiver in self.receivers}

    def _build_receivers(self) -> list[Receiver]:
        fed = self._intakes({key: pipeline.receivers for key, pipeline in self.config.pipelines.items()})
        built = ((self.config.receivers[id_], intakes) for id_, intakes in fed.items())
        return [one.spec.build(one.config, one.id, intakes) for one, intakes in built]

    def _intakes(self, named: Mapping[str, Sequence[str]]) -> dict[str, dict[Signal, Intake]]:
        """Return what stands behind each of the receivers that are named by these pipelines."""
        fed: dict[str, dict[Signal, list[Pipeline]]] = {}
        for pipeline, receiver in ((self.pipelines[key], id_) for key, ids in named.items() for id_ in ids):
            fed.setdefault(receiver, {}).setdefault(pipeline.signal, []).append(pipeline)
        args = self.governor, self.clock, self._room.set, self.digesting
        return {id_: {signal: Intake(some, *args) for signal, some in one.items()} for id_, one in fed.items()}

    def _held_bytes(self) -> int:
        held = self.fleet.held_bytes()
        for pipeline in self.pipelines.values():  # a plain loop: this is asked several times a request
            held += pipeline.row.held_bytes()
        return held


def _build_pipelines(
    config: Configuration, parts: Mapping[str, Built], exporters: Mapping[str, Exporter]
) -> dict[str, Pipeline]:
    """Compile each pipeline's row; its requests on the way out are as large as all of its exporters want."""
    built = {}
    for key, (row_parts, context) in parts.items():
        row = join_row(config.pipelines[key], row_parts, context)
        used = [exporters[exporter_key(id_, context.signal)] for id_ in config.pipelines[key].exporters]
        built[key] = pipeline = Pipeline(key, row, used, context)
        if (follow := config.pipelines[key].follow) is not None:
            pipeline.follows = Following(follow, row.segments[-1].scrubbed)
        for spans, size in (exporter.largest for exporter in used):
            pipeline.max_spans = min(pipeline.max_spans, spans or pipeline.max_spans)
            pipeline.max_bytes = min(pipeline.max_bytes, size or pipeline.max_bytes)
    return built


def _connect(pipelines: Mapping[str, Pipeline]) -> None:
    """Let pipelines of logs know the samplers that they follow, and these who follows them."""
    for pipeline in pipelines.values():
        if pipeline.follows is not None:
            follow = pipeline.follows.config
            host = pipelines[follow.pipeline]
            host.followers[follow.sampler] = pipeline
            pipeline.follows.sampler = host.row.followed_sampler(follow.sampler)
