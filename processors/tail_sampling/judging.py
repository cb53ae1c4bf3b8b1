"""What an evaluation is to the sampler: columns, a moment and room go in, a label a trace comes out."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ...kernel.contract import Columns
from ...telemetry.samples import Sample
from .metrics import PolicyCounts

Cause = Literal["due", "certain", "num_traces", "pressure", "shutdown"]
"""Why traces are judged now; `certain`: more spans could not change the verdict."""


@dataclass(frozen=True)
class Moment:
    """When and why."""

    now: int
    """ns."""
    cause: Cause = "due"


class Room:
    """Bytes that may still be let go of. The first trace that has no place shuts it: those after it keep their turn.

    With `whole`, the first trace may be larger than all of it: there is no hope for more room.
    """

    __slots__ = ("left", "shut", "whole")

    def __init__(self, left: int, *, whole: bool) -> None:
        self.left = left
        self.whole = whole and left > 0
        self.shut = False

    def fits(self, size: int) -> bool:
        """Say whether a trace of `size` bytes may go; nothing is spent."""
        if not self.shut and size > self.left and not self.whole:
            self.shut = True
        return not self.shut

    def use(self, size: int) -> None:
        """Spend the room of a trace that goes."""
        self.left -= size
        self.whole = False


@dataclass
class Judged:
    """A label for each row (0: there was no room, its turn comes again) and, in ordered evaluation, a threshold."""

    verdicts: array[int]
    thresholds: array[int] | None


class Evaluation(Protocol):
    """The policies with their limits and counters."""

    @property
    def counts(self) -> Sequence[PolicyCounts]:
        """What each policy has counted, in the order in which they are listed."""

    def judge(self, columns: Columns, room: Room, moment: Moment) -> Judged:
        """Decide about the rows in order; a row that would be kept without room has no effect."""

    def adopt(self, old: Evaluation) -> None:
        """Go on from the state of earlier rules: what limits have spent, where policy and limit are the same."""

    def samples(self) -> Iterable[Sample]:
        """Return what the policies have counted."""


def rows_by_mask(columns: Columns) -> list[list[int] | range]:
    """Return the rows of each distinct mask, in the order of `columns.masks`."""
    if len(columns.masks) == 1:
        return [range(columns.count)]
    rows: list[list[int]] = [[] for _ in columns.masks]
    for row, mask in enumerate(columns.mask_index):
        rows[mask].append(row)
    return list(rows)
