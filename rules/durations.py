"""Durations as people write them: `10s`, `1m30s`, `500ms`, `72h`, `30d`, `2w`, and bare numbers."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w)")
EXPECTED = "a duration such as 500ms, 10s, 1m30s, 72h or 30d"


def parse_duration(text: str) -> int:
    """Return nanoseconds. Raises ValueError for anything that is not a row of numbers with units."""
    position, total = 0, 0.0
    stripped = text.strip()
    for part in _PART.finditer(stripped):
        if part.start() != position:
            break
        total += float(part[1]) * UNITS[part[2]]
        position = part.end()
    if not stripped or position != len(stripped):
        raise ValueError(f"{text!r} is no duration: expected {EXPECTED}")
    return round(total)


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"expected {EXPECTED}")  # noqa: TRY004 - pydantic wants ValueError
    if value == 0:
        return 0
    raise ValueError(f"{value} has no unit: expected {EXPECTED}")


_SCHEMA = {
    "title": "duration",
    "anyOf": [
        {"type": "string", "pattern": f"^\\s*({_PART.pattern})+\\s*$", "examples": ["10s", "1m30s"]},
        {"const": 0},
    ],
}

Duration = Annotated[int, BeforeValidator(_duration), WithJsonSchema(_SCHEMA)]
"""A configuration field that holds nanoseconds and is written as a duration with its unit."""


def format_duration(nanoseconds: int) -> str:
    """Return the duration in the largest units that divide it, `1m30s`; what `parse_duration` reads back."""
    if nanoseconds == 0:
        return "0s"
    out, rest = [], nanoseconds
    for unit in ("d", "h", "m", "s", "ms", "us", "ns"):
        count, rest = divmod(rest, UNITS[unit])
        if count:
            out.append(f"{count}{unit}")
    return "".join(out)
