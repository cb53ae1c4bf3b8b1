"""How the collector's policies vote: first what the mask alone says, then what chance and limiters say of a row."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

from ...kernel.contract import Columns
from ...rules.facts import FactsBuilder, compile_test
from .limits import TokenBucket
from .thresholds import fnv_threshold
from .votes import AllOf, Allow, Chance, Composite, Condition, Dropping, Negated, Vote, failing

_SECOND = 1_000_000_000


class View:
    """The rows that are judged now, as votes see them."""

    __slots__ = ("_hashes", "bytes", "columns", "now", "spans")

    def __init__(self, columns: Columns, now: int) -> None:
        self.columns = columns
        self.now = now
        self.spans, self.bytes = columns.spans, columns.bytes
        self._hashes: dict[str, array[int]] = {}

    def hashes(self, salt: str) -> array[int]:
        """Return each row's FNV-1a 64 of salt and trace id."""
        found = self._hashes.get(salt)
        if found is None:
            found = self._hashes[salt] = self.columns.fnv(salt.encode())
        return found


Said = bool | str | None
"""What a policy says of a row: no, yes, yes in the name of one of a composite's policies, or None: an error."""
Open = Callable[[View, int], Said]
"""A vote on one row."""
Ballot = Callable[[int], bool | Open]
"""A vote by the mask: what it says already, or what is left to ask of the row."""


class CompositeWindow:
    """A composite as the collector runs it, with what is odd about it.

    Policies are asked as they stand under `composite_sub_policy`, whatever `policy_order` says. The first that samples
    decides alone: when its own count of this second would exceed its allocation, the trace is not sampled, and none
    after it is asked. The total too is compared with that policy's count, never with the sum. A second is the wall
    clock's.
    """

    def __init__(self, composite: Composite) -> None:
        self._total = composite.spans_per_second
        self._allocations = [sub.spans_per_second for sub in composite.subs]
        self._sampled = [0] * len(self._allocations)
        self._second = 0

    def adopt(self, old: object) -> None:
        """Go on from the counts of a window with the same total and allocations."""
        if isinstance(old, CompositeWindow) and (old._total, old._allocations) == (self._total, self._allocations):
            self._second, self._sampled = old._second, old._sampled

    def allow(self, now: int, sub: int, spans: int) -> bool:
        """Say whether a trace that a policy has sampled has room in this second, and count it."""
        if now // _SECOND != self._second:
            self._second = now // _SECOND
            self._sampled = [0] * len(self._sampled)
        would = self._sampled[sub] + spans
        if would > self._allocations[sub] or would > self._total:
            return False
        self._sampled[sub] = would
        return True


class VoteMaker:
    """Makes ballots of votes; `spending` has afterwards what they spend from, in the order of the votes."""

    def __init__(self, facts: FactsBuilder) -> None:
        """`facts` must be complete."""
        self._facts = facts
        self.spending: list[TokenBucket | CompositeWindow] = []

    @property
    def limited(self) -> bool:
        """Whether one of the votes spends anything."""
        return bool(self.spending)

    def ballot(self, vote: Vote) -> Ballot:
        """Return how a vote is cast."""
        match vote:
            case Condition():
                return self._condition(vote)
            case Chance():
                return self._chance(vote)
            case Allow():
                return self._allow(vote)
            case AllOf():
                return _all_of([self.ballot(part) for part in vote.votes])
            case Negated():
                return _negated(self.ballot(vote.vote))
            case Dropping():
                return self.ballot(vote.vote)
            case Composite():
                return self._composite(vote)

    def _condition(self, vote: Condition) -> Ballot:
        holds = compile_test(vote.test, self._facts)
        if vote.fails is None:
            return holds
        failed = compile_test(failing(vote), self._facts)
        return lambda mask: _error if failed(mask) else holds(mask)

    def _chance(self, vote: Chance) -> Ballot:
        most, salt = fnv_threshold(vote.percentage), vote.salt
        return lambda mask: lambda view, row: view.hashes(salt)[row] <= most

    def _allow(self, vote: Allow) -> Ballot:
        bucket = TokenBucket(vote.rate, vote.burst, debt=False)
        self.spending.append(bucket)
        if vote.unit == "spans":
            return lambda mask: lambda view, row: bucket.allow(view.now, view.spans[row])
        return lambda mask: lambda view, row: bucket.allow(view.now, view.bytes[row])

    def _composite(self, vote: Composite) -> Ballot:
        window = CompositeWindow(vote)
        self.spending.append(window)
        ballots, names = [self.ballot(sub.vote) for sub in vote.subs], [sub.name for sub in vote.subs]

        def under(mask: int) -> bool | Open:
            cast = [(at, ballot(mask)) for at, ballot in enumerate(ballots)]
            asked = [(at, part) for at, part in cast if part is not False]
            return _composite_vote(window, names, asked) if asked else False

        return under


def _composite_vote(window: CompositeWindow, names: Sequence[str], asked: Sequence[tuple[int, bool | Open]]) -> Open:
    def vote(view: View, row: int) -> Said:
        for at, part in asked:
            said = part if isinstance(part, bool) else part(view, row)
            if said is None:
                return None
            if said:
                return window.allow(view.now, at, view.spans[row]) and names[at]
        return False

    return vote


def _all_of(ballots: list[Ballot]) -> Ballot:
    def under(mask: int) -> bool | Open:
        asked: list[Open] = []
        for ballot in ballots:
            part = ballot(mask)
            if part is False and not asked:
                return False
            if part is False:
                asked.append(_no)  # what stands before it is asked all the same, and may spend
                break
            if not isinstance(part, bool):
                asked.append(part)
        return _in_turn(asked) if asked else True

    return under


def _in_turn(asked: Sequence[Open]) -> Open:
    def vote(view: View, row: int) -> Said:
        for part in asked:
            said = part(view, row)
            if not said:
                return said
        return True

    return vote


def _error(view: View, row: int) -> Said:
    return None


def _no(view: View, row: int) -> bool:
    return False


def _negated(ballot: Ballot) -> Ballot:
    def under(mask: int) -> bool | Open:
        part = ballot(mask)
        return (not part) if isinstance(part, bool) else _opposite(part)

    return under


def _opposite(part: Open) -> Open:
    def vote(view: View, row: int) -> Said:
        said = part(view, row)
        return None if said is None else not said

    return vote
