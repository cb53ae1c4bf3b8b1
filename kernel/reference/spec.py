"""Reading a program's data: small helpers that raise `BadProgram` with a sentence."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from ..contract import BadProgram

INTEGERS = range(-(1 << 63), 1 << 63)
"""The integers that an attribute can hold."""


def need(condition: bool, message: str) -> None:
    """Raise `BadProgram(message)` unless `condition`."""
    if not condition:
        raise BadProgram(message)


def text(value: Any, what: str) -> str:
    """Return `value` if it is a string that UTF-8 can hold."""
    if not isinstance(value, str):
        raise BadProgram(f"{what}: expected a string, not {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadProgram(f"{what}: {value!r} is not valid Unicode") from None
    return value


def literal_of(value: Any) -> str | bool | int | float:
    """Return a constant: a string, boolean, integer within 64 bits or finite double. Raises `BadProgram`."""
    if isinstance(value, str):
        return text(value, "literal")
    if isinstance(value, float):
        need(math.isfinite(value), f"literal {value} is not finite")
    elif not isinstance(value, bool):
        need(isinstance(value, int) and value in INTEGERS, f"no literal: {value!r}")
    known: bool | int | float = value
    return known


def choice(value: Any, options: Collection[str], what: str) -> str:
    """Return `value` if it is one of these strings."""
    if not isinstance(value, str) or value not in options:
        raise BadProgram(f"{what}: unknown {value!r}, expected one of {', '.join(sorted(options))}")
    return value


def natural(value: Any, what: str) -> int:
    """Return `value` if it is an integer that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadProgram(f"{what}: expected a number that is not negative, not {value!r}")
    return value


def listed(value: Any, what: str) -> list[Any]:
    """Return `value` if it is a list (or tuple)."""
    if not isinstance(value, (list, tuple)):
        raise BadProgram(f"{what}: expected a list, not {value!r}")
    return list(value)


def only(value: Any, allowed: set[str], what: str) -> Mapping[str, Any]:
    """Return `value` if it is a mapping with no other keys than these."""
    if not isinstance(value, Mapping):
        raise BadProgram(f"{what}: expected a mapping, not {value!r}")
    unknown = sorted(str(key) for key in value if key not in allowed)
    need(not unknown, f"{what}: unknown key {', '.join(unknown)}")
    return value
