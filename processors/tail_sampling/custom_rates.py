"""A policy written in Python as a source of rates: what it raises is counted, and its rule then passes.

One that takes too long is interrupted, and left alone for a while: each time for twice as long, until it answers.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from importlib import import_module

from ...kernel.contract import Columns
from ...rules.facts import FactsBuilder
from ...telemetry.logs import RateLimited, get_logger
from .custom import Answer, Compiled, Policy, checked
from .deadline import Overdue, within
from .learned import threshold_of
from .rates import PASS, RowRates
from .thresholds import NEVER

SECOND = 1_000_000_000
SHORTEST_REST, LONGEST_REST = 10 * SECOND, 640 * SECOND
"""How long a policy is not asked that was interrupted, ns: the first time, and at most."""

log = RateLimited(get_logger("tailgate.tail_sampling"))


def find_policy(module: str) -> type[Policy]:
    """Return the class that `package.module:Class` names. Raises ValueError."""
    name, _, attribute = module.partition(":")
    if not name or not attribute:
        raise ValueError(f"{module!r} names no class: expected package.module:Class")
    try:
        found = getattr(import_module(name), attribute, None)
    except Exception as error:
        raise ValueError(f"{name} cannot be imported: {type(error).__name__}: {error}") from None
    if not isinstance(found, type) or not issubclass(found, Policy):
        expected = f"{Policy.__module__}.{Policy.__qualname__}"
        raise ValueError(f"{module} is no subclass of {expected}")  # noqa: TRY004 - pydantic wants ValueError
    return found


class CustomRates:
    """The rates that a policy answers."""

    certain = False

    def __init__(
        self, name: str, policy: Policy, facts: FactsBuilder, *, settings: object = None, timeout: int = SECOND
    ) -> None:
        """`name`: the policy's, for the log; `timeout` in ns. Only a policy of the same `settings` is gone on from."""
        self.policy, self.errors, self.settings = policy, 0, settings
        self._name, self._compiled, self._timeout = name, Compiled(policy, facts), timeout / SECOND
        self._rest, self._asked_again = SHORTEST_REST, 0

    def open(self, columns: Columns, now: int, rows: Sequence[int]) -> RowRates:
        """Ask the policy about these rows, once."""
        answers = self._answers(columns, now, rows) or [None] * len(rows)
        return _Answers(dict(zip(rows, map(_threshold, answers), strict=True)))

    def _answers(self, columns: Columns, now: int, rows: Sequence[int]) -> Sequence[Answer] | None:
        """Return the policy's answers; None when it has none, or is not asked."""
        if now < self._asked_again:
            self.errors += 1
            return None
        view = self._compiled.view(columns, now, rows)
        try:
            answers = within(self._timeout, lambda: checked(self.policy.decide(view), len(view)))
        except Overdue as overdue:
            self._asked_again, self._rest = now + self._rest, min(2 * self._rest, LONGEST_REST)
            self._failed(overdue)
            return None
        except (Exception, SystemExit) as error:
            self._failed(error)
            return None
        self._rest = SHORTEST_REST
        return answers

    def adopt(self, old: object) -> None:
        """Let the policy take over what the other has learned; what that raises is counted."""
        if not isinstance(old, CustomRates) or old.settings != self.settings:
            return
        try:
            within(self._timeout, lambda: self.policy.adopt(old.policy))
        except (Exception, SystemExit, Overdue) as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        """Count it; the log says what and where, but never the message, which may hold what a span said."""
        self.errors += 1
        frames = list(traceback.extract_tb(error.__traceback__))
        if isinstance(error, Overdue):
            frames.pop()  # what has interrupted it
        where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        log.error("policy_failed", policy=self._name, error=type(error).__name__, where=where)


class _Answers:
    def __init__(self, thresholds: dict[int, int]) -> None:
        self._thresholds = thresholds

    def threshold(self, row: int) -> int:
        return self._thresholds.get(row, PASS)

    def decided(self, row: int) -> None:
        pass


def _threshold(answer: Answer) -> int:
    if answer is None:
        return PASS
    return threshold_of(float(answer)) if answer > 0 else NEVER
