"""`string_attribute`: traces with a string attribute, of a resource or a span, that is one of some values."""

from __future__ import annotations

from pydantic import field_validator, model_validator

from ....kernel.contract import Expr, Operand
from ....rules.facts import FactsBuilder, Not
from ....rules.patterns import check_pattern
from ..votes import Condition, Vote
from .base import Options, PolicyType, located


class StringAttribute(Options):
    """Values, or RE2 patterns that are searched for. An attribute of another type counts as empty."""

    key: str
    values: list[str]
    enabled_regex_matching: bool = False
    cache_max_size: int = 0
    """Accepted; nothing needs to be cached."""
    invert_match: bool = False

    @field_validator("values")
    @classmethod
    def _some(cls, values: list[str]) -> list[str]:
        if not values:
            raise ValueError("expected at least one value")
        return values

    @model_validator(mode="after")
    def _patterns(self) -> StringAttribute:
        for at, value in enumerate(self.values if self.enabled_regex_matching else ()):
            try:
                check_pattern(value)
            except ValueError as error:
                raise located(("values", at), str(error), value) from None
        return self


def _reads(options: StringAttribute, operand: Operand) -> list[Expr]:
    if options.enabled_regex_matching:
        return [["go_str_matches", operand, value] for value in options.values]
    return [["go_str_in", operand, [value for value in options.values if value]]]


def _vote(options: StringAttribute, facts: FactsBuilder) -> Vote:
    resource, span = ["attr", "resource", options.key], ["attr", "span", options.key]
    # The collector passes over empty span attributes, and tests resource attributes even when they are empty.
    of_span = ["and", ["not", ["go_str_in", span, [""]]], ["or", *_reads(options, span)]]
    match = facts.any(["or", *_reads(options, resource), of_span])
    return Condition(Not(match) if options.invert_match else match)


STRING_ATTRIBUTE = PolicyType("string_attribute", StringAttribute, _vote)
