"""Where a processor acts: the record of its pipeline's signal, or what stands around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ..kernel.contract import Expr, Signal
from .condition_fields import Level
from .conditions import ConditionError, record_condition

Written = Literal["record", "span", "log", "datapoint", "resource", "scope"]
"""`record`: a span, log record or data point, as the pipeline has; by its own name: only in pipelines of that."""

RECORDS: Mapping[Signal, Level] = {"traces": "span", "logs": "log", "metrics": "datapoint"}


def level_in(signal: Signal, written: Written) -> Level | None:
    """Return what is meant in a pipeline of that signal, None where it is not there."""
    record = RECORDS[signal]
    if written in ("resource", "scope"):
        return written
    return record if written in ("record", record) else None


def check_condition(text: str, written: Written) -> None:
    """Raise ConditionError for a condition that is possible on none of the levels that may be meant."""
    errors: list[ConditionError] = []
    levels = [level for signal in RECORDS if (level := level_in(signal, written)) is not None]
    for level in levels:
        try:
            record_condition(text, level)
        except ConditionError as error:
            errors.append(error)
    if len(errors) == len(levels):
        raise errors[0]


def condition_in(signal: Signal, text: str | None, written: Written) -> Expr | None:
    """Return the compiled condition; None: always. Raises ConditionError where it is not possible on the signal."""
    level = level_in(signal, written)
    return None if text is None or level is None else record_condition(text, level)


def possible_in(signal: Signal, text: str | None, written: Written) -> bool:
    """Say whether a signal has the level that is meant, and what the condition asks about."""
    try:
        condition_in(signal, text, written)
    except ConditionError:
        return False
    return level_in(signal, written) is not None


def does_nothing(signal: Signal, what: str) -> str:
    """Return why a processor of which no part is about a signal cannot be used on it."""
    return f"has nothing to do on {signal}: {what}"
