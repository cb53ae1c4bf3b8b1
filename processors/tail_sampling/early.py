"""What decides a trace before it is due: conditions that, once true, stay true whatever spans still come.

`certain` says under which bits of the mask (and which luck) a vote is sampled for good. A leaf that some span
satisfies, a root that came, a duration, a size or a number of spans above a bound: these only ever become true. What
can become false again (`not`, an upper bound, `all`) is not among them, so policies that need it wait until the trace
is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from ...kernel.contract import Early
from ...rules.facts import All, Always, Bit, FactsBuilder, Some, Test
from .thresholds import NEVER, fnv_threshold, threshold
from .votes import AllOf, Chance, Condition, Dropping, Vote

MOST = 256
"""A policy with more ways to be certain waits until its traces are due."""


@dataclass(frozen=True)
class Sure:
    """One way to be certain: all of this."""

    bits: frozenset[Bit] = frozenset()
    hashes: frozenset[tuple[str, int]] = frozenset()
    """(salt, most) of the collector's hash."""
    randomness: int = 0

    def and_(self, other: Sure) -> Sure:
        """Return both together."""
        both = max(self.randomness, other.randomness)
        return Sure(self.bits | other.bits, self.hashes | other.hashes, both)

    def early(self, facts: FactsBuilder) -> Early:
        """Return it as the kernel takes it; `facts` must be complete."""
        hashes = [(salt.encode(), most) for salt, most in sorted(self.hashes)]
        return Early(sorted(facts.position(bit) for bit in self.bits), hashes, self.randomness)


Ways = tuple[Sure, ...]
"""Each of them is enough; of none, never certain."""
Luck = Callable[[Chance], Ways]


def by_hash(chance: Chance) -> Ways:
    """Return how chance is certain where the collector's hash decides."""
    return (Sure(hashes=frozenset({(chance.salt, fnv_threshold(chance.percentage))})),) if chance.percentage > 0 else ()


def by_randomness(chance: Chance) -> Ways:
    """Return how chance is certain where the trace's own randomness decides."""
    least = threshold(Fraction(str(chance.percentage)) / 100)
    return () if least == NEVER else (Sure(randomness=least),)


def certain(vote: Vote, facts: FactsBuilder, luck: Luck) -> Ways:
    """Return the ways in which a vote is sampled for good."""
    match vote:
        case Condition():
            return _test(vote.test, facts)
        case Chance():
            return luck(vote)
        case AllOf():
            return _every([certain(part, facts, luck) for part in vote.votes])
        case Dropping():
            return certain(vote.vote, facts, luck)
        case _:
            return ()


def deciding(votes: Sequence[Vote], facts: FactsBuilder, luck: Luck, *, ordered: bool) -> Ways:
    """Return the ways in which a verdict is certain.

    In the collector's evaluation a policy that drops beats all others, so while there is one nothing is kept early. In
    order, policies before the first that drops keep early, and those that drop do where they stand first.
    """
    if not votes:
        return ()
    drops = [isinstance(vote, Dropping) for vote in votes]
    if not ordered:
        chosen = [vote for vote, drop in zip(votes, drops, strict=True) if drop == any(drops)]
    else:
        same = next((at for at, drop in enumerate(drops) if drop != drops[0]), len(drops))
        chosen = list(votes[:same])
    ways = [way for vote in chosen for way in certain(vote, facts, luck)]
    return tuple(dict.fromkeys(ways))


def _test(test: Test, facts: FactsBuilder) -> Ways:
    match test:
        case Always():
            return (Sure(),) if test.value else ()
        case Bit():
            return (Sure(frozenset({test})),) if facts.stays(test) else ()
        case All():
            return _every([_test(part, facts) for part in test.tests])
        case Some():
            return tuple(way for part in test.tests for way in _test(part, facts))
        case _:
            return ()


def _every(parts: Iterable[Ways]) -> Ways:
    """Return the ways in which all of these are certain."""
    ways: list[Sure] = [Sure()]
    for part in parts:
        ways = list(dict.fromkeys(one.and_(other) for one, other in product(ways, part)))
        if len(ways) > MOST:
            return ()
    return tuple(ways)
