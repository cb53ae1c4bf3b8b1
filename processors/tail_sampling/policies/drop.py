"""`drop`: traces that all of its policies sample are dropped, whatever other policies say."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from ....rules.facts import FactsBuilder
from ..votes import AllOf, Dropping, Vote
from .base import Options, Policy, PolicyType, first_that_waits, read_policy, some_enabled


def _read(value: Any) -> Any:
    return read_policy(value, inside="drop")


class Drop(Options):
    """Any type but `and`, `drop` and `composite`."""

    drop_sub_policy: Annotated[list[Annotated[Policy, BeforeValidator(_read)]], AfterValidator(some_enabled)] = Field(
        min_length=1
    )


def _vote(options: Drop, facts: FactsBuilder) -> Vote:
    return Dropping(AllOf(tuple(policy.vote(facts) for policy in options.drop_sub_policy)))


def _waits(options: Drop) -> str | None:
    return first_that_waits(options.drop_sub_policy)


DROP = PolicyType("drop", Drop, _vote, inside=frozenset(), waits=_waits)
