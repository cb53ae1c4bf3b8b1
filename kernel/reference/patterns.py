"""Regular expressions: RE2 on UTF-8."""

from __future__ import annotations

from typing import Any, Protocol

import re2

from ..contract import BadProgram
from .spec import text

_MAX_MEM = 64 << 20  # RE2 compiles and caches within it; large alternations need more than its 8 MiB


class Match(Protocol):
    """What a search found, in bytes."""

    def span(self, group: int = 0) -> tuple[int, int]:
        """Return where the group begins and ends, (-1, -1) when it took no part."""


class Pattern(Protocol):
    """A compiled expression."""

    groups: int
    groupindex: dict[str, int]

    def search(self, text: bytes, pos: int = 0) -> Match | None:
        """Return the leftmost match at or after `pos`; what stands before it is seen by `^` and word boundaries."""


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MAX_MEM
    options.log_errors = False
    return options


def _has_any_byte(pattern: str) -> bool:
    """Return whether the pattern has the escape for any one byte, which would cut characters apart."""
    position = 0
    while (position := pattern.find("\\", position)) >= 0:
        escape = pattern[position + 1 : position + 2]
        if escape == "C":
            return True
        if escape == "Q":
            end = pattern.find("\\E", position + 2)
            position = len(pattern) if end < 0 else end
        position += 2
    return False


def compile_pattern(pattern: Any, what: str = "pattern") -> Pattern:
    """Return the compiled pattern. Raises `BadProgram` with RE2's message."""
    checked = text(pattern, what)
    if _has_any_byte(checked):
        raise BadProgram(f"{what}: {checked!r}: \\C is not supported")
    try:
        compiled: Pattern = re2.compile(checked, _options())
    except re2.error as error:
        message = error.args[0]
        reason = message.decode(errors="replace") if isinstance(message, bytes) else message
        raise BadProgram(f"{what}: {checked!r}: {reason}") from None
    return compiled
