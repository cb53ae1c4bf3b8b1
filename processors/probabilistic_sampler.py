"""`probabilistic_sampler`: keeps spans by the randomness of their trace, without holding them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .base import BuildContext, Fused, ProcessorSpec

_BUCKETS = 16384


class ProbabilisticSamplerConfig(BaseModel):
    """The block `probabilistic_sampler`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    sampling_percentage: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    """Above 100 counts as 100."""
    mode: Literal["hash_seed", "proportional", "equalizing", ""] = "hash_seed"
    """`hash_seed`: a hash of seed and trace id; `proportional`: this share of what comes; `equalizing`: at most it."""
    hash_seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 0
    fail_closed: bool = True
    """Drop what cannot be judged: no randomness, or a trace state that contradicts it."""
    sampling_precision: Annotated[int, Field(ge=1, le=14)] = 4
    """Hex digits of a threshold."""
    attribute_source: Literal["traceID", "record"] = "traceID"
    from_attribute: str = ""
    sampling_priority: str = ""


def lint(config: ProbabilisticSamplerConfig) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """Say what has no effect on traces."""
    for name in ("from_attribute", "sampling_priority"):
        if getattr(config, name):
            yield (
                (name,),
                f"{name} is for logs: spans are kept by their trace, and by their attribute sampling.priority",
            )
    if config.attribute_source == "record":
        yield ("attribute_source",), "attribute_source is for logs: spans are kept by their trace"


def build(config: ProbabilisticSamplerConfig, context: BuildContext) -> Fused:
    """Return the stage."""
    if not config.enabled:
        return Fused([])
    percentage = _single(min(100.0, config.sampling_percentage))
    stage = {
        "kind": "sample",
        "mode": config.mode or "hash_seed",
        "seed": config.hash_seed,
        # The collector multiplies in single precision, and cuts.
        "buckets": int(_single(percentage * _single(_BUCKETS / 100))),
        "ratio": max(percentage / 100, 2.0**-56) if percentage else 0.0,
        "precision": config.sampling_precision,
        "fail_closed": config.fail_closed,
    }
    return Fused([stage], reasons=[context.id])


def _single(number: float) -> float:
    """Return the nearest number of single precision, which is what the collector keeps percentages in."""
    rounded: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return rounded


SPEC = ProcessorSpec("probabilistic_sampler", ProbabilisticSamplerConfig, build, lint=lint)
