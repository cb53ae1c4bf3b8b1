"""`boolean_attribute`: traces with a boolean attribute, of a resource or a span, that has a value."""

from __future__ import annotations

from ....rules.facts import FactsBuilder, Not
from ..votes import Condition, Vote
from .base import Options, PolicyType


class BooleanAttribute(Options):
    """An attribute of another type counts as false, as the collector reads it."""

    key: str
    value: bool = False
    invert_match: bool = False


def _vote(options: BooleanAttribute, facts: FactsBuilder) -> Vote:
    reads = [["go_bool_is", ["attr", of, options.key], options.value] for of in ("resource", "span")]
    match = facts.any(["or", *reads])
    return Condition(Not(match) if options.invert_match else match)


BOOLEAN_ATTRIBUTE = PolicyType("boolean_attribute", BooleanAttribute, _vote)
