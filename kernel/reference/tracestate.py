"""W3C trace states: members by key, and in the `ot` member a trace's randomness (`rv`) and threshold (`th`)."""

from __future__ import annotations

import re
from typing import NamedTuple

_MAX_TRACE_STATE = 8192  # bytes
_MAX_OT = 256  # characters
_MAX_MEMBERS = 32
_REST = r"[a-z0-9_\-*/]"
_MEMBER = re.compile(
    rf"[ \t]*([a-z]{_REST}{{0,255}}|[a-z0-9]{_REST}{{0,240}}@[a-z]{_REST}{{0,13}})"
    r"=([ -+\--<>-~]{0,255}[!-+\--<>-~])[ \t]*"
)


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


def member(state: str, key: str) -> str | None:
    """Return the value of the member with that key; None where there is none, or the list as a whole is malformed."""
    found: dict[str, str] = {}
    for text in filter(None, state.split(",")):
        parts = _MEMBER.fullmatch(text)
        if parts is None or parts[1] in found or len(found) == _MAX_MEMBERS:
            return None
        found[parts[1]] = parts[2]
    return found.get(key)


def randomness(state: str) -> int | None:
    """Return `rv` as an integer below 2^56, None when it is not there or not 14 lower-case hex digits."""
    value = _parse(state).value("rv") if "rv:" in state else None
    return int(value, 16) if value is not None and re.fullmatch("[0-9a-f]{14}", value) else None


def _incoming(parsed: _Parsed) -> int:
    value = parsed.value("th")
    return int(value.ljust(14, "0"), 16) if value is not None and re.fullmatch("[0-9a-f]{1,14}", value) else 0


class Sampling(NamedTuple):
    """What a trace state says of sampling."""

    valid: bool
    """The `ot` member, its `rv` and its `th` are well formed, as far as they are there."""
    rv: int | None
    threshold: int | None


def sampling_of(state: str) -> Sampling:
    """Return what a trace state says of sampling."""
    parsed = _parse(state)
    rv, th = parsed.value("rv"), parsed.value("th")
    valid = all(":" in sub for sub in parsed.subs)
    valid = valid and (rv is None or randomness(state) is not None)
    valid = valid and (th is None or re.fullmatch("[0-9a-f]{1,14}", th) is not None)
    return Sampling(valid, randomness(state), int(th.ljust(14, "0"), 16) if valid and th is not None else None)


def with_sampling(state: str, rv: int | None, threshold: int | None) -> str:
    """Return the trace state with the threshold (None: erased), and with `rv` first where one is given."""
    new = with_threshold(state, "erase" if threshold is None else "set", threshold or 0)
    if rv is None or new == state:
        return new
    parsed = _parse(new)
    member = ";".join([f"rv:{rv:014x}", *parsed.subs])
    return state if len(member) > _MAX_OT else ",".join([f"ot={member}", *parsed.others])


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


def with_true_threshold(state: str, mode: str, threshold: int, trace_id: bytes) -> str:
    """Return the trace state as `with_threshold` does, but for an incoming threshold above the randomness.

    That one cannot be true, since a trace is kept where its randomness reaches the threshold: then `set` erases.
    """
    own = randomness(state)
    chance = int.from_bytes(trace_id[:16].ljust(16, b"\0")[9:], "big") if own is None else own
    contradicted = mode == "set" and _incoming(_parse(state)) > chance
    return with_threshold(state, "erase" if contradicted else mode, threshold)
