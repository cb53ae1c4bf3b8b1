"""What policies are made of, in words: their conditions, their chance, their limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ...rules.facts import Always, FactsBuilder, Not, Test, compile_test
from ...rules.wording import operand_text, trace_parts
from .limits import KeyedBuckets, Limited, TokenBucket
from .rules import Rule
from .thresholds import FULL, fnv_threshold, probability
from .votes import AllOf, Allow, Chance, Composite, Condition, Dropping, Negated, Vote

Holds = Callable[[int], bool]
"""From a trace's mask to whether something holds."""


@dataclass
class Described:
    """A policy in words."""

    name: str
    holds: Holds | None
    """Its condition, where the mask alone says it; None: chance or a limiter has a say in it."""
    parts: list[tuple[str, Holds | None]]
    share: float = 1.0
    """How much of what satisfies the condition it keeps."""
    threshold: int = 0
    """The same as a threshold of the trace's randomness; 0 where chance is something else."""
    learns: bool = False
    """The share differs from trace to trace: it is learned, or a class says it."""
    otherwise: str = "pass"
    limits: list[str] = field(default_factory=list)
    drops: bool = False
    shadow: bool = False


def percent(share: float) -> str:
    """Return a share as people write it: `50%`, `0.1%`."""
    return f"{share * 100:.10g}%"


def amount(number: float) -> str:
    """Return a rate without needless digits."""
    return f"{number:,.10g}"


def limit_text(limited: Limited, facts: FactsBuilder) -> str:
    """Return `500 spans a second for each service.name`."""
    limit = limited.limit
    bucket = limit.start if isinstance(limit, KeyedBuckets) else limit
    if not isinstance(bucket, TokenBucket):
        return f"its share of the {limited.unit} a second"
    key = f" for each {operand_text(facts.spec()['keys'][limited.key])}" if limited.key is not None else ""
    return f"{amount(bucket.rate / 1e6)} {limited.unit} a second{key}"


def _limits(rule: Rule, facts: FactsBuilder) -> list[str]:
    found = [limit_text(limited, facts) for limited in rule.limits]
    return [*found, "its share of the total"] if rule.share is not None else found


def of_rule(rule: Rule, facts: FactsBuilder) -> Described:
    """Describe a rule of ordered evaluation."""
    return Described(
        rule.name,
        compile_test(rule.test, facts),
        [(text, holds) for text, holds in trace_parts(rule.test, facts)],
        share=probability(rule.threshold),
        threshold=rule.threshold,
        learns=rule.rates is not None,
        otherwise=rule.otherwise,
        limits=_limits(rule, facts),
        drops=rule.drop,
        shadow=rule.shadow,
    )


def of_vote(name: str, vote: Vote, facts: FactsBuilder) -> Described:
    """Describe a policy of the collector's evaluation."""
    return Described(name, _certain(vote, facts), list(vote_parts(vote, facts)), drops=isinstance(vote, Dropping))


def vote_parts(vote: object, facts: FactsBuilder) -> Iterator[tuple[str, Holds | None]]:
    """Yield what a vote is made of, and whether it holds where the mask says that."""
    match vote:
        case Condition(test):
            yield from trace_parts(test, facts)
        case Chance():
            yield f"{percent(vote.percentage / 100)} of all traces, by a hash of the trace id", None
        case Allow():
            yield f"at most {amount(vote.rate)} {vote.unit} a second, {amount(vote.burst)} at once", None
        case AllOf():
            for part in vote.votes:
                yield from vote_parts(part, facts)
        case Negated(Condition(test)):
            yield from trace_parts(Not(test), facts)
        case Negated():
            for text, holds in vote_parts(vote.vote, facts):
                yield f"not ({text})", holds and _opposite(holds)
        case Dropping():
            yield from vote_parts(vote.vote, facts)
        case Composite():
            for sub in vote.subs:
                for text, holds in vote_parts(sub.vote, facts):
                    yield f"{sub.name}: {text}", holds
                yield f"{sub.name}: at most {amount(sub.spans_per_second)} spans a second", None
        case _:
            yield type(vote).__name__, None


def _opposite(holds: Holds) -> Holds:
    return lambda mask: not holds(mask)


def _certain(vote: Vote, facts: FactsBuilder) -> Holds | None:
    """Return a vote as a function of the mask, None where more than the mask has a say."""
    match vote:
        case Condition(test):
            return compile_test(test, facts)
        case Negated(inner):
            holds = _certain(inner, facts)
            return None if holds is None else _opposite(holds)
        case Dropping(inner):
            return _certain(inner, facts)
        case AllOf(votes):
            parts = [_certain(part, facts) for part in votes]
            whole = [part for part in parts if part is not None]
            return (lambda mask: all(part(mask) for part in whole)) if len(whole) == len(parts) else None
        case _:
            return None


def breakpoints(policies: Sequence[Rule | tuple[str, Vote]]) -> dict[str, list[int]] | None:
    """Return where chance changes its mind: for the randomness (under an empty name) and for each salt of a hash.

    None where that cannot be said: a share that is learned.
    """
    if any(isinstance(policy, Rule) and policy.rates is not None for policy in policies):
        return None
    points: dict[str, set[int]] = {"": set()}
    for policy in policies:
        if isinstance(policy, Rule):
            points[""].add(policy.threshold)
        else:
            for chance in _chances(policy[1]):
                points.setdefault(f"#{chance.salt}", set()).add(fnv_threshold(chance.percentage) + 1)
    return {name: sorted(at for at in found if 0 < at < (1 << 64 if name else FULL)) for name, found in points.items()}


def _chances(vote: Vote) -> Iterator[Chance]:
    match vote:
        case Chance():
            yield vote
        case AllOf(votes):
            for part in votes:
                yield from _chances(part)
        case Negated(inner) | Dropping(inner):
            yield from _chances(inner)
        case Composite():
            for sub in vote.subs:
                yield from _chances(sub.vote)
        case _:
            return


def always(test: Test) -> bool:
    """Say whether a test is true of every trace."""
    return isinstance(test, Always) and test.value
