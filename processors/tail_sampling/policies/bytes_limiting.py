"""`bytes_limiting`: traces while there are tokens for all their bytes (of span messages)."""

from __future__ import annotations

from pydantic import Field

from ....rules.facts import FactsBuilder
from ..votes import Allow, Vote
from .base import Options, PolicyType


class BytesLimiting(Options):
    """A token bucket of `burst_capacity` bytes (0: twice the rate); a larger trace never passes."""

    bytes_per_second: int = Field(ge=0)
    burst_capacity: int = Field(default=0, ge=0)


def _vote(options: BytesLimiting, facts: FactsBuilder) -> Vote:
    return Allow("bytes", options.bytes_per_second, options.burst_capacity or 2 * options.bytes_per_second)


BYTES_LIMITING = PolicyType("bytes_limiting", BytesLimiting, _vote, waits=lambda options: "bytes_limiting")
