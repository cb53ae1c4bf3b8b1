"""What an exporter is: it takes requests, answers for every span of them, and tells how much room it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

from ..telemetry.samples import Sample
from ..telemetry.signals import Signal

UNBOUNDED = 1 << 62
"""The room of an exporter that has no queue."""


@dataclass
class Ledger:
    """Records (spans, log records, data points) of one exporter and signal.

    `out == sent + sum(failed.values()) + queued + in_flight`, at every moment.
    """

    out: int = 0
    sent: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By reason: `queue_full`, `permanent`, `rejected` (partial success), `retries_exhausted`, `shutdown`."""
    queued: int = 0
    in_flight: int = 0


class Exporter(Protocol):
    """Sends requests upstream. All methods are called on the event loop."""

    id: str
    ledger: Ledger

    async def start(self) -> None:
        """Connect; does not fail because the upstream is away."""

    def room(self) -> int:
        """Bytes that the queue still takes."""

    def held_bytes(self) -> int:
        """Bytes queued, in flight and waiting for a retry (part of the one byte budget)."""

    @property
    def largest(self) -> tuple[int, int]:
        """The most records and bytes that one request should have, 0 for no bound."""

    def offer(self, requests: Sequence[tuple[bytes, int]]) -> None:
        """Take serialized requests with their record counts; what the queue has no room for is counted as failed."""

    async def stop(self, deadline: float) -> None:
        """Flush until `deadline` (event-loop time), then count what is left as failed under `shutdown`."""

    def samples(self) -> Iterable[Sample]:
        """Its metrics, read at scrape time."""


@dataclass
class ExportContext:
    """What an exporter may use while it is built."""

    id: str
    on_room: Callable[[], None]
    """Called when the queue, having been full, has room again."""
    batch: tuple[int, int, float] | None = None
    """A `batch` processor's (send_batch_size, send_batch_max_size, timeout in seconds), when the pipeline has one."""
    signal: Signal = "traces"
    """What it sends: an exporter that pipelines of several signals name has a queue for each."""


@dataclass(frozen=True)
class ExporterSpec:
    """One entry of the table of exporters."""

    name: str
    config: type[BaseModel]
    build: Callable[[Any, ExportContext], Exporter]
    aliases: tuple[str, ...] = ()
    unfit: Callable[[Any, Signal], str | None] = lambda _config, _signal: None
    """Why a valid configuration cannot be used in a pipeline of this signal, None where it can."""
