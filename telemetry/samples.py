"""The metric samples that components hand out at scrape time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Sample:
    """One number of one metric, read when Prometheus scrapes; nothing is recorded on the hot path."""

    name: str
    """The full name as exposed, counters without `_total` (it is added)."""
    kind: Literal["counter", "gauge"]
    help: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
