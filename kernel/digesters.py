"""What digests while its owner does something else; a part of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .contract import Program, Records


class Digesters(Protocol):
    """Threads that digest requests."""

    def fileno(self) -> int:
        """A file descriptor that can be read exactly while `finished` has something to say; nobody else reads it."""

    def submit(self, program: Program, request: bytes, context: Sequence[str | None] = ()) -> int:
        """Have a request digested and return its ticket: 0, 1, 2, ... ValueError after `close`."""

    def finished(self) -> list[tuple[int, Records | Exception]]:
        """What has been digested since the last call, as it was done, by ticket.

        Records, or what `digest` would have raised; RuntimeError when the kernel itself failed on the request.
        """

    def close(self) -> None:
        """End the threads once they have finished what they are at; what has not been begun is given up."""
