"""What a scrub stage does beside replacing: it counts by position, says what it found, and lets go of spans."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from .levels import Level, put
from .spec import choice, natural, only, text
from .values import decode, key_value, of_string

SIZE, DEPTH, PATIENCE = range(3)
"""Why something could not be scrubbed, as it is counted behind a stage's rules."""
RULE, LIMIT = 1, 2
"""Why a span goes."""


class Counters(list[int]):
    """Counts by number; those of scrub rules are counted by position, too."""

    def __init__(self, size: int) -> None:
        super().__init__([0] * size)
        self.places: Counter[tuple[int, str]] = Counter()

    def add(self, number: int, position: str, count: int) -> None:
        """Count what a scrub rule replaced in a position."""
        self[number] += count
        self.places[number, position] += count


@dataclass(frozen=True)
class Limits:
    """What a stage takes through its rules at most; what is beyond becomes the text."""

    size: int
    """Bytes of one string."""
    depth: int
    """Arrays and maps inside one another."""
    drops: bool
    """The span goes, too."""
    text: bytes


def compile_limits(spec: Any) -> Limits | None:
    """Return the limits of a stage, None for none. Raises `BadProgram`."""
    if spec is None:
        return None
    given = only(spec, {"size", "depth", "do", "text"}, "limits")
    size, depth = natural(given.get("size"), "limits: size"), natural(given.get("depth"), "limits: depth")
    drops = choice(given.get("do"), ("redact", "drop"), "limits: do") == "drop"
    return Limits(size, depth, drops, text(given.get("text"), "limits: text").encode())


def tagged(level: Level, key: str, names: set[str]) -> Level:
    """Return the level with the attribute that names what was found, beside what it names already."""
    before = decode(level.attributes.get(key.encode(), b""))
    known = set(before.split(",")) if isinstance(before, str) and before else set()
    value = of_string(b",".join(sorted(name.encode() for name in known | names)))
    return put(level, key.encode(), value, True, key_value(key.encode(), value))
