"""The collector's evaluation: every policy votes on every trace, and a fixed precedence makes the verdict.

Drop policies are asked first and end the asking when they match; of the others any that samples keeps the trace, in
the name of the first that does. All are asked all the same (unless `sample_on_first_match`), so limiters spend tokens
on traces that another policy has sampled already.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ...kernel.contract import Columns
from ...rules.facts import Bit, FactsBuilder, compile_test
from ...telemetry.samples import Sample
from .judging import Evaluation, Judged, Moment, Room, rows_by_mask
from .labels import Labels
from .memo import Memo
from .metrics import (
    Decision,
    Origin,
    PolicyCounts,
    adopt_last_matches,
    asked_sample,
    errors_sample,
    policy_samples,
    votes_sample,
)
from .votes import Dropping, Vote
from .voting import Ballot, Open, Said, View, VoteMaker

Rows = dict[tuple[int, tuple[Said, ...]], Any]
"""Rows (a list or a range) by their mask's position and what the open votes have said of them."""


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
    """Up to the first that ends the asking whatever the others say."""
    open: tuple[tuple[Open, bool], ...]
    """The votes that depend on more than the mask, and whether a yes ends the asking."""
    too_large: bool


class _Result(NamedTuple):
    label: int
    keeper: int | None
    """The policy that keeps the trace."""
    dropper: int | None
    """The policy that drops it."""
    votes: list[tuple[int, bool]]
    failed: tuple[int, ...] = ()
    """The policies that could not vote."""


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
    ) -> None:
        """`facts` must be complete."""
        makers = [VoteMaker(facts) for _ in policies]
        listed = [
            _Policy(number, isinstance(vote, Dropping), maker.ballot(vote))
            for number, (maker, (_, vote)) in enumerate(zip(makers, policies, strict=True))
        ]
        self._spending = {name: maker.spending for maker, (name, _) in zip(makers, policies, strict=True)}
        self._policies = sorted(listed, key=lambda policy: not policy.drops)
        self._limited = any(maker.limited for maker in makers)
        self._first_match, self._record = first_match, record_policy
        self._labels, self._origin = labels, origin
        self._too_large = None if too_large is None else compile_test(too_large, facts)
        self._plan = Memo(self._make)
        self.counts = [PolicyCounts(name) for name, _ in policies]

    def judge(self, columns: Columns, room: Room, moment: Moment) -> Judged:
        """Decide about the rows in order; a row that would be kept without room has no effect."""
        verdicts = array("I", bytes(4 * columns.count))
        plans, view = [self._plan(mask) for mask in columns.masks], View(columns, moment.now)
        rows: Rows = {}
        if sum(columns.bytes) <= room.left:
            for at, (plan, same) in enumerate(zip(plans, rows_by_mask(columns), strict=True)):
                if not plan.open:
                    rows[at, ()] = same
            self._ask_all(rows, plans, view)
        else:
            self._ask_within(room, rows, plans, view)
        for (at, said), same in rows.items():
            self._apply(verdicts, same, self._result(plans[at], said), view)
        return Judged(verdicts, None)

    def adopt(self, old: Evaluation) -> None:
        """Go on from what the limiters of policies of the same name have spent."""
        if isinstance(old, CollectorEvaluation):
            adopt_last_matches(self.counts, old.counts)
            for name, spending in self._spending.items():
                for mine, its in zip(spending, old._spending.get(name, ()), strict=False):
                    mine.adopt(its)

    def samples(self) -> Iterator[Sample]:
        """Return what the policies have counted."""
        yield from policy_samples(self.counts, self._origin)
        yield errors_sample(self._origin, sum(policy.errors for policy in self.counts))
        for policy in self.counts:
            yield asked_sample(self._origin, policy.name, policy.asked)
            traces: dict[Decision, int] = {
                "sampled": policy.matched - policy.dropped,
                "dropped": policy.dropped,
                "not_sampled": policy.asked - policy.matched,
            }
            for decision, value in traces.items():
                text = "true" if decision == "sampled" else "false"
                yield votes_sample(self._origin, policy.name, text, decision, value)
                yield votes_sample(self._origin, policy.name, text, decision, policy.spans[decision], "spans")

    def _make(self, mask: int) -> _Plan:
        if self._too_large is not None and self._too_large(mask):
            return _Plan((), (), too_large=True)
        entries = []
        for number, drops, ballot in self._policies:
            entries.append(_Entry(number, drops, ballot(mask)))
            if entries[-1].vote is True and (drops or self._first_match):
                break
        left = tuple((vote, drops or self._first_match) for _, drops, vote in entries if not isinstance(vote, bool))
        return _Plan(tuple(entries), left, too_large=False)

    def _ask_all(self, rows: Rows, plans: Sequence[_Plan], view: View) -> None:
        """Ask the open votes of each row; there is room for all."""
        for row, at in enumerate(view.columns.mask_index):
            if plans[at].open:
                rows.setdefault((at, _ask(plans[at], view, row)), []).append(row)

    def _ask_within(self, room: Room, rows: Rows, plans: Sequence[_Plan], view: View) -> None:
        """The same while there is room. Limiters spend as they vote, so with some of them room is asked for first."""
        for row, at in enumerate(view.columns.mask_index):
            plan, size = plans[at], view.bytes[row]
            if self._limited and not plan.too_large and not room.fits(size):
                continue
            said = _ask(plan, view, row)
            if self._result(plan, said).keeper is not None:
                if not room.fits(size):
                    continue
                room.use(size)
            rows.setdefault((at, said), []).append(row)

    def _result(self, plan: _Plan, said: tuple[Said, ...]) -> _Result:
        """Return what follows from the votes of a plan, with what the open ones have said."""
        if plan.too_large:
            return _Result(self._labels.drop("too_large"), None, None, [])
        keeper, sub, votes, answers = None, None, [], iter(said)
        errors: tuple[int, ...] = ()
        for number, drops, vote in plan.entries:
            answer = vote if isinstance(vote, bool) else next(answers)
            if answer is None:
                errors = (*errors, number)
                continue
            yes = bool(answer)
            votes.append((number, yes))
            sub = answer if isinstance(answer, str) else sub
            if yes and drops:
                return _Result(self._labels.drop("policy_drop"), None, number, votes, errors)
            if yes and keeper is None:
                keeper = number
                if self._first_match:
                    break
        if keeper is None:
            return _Result(self._labels.drop("not_sampled"), None, None, votes, errors)
        written = (self.counts[keeper].name, sub) if self._record else (None, None)
        return _Result(self._labels.keep_plain(*written), keeper, None, votes, errors)

    def _apply(self, verdicts: array[int], rows: Sequence[int], result: _Result, view: View) -> None:
        """Write the label of rows with this result, and count the votes."""
        count, spans = len(rows), sum(map(view.spans.__getitem__, rows))
        for number in result.failed:
            self.counts[number].errors += count
        for number, yes in result.votes:
            self.counts[number].asked += count
            word: Decision = "dropped" if number == result.dropper else "sampled" if yes else "not_sampled"
            self.counts[number].spans[word] += spans
            if yes:
                self.counts[number].matched += count
                self.counts[number].last_match = view.now
        for row in rows:
            verdicts[row] = result.label
        if result.dropper is not None:
            self.counts[result.dropper].dropped += count
        if result.keeper is not None:
            self.counts[result.keeper].kept += count


def _ask(plan: _Plan, view: View, row: int) -> tuple[Said, ...]:
    """Return what the open votes say of a row, up to the one that ends the asking."""
    said: list[Said] = []
    for vote, ends in plan.open:
        said.append(vote(view, row))
        if ends and said[-1]:
            break
    return tuple(said)
