"""`groupbytrace`: accepted as the collector has it. Here `tail_sampling` holds traces together by itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ..rules.durations import Duration
from .base import BuildContext, Fused, ProcessorSpec


class GroupByTraceConfig(BaseModel):
    """The block `groupbytrace`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wait_duration: Duration = 1_000_000_000
    num_traces: Annotated[int, Field(ge=1)] = 1_000_000
    num_workers: Annotated[int, Field(ge=1)] = 1


def build(config: GroupByTraceConfig, context: BuildContext) -> Fused:
    """Return nothing to do: what follows judges whole traces anyway, and exporters take spans in any order."""
    return Fused([])


SPEC = ProcessorSpec("groupbytrace", GroupByTraceConfig, build)
