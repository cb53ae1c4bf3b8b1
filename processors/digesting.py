"""Walks requests in threads of the kernel, so that the event loop goes on receiving meanwhile.

Only when there is something to go on with: a request behind which no other has come is walked on the event loop, which
costs less (its bytes are in this CPU's caches) and does not wait for a thread to be scheduled. So are small requests:
what it costs to hand one over would be a good part of what its walk costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol

from ..kernel.contract import Digesters, Kernel, Records
from ..telemetry.cpus import spare_threads, usable_cpus
from ..telemetry.samples import Sample
from .row import Entry, Row

LEAST_BYTES = 32 << 10
"""Requests below this are walked on the event loop."""
MOST_BYTES = 1 << 20
"""While so much waits for each thread, the event loop walks, too: that bounds what waits, and is faster then."""


class Walking(Protocol):
    """What a request goes into: a pipeline."""

    row: Row
    context: list[str]
    """Names of the request values that it uses."""


class Digesting:
    """The threads, and who waits for them. Without threads it takes nothing."""

    def __init__(self, kernel: Kernel, threads: int | Literal["auto"]) -> None:
        """`threads`: `auto` for those that the process's CPUs leave beside the event loop. They start in `open`."""
        self.threads = spare_threads(usable_cpus()) if threads == "auto" else threads
        self._kernel = kernel
        self._digesters: Digesters | None = None
        self._waiting: dict[int, tuple[asyncio.Future[Records | Exception], int]] = {}
        self._bytes = self._walks = self._came = 0

    def open(self) -> None:
        """Start the threads. Raises OSError when the system has no more."""
        if self.threads:
            self._digesters = self._kernel.digesters(self.threads)
            asyncio.get_running_loop().add_reader(self._digesters.fileno(), self._collect, self._digesters)

    def close(self) -> None:
        """End the threads; who still waits is cancelled."""
        if self._digesters is not None:
            asyncio.get_running_loop().remove_reader(self._digesters.fileno())
            self._digesters.close()
            self._digesters = None
        for future, _ in self._waiting.values():
            future.cancel()
        self._waiting.clear()
        self._bytes = 0

    def takes(self, size: int) -> bool:
        """Whether a request of so many bytes should be walked here."""
        return self._digesters is not None and size >= LEAST_BYTES

    async def digest(
        self, request: bytes, metadata: Callable[[str], str | None], pipelines: Sequence[Walking]
    ) -> list[Entry]:
        """Walk a request for all pipelines, in threads if others wait; once more if rows have been replaced by then.

        Raises `Malformed` or `OverLimit`, as the first of the rows does.
        """
        while True:
            alone = await self.alone()
            rows = [(one.row, [metadata(name) for name in one.context]) for one in pipelines]
            if alone or self._digesters is None or self._bytes >= MOST_BYTES * self.threads:
                return [Entry(row, row.digest(request, context), context) for row, context in rows]
            answers = [self._submit(self._digesters, row, request, context) for row, context in rows]
            found = [_records(await answer) for answer in answers]
            if all(one.row is row for one, (row, _) in zip(pipelines, rows, strict=True)):
                return [Entry(row, records, context) for (row, context), records in zip(rows, found, strict=True)]

    async def alone(self) -> bool:
        """Let the event loop go round once; return whether no other request has come behind this one."""
        self._came += 1
        number = self._came
        await asyncio.sleep(0)
        return number == self._came

    def samples(self) -> Iterator[Sample]:
        """Yield the metrics; none without threads."""
        if self.threads:
            text = "Threads that walk requests beside the event loop."
            yield Sample("tailgate_worker_threads", "gauge", text, self.threads)
            yield Sample("tailgate_worker_walks", "counter", "Walks that threads have been asked for.", self._walks)
            text = "Requests that threads walk, or that wait for one."
            yield Sample("tailgate_worker_waiting_walks", "gauge", text, len(self._waiting))

    def _submit(
        self, digesters: Digesters, row: Row, request: bytes, context: Sequence[str | None]
    ) -> asyncio.Future[Records | Exception]:
        ticket = digesters.submit(row.segments[0].program, request, context)
        future = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = future, len(request)
        self._bytes += len(request)
        self._walks += 1
        return future

    def _collect(self, digesters: Digesters) -> None:
        """Hand over what has been walked; who gave up waiting gets nothing."""
        for ticket, answer in digesters.finished():
            future, size = self._waiting.pop(ticket)
            self._bytes -= size
            if not future.done():
                future.set_result(answer)


def _records(answer: Records | Exception) -> Records:
    if isinstance(answer, Exception):
        raise answer
    return answer
