"""The tail sampler: holds traces until they are complete, and keeps those that its policies ask for."""

from __future__ import annotations

from ..base import ProcessorSpec
from .build import build
from .config import TailSampling
from .lint import fragments, lint
from .plan import plan

SPEC = ProcessorSpec("tail_sampling", TailSampling, build, lint=lint, fragments=fragments, plan=plan)
