"""A gate that lets few in at a time, for messages whose size nobody knows before they have been read.

What a peer sends slowly must not lock the others out: when all places are taken, whoever waits longest may, after
`patience` seconds, send away the one that has been inside longest, if that one has had `patience` seconds itself.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .status import TooSlow


class Gate:
    """At most `places` tasks are inside at the same time."""

    def __init__(self, places: int, patience: float = 2.0) -> None:
        """`patience` in seconds."""
        self._places = asyncio.Semaphore(places)
        self._patience = patience
        self._inside: OrderedDict[asyncio.Timeout, float] = OrderedDict()

    @asynccontextmanager
    async def enter(self, seconds: float | None) -> AsyncIterator[None]:
        """Be inside for at most `seconds` (None: no bound). Raises `TooSlow` after that, or on being sent away."""
        await self._place()
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                self._inside[limit] = asyncio.get_running_loop().time()
                yield
        except TimeoutError:
            if limit.expired():
                raise TooSlow from None
            raise
        finally:
            self._inside.pop(limit, None)
            self._places.release()

    async def _place(self) -> None:
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
        limit, since = next(iter(self._inside.items()), (None, now))
        if limit is not None and now - since >= self._patience:
            self._inside.pop(limit)
            limit.reschedule(now)
