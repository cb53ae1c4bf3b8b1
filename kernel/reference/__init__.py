"""The reference kernel: Python, plain, the specification of `docs/kernel.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.internal import api_implementation

from ..contract import Early, LabelBook, Lookup, Program, ProgramSpec
from ..meters import Meter
from .digesters import ReferenceDigesters
from .labels import ReferenceLabels
from .lookup import ReferenceLookup
from .meter import ReferenceMeter
from .program import ReferenceProgram
from .table import ReferenceTable

__all__ = ["ReferenceKernel"]


class ReferenceKernel:
    """See `contract.Kernel`."""

    name = "reference"

    def __init__(self) -> None:
        """Raise RuntimeError where protobuf runs without upb: upb decides what is malformed."""
        if api_implementation.Type() != "upb":
            raise RuntimeError(f"protobuf uses {api_implementation.Type()}, the kernel needs upb")

    def compile(
        self, spec: ProgramSpec, lookups: Sequence[Lookup] = (), meters: Sequence[Meter] = ()
    ) -> ReferenceProgram:
        """Return the compiled program, which looks up in these tables and counts in these meters."""
        return ReferenceProgram(spec, lookups, meters)

    def lookup(self) -> ReferenceLookup:
        """Return a new, empty table to look up in."""
        return ReferenceLookup()

    def meter(self, spec: Mapping[str, Any]) -> ReferenceMeter:
        """Return a new meter without series. Raises `BadProgram`."""
        return ReferenceMeter(spec)

    def digesters(self, threads: int) -> ReferenceDigesters:
        """Return what digests, here without threads. ValueError for none."""
        return ReferenceDigesters(threads)

    def labels(self) -> ReferenceLabels:
        """Return a new book of labels."""
        return ReferenceLabels()

    def table(
        self,
        program: Program,
        labels: LabelBook,
        kept_decisions: int,
        dropped_decisions: int,
        early: Sequence[Early] = (),
    ) -> ReferenceTable:
        """Return a table for records of `program`; the two numbers bound the decision cache (0: none)."""
        if not isinstance(program, ReferenceProgram) or not isinstance(labels, ReferenceLabels):
            raise TypeError("the program and the labels are not of this kernel")
        if program.signal != "traces":
            raise ValueError(f"a table holds traces, not {program.signal}")
        return ReferenceTable(program, labels, kept_decisions, dropped_decisions, early)
