"""What runs beside the pipelines: started with them, kept over reloads that want the same, ended when nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Iterator, Mapping

from ..connectors.base import Connector, Give
from ..telemetry.families import Exposing, Family
from ..telemetry.samples import Sample
from .base import Background, BuildContext


class Backgrounds:
    """The backgrounds that the rules in effect need, each running once."""

    def __init__(self) -> None:
        self.running: dict[Hashable, Background] = {}
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def become(self, contexts: Iterable[BuildContext]) -> None:
        """Start what is new in what pipelines were built with, end what is no longer there; the rest goes on."""
        wanted = {key: one for context in contexts for key, one in context.backgrounds.items()}
        loop = asyncio.get_running_loop()
        for key in [key for key in self._tasks if wanted.get(key) is not self.running.get(key)]:
            self._tasks.pop(key).cancel()
            ending = loop.create_task(_tell(self.running[key]))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        self.running = wanted
        for key, background in wanted.items():
            if key not in self._tasks:
                self._tasks[key] = loop.create_task(background.run())

    def feed(self, gives: Mapping[str, Give]) -> None:
        """Let connectors, by their id, give what they count to these pipelines from now on."""
        for one in self.running.values():
            if isinstance(one, Connector):
                one.send_to(gives.get(one.id))

    async def ready(self) -> None:
        """Wait as long as those that run ask for."""
        async with asyncio.TaskGroup() as group:
            for background in self.running.values():
                group.create_task(background.ready())

    async def stop(self) -> None:
        """End all, once they have told what they know."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._ending, return_exceptions=True)
        for one in self.running.values():
            await _tell(one)

    def families(self) -> Iterator[Family]:
        """Yield the families of series that some have."""
        for background in self.running.values():
            if isinstance(background, Exposing):
                yield from background.families()

    def samples(self) -> Iterator[Sample]:
        """Yield the metrics of all."""
        for background in self.running.values():
            yield from background.samples()


async def _tell(background: Background) -> None:
    """Let a connector that ends give away what it has counted."""
    if isinstance(background, Connector):
        await background.flush(last=True)
