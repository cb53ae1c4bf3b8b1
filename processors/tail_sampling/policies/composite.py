"""`composite`: policies that share a number of spans a second.

The collector asks them as they stand under `composite_sub_policy`, and lets the first that matches decide alone;
`evaluation: ordered` gives what its keys promise: `policy_order`, overflow to the next policy, and the total.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from ....rules.facts import FactsBuilder
from ..votes import Composite, Sub, Vote
from .base import Options, Policy, PolicyType, read_policy, some_enabled


def _read(value: Any) -> Any:
    return read_policy(value, inside="composite")


class Allocation(Options):
    """How many percent of the total a policy gets (0: an equal part)."""

    policy: str
    percent: int = Field(default=0, ge=0)


class CompositeOptions(Options):
    """Any type but `not`, `drop` and `composite`; a policy without an allocation gets an equal part."""

    max_total_spans_per_second: int = Field(default=0, ge=0)
    policy_order: list[str] = Field(default_factory=list)
    composite_sub_policy: list[Annotated[Policy, BeforeValidator(_read)]] = Field(min_length=1)
    rate_allocation: list[Allocation] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names(self) -> CompositeOptions:
        some_enabled(self.composite_sub_policy)
        known = [policy.name for policy in self.composite_sub_policy]
        named = [*self.policy_order, *(item.policy for item in self.rate_allocation)]
        for name in named:
            if name not in known:
                raise ValueError(
                    f"no policy under composite_sub_policy has the name {name!r}: there are {', '.join(known)}"
                )
        if len(set(known)) < len(known):
            raise ValueError(f"two policies under composite_sub_policy have the same name: {', '.join(known)}")
        return self


def _vote(options: CompositeOptions, facts: FactsBuilder) -> Vote:
    total, subs = options.max_total_spans_per_second, some_enabled(options.composite_sub_policy)
    percents = {item.policy: item.percent for item in options.rate_allocation}

    def allocation(name: str) -> int:
        percent = percents.get(name, 0)
        return total * percent // 100 if percent else total // len(subs)

    names = [policy.name for policy in subs]
    ranks = {name: rank for rank, name in enumerate(dict.fromkeys(options.policy_order))}
    order = sorted(range(len(names)), key=lambda at: ranks.get(names[at], len(names)))
    parts = (Sub(policy.name, policy.vote(facts), allocation(policy.name)) for policy in subs)
    return Composite(total, tuple(parts), tuple(order))


COMPOSITE = PolicyType("composite", CompositeOptions, _vote, inside=frozenset(), waits=lambda options: "composite")
