"""`status_code`: traces in which some span has one of some status codes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ....rules.facts import FactsBuilder
from ..votes import Condition, Vote
from .base import Options, PolicyType

_CODES = {"UNSET": 0, "OK": 1, "ERROR": 2}


class StatusCode(Options):
    """The codes, in capitals."""

    status_codes: list[Literal["OK", "ERROR", "UNSET"]] = Field(min_length=1)


def _vote(options: StatusCode, facts: FactsBuilder) -> Vote:
    codes = sorted({_CODES[code] for code in options.status_codes})
    return Condition(facts.any(["in", ["field", "status.code"], codes]))


STATUS_CODE = PolicyType("status_code", StatusCode, _vote)
