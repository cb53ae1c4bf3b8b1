"""`trace_state`: traces in which some span's W3C trace state has a member with one of some values."""

from __future__ import annotations

from pydantic import Field

from ....rules.facts import FactsBuilder
from ..votes import Condition, Vote
from .base import Options, PolicyType

_LONGEST = 256
"""Characters of a member with its `=`, in the collector; values that would be longer are passed over."""


class TraceState(Options):
    """Values are compared as they stand; empty ones are passed over. A malformed trace state matches nothing."""

    key: str = Field(min_length=1)
    values: list[str] = Field(min_length=1)


def _vote(options: TraceState, facts: FactsBuilder) -> Vote:
    values = [value for value in options.values if value and len(options.key) + len(value) < _LONGEST]
    return Condition(facts.any(["in", ["state", options.key], values]))


TRACE_STATE = PolicyType("trace_state", TraceState, _vote)
