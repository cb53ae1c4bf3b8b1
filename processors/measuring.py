"""Where the spans of a pipeline are counted for its connectors: right before the first stage that samples them.

What stands before has enriched and scrubbed them, and nothing has been sampled yet, so that the counts are those of all
spans. Exemplars are noted at the end of the row, of what was kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..kernel.contract import Stage
from .base import Fused, Holding, Part

Parts = list[tuple[str, Part]]


@dataclass(frozen=True)
class Metered:
    """A connector that a pipeline sends to."""

    at: int
    """The place of its meter among those of the pipeline's programs."""
    exemplars: bool
    """Whether it wants exemplars of what is kept."""


def first_sampler(parts: Sequence[tuple[str, Part]]) -> int:
    """Return the position of the first part that samples; the end when none does."""
    return next((at for at, (_, part) in enumerate(parts) if _samples(part)), len(parts))


def _samples(part: Part) -> bool:
    return isinstance(part, Holding) or (
        isinstance(part, Fused) and any(stage["kind"] == "sample" for stage in part.stages)
    )


def measured(parts: Parts, connectors: Sequence[Metered]) -> Parts:
    """Return the parts with what counts put in its place."""
    if not connectors:
        return parts
    at = first_sampler(parts)
    sampled = at < len(parts)
    counting = [_stage(one.at, count=True, exemplars=one.exemplars and not sampled) for one in connectors]
    noting = [_stage(one.at, exemplars=True) for one in connectors if one.exemplars and sampled]
    end: Parts = [("", Fused(noting))] if noting else []
    return [*parts[:at], ("", Fused(counting)), *parts[at:], *end]


def _stage(number: int, *, count: bool = False, exemplars: bool = False) -> Stage:
    return {"kind": "measure", "in": number, "count": count, "exemplars": exemplars}
