"""`span_count`: traces with so many spans."""

from __future__ import annotations

from pydantic import Field

from ....rules.facts import All, FactsBuilder
from ..votes import Condition, Vote
from .base import Options, PolicyType


class SpanCount(Options):
    """Both ends are included; `max_spans` 0 is no bound."""

    min_spans: int = Field(default=0, ge=0)
    max_spans: int = Field(default=0, ge=0)


def _vote(options: SpanCount, facts: FactsBuilder) -> Vote:
    enough = facts.compare(["spans"], ">=", options.min_spans)
    if not options.max_spans:
        return Condition(enough)
    return Condition(All((enough, facts.compare(["spans"], "<=", options.max_spans))))


def _waits(options: SpanCount) -> str | None:
    return "a span_count with max_spans" if options.max_spans else None


SPAN_COUNT = PolicyType("span_count", SpanCount, _vote, waits=_waits)
