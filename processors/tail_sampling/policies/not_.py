"""`not`: traces that its policy does not sample."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from ....rules.facts import FactsBuilder
from ..votes import Negated, Vote
from .base import Options, Policy, PolicyType, read_policy, some_enabled


def _read(value: Any) -> Any:
    return read_policy(value, inside="not")


def _enabled(policy: Policy) -> Policy:
    some_enabled([policy])
    return policy


class NotOptions(Options):
    """Any type but `and`, `not`, `drop` and `composite`."""

    not_sub_policy: Annotated[Policy, BeforeValidator(_read), AfterValidator(_enabled)]


def _vote(options: NotOptions, facts: FactsBuilder) -> Vote:
    return Negated(options.not_sub_policy.vote(facts))


def _waits(options: NotOptions) -> str | None:
    return options.not_sub_policy.waits()


NOT = PolicyType("not", NotOptions, _vote, inside=frozenset({"and", "drop"}), waits=_waits)
