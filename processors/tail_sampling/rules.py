"""The rules of ordered evaluation, and how the steps for a trace follow from them and the trace's mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ...rules.facts import Bit, FactsBuilder, Test, compile_test
from .limits import Limited
from .memo import Memo
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

    def ends(self, *, limited: bool) -> bool:
        """Say whether no later rule is asked about a trace for which this one's test holds."""
        if self.shadow:
            return False
        if self.drop:
            return True
        return not limited and (self.otherwise == "drop" or self.threshold == ALWAYS)


@dataclass(frozen=True)
class Plan:
    """What happens to the traces of one mask: the rules to ask, in order, by number."""

    steps: tuple[int, ...]
    threshold: int
    """The lowest at which one of the steps keeps: what `th` says of traces that are kept by chance alone."""
    exact: bool
    """No limit has a say in it, as long as none is asked."""
    partial: bool
    """The root has not come."""
    too_large: bool


class Planner:
    """Makes plans."""

    def __init__(self, rules: list[Rule], facts: FactsBuilder, too_large: Bit | None, *, total: bool) -> None:
        """`facts` must be complete; `total`: a limit is asked about everything that is kept."""
        self._rules = rules
        self._tests: list[Callable[[int], bool]] = [compile_test(rule.test, facts) for rule in rules]
        self._root = 1 << facts.position(Bit("root"))
        self._too_large = 0 if too_large is None else 1 << facts.position(too_large)
        self._total = total
        self.plan = Memo(self._make)
        """From a mask to the plan for its traces."""

    def _make(self, mask: int) -> Plan:
        steps = []
        for number, (rule, test) in enumerate(zip(self._rules, self._tests, strict=True)):
            if test(mask):
                steps.append(number)
                if rule.ends(limited=self._limited(rule)):
                    break
        threshold, exact = self._threshold([self._rules[number] for number in steps])
        partial, too_large = mask & self._root == 0, mask & self._too_large != 0
        return Plan(tuple(steps), threshold, exact, partial, too_large)

    def _limited(self, rule: Rule) -> bool:
        return self._total or bool(rule.limits)

    def _threshold(self, steps: list[Rule]) -> tuple[int, bool]:
        """Return the threshold of the steps without a limit, and whether no step with one goes below it."""
        floor, free, limited = ALWAYS, NEVER, NEVER
        for rule in steps:
            if rule.shadow or rule.drop:
                continue
            lowest = max(rule.threshold, floor)
            if self._limited(rule):
                limited = min(limited, lowest)
            else:
                free = min(free, lowest)
            if rule.otherwise == "drop":
                floor = lowest
        return free, limited >= free
