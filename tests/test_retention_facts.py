"""Retention right behind a sampler: where the sampler knows all that it asks, kept traces are not walked again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from services import HEAD, SECOND, TABLES, Clock, arrived, balanced, nothing, pipelines, request
from tailgate.config.loader import load
from tailgate.kernel import load as load_kernel
from tailgate.pipeline import Intake, Service

GOLD, SLOW, OTHER = 'tier == "gold"', "duration > 1s", 'color == "red"'
KNOWN, UNKNOWN = f"{{name: gold, when: '{GOLD}', ttl: 30d}}", f"{{name: red, when: '{OTHER}', ttl: 9d}}"


def rules(retention: str) -> str:
    return f"""
processors:
  tail_sampling:
    evaluation: ordered
    decision_wait: 1s
    policies: [{{name: slow, when: {SLOW}}}, {{name: gold, when: '{GOLD}'}}]
    default: keep
  retention: {{default: {{name: standard, ttl: 7d}}, policies: [{retention}]}}
exporters: {{memory: }}
""" + pipelines("tail_sampling, retention")


class Running:
    """A service whose only pipeline samples, then tags."""

    def __init__(self, folder: Path, retention: str) -> None:
        self.file = folder / "tailgate.yaml"
        self.service = Service(self.read(retention), load_kernel())
        self.service.clock = self.clock = Clock()  # type: ignore[assignment]
        self.pipeline = self.service.pipelines["traces"]
        self.intake = Intake([self.pipeline], self.service.governor, self.clock)

    def read(self, retention: str):
        self.file.write_text(HEAD + rules(retention), encoding="utf-8")
        return load([self.file], TABLES, {})

    def reload(self, retention: str) -> None:
        async def once() -> None:
            await self.service.reload(self.read(retention))
            await asyncio.sleep(0)

        asyncio.run(once())

    def take(self, *spans: tuple[int, str, dict[str, str]]) -> None:
        self.intake.consume(request(*spans), nothing)

    def judge(self) -> None:
        self.clock.now += 2 * SECOND
        self.pipeline.judge(self.clock.now)
        assert balanced(self.pipeline)

    @property
    def walks(self) -> int:
        return len(self.pipeline.row.segments)

    def tags(self) -> dict[str, str]:
        """The retention of each span that has come out."""
        return {
            span.name: {a.key: a.value.string_value for a in block.resource.attributes}["retention.policy"]
            for sent in arrived(self.service)
            for block in sent.resource_spans
            for scope in block.scope_spans
            for span in scope.spans
        }


@pytest.mark.parametrize(("retention", "walks"), [("", 1), (KNOWN, 1), (UNKNOWN, 2), (f"{KNOWN}, {UNKNOWN}", 2)])
def test_kept_traces_are_walked_again_only_for_what_is_not_known(tmp_path: Path, retention: str, walks: int) -> None:
    """Guarantees: one walk where the sampler's facts tell all, and the same tags either way, on late spans too."""
    running = Running(tmp_path, retention)
    assert running.walks == walks
    running.take((1, "a", {"tier": "gold"}), (2, "b", {"color": "red"}), (3, "c", {}))
    running.judge()
    running.take((1, "late a", {}), (2, "late b", {}))
    expected = {
        "a": "gold" if KNOWN in retention else "standard",
        "b": "red" if UNKNOWN in retention else "standard",
    }
    late = {f"late {name}": tag for name, tag in expected.items()}
    assert running.tags() == {**expected, **late, "c": "standard"}


@pytest.mark.parametrize("order", [(KNOWN, UNKNOWN), (UNKNOWN, KNOWN), (KNOWN, KNOWN)])
def test_rules_change_from_one_to_the_other(tmp_path: Path, order: tuple[str, str]) -> None:
    """Scenario: traces are held, and others decided, while retention begins or ceases to need a walk of its own.

    Guarantees: late spans follow what was decided; what is held is tagged by the new rules; counts go on.
    """
    before, after = order
    running = Running(tmp_path, before)
    running.take((1, "old gold", {"tier": "gold"}), (2, "old red", {"color": "red"}))
    running.judge()
    running.take((3, "held gold", {"tier": "gold"}), (4, "held red", {"color": "red"}))
    running.reload(after)
    running.take((1, "late gold", {}), (2, "late red", {}))
    running.judge()
    old = {KNOWN: ("gold", "standard"), UNKNOWN: ("standard", "red")}[before]
    new = {KNOWN: ("gold", "standard"), UNKNOWN: ("standard", "red")}[after]
    assert running.tags() == {
        **dict(zip(("old gold", "old red"), old, strict=True)),
        **dict(zip(("late gold", "late red"), old, strict=True)),
        **dict(zip(("held gold", "held red"), new, strict=True)),
    }
    counted = [s.value for s in running.pipeline.samples() if s.name == "tailgate_retention_traces"]
    assert sum(counted) == 4
