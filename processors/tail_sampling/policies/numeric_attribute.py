"""`numeric_attribute`: traces with an integer attribute, of a resource or a span, within a range."""

from __future__ import annotations

from pydantic import model_validator

from ....rules.facts import FactsBuilder, Not
from ..votes import Condition, Vote
from .base import Options, PolicyType


class NumericAttribute(Options):
    """Both ends are included; 0 is no bound. An attribute of another type counts as 0, as the collector reads it."""

    key: str
    min_value: int = 0
    max_value: int = 0
    invert_match: bool = False

    @model_validator(mode="after")
    def _bounded(self) -> NumericAttribute:
        if not self.min_value and not self.max_value:
            raise ValueError("expected min_value or max_value (0 is no bound)")
        return self


def _vote(options: NumericAttribute, facts: FactsBuilder) -> Vote:
    low, high = options.min_value or None, options.max_value or None
    reads = [["go_int_between", ["attr", of, options.key], low, high] for of in ("resource", "span")]
    match = facts.any(["or", *reads])
    return Condition(Not(match) if options.invert_match else match)


NUMERIC_ATTRIBUTE = PolicyType("numeric_attribute", NumericAttribute, _vote)
