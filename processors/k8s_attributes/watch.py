"""Lists and watches objects of the Kubernetes API, through its outages, by the client library lightkube.

Weighed against it: kubernetes_asyncio has a model class for every object of the API, all of which are loaded (tens of
megabytes on every node); the official client has no asyncio; kr8s hides resource versions, from which watches go on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from ...telemetry.logs import RateLimited, get_logger

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before the API is asked again after a failure; doubled each time."""
CHUNK = 500
"""Objects in one answer to a list."""

log = RateLimited(get_logger("tailgate.kubernetes"), interval=30, burst=3)


class Expired(Exception):
    """The API no longer knows the version from which a watch was to go on (410 Gone)."""


class Api(Protocol):
    """One kind of objects: `list` gives them and remembers their version, `watch` goes on from there."""

    def list(self) -> AsyncIterator[Any]:
        """Yield all objects."""

    def watch(self) -> AsyncIterator[tuple[str, Any]]:
        """Yield what happens to them: ADDED, MODIFIED or DELETED, and the object. Raises `Expired`."""


@dataclass
class Counts:
    """What has happened to a feed."""

    lists: int = 0
    events: int = 0
    failures: int = 0
    expired: int = 0


class Pauses:
    """Waits after failures, each time longer."""

    def __init__(self, kind: str, counts: Counts, pause: Callable[[float], Any] = asyncio.sleep) -> None:
        """`kind`: of objects, for the log; `counts`: gets the failures."""
        self.in_a_row = 0
        self._kind, self._counts, self._pause = kind, counts, pause

    async def failed(self, error: Exception) -> None:
        """Count and log a failure, and wait."""
        self._counts.failures += 1
        self.in_a_row += 1
        log.warning("kubernetes_api_failed", kind=self._kind, error=f"{type(error).__name__}: {error}")
        await self.wait()

    async def wait(self) -> None:
        """Wait as long as so many failures in a row ask for."""
        seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.in_a_row, 10))
        await self._pause(seconds * random.uniform(0.5, 1))  # noqa: S311 - so that nodes do not come back all at once


class Feed:
    """Follows one kind of objects for ever."""

    def __init__(
        self,
        kind: str,
        on_list: Callable[[list[Any]], None],
        on_event: Callable[[str, Any], None],
        sync_period: float,
        pause: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        """`sync_period`: seconds after which everything is listed anew at the latest."""
        self.kind, self.counts, self.synced = kind, Counts(), asyncio.Event()
        self._on_list, self._on_event, self._sync_period = on_list, on_event, sync_period
        self._pauses = Pauses(kind, self.counts, pause)

    async def follow(self, api: Api) -> None:
        """List, watch, list again; what fails is tried again. Ends only when cancelled."""
        while True:
            try:
                await self._round(api)
            except Expired:
                self.counts.expired += 1
                if self._pauses.in_a_row:  # it has no version that could be watched: do not ask in a loop
                    await self._pauses.wait()
                self._pauses.in_a_row += 1
            except Exception as error:
                await self._pauses.failed(error)

    async def _round(self, api: Api) -> None:
        async with asyncio.timeout(self._sync_period):
            items = [item async for item in api.list()]
        self._on_list(items)
        self.counts.lists += 1
        self.synced.set()
        # Ended after its time even if the connection is dead and nobody has noticed.
        try:
            async with asyncio.timeout(self._sync_period), aclosing(api.watch()) as events:  # type: ignore[type-var]
                async for event, item in events:
                    self._on_event(event, item)
                    self.counts.events += 1
                    self._pauses.in_a_row = 0
        except TimeoutError:
            self._pauses.in_a_row = 0  # the watch has lasted: it is only time to list anew
