"""What a connector is: pipelines of traces send to it, and its series stand on Tailgate's own metrics page.

It counts where a pipeline has enriched and scrubbed its spans and not yet sampled them (`processors/measuring.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from ..kernel.contract import Kernel
from ..kernel.meters import Meter, MeterSeries
from ..telemetry.families import Exemplar, Family
from ..telemetry.samples import Sample

MOST_SERIES = 2000
"""Series of a connector unless it says otherwise: the cardinality limit of OpenTelemetry's SDKs."""
MOST_KEYS = 16_384
"""Different series that are told apart within one request: more than a connector has, unless it was given more."""
MOST_GROUPS = 1000
"""Services that have an overflow series of their own: the collector's `resource_metrics_cache_size`."""
ADVANCE_SECONDS = 1.0
"""How often what waits too long is let go."""

Lint = tuple[tuple[str | int, ...], str]
Expose = Callable[[MeterSeries], Iterable[Family]]


class Connector:
    """What counts, shared by all pipelines that send to it; `clock` gives ns."""

    def __init__(
        self,
        id_: str,
        meter: Meter,
        expose: Expose,
        clock: Callable[[], int],
        *,
        exemplars: bool = False,
        expiration: int = 0,
        graph: bool = False,
    ) -> None:
        """`expiration` in ns: series that were not counted for so long go; 0: never. `graph`: pairs requests."""
        self.id, self.meter, self.exemplars = id_, meter, exemplars
        self._expose, self._clock, self._expiration, self._graph = expose, clock, expiration, graph

    async def run(self) -> None:
        """Let go of what waits too long, until cancelled."""
        while True:
            await asyncio.sleep(ADVANCE_SECONDS)
            self._advance()

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
        if self._expiration:
            self.meter.forget(now - self._expiration)


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
    plan: Callable[[Any], Iterable[str]] | None = None
    """A valid configuration in plain sentences, a line each."""


def exemplars_by_row(series: MeterSeries, unit: int) -> dict[int, dict[int, Exemplar]]:
    """Return the exemplars of each row by bucket; `unit` in ns."""
    found: dict[int, dict[int, Exemplar]] = {}
    for one in series.exemplars:
        exemplar = Exemplar(one.trace_id.hex(), one.span_id.hex(), one.value / unit, one.time / 1e9)
        found.setdefault(one.row, {})[one.bucket] = exemplar
    return found
