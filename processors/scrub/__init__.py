"""Scrubbing: `scrub`, with its shipped detectors (docs/scrubbing.md), and the collector's `redaction`."""

from __future__ import annotations

from ..base import ALL_SIGNALS, ProcessorSpec
from . import compile as scrub
from . import redaction
from .config import ScrubConfig
from .redaction import RedactionConfig

SPEC = ProcessorSpec("scrub", ScrubConfig, scrub.build, signals=ALL_SIGNALS, unfit=scrub.unfit, plan=scrub.plan)
REDACTION = ProcessorSpec("redaction", RedactionConfig, redaction.build, signals=ALL_SIGNALS, lint=redaction.lint)
SPECS = (SPEC, REDACTION)
