"""The exporter that sends: a `SendQueue` on the event loop, some sends at a time, each with its retries.

There is no task that waits for work: whatever changes the queue (an offer, a send that ended, a timer) pumps it, in one
synchronous step, so that the ledger is true between any two steps of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..telemetry.logs import RateLimited, get_logger
from ..telemetry.samples import Sample
from ..telemetry.signals import FACTS
from .base import ExportContext
from .batch import Batch, BatchBounds
from .queue import QueueLimits, SendQueue
from .retry import Answer, Backoff, Delivered, Permanent, Retryable, RetryPolicy
from .samples import queue_samples

log = get_logger("tailgate.exporter")


class Transport(Protocol):
    """What carries one request to the upstream. It never raises for what the upstream or the network does."""

    async def open(self) -> None:
        """Make ready to send, without waiting for the upstream. Raises OSError for a file that cannot be read."""

    async def send(self, body: bytes, seconds: float | None) -> Answer:
        """Send a serialized export request; the caller cancels after `seconds`, the upstream may be told."""

    async def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True)
class SenderOptions:
    """How a `Sender` works."""

    limits: QueueLimits
    bounds: BatchBounds
    retry: RetryPolicy
    consumers: int = 10
    """Sends at the same time; one that waits for its next attempt keeps its place."""
    timeout: float | None = 5.0
    """Seconds of one attempt."""


class Sender:
    """An `Exporter` over any transport."""

    def __init__(
        self, context: ExportContext, transport: Transport, options: SenderOptions, rng: Callable[[], float]
    ) -> None:
        """`rng` returns numbers in [0, 1); it spreads retries."""
        self.id = context.id
        self._context = context
        self._transport = transport
        self._options = options
        self._rng = rng
        self._unit = FACTS[context.signal].unit
        self._queue = SendQueue(options.limits, options.bounds, self._announce_room)
        self.ledger = self._queue.ledger
        self._sending: dict[asyncio.Task[None], Batch] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._running = False
        self._closed = False
        self._deadline: float | None = None
        self._hurry = asyncio.Event()
        self._log = RateLimited(log.bind(exporter=self.id))

    async def start(self) -> None:
        """Open the transport and send what was offered before. Raises OSError for a file that cannot be read."""
        await self._transport.open()
        self._running = True
        self._pump(self._now())

    def room(self) -> int:
        """Return the bytes that the queue still takes, 0 when it is full or closed."""
        return 0 if self._closed else self._queue.room()

    @property
    def largest(self) -> tuple[int, int]:
        """The most records and bytes of one request, 0 for no bound; larger ones are sent, but alone."""
        return self._options.bounds.max_spans, self._options.bounds.max_bytes

    def held_bytes(self) -> int:
        """Return the bytes queued, in flight and waiting for a retry."""
        return self._queue.bytes

    def offer(self, requests: Sequence[tuple[bytes, int]]) -> None:
        """Take requests with their record counts; what there is no room for is counted under `queue_full`."""
        now = self._now()
        for data, spans in requests:
            if self._closed:
                self._queue.refuse(spans, "shutdown")
            elif not self._queue.offer(now, data, spans):
                self._log.warning("sending_queue_full", **self._counted(spans), queue_size=self._queue.size)
        self._pump(now)

    async def stop(self, deadline: float) -> None:
        """Send what is held until `deadline` (event-loop time); waits between attempts are cut short once."""
        self._deadline = deadline
        self._hurry.set()
        try:
            self._pump(self._now())
            while self._sending and (left := deadline - self._now()) > 0:
                await asyncio.wait(self._sending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._close()
            await asyncio.gather(*self._sending, return_exceptions=True)
            await self._transport.close()

    def samples(self) -> Iterable[Sample]:
        """Its metrics."""
        return queue_samples(self.id, self._queue, self._context.signal)

    def _counted(self, records: int) -> dict[str, int]:
        """Return how many records a line of the log is about, under the name of their unit."""
        return {self._unit: records}

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _announce_room(self) -> None:
        # Not at once: who is told may offer, and the queue is in the middle of a step.
        asyncio.get_running_loop().call_soon(self._context.on_room)

    def _pump(self, now: float) -> None:
        """Start as many sends as are due and allowed, then see that the next one is not missed."""
        if not self._running:
            return
        free = self._options.consumers - len(self._sending)
        while free > 0 and (batch := self._queue.take(now, flush=self._deadline is not None)):
            self._launch(batch)
            free -= 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._queue.backlog.next_deadline()
        if free > 0 and due is not None:
            # The loop may call a little before the time that it was given: the moment meant is the one that counts.
            self._timer = asyncio.get_running_loop().call_at(due, self._pump, due)

    def _launch(self, batch: Batch) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(batch))
        self._sending[task] = batch
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Account for a send however it ended, and make use of its place."""
        batch = self._sending.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("export_crashed", **self._counted(batch.spans), exc_info=error)
            self._queue.lost(batch, "permanent")
        else:
            self._queue.lost(batch, "shutdown")
        self._pump(self._now())

    async def _deliver(self, batch: Batch) -> None:
        """Try until the batch is settled."""
        backoff = Backoff(self._options.retry, self._now(), self._rng)
        while True:
            answer = await self._attempt(batch)
            if not isinstance(answer, Retryable):
                self._settle(batch, answer)
                return
            delay = backoff.next(self._now(), answer.after)
            if delay is None:
                self._give_up(batch, "retries_exhausted", answer.reason)
                return
            if self._deadline is not None and self._now() + delay >= self._deadline:
                self._give_up(batch, "shutdown", answer.reason)
                return
            counted = self._counted(batch.spans)
            self._log.warning("export_retried", error=_short(answer.reason), **counted, seconds=round(delay, 3))
            await self._pause(delay)

    async def _attempt(self, batch: Batch) -> Answer:
        timeout = self._options.timeout
        if self._deadline is not None:
            left = max(self._deadline - self._now(), 0.001)
            timeout = left if timeout is None else min(timeout, left)
        try:
            async with asyncio.timeout(timeout):
                return await self._transport.send(batch.body, timeout)
        except TimeoutError:
            return Retryable(f"no answer within {timeout} s")

    async def _pause(self, delay: float) -> None:
        """Wait, unless `stop` comes in between: then the next attempt is made at once."""
        if self._hurry.is_set():
            await asyncio.sleep(delay)
            return
        try:
            async with asyncio.timeout(delay):
                await self._hurry.wait()
        except TimeoutError:
            pass

    def _settle(self, batch: Batch, answer: Delivered | Permanent) -> None:
        if isinstance(answer, Permanent):
            self._give_up(batch, "permanent", answer.reason)
            return
        self._queue.delivered(batch, answer.rejected)
        if answer.rejected or answer.message:
            self._log.warning("export_partly_rejected", **self._counted(answer.rejected), error=_short(answer.message))

    def _give_up(self, batch: Batch, reason: str, error: str) -> None:
        self._queue.lost(batch, reason)
        self._log.error("export_failed", reason=reason, **self._counted(batch.spans), error=_short(error))

    def _close(self) -> None:
        """Count all that is left as lost; later offers are refused."""
        self._closed, self._running = True, False
        if self._timer is not None:
            self._timer.cancel()
        for task, batch in self._sending.items():
            self._queue.lost(batch, "shutdown")
            task.cancel()
        self._queue.abandon("shutdown")
        if spans := self.ledger.failed["shutdown"]:
            log.error(f"{self._unit}_lost_at_shutdown", exporter=self.id, **self._counted(spans))


def _short(text: str) -> str:
    return text if len(text) <= 300 else text[:299] + "…"
