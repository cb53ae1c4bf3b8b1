"""What runs beside the pipelines: started with them, kept over reloads that want the same, ended when nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Iterator

from ..telemetry.families import Exposing, Family
from ..telemetry.samples import Sample
from .base import Background, BuildContext


class Backgrounds:
    """The backgrounds that the rules in effect need, each running once."""

    def __init__(self) -> None:
        self.running: dict[Hashable, Background] = {}
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}

    def become(self, contexts: Iterable[BuildContext]) -> None:
        """Start what is new in what pipelines were built with, end what is no longer there; the rest goes on."""
        wanted = {key: one for context in contexts for key, one in context.backgrounds.items()}
        for key in [key for key in self._tasks if wanted.get(key) is not self.running.get(key)]:
            self._tasks.pop(key).cancel()
        self.running = wanted
        loop = asyncio.get_running_loop()
        for key, background in wanted.items():
            if key not in self._tasks:
                self._tasks[key] = loop.create_task(background.run())

    async def ready(self) -> None:
        """Wait as long as those that run ask for."""
        async with asyncio.TaskGroup() as group:
            for background in self.running.values():
                group.create_task(background.ready())

    async def stop(self) -> None:
        """End all."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def families(self) -> Iterator[Family]:
        """Yield the families of series that some have."""
        for background in self.running.values():
            if isinstance(background, Exposing):
                yield from background.families()

    def samples(self) -> Iterator[Sample]:
        """Yield the metrics of all."""
        for background in self.running.values():
            yield from background.samples()
