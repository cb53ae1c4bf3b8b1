"""What a receiver is: it takes bytes, asks for admission before any decoding, hands them on, and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from ..telemetry.samples import Sample
from ..telemetry.signals import Signal


class Refused(Exception):
    """The pipeline does not take the request now; the sender should retry after `retry_after` seconds."""

    def __init__(self, reason: str, retry_after: float = 1.0, exhausted: bool = True, spans: int = 0) -> None:
        """`exhausted`: RESOURCE_EXHAUSTED / 429, else UNAVAILABLE / 503; `spans`: how many records, when counted."""
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.exhausted = exhausted
        self.spans = spans


class Consumer(Protocol):
    """The pipelines of one signal behind a receiver."""

    def admit(self, size: int) -> None:
        """Ask before the body is read or decoded; `size` in bytes, 0 when not known. Raises `Refused`."""

    def reserve(self, size: int) -> None:
        """Count `size` bytes as in flight; given back by `release`. Raises `Refused`."""

    def release(self, size: int) -> None:
        """Give reserved bytes back."""

    def consume(self, request: bytes, metadata: Callable[[str], str | None]) -> int | Awaitable[int]:
        """Take one export request; its record count comes back, or has to be awaited (as have its errors).

        `metadata` looks up a request value: `metadata.<header>` (several joined by `;`), `client.address`.
        Raises `Malformed`, `OverLimit` or `Refused`; then nothing of the request was taken by any pipeline.
        """


async def give(consumer: Consumer, request: bytes) -> float | None:
    """Give a request that Tailgate has made itself to the pipelines of its signal.

    Returns None when they have taken it, else in how many seconds to try again. Raises `Malformed` and `OverLimit`.
    """
    try:
        consumer.admit(len(request))
        consumer.reserve(len(request))
    except Refused as refused:
        return refused.retry_after
    try:
        answer = consumer.consume(request, _nothing)
        if not isinstance(answer, int):
            await answer
    except Refused as refused:
        return refused.retry_after
    finally:
        consumer.release(len(request))
    return None


def _nothing(_name: str) -> None:
    """Nobody has sent this: there are no headers, and no address."""
    return


class Receiver(Protocol):
    """Listens. All methods are called on the event loop."""

    id: str

    async def start(self) -> None:
        """Listen. Raises OSError when an address cannot be bound or a certificate cannot be read."""

    async def stop(self, grace: float) -> None:
        """Stop accepting at once, let running calls end within `grace` seconds."""

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Bound addresses by protocol (`grpc`, `http`), with the real port where 0 was asked for."""

    def samples(self) -> Iterable[Sample]:
        """Its metrics, read at scrape time."""


@dataclass(frozen=True)
class ReceiverSpec:
    """One entry of the table of receivers."""

    name: str
    config: type[BaseModel]
    build: Callable[[Any, str, Mapping[Signal, Consumer]], Receiver]
    """(configuration, id, who takes each signal) -> receiver; what nobody takes is refused."""
