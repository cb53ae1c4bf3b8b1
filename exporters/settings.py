"""The configuration that exporters share, under the collector's keys: queue, batch, retry, headers."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from ..rules.durations import Duration
from .base import ExportContext
from .batch import MERGE_BYTES, BatchBounds
from .queue import QueueLimits
from .retry import RetryPolicy
from .sender import SenderOptions

SECOND = 1_000_000_000
QUEUE_BYTES = 64 << 20
_DEFAULT_SIZES = {"requests": 1_000, "items": 100_000}
_HEADER_NAME = re.compile(r"[0-9a-z!#$%&'*+.^_`|~-]+")


class Settings(BaseModel):
    """A section that is written as a mapping; an empty one (`otlp:`) stands for its defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        return {} if value is None else value


class BatchSettings(Settings):
    """`sending_queue.batch`: how requests are merged on the way out."""

    flush_timeout: Duration = SECOND // 5
    min_size: int = Field(8192, ge=0)
    """A request goes as soon as there is so much, in the unit of `sizer`."""
    max_size: int = Field(0, ge=0)
    """0: no bound but that of Tailgate, 2 MiB."""
    sizer: Literal["items", "bytes"] = "items"
    """The unit of the sizes: `items` (spans), `bytes`."""

    @model_validator(mode="after")
    def _ordered(self) -> BatchSettings:
        if 0 < self.max_size < self.min_size:
            raise ValueError(f"max_size ({self.max_size}) must not be below min_size ({self.min_size})")
        return self

    def bounds(self) -> BatchBounds:
        """Return the same as bounds of a batch."""
        timeout = self.flush_timeout / SECOND
        if self.sizer == "items":
            return span_bounds(self.min_size, self.max_size, timeout)
        return BatchBounds(0, self.min_size, 0, self.max_size or max(MERGE_BYTES, self.min_size), timeout)


class QueueSettings(Settings):
    """`sending_queue`: what waits to be sent. It is always bounded in bytes as well (`queue_bytes`, our own key)."""

    enabled: bool = True
    """Accepted; without a queue there would be nothing to answer for the spans, so it is there all the same."""
    num_consumers: int = Field(10, ge=1, le=1000)
    queue_size: int | None = Field(None, ge=1)
    """In the unit of `sizer`; requests where that is not written. Absent: bytes alone bound the queue."""
    sizer: Literal["requests", "items", "bytes"] | None = None
    """The unit of `queue_size`: `requests` (the default), `items` (spans), `bytes`."""
    queue_bytes: int = Field(QUEUE_BYTES, ge=1)
    """Bytes that wait, are under way, or wait for a retry."""
    block_on_overflow: bool = False
    """Accepted; the sampler never lets go of more than the queue has room for."""
    wait_for_result: bool = False
    """`true` is an error: OK means that spans are in memory."""
    storage: str | None = None
    """An error if set."""
    batch: BatchSettings | None = None
    """How requests are merged; none: as the `batch` processor says."""

    @model_validator(mode="after")
    def _possible(self) -> QueueSettings:
        if self.wait_for_result:
            raise ValueError("wait_for_result is not supported: OK means admitted to memory")
        if self.storage is not None:
            raise ValueError("storage is not supported yet: the queue is in memory")
        return self

    def limits(self) -> QueueLimits:
        """Return the queue's bounds."""
        sizer = self.sizer or ("requests" if self.queue_size else "bytes")
        if sizer == "bytes":
            capacity = self.queue_size or self.queue_bytes
            return QueueLimits("bytes", capacity, capacity)
        return QueueLimits(sizer, self.queue_size or _DEFAULT_SIZES[sizer], self.queue_bytes)


class RetrySettings(Settings):
    """`retry_on_failure`: exponential backoff."""

    enabled: bool = True
    initial_interval: Duration = 5 * SECOND
    """The first wait."""
    randomization_factor: float = Field(0.5, ge=0, le=1)
    """Waits are spread by so much."""
    multiplier: float = Field(1.5, ge=1)
    """How much longer each wait is."""
    max_interval: Duration = 30 * SECOND
    max_elapsed_time: Duration = 300 * SECOND
    """0: without end."""

    @model_validator(mode="after")
    def _ordered(self) -> RetrySettings:
        if self.enabled and 0 < self.max_elapsed_time < self.initial_interval:
            raise ValueError("max_elapsed_time must not be below initial_interval: there would be no retry")
        return self

    def policy(self) -> RetryPolicy:
        """Return the same in seconds."""
        return RetryPolicy(
            enabled=self.enabled,
            initial=self.initial_interval / SECOND,
            maximum=self.max_interval / SECOND,
            max_elapsed=self.max_elapsed_time / SECOND,
            multiplier=self.multiplier,
            randomization=self.randomization_factor,
        )


class SenderSettings(Settings):
    """What every exporter that sends over a network has."""

    timeout: Duration = 5 * SECOND
    """Of one attempt; 0: none."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Names and values, on every request."""
    sending_queue: QueueSettings = Field(default_factory=QueueSettings)
    retry_on_failure: RetrySettings = Field(default_factory=RetrySettings)

    @field_validator("headers", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """Take the collector's list of names and values as well as a mapping; scalars become text."""
        if isinstance(value, list) and all(isinstance(item, dict) and {"name", "value"} == set(item) for item in value):
            value = {item["name"]: item["value"] for item in value}
        if isinstance(value, dict):
            return {name: _text(item) for name, item in value.items()}
        return {} if value is None else value

    @field_validator("headers")
    @classmethod
    def _sendable(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        lowered = {name.lower(): secret for name, secret in value.items()}
        for name, secret in lowered.items():
            text = secret.get_secret_value()
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no header name: expected letters, digits, '-', '_' and '.'")
            if not (text.isascii() and (text.isprintable() or not text)):
                raise ValueError(f"the value of header {name!r} must be printable ASCII")
        return lowered

    def plain_headers(self) -> dict[str, str]:
        """Return the headers as they are sent, names in lower case."""
        return {name: secret.get_secret_value() for name, secret in self.headers.items()}


def span_bounds(min_spans: int, max_spans: int, timeout: float) -> BatchBounds:
    """Return bounds counted in spans (timeout in seconds); 2 MiB ends a batch in any case, unless 0 spans do."""
    return BatchBounds(min_spans, MERGE_BYTES if min_spans else 0, max_spans, MERGE_BYTES, timeout)


def compression(value: Any, supported: tuple[str, ...]) -> str:
    """Return the name of a compression, `none` for the empty one. Raises ValueError naming what is supported."""
    name = "none" if value in (None, "") else str(value)
    if name not in supported:
        raise ValueError(f"compression {name!r} is not supported: expected one of {', '.join(supported)}")
    return name


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def sender_options(settings: SenderSettings, context: ExportContext) -> SenderOptions:
    """Return how the exporter works: batches as `sending_queue.batch` says, else as the `batch` processor."""
    queue = settings.sending_queue
    bounds = BatchBounds()
    if queue.batch is not None:
        bounds = queue.batch.bounds()
    elif context.batch is not None:
        bounds = span_bounds(*context.batch)
    return SenderOptions(
        limits=queue.limits(),
        bounds=bounds,
        retry=settings.retry_on_failure.policy(),
        consumers=queue.num_consumers,
        timeout=settings.timeout / SECOND or None,
    )
