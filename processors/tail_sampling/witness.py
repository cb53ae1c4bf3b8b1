"""An evaluation that is looked on: every policy's answer about every trace, and why.

It asks the evaluation that it stands before about one trace at a time, and reads from its counters what each policy
has done; nothing is decided here. For tools only: the proxy runs the evaluation itself.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise, product
from typing import Any, Literal, NamedTuple, cast

from ...kernel.contract import Columns
from ...telemetry.samples import Sample
from ..base import Answer, Judgement, Witness
from .describing import Described, percent
from .judging import Evaluation, Judged, Moment, Room
from .labels import Labels
from .metrics import PolicyCounts
from .thresholds import FULL

_DAY = 86_400_000_000_000
_MOST_CASES = 4096
"""Combinations of chance that are tried to find a probability."""

_SPENT = {"total_limit": "the total", "over_budget": "the budget"}

Says = Literal["keep", "drop", "pass"]


class Remembered:
    """Columns that are asked for once, however many rows are looked at one by one."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.keys = cache(columns.keys)
        self.fnv = cache(columns.fnv)
        self.trace_ids = cache(columns.trace_ids)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._columns, name)
        setattr(self, name, value)
        return value


class OneRow:
    """One row of columns as columns of their own; its chance may be another's."""

    def __init__(self, columns: Columns, row: int, chance: Mapping[str, int] | None = None) -> None:
        """`chance`: the randomness under the name "", and the hash under `#` and its salt."""
        self._columns, self._row, self._chance = columns, row, chance
        self.count = 1
        self.masks = [columns.masks[columns.mask_index[row]]]
        self.mask_index = array("I", [0])
        self.randomness = array("Q", [columns.randomness[row] if chance is None else chance.get("", 0)])

    def keys(self, index: int) -> list[bytes | None]:
        """Return key `index`."""
        return [self._columns.keys(index)[self._row]]

    def trace_ids(self) -> list[bytes]:
        """Return the trace id."""
        return [self._columns.trace_ids()[self._row]]

    def fnv(self, salt: bytes) -> array[int]:
        """Return the hash."""
        if self._chance is not None:
            return array("Q", [self._chance.get(f"#{salt.decode()}", 0)])
        return array("Q", [self._columns.fnv(salt)[self._row]])

    def __getattr__(self, name: str) -> Any:
        column = getattr(self._columns, name)
        return type(column)(column.typecode, [column[self._row]]) if isinstance(column, array) else column


class Did(NamedTuple):
    """What a policy has done about one trace."""

    asked: bool
    matched: bool
    kept: bool
    dropped: bool
    over_limit: bool


