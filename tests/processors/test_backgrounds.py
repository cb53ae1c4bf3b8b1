"""What runs beside the pipelines: once for all that want the same, over reloads, and no longer than it is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable

from tailgate import kernel as kernels
from tailgate.processors.backgrounds import Backgrounds
from tailgate.processors.base import Background, BuildContext
from tailgate.telemetry.samples import Sample


class Work:
    """Notes what becomes of it."""

    def __init__(self, name: str) -> None:
        self.name, self.seen = name, list[str]()

    async def run(self) -> None:
        self.seen.append("run")
        try:
            await asyncio.Event().wait()
        finally:
            self.seen.append("end")

    async def ready(self) -> None:
        await asyncio.sleep(0)
        self.seen.append("ready")

    def samples(self) -> Iterable[Sample]:
        yield Sample(self.name, "gauge", "", 1)


def built(wanted: dict[Hashable, Background]) -> BuildContext:
    kernel = kernels.load("reference")
    return BuildContext("x", "traces", kernel, kernel.labels(), [], backgrounds=wanted)


def test_what_is_still_wanted_goes_on() -> None:
    """Scenario: a reload keeps one, drops one, adds one. Guarantees: each runs once, while it is wanted."""

    async def scenario() -> None:
        kept, dropped, added = Work("kept"), Work("dropped"), Work("added")
        backgrounds = Backgrounds()
        backgrounds.become([built({1: kept, 2: dropped}), built({1: kept})])
        await backgrounds.ready()
        backgrounds.become([built({1: kept}), built({3: added})])
        await asyncio.sleep(0.01)
        assert [sample.name for sample in backgrounds.samples()] == ["kept", "added"]
        assert (kept.seen, dropped.seen, added.seen) == (["run", "ready"], ["run", "ready", "end"], ["run"])
        await backgrounds.stop()
        assert (kept.seen[-1], added.seen[-1]) == ("end", "end")

    asyncio.run(scenario())


def test_pipelines_and_reloads_that_want_the_same_share_it() -> None:
    """Guarantees: one object for each key; what runs already is taken; what is not asked for is not wanted."""
    context = built({})
    first = context.background("key", lambda: Work("first"))
    assert context.background("key", lambda: Work("second")) is first
    later = context.anew()
    assert later.backgrounds == {}
    assert later.background("key", lambda: Work("third")) is first
