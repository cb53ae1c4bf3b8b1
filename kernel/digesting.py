"""What walks requests, on its own or in threads, and the records that come of it; a part of the contract."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Protocol

_Bytes = bytes
"""For classes in which `bytes` is a property."""


class Columns(Protocol):
    """The facts of some traces, a row each."""

    @property
    def count(self) -> int:
        """How many rows."""

    @property
    def masks(self) -> list[int]:
        """The distinct masks."""

    @property
    def mask_index(self) -> array[int]:
        """Typecode I: each row's index into `masks`."""

    @property
    def randomness(self) -> array[int]:
        """Typecode Q: below 2**56."""

    @property
    def spans(self) -> array[int]:
        """Typecode Q."""

    @property
    def bytes(self) -> array[int]:
        """Typecode Q: of span messages."""

    @property
    def first_seen(self) -> array[int]:
        """Typecode q: `now` of the first `file`, ns (0 for columns of records)."""

    @property
    def duration(self) -> array[int]:
        """Typecode Q: ns."""

    def keys(self, index: int) -> list[_Bytes | None]:
        """Key `index` of the facts."""

    def trace_ids(self) -> list[_Bytes]:
        """16 bytes each."""

    def fnv(self, salt: _Bytes) -> array[int]:
        """Typecode Q: FNV-1a 64 over `salt` and the 16 bytes of the trace id."""


class Records(Protocol):
    """Spans (or log records, metrics) with the facts and labels of their traces. Immutable but for `label`."""

    @property
    def traces(self) -> int:
        """How many traces; 0 of metrics."""

    @property
    def spans(self) -> int:
        """How many spans, log records or data points."""

    @property
    def bytes(self) -> int:
        """Of span, log record or metric messages."""

    @property
    def dropped(self) -> list[int]:
        """What each stage dropped on this walk, in their order (`scrub`: by rules, by limits), as `spans` counts."""

    def measure(self, now: int) -> None:
        """Count in its meters what the walk has noted, stage by stage; a second call does nothing. `now` in ns."""

    def request(self) -> _Bytes:
        """Of `digest`: the whole request after the stages; the very object that came in if nothing changed."""

    def columns(self) -> Columns:
        """Facts, a row a trace in order of first appearance. ValueError for logs and metrics."""

    def labels(self, slot: int) -> array[int]:
        """Typecode I: each trace's label in that slot, rows as in `columns`."""

    def label(self, slot: int, labels: array[int]) -> None:
        """Set each trace's label in that slot (typecode I)."""

    def requests(self, max_spans: int, max_bytes: int) -> list[tuple[_Bytes, int]]:
        """Requests on the way out, counted as `spans` is; labels are applied here (0: no bound). No metric is cut."""


class Program(Protocol):
    """A compiled segment."""

    def digest(self, request: bytes, context: Sequence[str | None] = ()) -> Records:
        """Walk, edit, scrub, compute facts. Raises `Malformed` or `OverLimit`."""

    def refine(self, records: Records) -> Records:
        """The same for held spans, trace by trace; labels stay."""

    def counters(self) -> list[int]:
        """Replacements since the start by scrub rule: stage by stage, `keys` before `values`."""

    def places(self) -> list[tuple[int, str, int]]:
        """Where that was: (place in `counters`, position, count), without those that are 0."""

    def lookups(self) -> list[tuple[int, int]]:
        """Since the start, for each lookup: how often actions found a row in it, and how often not."""


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
