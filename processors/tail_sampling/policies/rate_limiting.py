"""`rate_limiting`: traces while there are tokens for all their spans."""

from __future__ import annotations

from pydantic import Field

from ....rules.facts import FactsBuilder
from ..votes import Allow, Vote
from .base import Options, PolicyType


class RateLimiting(Options):
    """A token bucket of `burst_capacity` spans (0: twice the rate); a larger trace never passes."""

    spans_per_second: int = Field(ge=0)
    burst_capacity: int = Field(default=0, ge=0)


def _vote(options: RateLimiting, facts: FactsBuilder) -> Vote:
    return Allow("spans", options.spans_per_second, options.burst_capacity or 2 * options.spans_per_second)


RATE_LIMITING = PolicyType("rate_limiting", RateLimiting, _vote, waits=lambda options: "rate_limiting")
