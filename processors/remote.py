"""The seam to stages whose work is done by another process: what they are given, and what a row asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ..telemetry.samples import Sample


@dataclass(eq=False)
class Parcel:
    """A request on its way through a stage whose work is done by somebody else."""

    request: bytes
    """An ExportTraceServiceRequest with everything that was decided about it so far."""
    spans: int
    traces: int
    context: Sequence[str | None]
    """The request values with which it came in, for the stages behind."""
    late: bool = False
    """Late spans of traces kept before."""
    asked: bool = False
    """Somebody waits for it, and may have gone meanwhile."""
    answer: bytes | None = None
    """The request as it comes back; None: there is none."""
    outcome: str = ""
    """Why there is no answer."""

    @property
    def size(self) -> int:
        """Bytes, for the budget."""
        return len(self.request) + (len(self.answer) if self.answer is not None else 0)


class RemoteStage(Protocol):
    """Has its work done by another process, and holds what waits for an answer. All on the event loop."""

    id: str
    on_error: Literal["pass", "drop", "refuse"]
    """What becomes of a parcel without an answer; `refuse`: it is asked with `ask`, before a request is accepted."""

    def open(self, on_done: Callable[[], None]) -> None:
        """Begin to work; `on_done` is called whenever something is finished."""

    async def stop(self) -> None:
        """End the worker; nothing is finished any more."""

    def put(self, parcel: Parcel) -> None:
        """Hold a parcel until its answer has come."""

    async def ask(self, parcel: Parcel) -> None:
        """Return when the parcel has its answer, or has none; it is not counted as held."""

    def finished(self) -> Iterable[Parcel]:
        """Return what is finished, in the order in which it was put; it is held no longer."""

    def work(self) -> None:
        """Answer all that was put, here and now: for tools without an event loop."""

    def count(self, parcel: Parcel) -> None:
        """Count what became of a finished parcel."""

    def room(self) -> int:
        """Bytes that a sampler should let go of at most."""

    def takes(self, size: int) -> bool:
        """Whether there is room for a parcel of `size` bytes."""

    def held(self) -> tuple[int, int, int]:
        """Traces, spans and bytes held."""

    def held_bytes(self) -> int:
        """The bytes alone, and those of what was asked."""

    def take_over(self, before: RemoteStage) -> RemoteStage:
        """Go on with what the stage of earlier rules holds; returns that one itself where nothing has changed."""

    def samples(self) -> Iterable[Sample]:
        """Its metrics, read at scrape time."""


@dataclass
class Remote:
    """A part whose work is done by another process: it ends a segment."""

    stage: RemoteStage
