"""The exporters of a service: built, started, replaced by reloads, and what replaced ones still have to send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..config.files import contents, named_files
from ..config.model import Configuration
from ..telemetry.carried import Carried
from ..telemetry.logs import get_logger
from ..telemetry.samples import Sample
from ..telemetry.signals import FACTS, Signal
from .base import ExportContext, Exporter, ExporterSpec

RETIREMENT = 300.0
"""Seconds in which a replaced exporter sends what it holds: as long as a request is retried by default."""
_ADDED = frozenset(
    {
        "otelcol_exporter_queue_size",
        "tailgate_exporter_queue_bytes",
        *(f"tailgate_exporter_{state}_{facts.unit}" for facts in FACTS.values() for state in ("queued", "in_flight")),
    }
)
"""Gauges that add up over an exporter and those that it has replaced."""

log = get_logger("tailgate.exporter")


@dataclass(frozen=True)
class Wanted:
    """What an exporter is built from. Two that are equal are one exporter."""

    id: str
    spec: ExporterSpec
    config: Any
    batch: tuple[int, int, float] | None
    files: tuple[tuple[str, str], ...] = ()
    """Keys and certificates that it names, with what they hold."""
    signal: Signal = "traces"
    """What it sends."""

    @classmethod
    def of(
        cls,
        id_: str,
        spec: ExporterSpec,
        config: Any,
        batch: tuple[int, int, float] | None,
        signal: Signal = "traces",
    ) -> Wanted:
        """Return the same with the content of the files that the configuration names."""
        return cls(id_, spec, config, batch, contents(named_files(config)), signal)


def exporter_key(id_: str, signal: Signal) -> str:
    """Return what an exporter of that id is known by here: it has a queue, retries and a ledger for each signal."""
    return id_ if signal == "traces" else f"{signal}:{id_}"


def wanted_exporters(config: Configuration, batches: Mapping[str, tuple[int, int, float] | None]) -> dict[str, Wanted]:
    """Return each exporter that some pipeline uses once for each signal.

    `batches`: what each pipeline's batch processor says of how to batch, by pipeline id.
    """
    wanted: dict[str, Wanted] = {}
    for pipeline in config.pipelines.values():
        for id_ in pipeline.exporters:
            one, key = config.exporters[id_], exporter_key(id_, pipeline.signal)
            batch = batches[pipeline.id]
            wanted.setdefault(key, Wanted.of(id_, one.spec, one.config, batch, pipeline.signal))
    return wanted


@dataclass
class Change:
    """Exporters that are started and not yet in use."""

    wanted: Mapping[str, Wanted]
    fresh: dict[str, Exporter] = field(default_factory=dict)


class Fleet:
    """Each exporter that some pipeline uses, once for each signal."""

    def __init__(self, wanted: Mapping[str, Wanted], on_room: Callable[[], None]) -> None:
        self._on_room = on_room
        self._wanted = dict(wanted)
        self.running: dict[str, Exporter] = {key: self._build(one) for key, one in wanted.items()}
        self._retiring: dict[asyncio.Task[None], Exporter] = {}
        self._carried = Carried()

    async def start(self) -> None:
        """Connect; does not fail because an upstream is away."""
        for exporter in self.running.values():
            await exporter.start()

    async def prepare(self, wanted: Mapping[str, Wanted]) -> Change:
        """Build and start what is new or differs. Raises OSError or ValueError; then nothing new is left running."""
        change = Change(wanted)
        try:
            for key, one in wanted.items():
                if self._wanted.get(key) != one:
                    fresh = self._build(one)
                    await fresh.start()
                    change.fresh[key] = fresh
        except BaseException:
            await self.discard(change)
            raise
        return change

    async def discard(self, change: Change) -> None:
        """Stop what was started for a change that does not happen."""
        for exporter in change.fresh.values():
            await exporter.stop(asyncio.get_running_loop().time())

    def after(self, change: Change) -> dict[str, Exporter]:
        """Return the exporters that will run after a change."""
        return {key: change.fresh.get(key) or self.running[key] for key in change.wanted}

    def commit(self, change: Change) -> None:
        """Use what is new from now on; what it replaces sends what it still holds, in the background."""
        after = self.after(change)
        for key, exporter in self.running.items():
            if after.get(key) is not exporter:
                self._retire(exporter)
        self.running, self._wanted = after, dict(change.wanted)

    def held_bytes(self) -> int:
        """Return the bytes queued, in flight and waiting for a retry."""
        held = 0  # plain loops: this is asked several times a request
        for exporter in self.running.values():
            held += exporter.held_bytes()
        for exporter in self._retiring.values():
            held += exporter.held_bytes()
        return held

    def samples(self) -> Iterator[Sample]:
        """Yield the metrics of all, those of replaced exporters added."""
        left: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for exporter in self._retiring.values():
            for sample in exporter.samples():
                key = sample.name, frozenset(sample.labels.items())
                if sample.kind == "counter":
                    yield sample
                elif sample.name in _ADDED:
                    left[key] = left.get(key, 0) + sample.value
        for sample in _of_all(self.running.values()):
            more = left.pop((sample.name, frozenset(sample.labels.items())), 0)
            yield replace(sample, value=sample.value + more) if more else sample
        for (name, labels), value in left.items():
            yield Sample(name, "gauge", "Of an exporter that was replaced", value, dict(labels))
        yield from self._carried.samples()

    async def stop(self, deadline: float) -> None:
        """Flush all until `deadline` (event-loop time)."""
        async with asyncio.TaskGroup() as group:
            for exporter in (*self.running.values(), *self._retiring.values()):
                group.create_task(exporter.stop(deadline))
        await asyncio.gather(*self._retiring, return_exceptions=True)

    def _build(self, wanted: Wanted) -> Exporter:
        return wanted.spec.build(wanted.config, ExportContext(wanted.id, self._on_room, wanted.batch, wanted.signal))

    def _retire(self, exporter: Exporter) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(exporter.stop(loop.time() + RETIREMENT))
        self._retiring[task] = exporter
        task.add_done_callback(self._retired)

    def _retired(self, task: asyncio.Task[None]) -> None:
        exporter = self._retiring.pop(task)
        self._carried.retire(exporter.samples())
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("retiring_failed", exporter=exporter.id, exc_info=error)


def _of_all(exporters: Iterable[Exporter]) -> Iterator[Sample]:
    for exporter in exporters:
        yield from exporter.samples()
