"""Rule files as people wrote them before there was Tailgate; `docs/dialects.md` says what becomes of each.

A dialect is a model that checks its files in their own words, and a conversion into the blocks of processors. What is
converted keeps the places of what it was made of, so later errors point into the file as it was written.
"""

from __future__ import annotations

from .lifetimes import PreservationFile, RetentionFile, from_preservation, from_retention
from .sampling_rules import SamplingRulesFile, from_sampling_rules
from .tracing import TracingFile, from_tracing

__all__ = [
    "PreservationFile",
    "RetentionFile",
    "SamplingRulesFile",
    "TracingFile",
    "from_preservation",
    "from_retention",
    "from_sampling_rules",
    "from_tracing",
]
