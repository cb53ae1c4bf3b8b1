"""`and`: traces that all of its policies sample; different spans may satisfy them.

They are asked in the order written, up to the first that says no: put limiters last, or they spend tokens on traces
that a later policy refuses.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from ....rules.facts import FactsBuilder
from ..votes import AllOf, Vote
from .base import Options, Policy, PolicyType, first_that_waits, read_policy, some_enabled


def _read(value: Any) -> Any:
    return read_policy(value, inside="and")


class And(Options):
    """Any type but `and`, `drop` and `composite`."""

    and_sub_policy: Annotated[list[Annotated[Policy, BeforeValidator(_read)]], AfterValidator(some_enabled)] = Field(
        min_length=1
    )


def _vote(options: And, facts: FactsBuilder) -> Vote:
    return AllOf(tuple(policy.vote(facts) for policy in options.and_sub_policy))


def _waits(options: And) -> str | None:
    return first_that_waits(options.and_sub_policy)


AND = PolicyType("and", And, _vote, inside=frozenset({"composite"}), waits=_waits)
