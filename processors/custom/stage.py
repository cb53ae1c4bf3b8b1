"""A custom processor as a stage of a row: a queue before one worker, its restarts, and what became of every span."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from ...telemetry.histogram import Histogram
from ...telemetry.logs import RateLimited, get_logger
from ...telemetry.samples import Sample
from ..remote import Parcel, RemoteStage
from .process import Settings, WorkerError, WorkerProcess

CALL_BYTES = 1 << 20
"""What a sampler before it lets go of at a time, so that calls stay short."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds before a worker is started again: doubled with each failure since its last answer."""
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

log = RateLimited(get_logger("tailgate.custom"))


@dataclass(frozen=True)
class StageSettings:
    """What the configuration says."""

    worker: Settings
    on_error: Literal["pass", "drop", "refuse"]
    queue_bytes: int


class CustomStage:
    """One custom processor in one pipeline."""

    def __init__(self, id: str, pipeline: str, settings: StageSettings) -> None:  # noqa: A002 - as in `RemoteStage`
        self.id, self.on_error, self.settings = id, settings.on_error, settings
        self._labels = {"pipeline": pipeline, "processor": id}
        self._worker = WorkerProcess(settings.worker)
        self._waiting: deque[Parcel] = deque()
        self._done: deque[Parcel] = deque()
        self._asked: dict[Parcel, asyncio.Future[None]] = {}
        self._held = [0, 0, 0]
        self._on_done: Callable[[], None] = lambda: None
        self._runner: asyncio.Task[None] | None = None
        self._more = asyncio.Event()
        self._pause, self._start_at = 0.0, 0.0
        self._started = self._over = False
        self._count_anew()

    def open(self, on_done: Callable[[], None]) -> None:
        """Begin to work; again: from now on somebody else is told."""
        self._on_done = on_done
        if self._runner is None:
            self._runner = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End the worker; what waits for it is not answered any more."""
        runner, self._runner, self._over = self._runner, None, True
        self._worker.kill()
        if runner is not None:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)
        for future in self._asked.values():
            future.cancel()

    def put(self, parcel: Parcel) -> None:
        """Hold a parcel until its answer has come; what there is no room for fails at once."""
        fits = self.takes(parcel.size)
        self._hold(parcel, 1)
        if not fits:
            parcel.outcome = "queue_full"
            self._done.append(parcel)
            if self._runner is not None:
                asyncio.get_running_loop().call_soon(self._tell)
            return
        self._waiting.append(parcel)
        self._more.set()

    async def ask(self, parcel: Parcel) -> None:
        """Return when the parcel has its answer, or `outcome` says why not."""
        if not self.takes(parcel.size):
            parcel.outcome = "queue_full"
            return
        parcel.asked = True
        future = self._asked[parcel] = asyncio.get_running_loop().create_future()
        self._waiting.append(parcel)
        self._more.set()
        try:
            await future
        finally:
            del self._asked[parcel]
            if parcel in self._waiting and parcel is not self._waiting[0]:
                self._waiting.remove(parcel)  # its sender has gone

    def finished(self) -> Iterator[Parcel]:
        """Yield what is finished, first in first out; it is held no longer once the next one is asked for."""
        while self._done:
            parcel = self._done.popleft()
            self._hold(parcel, -1)
            yield parcel

    def work(self) -> None:
        """Answer all that was put, here and now."""
        while self._waiting:
            parcel = self._waiting.popleft()
            self._finish(parcel, self._answer(parcel.request))
        self._worker.close()

    def count(self, parcel: Parcel) -> None:
        """Count what became of a finished parcel."""
        outcome = parcel.outcome or "ok"
        self._calls[outcome] += 1
        self._spans[outcome] += parcel.spans

    def room(self) -> int:
        """Return the bytes that a sampler should let go of at most."""
        return min(CALL_BYTES, self._left()) if self._waiting else CALL_BYTES

    def takes(self, size: int) -> bool:
        """Say whether there is room; what is larger than the queue is taken when nothing else waits."""
        return size <= self._left() or self.held_bytes() == 0

    def held(self) -> tuple[int, int, int]:
        """Return the traces, spans and bytes that are held."""
        traces, spans, size = self._held
        return traces, spans, size

    def held_bytes(self) -> int:
        """Return the bytes that are held, and those of what was asked."""
        return self._held[2] + sum(parcel.size for parcel in self._asked)

    def take_over(self, before: RemoteStage) -> RemoteStage:
        """Return the stage before where nothing has changed; else end its worker and go on with what it holds."""
        if not isinstance(before, CustomStage):
            raise TypeError(f"no custom processor: {before!r}")
        if before.settings == self.settings:
            before._count_anew()
            return before
        self._waiting, self._done, self._held, self._asked = before._waiting, before._done, before._held, before._asked
        before._abandon()
        return self

    def _count_anew(self) -> None:
        """Begin at 0: what has been counted before a reload is remembered elsewhere."""
        self._restarts = 0
        self._calls: Counter[str] = Counter()
        self._spans: Counter[str] = Counter()
        self._seconds = Histogram(_SECONDS)

    def samples(self) -> Iterable[Sample]:
        """Return its metrics."""
        for outcome in sorted(self._calls):
            labels, text = {**self._labels, "outcome": outcome}, "of a custom processor, by outcome"
            yield Sample("tailgate_custom_calls", "counter", f"Calls {text}", self._calls[outcome], labels)
            yield Sample("tailgate_custom_spans", "counter", f"Spans in calls {text}", self._spans[outcome], labels)
        text = "Starts of a worker after its first"
        yield Sample("tailgate_custom_restarts", "counter", text, self._restarts, self._labels)
        text = "Bytes that wait for a custom processor"
        yield Sample("tailgate_custom_queue_bytes", "gauge", text, self.held_bytes(), self._labels)
        yield self._seconds.sample("tailgate_custom_call_seconds", "How long calls took", self._labels)

    def _left(self) -> int:
        return max(0, self.settings.queue_bytes - self.held_bytes())

    def _hold(self, parcel: Parcel, sign: int) -> None:
        for at, amount in enumerate((parcel.traces, parcel.spans, parcel.size)):
            self._held[at] += sign * amount

    def _abandon(self) -> None:
        """Leave everything to the stage that has taken over; the parcel that is being worked on is put back."""
        self._over = True
        self._worker.kill()
        if self._runner is not None:
            self._runner.cancel()
            self._runner = None

    async def _run(self) -> None:
        """Answer parcels one by one, in order, with the blocking part in a thread of its own."""
        thread = ThreadPoolExecutor(1, "tailgate-custom")
        try:
            await self._serve(thread)
        finally:
            self._worker.kill()
            thread.submit(self._worker.close)
            thread.shutdown(wait=False)

    async def _serve(self, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(thread, self._ready)
        while True:
            while not self._waiting:
                self._more.clear()
                await self._more.wait()
            parcel = self._waiting[0]  # it stays there, so that it is not lost when somebody else takes over
            pause = max(0.0, self._start_at - time.monotonic())
            answered: bytes | WorkerError = WorkerError("unavailable")
            if pause > self.settings.worker.timeout:
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(pause)
                answered = await loop.run_in_executor(thread, self._answer, parcel.request)
            self._waiting.popleft()
            self._finish(parcel, answered)

    def _finish(self, parcel: Parcel, answered: bytes | WorkerError) -> None:
        if not parcel.asked:
            self._hold(parcel, -1)
        if isinstance(answered, WorkerError):
            parcel.outcome = answered.outcome
        else:
            parcel.answer = answered
        if not parcel.asked:
            self._hold(parcel, 1)
            self._done.append(parcel)
            self._tell()
        elif (future := self._asked.get(parcel)) is not None and not future.done():
            future.set_result(None)

    def _tell(self) -> None:
        try:
            self._on_done()
        except Exception as error:  # what follows is to be served even so
            log.error("answer_not_taken", processor=self.id, exc_info=error)

    def _ready(self) -> WorkerError | None:
        """Start the worker if it does not run; return why there is none."""
        if self._worker.running:
            return None
        self._restarts += self._started
        self._started = True
        try:
            self._worker.start()
        except (WorkerError, OSError) as error:
            failed = error if isinstance(error, WorkerError) else WorkerError("crash", type(error).__name__)
            self._failed(failed)
            self._back_off()
            return WorkerError("unavailable")
        return None

    def _answer(self, request: bytes) -> bytes | WorkerError:
        """Return the worker's answer, or why there is none; in the stage's thread."""
        if (missing := self._ready()) is not None:
            return missing
        began = time.monotonic()
        try:
            answer = self._worker.call(request)
        except WorkerError as error:
            self._failed(error)
            if error.fatal:
                self._back_off()
            return error
        finally:
            self._seconds.observe(time.monotonic() - began)
        self._pause = 0.0
        return answer

    def _back_off(self) -> None:
        self._pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * self._pause))
        self._start_at = time.monotonic() + self._pause

    def _failed(self, error: WorkerError) -> None:
        """Log what and where, never the text, which may hold what a span said."""
        if self._over:  # it was ended by ourselves
            return
        said = {"outcome": error.outcome, "error": error.what, "where": error.where}
        log.error("custom_processor_failed", processor=self.id, **said)
