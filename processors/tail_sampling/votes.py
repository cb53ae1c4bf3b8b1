"""What the collector's policies say, as small trees that both evaluations read (`collector.py`, `lower.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...rules.facts import All, Always, Not, Test

DEFAULT_SALT = "default-hash-seed"
"""What the collector hashes before the trace id when `hash_salt` is not set."""


@dataclass(frozen=True)
class Condition:
    """Sampled where the trace's facts satisfy the test."""

    test: Test
    fails: Test | None = None
    """An error where they satisfy this, and not the test. An error is no vote: the policy is passed over."""


@dataclass(frozen=True)
class Chance:
    """Sampled for a share of the traces (percent, 0 to 100)."""

    percentage: float
    salt: str = DEFAULT_SALT


@dataclass(frozen=True, eq=False)
class Allow:
    """Sampled while a token bucket has room; every `Allow` is a bucket of its own."""

    unit: Literal["spans", "bytes"]
    rate: int
    """Tokens a second."""
    burst: int


@dataclass(frozen=True)
class AllOf:
    """Sampled when all are; asked in this order, up to the first that says no."""

    votes: tuple[Vote, ...]


@dataclass(frozen=True)
class Negated:
    """Sampled when the other is not."""

    vote: Vote


@dataclass(frozen=True)
class Dropping:
    """Drops the trace, whatever others say, when `vote` is sampled."""

    vote: Vote


@dataclass(frozen=True)
class Sub:
    """One of a composite's policies."""

    name: str
    vote: Vote
    spans_per_second: int
    """Its allocation."""


@dataclass(frozen=True, eq=False)
class Composite:
    """Several policies that share a number of spans a second."""

    spans_per_second: int
    subs: tuple[Sub, ...]
    """As written under `composite_sub_policy`."""
    order: tuple[int, ...]
    """Positions in `subs`, as `policy_order` has them; those that it leaves out follow."""


Vote = Condition | Chance | Allow | AllOf | Negated | Dropping | Composite


def failing(condition: Condition) -> Test:
    """Return where a condition is an error."""
    return Always(False) if condition.fails is None else All((Not(condition.test), condition.fails))
