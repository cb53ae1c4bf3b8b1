"""Ordered evaluation: the first rule that decides, decides.

Traces with the same mask share a plan. As long as chance alone decides, whole groups of rows are judged together; rows
that a limit has a say in are walked one by one, in the order in which they fell due.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ...kernel.contract import Columns
from ...rules.facts import Bit, FactsBuilder
from ...telemetry.samples import Sample
from .judging import Judged, Moment, Room, rows_by_mask
from .labels import Labels, reason
from .limits import Limited
from .metrics import Origin, PolicyCounts, collector_policy_samples, policy_samples
from .purse import Purse
from .rules import Plan, Planner, Rule
from .thresholds import ALWAYS, NEVER


class OrderedEvaluation:
    """Rules in their order, the last of them for traces about which nobody decided; `total` limits all that is kept."""

    def __init__(
        self,
        rules: list[Rule],
        facts: FactsBuilder,
        *,
        labels: Labels,
        origin: Origin,
        total: Limited | None = None,
        too_large: Bit | None = None,
    ) -> None:
        self.rules = rules
        self.total = total
        self.labels = labels
        self.planner = Planner(rules, facts, too_large, total=total is not None)
        self.counts = [PolicyCounts(rule.name, shadow=rule.shadow) for rule in rules]
        self._origin = origin

    def judge(self, columns: Columns, room: Room, moment: Moment) -> Judged:
        """Decide about the rows in order."""
        return _Slice(self, columns, room, moment).judge()

    def samples(self) -> Iterable[Sample]:
        """Return what the rules have counted."""
        return chain(policy_samples(self.counts, self._origin), collector_policy_samples(self.counts, self._origin))


class _Slice:
    """The judging of one set of columns."""

    def __init__(self, evaluation: OrderedEvaluation, columns: Columns, room: Room, moment: Moment) -> None:
        self.rules, self.counts, self.total = evaluation.rules, evaluation.counts, evaluation.total
        self.labels, self.planner = evaluation.labels, evaluation.planner
        self.columns, self.room, self.moment = columns, room, moment
        self.randomness, self.bytes = columns.randomness, columns.bytes
        self.verdicts = array("I", [self.labels.drop("not_sampled")]) * columns.count
        self.thresholds = array("Q", bytes(8 * columns.count))
        self.purse = Purse(columns, moment.now)

    def judge(self) -> Judged:
        plans = [self.planner.plan(mask) for mask in self.columns.masks]
        if sum(self.bytes) <= self.room.left:
            groups = zip(plans, rows_by_mask(self.columns), strict=True)
            walks = sorted(chain.from_iterable(self._group(plan, rows) for plan, rows in groups), key=_row)
        else:
            walks = [(row, plans[mask], 0) for row, mask in enumerate(self.columns.mask_index)]
        for row, plan, start in walks:
            self._walk(row, plan, start)
        return Judged(self.verdicts, self.thresholds)

    def _group(self, plan: Plan, rows: Sequence[int]) -> Iterator[tuple[int, Plan, int]]:
        """Judge rows that share a plan; yield those that a limit has a say in, with the step at which it is asked."""
        if plan.too_large:
            self._mark(rows, self.labels.drop("too_large"))
            return
        for at, number in enumerate(plan.steps):
            if not rows:
                return
            rule = self.rules[number]
            if rule.shadow:
                self._shadow(number, rows)
                continue
            if rule.drop:
                self._drop(number, rows)
                return
            passing, failing = self._split(rule, rows)
            if rule.limits or self.total:
                self._match(number, len(rows) - len(passing))
                yield from ((row, plan, at) for row in passing)
            else:
                self._match(number, len(rows))
                self._keep(number, plan, passing)
            rows = failing

    def _split(self, rule: Rule, rows: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        """Return the rows that chance keeps, and those about which the next rule is asked."""
        least, randomness = rule.threshold, self.randomness
        passes = rule.otherwise == "pass"
        if least == ALWAYS:
            return rows, ()
        if least == NEVER:
            return (), rows if passes else ()
        failing = [row for row in rows if randomness[row] < least] if passes else ()
        return [row for row in rows if randomness[row] >= least], failing

    def _mark(self, rows: Sequence[int], label: int) -> None:
        verdicts = self.verdicts
        for row in rows:
            verdicts[row] = label

    def _match(self, number: int, traces: int) -> None:
        if traces:
            self.counts[number].matched += traces
            self.counts[number].last_match = self.moment.now

    def _drop(self, number: int, rows: Sequence[int]) -> None:
        self._match(number, len(rows))
        self.counts[number].dropped += len(rows)
        self._mark(rows, self.labels.drop("policy_drop"))

    def _keep(self, number: int, plan: Plan, rows: Sequence[int], *, limited: bool = False) -> None:
        if not rows:
            return
        rule, cause = self.rules[number], self.moment.cause
        certain = cause == "due" or (cause == "certain" and plan.threshold == ALWAYS)
        exact = plan.exact and certain and not limited
        why = reason(cause, default=rule.default)
        label = self.labels.keep(rule.name, why, partial=plan.partial, exact=exact, retention=rule.retention)
        self.counts[number].kept += len(rows)
        self._mark(rows, label)
        if exact and plan.threshold:
            thresholds, threshold = self.thresholds, plan.threshold
            for row in rows:
                thresholds[row] = threshold

    def _shadow(self, number: int, rows: Sequence[int]) -> None:
        rule, counts = self.rules[number], self.counts[number]
        self._match(number, len(rows))
        for row in rows if not rule.drop else ():
            if self.randomness[row] < rule.threshold:
                continue
            if self.purse.ready(rule.limits, row):
                self.purse.take(rule.limits, row)
                counts.kept += 1
            else:
                counts.over_limit += 1

    def _walk(self, row: int, plan: Plan, start: int) -> None:
        """Judge one row from a step on; without room for it nothing is counted or spent, and its turn comes again."""
        if plan.too_large:
            self.verdicts[row] = self.labels.drop("too_large")
            return
        asked, over, limited = [], [], False
        for number in plan.steps[start:]:
            rule = self.rules[number]
            asked.append(number)
            if rule.shadow:
                continue
            if rule.drop:
                asked.pop()
                self._drop(number, (row,))
                break
            if self.randomness[row] < rule.threshold:
                if rule.otherwise == "drop":
                    break
                continue
            limited = limited or bool(rule.limits or self.total)
            if rule.limits and not self.purse.ready(rule.limits, row):
                over.append(number)
                continue
            if not self._commit(number, plan, row, limited=limited):
                return
            break
        self._count(row, asked, over)

    def _commit(self, number: int, plan: Plan, row: int, *, limited: bool) -> bool:
        """Keep a row that its rule's limits have room for, or drop it when the total has none; say if it is decided."""
        if self.total and not self.purse.ready((self.total,), row):
            self.verdicts[row] = self.labels.drop("total_limit")
            return True
        if not self.room.fits(self.bytes[row]):
            self.verdicts[row] = 0
            return False
        self.purse.take(self.rules[number].limits, row)
        if self.total:
            self.purse.take((self.total,), row)
        self.room.use(self.bytes[row])
        self._keep(number, plan, (row,), limited=limited)
        return True

    def _count(self, row: int, asked: list[int], over: list[int]) -> None:
        for number in asked:
            if self.rules[number].shadow:
                self._shadow(number, (row,))
            else:
                self._match(number, 1)
        for number in over:
            self.counts[number].over_limit += 1


def _row(walk: tuple[int, Plan, int]) -> int:
    return walk[0]
