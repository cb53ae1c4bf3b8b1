"""`ottl_condition`: traces in which some span, or an event of one, satisfies one of some OTTL conditions.

With `error_mode: propagate` a condition that cannot be answered makes the vote an error, unless some span is sampled;
in the collector only spans that stand before the one with the error count for that.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from ....kernel.contract import Expr
from ....rules.facts import FactsBuilder
from ....rules.ottl import Conditions, ErrorMode, EventOttl, SpanOttl, compile_conditions, of_events
from ..votes import Condition, Vote
from .base import Options, PolicyType


class OttlCondition(Options):
    """Conditions of spans, and of their events (`spanevent`); one that is true is enough."""

    error_mode: ErrorMode = "ignore"
    """What happens when a condition cannot be answered. `ignore` and `silent`: it counts as false."""
    span: list[SpanOttl] = Field(default_factory=list)
    spanevent: list[EventOttl] = Field(default_factory=list)

    @model_validator(mode="after")
    def _some(self) -> OttlCondition:
        if not self.span and not self.spanevent:
            raise ValueError("expected at least one condition under `span` or `spanevent`")
        return self


def _vote(options: OttlCondition, facts: FactsBuilder) -> Vote:
    span = compile_conditions(options.span, "span", options.error_mode)
    event = of_events(compile_conditions(options.spanevent, "spanevent", options.error_mode))
    if span.fails is None or event.fails is None:
        return Condition(facts.any(_either(span, event)))
    fails: Expr = ["or", span.fails, ["and", ["not", span.holds], event.fails]]
    holds: Expr = ["or", span.holds, ["and", ["not", span.fails], event.holds]]
    return Condition(facts.any(holds), facts.any(fails))


def _either(span: Conditions, event: Conditions) -> Expr:
    return ["or", span.holds, event.holds]


OTTL_CONDITION = PolicyType("ottl_condition", OttlCondition, _vote)
