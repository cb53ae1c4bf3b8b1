"""When pipelines judge what they hold: ticks, rest while nothing comes, relief when memory is short, and the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from ..telemetry.histogram import Histogram
from ..telemetry.logs import RateLimited, get_logger
from ..telemetry.signals import FACTS, Signal

TICK_SECONDS = 0.1
"""How often what is due is judged: rarely enough that requests on the way out are large."""
REST_SECONDS = 1.0
"""How often memory is looked at while nothing comes."""

log = RateLimited(get_logger("tailgate.pipeline"))


class Paced(Protocol):
    """What is judged at its time: a pipeline."""

    name: str
    signal: Signal
    accepted: int
    looked: int
    """What it had accepted when it was last looked at."""
    resting: bool
    """It has said that it wants to be woken when something comes."""
    ticks: Histogram

    def judge(self, now: int, method: str = "tick", wanted: int = 0) -> bool:
        """Judge one slice; True when another slice is due at once."""

    def next_deadline(self) -> int | None:
        """The `now` at which something is due."""

    def holds_records(self) -> int:
        """How many records are held."""

    def give_up(self) -> None:
        """Count what is held as lost."""


class Checked(Protocol):
    """What is looked at again and again: the memory governor."""

    def check(self, now: int) -> object:
        """Look."""

    @property
    def interval(self) -> float:
        """Seconds until the next look."""


class Pacemaker:
    """Judges pipelines on the event loop, slice by slice, so that receiving never waits longer than one slice."""

    def __init__(self, clock: Callable[[], int], wanted: Callable[[], int], room: asyncio.Event) -> None:
        """`wanted`: bytes that must be freed; `room` is set when a queue has room again, or there is new work."""
        self._clock, self._wanted, self._room = clock, wanted, room

    async def keep_judging(self, pipeline: Paced) -> None:
        """Judge what is due until cancelled."""
        while True:
            await self._pause(self._rest(pipeline))
            pipeline.resting = False
            try:
                await self._judge_due(pipeline)
                await self._relieve(pipeline)
            except Exception as error:
                log.error("judging_failed", pipeline=pipeline.name, exc_info=error)

    async def keep_checking(self, memory: Checked) -> None:
        """Look at the memory in use until cancelled."""
        while True:
            try:
                memory.check(self._clock())
            except Exception as error:
                log.error("memory_not_read", exc_info=error)
            await asyncio.sleep(memory.interval)

    async def drain(self, pipeline: Paced, deadline: float) -> None:
        """Judge everything that is held, as fast as the exporters have room, until `deadline` (event-loop time)."""
        loop = asyncio.get_running_loop()
        while (before := pipeline.holds_records()) and loop.time() < deadline:
            pipeline.judge(self._clock(), "drain")
            await self._pause(0 if pipeline.holds_records() < before else 0.05)
        if left := pipeline.holds_records():
            unit = FACTS[pipeline.signal].unit
            log.warning(f"{unit}_given_up_at_shutdown", pipeline=pipeline.name, **{unit: left})
            pipeline.give_up()

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until a queue that was full has room again, or a resting pipeline has work."""
        self._room.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._room.wait()

    def _rest(self, pipeline: Paced) -> float:
        """Seconds until the next look at what is due; longer than a tick when nothing comes, until something does."""
        quiet, pipeline.looked = pipeline.accepted == pipeline.looked, pipeline.accepted
        if not quiet:
            return TICK_SECONDS
        pipeline.resting = True
        deadline = pipeline.next_deadline()
        left = REST_SECONDS if deadline is None else (deadline - self._clock()) / 1e9
        return min(max(left, TICK_SECONDS), REST_SECONDS)

    async def _judge_due(self, pipeline: Paced) -> None:
        more, busy = True, 0
        while more and (deadline := pipeline.next_deadline()) is not None and deadline <= (now := self._clock()):
            more = pipeline.judge(now)
            busy += self._clock() - now
            await asyncio.sleep(0)
        if busy:
            pipeline.ticks.observe(busy / 1e9)

    async def _relieve(self, pipeline: Paced) -> None:
        """When memory is short, judge the heaviest and oldest traces before they are due."""
        while (wanted := self._wanted()) > 0 and pipeline.judge(self._clock(), "relieve", wanted):
            await self._pause(0)
