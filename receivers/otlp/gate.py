"""A gate that lets few in at a time, for messages whose size nobody knows before they have been read.

What a peer sends slowly must not lock the others out: when all places are taken, whoever waits longest may, after
`patience` seconds, send away the one that has been inside longest, if that one has had `patience` seconds itself.

One timer watches all who are inside: a timeout of its own for each would be a good part of what a small call costs.
"""

from __future__ import annotations

import asyncio

from .status import TooSlow


class Stay:
    """One task's stay inside, as an asynchronous context manager."""

    __slots__ = ("_gate", "_task", "expired", "since")

    def __init__(self, gate: Gate) -> None:
        """`since`: event-loop time of entering."""
        self._gate = gate
        self._task: asyncio.Task[object] | None = None
        self.since = 0.0
        self.expired = False

    def end(self) -> None:
        """Cancel what the task is waiting for."""
        self.expired = True
        if self._task is not None:
            self._task.cancel()

    async def __aenter__(self) -> None:
        await self._gate.wait()
        self._task = asyncio.current_task()
        self.since = asyncio.get_running_loop().time()
        self._gate.entered(self)

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._gate.left(self)
        if self.expired and kind is asyncio.CancelledError and self._task is not None and self._task.uncancel() == 0:
            raise TooSlow from None


class Gate:
    """At most `places` tasks are inside at the same time."""

    def __init__(self, places: int, seconds: float | None, patience: float = 2.0) -> None:
        """`seconds`: how long a stay may last (None: no bound); `patience` in seconds."""
        self._places = asyncio.Semaphore(places)
        self._seconds = seconds
        self._patience = patience
        self._inside: dict[Stay, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def full(self) -> bool:
        """Whether who enters now has to wait."""
        return self._places.locked()

    def enter(self) -> Stay:
        """Return the stay to enter. Inside, `TooSlow` is raised after too long, or on being sent away."""
        return Stay(self)

    def entered(self, stay: Stay) -> None:
        """Note that a stay has begun."""
        self._inside[stay] = None
        if self._timer is None and self._seconds is not None:
            self._watch(self._seconds, stay)

    def left(self, stay: Stay) -> None:
        """Note that a stay is over."""
        self._inside.pop(stay, None)
        self._places.release()

    async def wait(self) -> None:
        """Take a place, when there is one."""
        if not self._places.locked():
            await self._places.acquire()
            return
        while True:
            try:
                async with asyncio.timeout(self._patience):
                    await self._places.acquire()
            except TimeoutError:
                self._send_away_the_slowest()
            else:
                return

    def _send_away_the_slowest(self) -> None:
        now = asyncio.get_running_loop().time()
        slowest = next(iter(self._inside), None)
        if slowest is not None and now - slowest.since >= self._patience:
            del self._inside[slowest]
            slowest.end()

    def _watch(self, seconds: float, oldest: Stay) -> None:
        when = oldest.since + seconds
        self._timer = asyncio.get_running_loop().call_at(when, self._end_overdue, seconds, when)

    def _end_overdue(self, seconds: float, now: float) -> None:
        """End the stays that have lasted too long; who is inside stands in the order of entering."""
        self._timer = None
        while (oldest := next(iter(self._inside), None)) is not None:
            if oldest.since + seconds > now:
                self._watch(seconds, oldest)
                return
            del self._inside[oldest]
            oldest.end()
