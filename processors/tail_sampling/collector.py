"""The collector's evaluation: every policy votes on every trace, and a fixed precedence makes the verdict.

Drop policies are asked first and end the asking when they match; of the others any that samples keeps the trace, in
the name of the first that does. All are asked all the same (unless `sample_on_first_match`), so limiters spend tokens
on traces that another policy has sampled already.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...kernel.contract import Columns
from ...rules.facts import Bit, FactsBuilder, compile_test
from ...telemetry.samples import Sample
from .judging import Judged, Moment, Room, rows_by_mask
from .labels import Labels
from .metrics import Origin, PolicyCounts, policy_samples, votes_sample
from .votes import Dropping, Vote
from .voting import Ballot, Open, View, VoteMaker


class _Policy(NamedTuple):
    number: int
    """In the order written."""
    drops: bool
    ballot: Ballot


class _Entry(NamedTuple):
    """A policy as the traces of one mask see it."""

    number: int
    drops: bool
    vote: bool | Open


class _Plan(NamedTuple):
    entries: tuple[_Entry, ...]
    settled: bool
    """No vote depends on more than the mask."""
    too_large: bool


class _Result(NamedTuple):
    keeper: int | None
    """The policy that keeps the trace."""
    dropped: bool
    votes: list[tuple[int, bool]]


class CollectorEvaluation:
    """The policies of a collector's block, in the order written."""

    def __init__(
        self,
        policies: Sequence[tuple[str, Vote]],
        facts: FactsBuilder,
        *,
        labels: Labels,
        origin: Origin,
        first_match: bool = False,
        record_policy: bool = False,
        too_large: Bit | None = None,
        most_plans: int = 4096,
    ) -> None:
        """`facts` must be complete."""
        maker = VoteMaker(facts)
        listed = [
            _Policy(number, isinstance(vote, Dropping), maker.ballot(vote)) for number, (_, vote) in enumerate(policies)
        ]
        self._policies = sorted(listed, key=lambda policy: not policy.drops)
        self._limited = maker.limited
        self._first_match, self._record = first_match, record_policy
        self._labels, self._origin = labels, origin
        self._too_large = None if too_large is None else compile_test(too_large, facts)
        self._plans: dict[int, _Plan] = {}
        self._most = most_plans
        self.counts = [PolicyCounts(name) for name, _ in policies]
        self.asked = [0] * len(listed)
        """How many votes each policy has cast."""

    def judge(self, columns: Columns, room: Room, moment: Moment) -> Judged:
        """Decide about the rows in order; a row that would be kept without room has no effect."""
        verdicts = array("I", [self._labels.drop("not_sampled")]) * columns.count
        plans = [self._plan(mask) for mask in columns.masks]
        view = View(columns, moment.now)
        walks: list[int] = []
        if sum(columns.bytes) <= room.left:
            for plan, rows in zip(plans, rows_by_mask(columns), strict=True):
                if plan.settled or plan.too_large:
                    self._apply(verdicts, rows, plan, self._decide(plan, view, 0), moment)
                else:
                    walks.extend(rows)
            walks.sort()
        else:
            walks.extend(range(columns.count))
        for row in walks:
            self._walk(verdicts, row, plans[columns.mask_index[row]], view, room, moment)
        return Judged(verdicts, None)

    def samples(self) -> Iterator[Sample]:
        """Return what the policies have counted."""
        yield from policy_samples(self.counts, self._origin)
        for policy, asked in zip(self.counts, self.asked, strict=True):
            sampled = policy.matched - policy.dropped
            for text, decision, value in (
                ("true", "sampled", sampled),
                ("false", "dropped", policy.dropped),
                ("false", "not_sampled", asked - policy.matched),
            ):
                yield votes_sample(self._origin, policy.name, text, decision, value)

    def _plan(self, mask: int) -> _Plan:
        found = self._plans.get(mask)
        if found is None:
            if len(self._plans) >= self._most:
                self._plans.clear()
            entries = tuple(_Entry(number, drops, ballot(mask)) for number, drops, ballot in self._policies)
            settled = all(isinstance(entry.vote, bool) for entry in entries)
            too_large = self._too_large is not None and self._too_large(mask)
            found = self._plans[mask] = _Plan(() if too_large else entries, settled, too_large)
        return found

    def _decide(self, plan: _Plan, view: View, row: int) -> _Result:
        keeper, votes = None, []
        for number, drops, vote in plan.entries:
            yes = vote if isinstance(vote, bool) else vote(view, row)
            votes.append((number, yes))
            if yes and drops:
                return _Result(None, dropped=True, votes=votes)
            if yes and keeper is None:
                keeper = number
                if self._first_match:
                    break
        return _Result(keeper, dropped=False, votes=votes)

    def _walk(self, verdicts: array[int], row: int, plan: _Plan, view: View, room: Room, moment: Moment) -> None:
        """Judge one row. Limiters spend as they vote, so where there are some, room is asked for before they are."""
        size = view.columns.bytes[row]
        if self._limited and not plan.too_large and not room.fits(size):
            verdicts[row] = 0
            return
        result = self._decide(plan, view, row)
        if result.keeper is not None:
            if not room.fits(size):
                verdicts[row] = 0
                return
            room.use(size)
        self._apply(verdicts, (row,), plan, result, moment)

    def _apply(self, verdicts: array[int], rows: Sequence[int], plan: _Plan, result: _Result, moment: Moment) -> None:
        """Write the label of rows with this result, and count the votes."""
        for number, yes in result.votes:
            self.asked[number] += len(rows)
            if yes:
                self.counts[number].matched += len(rows)
                self.counts[number].last_match = moment.now
        label = self._label(plan, result)
        for row in rows:
            verdicts[row] = label
        if result.dropped:
            self.counts[result.votes[-1][0]].dropped += len(rows)
        elif result.keeper is not None:
            self.counts[result.keeper].kept += len(rows)

    def _label(self, plan: _Plan, result: _Result) -> int:
        if plan.too_large:
            return self._labels.drop("too_large")
        if result.dropped:
            return self._labels.drop("policy_drop")
        if result.keeper is None:
            return self._labels.drop("not_sampled")
        return self._labels.keep_plain(self.counts[result.keeper].name if self._record else None)
