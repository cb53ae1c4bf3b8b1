"""Retention as `retention: {default: {max_age}, policies: [{filter, max_age}]}` and as `preservation_rules: [...]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from ...rules.conditions import TraceCondition
from ...rules.durations import Duration
from ..errors import Problem
from ..tree import Node
from .nodes import Shape, listed, made, mapping, renamed


def _some_time(age: int) -> int:
    if age <= 0:
        raise ValueError("nothing is kept for no time: expected a duration such as 72h or 30d")
    return age


Age = Annotated[Duration, AfterValidator(_some_time)]


class Default(Shape):
    """`retention.default`."""

    max_age: Age
    """How long what no policy applies to is worth keeping."""


class AgePolicy(Shape):
    """One of `retention.policies`."""

    name: str = Field(min_length=1)
    """What `retention.policy` says on the traces it applies to."""
    filter: TraceCondition
    """A condition over the trace."""
    max_age: Age
    """How long these traces are worth keeping."""


class Lifetimes(Shape):
    """`retention`."""

    default: Default | None = None
    """For traces that no policy applies to."""
    policies: list[AgePolicy] = Field([])
    """Of several that apply the longest wins."""


class RetentionFile(Shape):
    """A file that says under `retention` how long traces are worth keeping."""

    retention: Lifetimes
    """A default and policies."""


class PreservationRule(Shape):
    """One of `preservation_rules`."""

    name: str = Field(min_length=1)
    """What `retention.policy` says on the traces it applies to."""
    condition: TraceCondition
    """A condition over the trace."""
    ttl: Age
    """How long these traces are worth keeping."""


class PreservationFile(Shape):
    """A file that says under `preservation_rules` how long some traces are worth keeping."""

    preservation_rules: list[PreservationRule] = Field(min_length=1)
    """Of several that apply the longest wins; traces that none applies to are not tagged."""


def from_retention(tree: Node, _: list[Problem]) -> Mapping[str, Node]:
    """Return the block of `retention`."""
    block = tree.entries["retention"]
    default, policies = block.child("default"), block.child("policies")
    entries = {
        "default": None if default is None else _default(default),
        "policies": None if policies is None else listed(policies, [_policy(item) for item in policies.items]),
    }
    return {"retention": mapping(block, entries)}


def _default(default: Node) -> Node:
    return mapping(default, {"name": made("default", default), "ttl": default.child("max_age")})


def _policy(policy: Node) -> Node:
    return renamed(policy, {"filter": "when", "condition": "when", "max_age": "ttl"})


def from_preservation(tree: Node, _: list[Problem]) -> Mapping[str, Node]:
    """Return the block of `retention`, which has no default."""
    rules = tree.entries["preservation_rules"]
    return {"retention": mapping(rules, {"policies": listed(rules, [_policy(rule) for rule in rules.items])})}
