"""What a rule wants to find near a match: a word that says what the digits are."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .patterns import Pattern, compile_pattern
from .spec import natural, only


@dataclass(frozen=True)
class Near:
    """A pattern that is found at most `within` bytes before or behind."""

    pattern: Pattern
    within: int

    def of(self, content: bytes) -> Callable[[int, int], bool]:
        """Return a function from where something begins and ends in the text to whether the pattern is near."""
        starts: list[int] = []
        ends: list[int] = []
        position = 0
        while position <= len(content) and (match := self.pattern.search(content, position)):
            start, end = match.span()
            starts.append(start)
            ends.append(end)
            position = end if end > start else next_code_point(content, end)

        def is_near(start: int, end: int) -> bool:
            before, behind = bisect_right(ends, start), bisect_left(starts, end)
            return (before > 0 and start - ends[before - 1] <= self.within) or (
                behind < len(starts) and starts[behind] - end <= self.within
            )

        return is_near


def compile_near(spec: Any) -> Near:
    """Return what is to be near. Raises `BadProgram`."""
    only(spec, {"pattern", "within"}, "near")
    return Near(compile_pattern(spec.get("pattern"), "near"), natural(spec.get("within"), "near: within"))


def next_code_point(content: bytes, position: int) -> int:
    """Return where the next character begins."""
    position += 1
    while position < len(content) and content[position] & 0xC0 == 0x80:
        position += 1
    return position
