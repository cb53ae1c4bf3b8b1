"""The rules of ordered evaluation, and how the steps for a trace follow from them and the trace's mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from ...rules.facts import Bit, FactsBuilder, Test, compile_test
from .limits import Limited
from .memo import Memo
from .rates import Rates
from .thresholds import ALWAYS, NEVER


@dataclass(frozen=True, eq=False)
class Rule:
    """A policy of ordered evaluation: where `test` holds it keeps, drops or passes."""

    name: str
    test: Test
    threshold: int = ALWAYS
    """It keeps where the trace's randomness is at least this."""
    otherwise: Literal["drop", "pass"] = "pass"
    """What becomes of the others."""
    limits: tuple[Limited, ...] = ()
    """It keeps only when all of them have room, else it passes."""
    drop: bool = False
    """It drops where `test` holds; nothing else is looked at."""
    shadow: bool = False
    """It is asked and counted, without effect."""
    retention: int | None = None
    """ns."""
    default: bool = False
    """It is the one for traces about which nobody decided."""
    rates: Rates | None = None
    """Where it stands, `threshold` is its word on each trace, and the field of that name says nothing."""
    share: Limited | None = None
    """Its share of the total; the total itself is not asked then."""
    essential: bool = False
    """It keeps when the budget is spent, too."""

    @property
    def certain(self) -> bool:
        """Whether chance and conditions alone decide."""
        return not self.limits and self.share is None and (self.rates is None or self.rates.certain)

    @property
    def ends(self) -> bool:
        """Whether no later rule is asked about a trace for which this one's test holds (without a budget)."""
        if self.shadow or self.drop:
            return self.drop and not self.shadow
        always = self.otherwise == "drop" or (self.rates is None and self.threshold == ALWAYS)
        return self.certain and always


@dataclass(frozen=True)
class Plan:
    """What happens to the traces of one mask: the rules to ask, in order, by number."""

    steps: tuple[int, ...]
    threshold: int
    """The lowest at which one of the steps keeps, when all of them have room; not for plans that are `open`."""
    open: bool
    """Some step keeps by more than chance (limit, share, learned rate): the threshold is found for each trace."""
    hard: tuple[Limited, ...]
    """The limits of steps after which nobody is sure to keep what is over them: it is lost."""
    partial: bool
    """The root has not come."""
    too_large: bool


class Planner:
    """Makes plans."""

    def __init__(self, rules: list[Rule], facts: FactsBuilder, too_large: Bit | None, *, budget: bool = False) -> None:
        """`facts` must be complete; with a `budget` what is not essential may find that it is spent."""
        self._rules = rules
        self._tests: list[Callable[[int], bool]] = [compile_test(rule.test, facts) for rule in rules]
        self._root = 1 << facts.position(Bit("root"))
        self._too_large = 0 if too_large is None else 1 << facts.position(too_large)
        self._budget = budget
        self.plan = Memo(self._make)
        """From a mask to the plan for its traces."""

    def _make(self, mask: int) -> Plan:
        steps = []
        for number, (rule, test) in enumerate(zip(self._rules, self._tests, strict=True)):
            if test(mask):
                steps.append(number)
                if rule.ends and (rule.drop or rule.essential or not self._budget):
                    break
        asked = [self._rules[number] for number in steps if not self._rules[number].shadow]
        keeping = [rule for rule in asked if not rule.drop]
        is_open = any(rule.rates or rule.limits or rule.share for rule in keeping)
        partial, too_large = mask & self._root == 0, mask & self._too_large != 0
        return Plan(tuple(steps), _lowest(keeping), is_open, tuple(_hard(keeping)), partial, too_large)


def _lowest(rules: list[Rule]) -> int:
    """Return the lowest threshold at which one of the rules keeps."""
    least, floor = NEVER, ALWAYS
    for rule in rules:
        lowest = max(rule.threshold, floor)
        least = min(least, lowest)
        floor = lowest if rule.otherwise == "drop" else floor
    return least


def _hard(rules: list[Rule]) -> Iterator[Limited]:
    """Yield the limits that no rule stands after which keeps by chance alone."""
    for at, rule in enumerate(rules):
        if not any(later.certain and (later.rates or later.threshold < NEVER) for later in rules[at + 1 :]):
            yield from rule.limits
