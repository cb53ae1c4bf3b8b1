"""`always_sample`: every trace."""

from __future__ import annotations

from ....rules.facts import Always, FactsBuilder
from ..votes import Condition, Vote
from .base import NoOptions, PolicyType


def _vote(options: NoOptions, facts: FactsBuilder) -> Vote:
    return Condition(Always())


ALWAYS_SAMPLE = PolicyType("always_sample", NoOptions, _vote, optional=True)
