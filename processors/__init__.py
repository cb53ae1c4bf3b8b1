"""Processors: each turns its rules into a part of the program, or decides on facts."""

from __future__ import annotations

from . import (
    batch,
    cost,
    enrich,
    groupbytrace,
    k8s_attributes,
    lookup,
    memory_limiter,
    probabilistic_sampler,
    resource_detection,
    retention,
    scrub,
    span,
    tail_sampling,
    transform,
)
from . import filter as filter_spans
from .base import ProcessorSpec
from .custom import build as custom_processor

PROCESSORS: tuple[ProcessorSpec, ...] = (
    memory_limiter.SPEC,
    *enrich.SPECS,
    k8s_attributes.SPEC,
    resource_detection.SPEC,
    lookup.SPEC,
    cost.SPEC,
    *scrub.SPECS,
    filter_spans.SPEC,
    transform.SPEC,
    span.SPEC,
    probabilistic_sampler.SPEC,
    groupbytrace.SPEC,
    tail_sampling.SPEC,
    retention.SPEC,
    custom_processor.SPEC,
    batch.SPEC,
)
"""Every processor there is, in the order in which they are listed to people."""