class Counted:
    """What the policies of an evaluation have counted, before and after."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._counts: Sequence[PolicyCounts] = evaluation.counts
        self._before = self._read()

    def _read(self) -> list[tuple[int, ...]]:
        # Whom it has asked is counted by the collector's evaluation only.
        return [
            (max(count.asked, count.matched), count.matched, count.kept, count.dropped, count.over_limit)
            for count in self._counts
        ]

    def since(self) -> list[Did]:
        """Return what each policy has done since."""
        pairs = zip(self._read(), self._before, strict=True)
        return [Did(*(now > then for now, then in zip(after, before, strict=True))) for after, before in pairs]


class Witnessed:
    """Judges as `evaluation` does, one trace at a time, and tells the witness."""

    def __init__(
        self,
        evaluation: Evaluation,
        witness: Witness,
        *,
        labels: Labels,
        processor: str,
        policies: Sequence[Described],
        votes: bool,
        double: tuple[Evaluation, Labels, Mapping[str, Sequence[int]] | None],
    ) -> None:
        """`policies`: in the order of the evaluation's counters; `votes`: they vote, as in the collector.

        `double`: another such evaluation, its labels, and where chance changes its mind.
        """
        self._evaluation, self._witness, self._labels = evaluation, witness, labels
        self._processor, self._policies, self._votes = processor, policies, votes
        self._double, self._double_labels, self._points = double
        self._later = 0

    @property
    def counts(self) -> Sequence[PolicyCounts]:
        """What each policy has counted."""
        return self._evaluation.counts

    def judge(self, columns: Columns, room: Room, moment: Moment) -> Judged:
        """Decide about the rows in order."""
        verdicts, thresholds = array("I"), array("Q")
        columns = cast("Columns", Remembered(columns))
        for row in range(columns.count):
            one = cast("Columns", OneRow(columns, row))
            counted = Counted(self._evaluation)
            judged = self._evaluation.judge(one, room, moment)
            verdicts.extend(judged.verdicts)
            thresholds.extend(judged.thresholds or (0,))
            if judged.verdicts[0]:
                self._tell(columns, row, judged.verdicts[0], counted.since(), moment)
        return Judged(verdicts, None if self._votes else thresholds)

    def samples(self) -> Iterable[Sample]:
        """Return what the policies have counted."""
        return self._evaluation.samples()

    def adopt(self, old: Evaluation) -> None:
        """Go on from another evaluation's state."""
        self._evaluation.adopt(old)

    def _tell(self, columns: Columns, row: int, label: int, did: list[Did], moment: Moment) -> None:
        why = self._labels.dropped.get(label)
        kept = why is None
        reason, retention = self._labels.kept[label] if why is None else (why, None)
        decider = self._decider(did, reason)
        mask = columns.masks[columns.mask_index[row]]
        self._witness.see(
            Judgement(
                processor=self._processor,
                trace_id=columns.trace_ids()[row],
                spans=columns.spans[row],
                duration=columns.duration[row],
                kept=kept,
                policy=None if decider is None else self._policies[decider].name,
                reason=reason,
                retention=retention,
                probability=self._probability(columns, row, moment) if self._witness.answers else None,
                answers=self._answers(mask, columns.randomness[row], did, decider, reason)
                if self._witness.answers
                else (),
            )
        )

    def _decider(self, did: list[Did], reason: str) -> int | None:
        for at, done in enumerate(did):
            if (done.kept or done.dropped) and not self._policies[at].shadow:
                return at
        if self._votes or reason in ("too_large", "shutdown"):
            return None
        matched = [at for at, done in enumerate(did) if done.matched and not done.over_limit]
        return max((at for at in matched if not self._policies[at].shadow), default=None)

    def _answers(
        self, mask: int, randomness: int, did: list[Did], decider: int | None, reason: str
    ) -> tuple[Answer, ...]:
        answers = []
        for at, policy in enumerate(self._policies):
            asked = self._asked(at, did, decider, reason)
            says, why = (
                self._said(policy, did[at], decider == at, reason) if asked else _would(policy, mask, randomness)
            )
            parts = tuple((text, holds and holds(mask)) for text, holds in policy.parts)
            answers.append(Answer(policy.name, says, why, asked, policy.shadow, parts))
        return tuple(answers)

    def _asked(self, at: int, did: list[Did], decider: int | None, reason: str) -> bool:
        if self._votes or reason in ("too_large", "shutdown"):
            return did[at].asked
        return decider is None or at <= decider

    def _said(self, policy: Described, did: Did, decides: bool, reason: str) -> tuple[Says, str]:
        if not did.matched:
            return "pass", "it does not match" if self._votes else "its condition does not hold"
        if did.dropped:
            return "drop", "it drops what it matches"
        if did.over_limit:
            return (
                "pass",
                f"over its limit of {' and '.join(policy.limits)}" if policy.limits else "the budget is spent",
            )
        if did.kept and policy.limits:
            return "keep", f"within its limit of {' and '.join(policy.limits)}"
        if did.kept or self._votes:
            return "keep", _share(policy, "is among") or "it matches"
        if decides and reason in _SPENT:
            return "drop", f"it would keep the trace, but {_SPENT[reason]} is used up"
        chance = _share(policy, "is not among") or ("chance is against it" if policy.learns else "it keeps nothing")
        return ("drop" if policy.otherwise == "drop" else "pass"), chance

    def _probability(self, columns: Columns, row: int, moment: Moment) -> float | None:
        """Ask the double about every way in which chance can fall, long enough apart for all limits to have room."""
        if self._points is None:
            return None
        spans: list[list[tuple[str, int, float]]] = []
        cases = 1
        for name, points in self._points.items():
            most = 1 << 64 if name else FULL
            edges = [0, *points, most]
            spans.append([(name, low, (high - low) / most) for low, high in pairwise(edges)])
            cases *= len(spans[-1])
        if cases > _MOST_CASES:
            return None
        total = 0.0
        for case in product(*spans):
            self._later += _DAY
            one = cast("Columns", OneRow(columns, row, {name: low for name, low, _ in case}))
            room = Room(1 << 62, whole=True)
            judged = self._double.judge(one, room, Moment(moment.now + self._later, moment.cause))
            if judged.verdicts[0] not in self._double_labels.dropped:
                share = 1.0
                for _, _, part in case:
                    share *= part
                total += share
        return total


def _share(policy: Described, verb: str) -> str:
    """Return what chance said, nothing where it had no say."""
    return f"the trace {verb} the {percent(policy.share)} that it keeps" if 0 < policy.share < 1 else ""


def _would(policy: Described, mask: int, randomness: int) -> tuple[Says, str]:
    """Return what a policy that was not asked would have said, without regard to limits."""
    if policy.holds is None:
        return "pass", "not asked"
    if not policy.holds(mask):
        return "pass", "its condition would not hold"
    if policy.drops:
        return "drop", "it would drop what it matches"
    if policy.learns:
        return "pass", "its condition would hold; what share it keeps is found when it is asked"
    if randomness < policy.threshold:
        says: Says = "drop" if policy.otherwise == "drop" else "pass"
        return says, _share(policy, "would not be among") or "it keeps nothing"
    limits = f" within its limit of {' and '.join(policy.limits)}" if policy.limits else ""
    return "keep", f"its condition would hold{limits}"
