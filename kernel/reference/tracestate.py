"""The `ot` member of a W3C trace state: a trace's own randomness (`rv`) and its sampling threshold (`th`)."""

from __future__ import annotations

import re
from typing import NamedTuple

_MAX_TRACE_STATE = 8192  # bytes
_MAX_OT = 256  # characters


class _Parsed(NamedTuple):
    """A trace state taken apart."""

    subs: list[str]
    """Sub-keys of the `ot` member as they stand, such as `th:8`."""
    others: list[str]
    """All other members as they stand."""

    def value(self, name: str) -> str | None:
        """Return the value of the first such sub-key; None too when some sub-key has no `:`."""
        if any(":" not in sub for sub in self.subs):
            return None
        return next((sub[len(name) + 1 :] for sub in self.subs if sub.startswith(name + ":")), None)


def _parse(state: str) -> _Parsed:
    others = state.split(",") if state else []
    for index, member in enumerate(others):
        content = member.strip(" \t")
        if content.startswith("ot="):
            del others[index]
            return _Parsed(content[3:].split(";") if content != "ot=" else [], others)
    return _Parsed([], others)


def randomness(state: str) -> int | None:
    """Return `rv` as an integer below 2^56, None when it is not there or not 14 lower-case hex digits."""
    value = _parse(state).value("rv") if "rv:" in state else None
    return int(value, 16) if value is not None and re.fullmatch("[0-9a-f]{14}", value) else None


def _incoming(parsed: _Parsed) -> int:
    value = parsed.value("th")
    return int(value.ljust(14, "0"), 16) if value is not None and re.fullmatch("[0-9a-f]{1,14}", value) else 0


def with_threshold(state: str, mode: str, threshold: int) -> str:
    """Return the trace state after `leave`, `set` (56-bit threshold; the larger of both stays) or `erase`."""
    if mode == "leave" or len(state.encode()) > _MAX_TRACE_STATE:
        return state
    parsed = _parse(state)
    places = [index for index, sub in enumerate(parsed.subs) if sub.startswith("th:")]
    if mode == "erase" and not places:
        return state
    subs = [sub for sub in parsed.subs if not sub.startswith("th:")]
    if mode == "set":
        digits = f"{max(threshold, _incoming(parsed)):014x}".rstrip("0") or "0"
        subs.insert(places[0] if places else len(subs), f"th:{digits}")
    member = ";".join(subs)
    if len(member) > _MAX_OT:
        return state
    return ",".join(([f"ot={member}"] if subs else []) + parsed.others)
