"""A service without sockets whose rules change: what its tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from services import HEAD, SECOND, TABLES, Clock, balanced, nothing, pipelines, request
from tailgate.config.loader import load
from tailgate.kernel import load as load_kernel
from tailgate.pipeline import Intake, Pipeline, Service
from tailgate.telemetry.metrics import MetricsPage

WAIT = "evaluation: ordered, decision_wait: 1s"
GOLD = '{name: gold, when: tier == "gold"}'
ROW = pipelines("scrub, tail_sampling, retention")


def rules(scrub: str = "packs: []", policies: str = "", default: str = "keep", retention: str = "short") -> str:
    return f"""
processors:
  scrub: {{{scrub}}}
  tail_sampling: {{{WAIT}, policies: [{policies}], default: {default}}}
  retention: {{default: {{name: {retention}, ttl: 1d}}}}
exporters: {{memory: }}
"""


class Running:
    """A service and its configuration file."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file = folder / "tailgate.yaml"
        self.service = Service(self.read(text), load_kernel())
        self.clock = Clock()
        self.service.clock = self.clock  # type: ignore[assignment]
        self.intake = Intake(list(self.service.pipelines.values()), self.service.governor, self.clock)
        self.pipeline: Pipeline = self.service.pipelines["traces"]

    def read(self, text: str):
        self.file.write_text(HEAD + text, encoding="utf-8")
        return load([self.file], TABLES, {})

    def take(self, *spans: tuple[int, str, dict[str, str]]) -> None:
        self.intake.consume(request(*spans), nothing)

    def reload(self, text: str) -> None:
        async def once() -> None:
            await self.service.reload(self.read(text))
            await asyncio.sleep(0)  # exporters that were replaced end

        asyncio.run(once())

    def judge(self, seconds: int = 2) -> None:
        self.clock.now += seconds * SECOND
        self.pipeline.judge(self.clock.now)
        assert balanced(self.pipeline)

    def metrics(self) -> dict[str, float]:
        """Every counter of the page, by its line without the value."""
        page = MetricsPage(self.service.samples, self.service.config, "any", process=False).render()[0].decode()
        lines = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
        counts = ("_total", "_bucket", "_count", "_sum")
        return {name: float(value) for name, _, value in lines if name.partition("{")[0].endswith(counts)}


Run = Callable[[str], Running]
