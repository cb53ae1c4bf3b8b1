"""`latency`: traces that took longer than a threshold.

The duration is that of the whole trace, latest end less earliest start. (The collector looks at it after every span,
so that with an upper bound a long trace can match by its first spans; here the order of spans has no effect.)
"""

from __future__ import annotations

from pydantic import Field, model_validator

from ....rules.facts import All, FactsBuilder
from ..votes import Condition, Vote
from .base import Options, PolicyType

_MS = 1_000_000


class Latency(Options):
    """Both in milliseconds: above `threshold_ms`, and not above `upper_threshold_ms` (0: no upper bound)."""

    threshold_ms: int = Field(default=0, ge=0)
    upper_threshold_ms: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _bounds(self) -> Latency:
        if self.upper_threshold_ms and self.upper_threshold_ms <= self.threshold_ms:
            raise ValueError(
                f"upper_threshold_ms {self.upper_threshold_ms} is not above threshold_ms {self.threshold_ms}"
            )
        return self


def _vote(options: Latency, facts: FactsBuilder) -> Vote:
    above = facts.compare(["duration"], ">", options.threshold_ms * _MS)
    if not options.upper_threshold_ms:
        return Condition(above)
    return Condition(All((above, facts.compare(["duration"], "<=", options.upper_threshold_ms * _MS))))


def _waits(options: Latency) -> str | None:
    return "a latency with upper_threshold_ms" if options.upper_threshold_ms else None


LATENCY = PolicyType("latency", Latency, _vote, waits=_waits)
