"""The collector's policies as rules of ordered evaluation.

`probabilistic` becomes a rate that goes by the trace's own randomness, limiters become limits, and a composite becomes
its policies in `policy_order`, each with its share of the total.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from ...rules.facts import All, Always, Not, Test
from .limits import Limited, Shares, TokenBucket
from .rules import Rule
from .thresholds import ALWAYS, threshold
from .votes import AllOf, Allow, Chance, Composite, Condition, Dropping, Negated, Vote, failing


class NotOrderable(ValueError):
    """The policy has no place in an order; the message says why."""


@dataclass
class _Parts:
    """What a vote without composites comes down to."""

    tests: list[Test] = field(default_factory=list)
    threshold: int = ALWAYS
    limits: list[Limited] = field(default_factory=list)

    @property
    def test(self) -> Test:
        return self.tests[0] if len(self.tests) == 1 else All(tuple(self.tests)) if self.tests else Always()

    @property
    def certain(self) -> bool:
        return self.threshold == ALWAYS and not self.limits


def lower(name: str, vote: Vote) -> list[Rule]:
    """Return the rules of a policy. Raises NotOrderable."""
    if isinstance(vote, Composite):
        return _composite(name, vote)
    if isinstance(vote, Dropping):
        parts = _parts(vote.vote)
        if not parts.certain:
            raise NotOrderable("in ordered evaluation a drop policy takes conditions only: no chance and no limits")
        return [Rule(name, parts.test, drop=True)]
    return [_rule(name, _parts(vote))]


def _rule(name: str, parts: _Parts) -> Rule:
    return Rule(name, parts.test, threshold=parts.threshold, limits=tuple(parts.limits))


def _composite(name: str, vote: Composite) -> list[Rule]:
    parts_of = [TokenBucket(sub.spans_per_second, sub.spans_per_second) for sub in vote.subs]
    shares = Shares(TokenBucket(vote.spans_per_second, vote.spans_per_second), parts_of)
    rules = []
    for at in vote.order:
        sub = vote.subs[at]
        parts = _parts(sub.vote)
        parts.limits.append(Limited(shares.share(at), "spans"))
        rules.append(_rule(f"{name}.{sub.name}", parts))
    return rules


def _parts(vote: Vote) -> _Parts:
    parts = _Parts()
    _gather(vote, parts)
    return parts


def _gather(vote: Vote, parts: _Parts) -> None:
    match vote:
        case Condition():
            parts.tests.append(vote.test)
        case Chance():
            share = Fraction(str(vote.percentage)) / 100
            parts.threshold = max(parts.threshold, threshold(share))
        case Allow():
            parts.limits.append(Limited(TokenBucket(vote.rate, vote.burst), vote.unit))
        case AllOf():
            for part in vote.votes:
                _gather(part, parts)
        case Negated():
            inner = _parts(vote.vote)
            if not inner.certain:
                raise NotOrderable("in ordered evaluation `not` takes conditions only: no chance and no limits")
            parts.tests.append(Not(inner.test))
            if isinstance(vote.vote, Condition) and vote.vote.fails is not None:
                parts.tests.append(Not(failing(vote.vote)))
        case _:
            raise NotOrderable("cannot stand inside another policy in ordered evaluation")
