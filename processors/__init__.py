"""Processors: each turns its rules into a part of the program, or decides on facts."""

from __future__ import annotations

from . import batch, enrich, memory_limiter, retention, scrub, tail_sampling
from .base import ProcessorSpec

PROCESSORS: tuple[ProcessorSpec, ...] = (
    memory_limiter.SPEC,
    *enrich.SPECS,
    *scrub.SPECS,
    tail_sampling.SPEC,
    retention.SPEC,
    batch.SPEC,
)
"""Every processor there is, in the order in which they are listed to people."""
