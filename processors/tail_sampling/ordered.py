"""Ordered evaluation: the first rule that decides, decides.

Traces with the same mask share a plan. As long as chance alone decides, whole groups of rows are judged together; rows
that a limit, a learned rate or a total has a say in are walked one by one, in the order in which they fell due.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ...kernel.contract import Columns
from ...rules.facts import Bit, FactsBuilder
from ...telemetry.samples import Sample
from .budget import Budget
from .judging import Evaluation, Judged, Moment, Room, rows_by_mask
from .labels import Labels, reason
from .limits import Limited
from .metrics import Origin, PolicyCounts, adopt_last_matches, collector_policy_samples, policy_samples
from .ordered_state import Stateful, rate_samples, stateful
from .purse import Purse
from .rates import PASS, Rates, RowRates
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
        budget: Budget | None = None,
        too_large: Bit | None = None,
    ) -> None:
        self.rules = rules
        self.total, self.budget = total, budget
        self.labels = labels
        self.planner = Planner(rules, facts, too_large, budget=budget is not None)
        self.counts = [PolicyCounts(rule.name, shadow=rule.shadow) for rule in rules]
        self._origin = origin

    def judge(self, columns: Columns, room: Room, moment: Moment) -> Judged:
        """Decide about the rows in order."""
        return _Slice(self, columns, room, moment).judge()

    def adopt(self, old: Evaluation) -> None:
        """Go on from what limits have spent and rates have learned, where policy and settings are the same."""
        if not isinstance(old, OrderedEvaluation):
            return
        adopt_last_matches(self.counts, old.counts)
        before = old.parts()
        for name, part in self.parts().items():
            if name in before:
                part.adopt(before[name])

    def parts(self) -> dict[str, Stateful]:
        """Return all that learns or is spent, by the name of its policy and its place there."""
        found = dict(stateful(self.rules))
        if self.total is not None:
            found[f"total in {self.total.unit}"] = self.total.limit
        if self.budget is not None:
            found["budget"] = self.budget
        return found

    def samples(self) -> Iterable[Sample]:
        """Return what the rules have counted."""
        return chain(
            policy_samples(self.counts, self._origin),
            collector_policy_samples(self.counts, self._origin),
            rate_samples(self.rules, self._origin),
            self.budget.samples(self._origin) if self.budget else (),
        )


class _Slice:
    """The judging of one set of columns."""

    def __init__(self, evaluation: OrderedEvaluation, columns: Columns, room: Room, moment: Moment) -> None:
        self.rules, self.counts, self.total = evaluation.rules, evaluation.counts, evaluation.total
        self.labels, self.budget = evaluation.labels, evaluation.budget
        self.columns, self.room, self.moment = columns, room, moment
        self.randomness, self.bytes = columns.randomness, columns.bytes
        self.plans = [evaluation.planner.plan(mask) for mask in columns.masks]
        self.verdicts = array("I", [self.labels.drop("not_sampled")]) * columns.count
        self.thresholds = array("Q", bytes(8 * columns.count))
        self.purse = Purse(columns, moment.now)
        self.opened: dict[Rates, RowRates] = {}
        self.hard = [limited for limited in (self.total, self.budget and self.budget.limited) if limited]

    def judge(self) -> Judged:
        plans = self.plans
        if sum(self.bytes) <= self.room.left:
            groups = zip(plans, rows_by_mask(self.columns), strict=True)
            walks = sorted(chain.from_iterable(self._group(plan, rows) for plan, rows in groups), key=_row)
        else:
            walks = [(row, plans[mask], 0) for row, mask in enumerate(self.columns.mask_index)]
        for row, plan, start in walks:
            self._walk(row, plan, start)
        return Judged(self.verdicts, self.thresholds)

    def _group(self, plan: Plan, rows: Sequence[int]) -> Iterator[tuple[int, Plan, int]]:
        """Judge rows that share a plan; yield those that more than chance has a say in, with the step that is next."""
        if plan.too_large:
            self._mark(rows, self.labels.drop("too_large"))
            return
        for at, number in enumerate(plan.steps):
            if not rows:
                return
            rule = self.rules[number]
            if rule.rates or (rule.shadow and rule.limits):
                yield from ((row, plan, at) for row in rows)
                return
            if rule.shadow:
                self._shadow(number, rows)
                continue
            if rule.drop:
                self._drop(number, rows)
                return
            passing, failing = self._split(rule, rows)
            if rule.limits or self.hard or plan.open:
                self._match(number, len(rows) - len(passing))
                yield from ((row, plan, at) for row in passing)
            else:
                self._match(number, len(rows))
                self._keep(number, plan, passing, plan.threshold)
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

    def _keep(self, number: int, plan: Plan, rows: Sequence[int], threshold: int | None) -> None:
        """Keep rows; the threshold is what they say of their probability, None: it is not known."""
        if not rows:
            return
        rule, cause = self.rules[number], self.moment.cause
        exact = threshold is not None and (cause == "due" or (cause == "certain" and threshold == ALWAYS))
        why = reason(cause, default=rule.default)
        label = self.labels.keep(rule.name, why, partial=plan.partial, exact=exact, retention=rule.retention)
        self.counts[number].kept += len(rows)
        self._mark(rows, label)
        if exact and threshold:
            thresholds = self.thresholds
            for row in rows:
                thresholds[row] = threshold

    def _shadow(self, number: int, rows: Sequence[int]) -> None:
        rule, counts = self.rules[number], self.counts[number]
        self._match(number, len(rows))
        for row in rows if not rule.drop else ():
            if self.randomness[row] < self._threshold(rule, row):
                continue
            if self.purse.ready(rule.limits, row):
                self.purse.take(rule.limits, row)
                counts.kept += 1
            else:
                counts.over_limit += 1

    def _threshold(self, rule: Rule, row: int) -> int:
        """Return what the rule says of a row: a threshold, or PASS."""
        return rule.threshold if rule.rates is None else self._rates(rule.rates).threshold(row)

    def _rates(self, rates: Rates) -> RowRates:
        found = self.opened.get(rates)
        if found is None:
            number = next(number for number, rule in enumerate(self.rules) if rule.rates is rates)
            asked = [number in plan.steps for plan in self.plans]
            rows = [row for row, mask in enumerate(self.columns.mask_index) if asked[mask]]
            found = self.opened[rates] = rates.open(self.columns, self.moment.now, rows)
        return found

    def _walk(self, row: int, plan: Plan, start: int) -> None:
        """Judge one row from a step on; without room for it nothing is counted or spent, and its turn comes again."""
        if plan.too_large:
            self.verdicts[row] = self.labels.drop("too_large")
            return
        asked: list[int] = []
        over: list[int] = []
        for number in plan.steps[start:]:
            rule = self.rules[number]
            asked.append(number)
            if rule.shadow:
                continue
            if rule.drop:
                asked.pop()
                self._drop(number, (row,))
                break
            least = self._threshold(rule, row)
            if self.randomness[row] < least:
                if rule.otherwise == "drop" and least != PASS:
                    break
                continue
            if not self._has_room(rule, row):
                over.append(number)
                continue
            if not self._commit(number, plan, row):
                return
            break
        self._count(row, asked, over)

    def _has_room(self, rule: Rule, row: int) -> bool:
        """Say whether a rule's own limits, its share and (if it is not essential) the budget let a row pass."""
        if not self.purse.ready(rule.limits, row) or (rule.share and not self.purse.ready((rule.share,), row)):
            return False
        return self.budget is None or rule.essential or self.purse.ready((self.budget.limited,), row)

    def _commit(self, number: int, plan: Plan, row: int) -> bool:
        """Keep a row that its rule has room for, or drop it when the total has none; say if it is decided."""
        rule = self.rules[number]
        total = rule.share or self.total
        if total and not self.purse.ready((total,), row):
            self.verdicts[row] = self.labels.drop("total_limit")
            return True
        if not self.room.fits(self.bytes[row]):
            self.verdicts[row] = 0
            return False
        threshold = self._known(plan, row)
        self.purse.take(rule.limits, row)
        for shared in (total, self.budget and self.budget.limited):
            if shared:
                self.purse.take((shared,), row)
        self.room.use(self.bytes[row])
        self._keep(number, plan, (row,), threshold)
        return True

    def _known(self, plan: Plan, row: int) -> int | None:
        """Return the lowest threshold at which the row would be kept now; None when limits lose some of its like.

        A limit whose overflow somebody else keeps by chance loses nothing: what is over it counts for more. What is
        over others is lost, so from a refusal until they are full again no count would be true.
        """
        if self.purse.tight(self.hard, row) or self.purse.tight(plan.hard, row):
            return None
        return self._lowest(plan, row) if plan.open else plan.threshold

    def _lowest(self, plan: Plan, row: int) -> int:
        least, floor = NEVER, ALWAYS
        for rule in (self.rules[number] for number in plan.steps):
            if rule.shadow or rule.drop:
                continue
            threshold = self._threshold(rule, row)
            if threshold == PASS:
                continue
            lowest = max(threshold, floor)
            if lowest < least and self._has_room(rule, row):
                least = lowest
            floor = lowest if rule.otherwise == "drop" else floor
        return least

    def _count(self, row: int, asked: list[int], over: list[int]) -> None:
        for number in asked:
            if self.rules[number].shadow:
                self._shadow(number, (row,))
            else:
                self._match(number, 1)
            rates = self.rules[number].rates
            if rates is not None:
                self._rates(rates).decided(row)
        for number in over:
            self.counts[number].over_limit += 1
        if over and self._spent(row):
            self.verdicts[row] = self.labels.drop("over_budget")

    def _spent(self, row: int) -> bool:
        """Say whether a row that nobody kept would have found room but for the budget."""
        nobody = self.verdicts[row] == self.labels.drop("not_sampled")
        return nobody and self.budget is not None and not self.purse.ready((self.budget.limited,), row)


def _row(walk: tuple[int, Plan, int]) -> int:
    return walk[0]
