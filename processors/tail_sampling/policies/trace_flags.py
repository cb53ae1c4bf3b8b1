"""`trace_flags`: traces in which some span has W3C's sampled flag."""

from __future__ import annotations

from ....rules.facts import FactsBuilder
from ..votes import Condition, Vote
from .base import NoOptions, PolicyType

_SAMPLED = 1


def _vote(options: NoOptions, facts: FactsBuilder) -> Vote:
    return Condition(facts.any(["bits", ["field", "flags"], _SAMPLED]))


TRACE_FLAGS = PolicyType("trace_flags", NoOptions, _vote, optional=True)
