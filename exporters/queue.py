"""The sending queue, as pure logic: it bounds what waits and keeps the ledger true at every moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .base import Ledger
from .batch import Backlog, Batch, BatchBounds

Sizer = Literal["requests", "items", "bytes"]
REASONS = ("queue_full", "permanent", "rejected", "retries_exhausted", "shutdown")
"""Under what spans can be lost here."""
_RESERVE_BYTES = 4 << 20


@dataclass(frozen=True)
class QueueLimits:
    """How much is held at most, in bytes and in the unit of `sizer`. In flight and retrying count as held."""

    sizer: Sizer
    capacity: int
    max_bytes: int


class SendQueue:
    """Everything that an exporter holds: what waits (the backlog) and what is in flight, with its ledger.

    An eighth of the bound (at most 4 MiB) is kept back: `room` promises no more than what is left without it, so that
    who was told of a little room and brings a little more does not lose it. Within the reserve the queue is "full", and
    `on_room` is called when it no longer is.
    """

    def __init__(self, limits: QueueLimits, bounds: BatchBounds, on_room: Callable[[], None]) -> None:
        self.limits = limits
        self.ledger = Ledger()
        self.requests = 0
        self.bytes = 0
        """Held: waiting and in flight."""
        self.backlog = Backlog(bounds)
        self._on_room = on_room
        self._full = False

    @property
    def size(self) -> int:
        """How much is held, in the sizer's unit."""
        return self._held(self.limits.sizer)

    def room(self) -> int:
        """Return the bytes that may be offered now, 0 when the queue is full."""
        if self.size >= self.limits.capacity - _reserve(self.limits.capacity):
            return 0
        return max(0, self.limits.max_bytes - _reserve(self.limits.max_bytes) - self.bytes)

    def offer(self, now: float, data: bytes, spans: int) -> bool:
        """Take a request, or count its spans as failed under `queue_full`; return whether it was taken."""
        self.ledger.out += spans
        taken = self._fits(data, spans)
        if taken:
            self.ledger.queued += spans
            self.requests += 1
            self.bytes += len(data)
            self.backlog.push(now, data, spans)
        else:
            self.ledger.failed["queue_full"] += spans
        self._full = self._full or not taken or self.room() == 0
        return taken

    def refuse(self, spans: int, reason: str) -> None:
        """Count spans that are not even queued (after the end)."""
        self.ledger.out += spans
        self.ledger.failed[reason] += spans

    def take(self, now: float, flush: bool = False) -> Batch | None:
        """Return the next batch when it is due (with `flush`: when anything waits); its spans are in flight now."""
        if not (self.backlog.ready(now) or (flush and self.backlog)):
            return None
        batch = self.backlog.take()
        self.ledger.queued -= batch.spans
        self.ledger.in_flight += batch.spans
        return batch

    def delivered(self, batch: Batch, rejected: int = 0) -> None:
        """Settle a batch that the upstream took, but for `rejected` of its spans."""
        lost = min(max(rejected, 0), batch.spans)
        if self._leave(batch):
            self.ledger.sent += batch.spans - lost
            if lost:
                self.ledger.failed["rejected"] += lost
            self._look_for_room()

    def lost(self, batch: Batch, reason: str) -> None:
        """Settle a batch that is given up; `reason` is one of `REASONS`. Settling twice does nothing."""
        if self._leave(batch):
            self.ledger.failed[reason] += batch.spans
            self._look_for_room()

    def abandon(self, reason: str) -> None:
        """Give up everything that waits."""
        while batch := self.take(0.0, flush=True):
            self.lost(batch, reason)

    def _leave(self, batch: Batch) -> bool:
        if batch.settled:
            return False
        batch.settled = True
        self.ledger.in_flight -= batch.spans
        self.requests -= batch.requests
        self.bytes -= len(batch.body)
        return True

    def _look_for_room(self) -> None:
        if self._full and self.room() > 0:
            self._full = False
            self._on_room()

    def _held(self, unit: Sizer) -> int:
        spans = self.ledger.queued + self.ledger.in_flight
        return {"requests": self.requests, "items": spans, "bytes": self.bytes}[unit]

    def _fits(self, data: bytes, spans: int) -> bool:
        if self.bytes + len(data) > self.limits.max_bytes:
            return False
        added = {"requests": 1, "items": spans, "bytes": len(data)}[self.limits.sizer]
        return self.size + added <= self.limits.capacity


def _reserve(bound: int) -> int:
    return min(bound // 8, _RESERVE_BYTES)
