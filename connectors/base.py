"""What a connector is: pipelines of traces send to it, what it counts is scraped, and pipelines of metrics receive it.

It counts where a pipeline has enriched and scrubbed its spans and not yet sampled them (`processors/measuring.py`). Its
series stand on Tailgate's own metrics page; pipelines of metrics that receive from it are given them as OTLP, too.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from ..kernel.contract import Kernel
from ..kernel.meters import Meter, MeterSeries
from ..telemetry.families import Exemplar, Family
from ..telemetry.logs import RateLimited, get_logger
from ..telemetry.samples import Sample
from .pushing import Flusher, Push

MOST_SERIES = 2000
"""Series of a connector unless it says otherwise: the cardinality limit of OpenTelemetry's SDKs."""
MOST_KEYS = 16_384
"""Different series that are told apart within one request: more than a connector has, unless it was given more."""
MOST_GROUPS = 1000
"""Services that have an overflow series of their own: the collector's `resource_metrics_cache_size`."""
ADVANCE_SECONDS = 1.0
"""How often what waits too long is let go, and whether a flush is due is asked."""
FLUSH_INTERVAL = 60_000_000_000
"""The collector's default of `metrics_flush_interval`, in ns."""

INSTANCE = str(uuid.uuid4())
"""Which process has counted: several that count the same services must not write the same series."""

Lint = tuple[tuple[str | int, ...], str]
Expose = Callable[[MeterSeries], Iterable[Family]]
Give = Callable[[bytes], Awaitable[float | None]]
"""Gives a request to pipelines: None when they have taken it, else after how many seconds to try again."""

log = RateLimited(get_logger("tailgate.connectors"))


class Connector:
    """What counts, shared by all pipelines that send to it; `clock` gives ns."""

    def __init__(
        self,
        id_: str,
        meter: Meter,
        expose: Expose,
        push: Push,
        clock: Callable[[], int],
        *,
        exemplars: bool = False,
        expiration: int = 0,
        graph: bool = False,
    ) -> None:
        """`expiration` in ns: series that were not counted for so long go; 0: never. `graph`: pairs requests."""
        self.id, self.meter, self.exemplars = id_, meter, exemplars
        self._expose, self._clock, self._expiration, self._graph = expose, clock, expiration, graph
        self._flusher, self._flushing = Flusher(push, clock()), asyncio.Lock()
        self._give: Give | None = None
        self._flushes = Counter[str]()

    def send_to(self, give: Give | None) -> None:
        """Give what is counted to pipelines of metrics from now on; None: to nobody."""
        self._give = give

    async def run(self) -> None:
        """Let go of what waits too long, and flush when that is due, until cancelled."""
        while True:
            await asyncio.sleep(ADVANCE_SECONDS)
            self._advance()
            if self._give is not None and self._flusher.due(self._clock()):
                await self.flush()

    async def flush(self, *, last: bool = False) -> None:
        """Tell pipelines of metrics what was counted; what they refuse they are told again. `last`: no other follows.

        Waits only for them, between requests others are served; does not fail.
        """
        async with self._flushing:
            if (give := self._give) is None:
                return
            now = self._clock()
            try:
                wait = await self._flush(give, now, last)
            except Exception as error:  # such as what no pipeline can read: a defect, which must not end the flushes
                log.error("connector_not_flushed", connector=self.id, exc_info=error)
                wait = self._flusher.push.interval / 1e9 or 1.0
            if wait is not None:
                self._flushes["refused"] += 1
                self._flusher.later(now + int(wait * 1e9))

    async def _flush(self, give: Give, now: int, last: bool) -> float | None:
        """Return None when all was taken, else in how many seconds to try again."""
        self.meter.advance(now)
        for flush in self._flusher.flushes(now, self.meter.series(), last=last):
            wait = await give(flush.request)
            if wait is not None:
                return wait
            self._flushes["accepted"] += 1
            self._flusher.taken(flush)
            await asyncio.sleep(0)
        self._flusher.settled(now)
        self._forget(now - self._expiration)
        return None

    async def ready(self) -> None:
        """Return at once: nothing has to be waited for."""

    def families(self) -> Iterator[Family]:
        """Yield its series as they are now."""
        self._advance()
        yield from self._expose(self.meter.series())

    def samples(self) -> Iterator[Sample]:
        """Yield what is known of it beside its series."""
        label, stats = {"connector": self.id}, self.meter.stats()
        text = "Series that a connector has"
        yield Sample("tailgate_connector_series", "gauge", text, stats.series, label)
        text = "Counted in overflow series, because a connector had as many series as it may have"
        yield Sample("tailgate_connector_overflowed", "counter", text, stats.overflowed, label)
        text = "Requests of what a connector has counted, by whether pipelines of metrics took them"
        for result in ("accepted", "refused") if self._give is not None else ():
            count = self._flushes[result]
            yield Sample("tailgate_connector_flushes", "counter", text, count, {**label, "result": result})
        if self._graph:
            name = "otelcol_connector_servicegraph"
            yield Sample(f"{name}_total_edges", "counter", "Requests of which a side was seen", stats.edges)
            text = "Requests that never saw their other side"
            yield Sample(f"{name}_expired_edges", "counter", text, stats.expired)
            yield Sample("traces_service_graph_unpaired_spans", "counter", text, stats.expired)
            text = "Spans for which there was no room to wait for their other side"
            yield Sample(f"{name}_dropped_spans", "counter", text, stats.dropped)
            yield Sample("traces_service_graph_dropped_spans", "counter", text, stats.dropped)
            text = "Requests that wait for their other side"
            yield Sample("tailgate_connector_waiting", "gauge", text, stats.waiting, label)

    def _advance(self) -> None:
        now = self._clock()
        self.meter.advance(now)
        if self._give is None:  # else they go once they have been told
            self._forget(now - self._expiration)

    def _forget(self, before: int) -> None:
        if self._expiration and self.meter.forget(before):
            self._flusher.see(self._clock(), self.meter.series())


@dataclass(frozen=True)
class ConnectorSpec:
    """One entry of the table of connectors."""

    name: str
    config: type[BaseModel]
    build: Callable[[Any, str, Kernel, Callable[[], int]], Connector]
    """From a valid configuration, the connector's id, the kernel and a clock (ns)."""
    names: Callable[[Any], Iterable[str]]
    """The names of the metrics that it writes, counters without `_total`."""
    aliases: tuple[str, ...] = ()
    """The collector's names for the same thing."""
    lint: Callable[[Any], Iterable[Lint]] | None = None
    """From a valid configuration to places in it and what its author may not have meant there."""
    unsent: Callable[[Any], Iterable[Lint]] | None = None
    """The same for one from which no pipeline of metrics receives."""
    plan: Callable[[Any], Iterable[str]] | None = None
    """A valid configuration in plain sentences, a line each."""


def exemplars_by_row(
    series: MeterSeries, unit: int, bucket: Callable[[int], int] = int
) -> dict[int, dict[int, Exemplar]]:
    """Return the exemplars of each row by bucket; `unit` in ns, `bucket` from those of the meter to those shown."""
    found: dict[int, dict[int, Exemplar]] = {}
    for one in series.exemplars:
        exemplar = Exemplar(one.trace_id.hex(), one.span_id.hex(), one.value / unit, one.time / 1e9)
        found.setdefault(one.row, {})[bucket(one.bucket)] = exemplar
    return found
