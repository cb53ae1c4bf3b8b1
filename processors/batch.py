"""`batch`: how large the requests on the way out are (the collector's options and defaults)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..rules.durations import Duration, format_duration
from .base import ALL_SIGNALS, Batching, BuildContext, ProcessorSpec


class BatchConfig(BaseModel):
    """The block `batch`."""

    model_config = ConfigDict(extra="forbid")

    send_batch_size: Annotated[int, Field(ge=0)] = 8192
    """Records (spans, log records, data points) that are worth a request at once."""
    timeout: Duration = 200_000_000
    """The longest that records wait for company."""
    send_batch_max_size: Annotated[int, Field(ge=0)] = 0
    """The most records in one request; 0: no bound but that of the exporter."""
    metadata_keys: list[str] = []
    """Not supported: an error if set."""
    metadata_cardinality_limit: Annotated[int, Field(ge=0)] = 1000
    """Without effect."""

    @field_validator("metadata_keys")
    @classmethod
    def _no_metadata(cls, keys: list[str]) -> list[str]:
        if keys:
            raise ValueError("batching by request metadata is not supported: leave metadata_keys out")
        return keys

    @model_validator(mode="after")
    def _ordered(self) -> BatchConfig:
        if self.send_batch_max_size and self.send_batch_max_size < self.send_batch_size:
            raise ValueError("send_batch_max_size must be 0 or at least send_batch_size")
        return self


def build(config: BatchConfig, _: BuildContext) -> Batching:
    """Return the sizes; the pipeline's exporters batch by them."""
    return Batching(config.send_batch_size, config.send_batch_max_size, config.timeout / 1e9)


def plan(config: BatchConfig) -> Iterator[str]:
    """Yield what it does in a sentence."""
    most = f", at most {config.send_batch_max_size:,}" if config.send_batch_max_size else ""
    wait = format_duration(config.timeout)
    yield f"sends {config.send_batch_size:,} records at once{most}, or what has come within {wait}"


SPEC = ProcessorSpec(name="batch", config=BatchConfig, build=build, plan=plan, signals=ALL_SIGNALS)
