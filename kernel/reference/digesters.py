"""Digesters that digest at once, in `submit`: what they promise is seen the same way, only nothing overlaps."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..contract import Malformed, Program, Records


class ReferenceDigesters:
    """See `contract.Digesters`."""

    def __init__(self, threads: int) -> None:
        """Raise ValueError for no threads; there are none here all the same."""
        if threads < 1:
            raise ValueError("digesters need a thread")
        self._heard, self._bell = os.pipe()
        self._finished: list[tuple[int, Records | Exception]] = []
        self._tickets, self._closed = 0, False

    def __del__(self) -> None:
        for end in (self._heard, self._bell) if hasattr(self, "_heard") else ():
            os.close(end)

    def fileno(self) -> int:
        """Return the file descriptor that can be read while there is something to fetch."""
        return self._heard

    def submit(self, program: Program, request: bytes, context: Sequence[str | None] = ()) -> int:
        """Digest a request. ValueError after `close`."""
        if not isinstance(request, bytes):
            raise TypeError("a request is bytes")
        if self._closed:
            raise ValueError("the digesters are closed")
        ticket, self._tickets = self._tickets, self._tickets + 1
        if not self._finished:
            os.write(self._bell, b"\1")
        self._finished.append((ticket, _answer(program, request, context)))
        return ticket

    def finished(self) -> list[tuple[int, Records | Exception]]:
        """Return what has been digested since the last call."""
        if self._finished:
            os.read(self._heard, 1)
        finished, self._finished = self._finished, []
        return finished

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True


def _answer(program: Program, request: bytes, context: Sequence[str | None]) -> Records | Exception:
    try:
        return program.digest(request, context)
    except Malformed as refusal:
        return refusal
    except Exception:
        return RuntimeError("the kernel failed")
