"""What a detector is, and the pieces that the shipped patterns have in common.

RE2 has no look-around; three devices stand in for it:

- What must stand *before* a match is matched too, outside the group that is replaced (`WORD`, `NUMBER`).
- What must *not follow*, and what must not be taken for a match, is an alternative that is tried first and leaves the
  group out: a match whose group took no part does not count, and the search goes on behind its first character. So
  nothing behind a counted match is used up, and the next secret may follow at once.
- What a pattern cannot say (check digits, registries) is the kernel's check's to say, see `docs/kernel.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .actions import KernelAction

PACKS = ("credentials", "pii", "financial", "network")
"""Those that are on unless others are named."""
NATIONAL = "national"
"""The pack that is on only when it is named."""

Check = str | Mapping[str, Any]
"""A CHECK of `docs/kernel.md`."""


@dataclass(frozen=True)
class Near:
    """A pattern that must be found at most `within` bytes from a match."""

    pattern: str
    within: int


@dataclass(frozen=True)
class Rule:
    """One pattern of a detector; `group` is what is replaced, if `check` passes and `near` is near."""

    pattern: str
    group: int = 1
    check: Check | None = None
    variant: str = ""
    """Tells the patterns of one detector apart where matches are counted."""
    near: Near | None = None


@dataclass(frozen=True)
class Detector:
    """What is looked for under one name, and what becomes of it unless configured otherwise."""

    name: str
    pack: str
    action: KernelAction
    rules: tuple[Rule, ...]
    skip_keys: tuple[str, ...] = ()
    """Attributes that are left alone, since their meaning is known to be another one."""
    private: tuple[Rule, ...] = ()
    """The rules where private addresses are wanted too."""


ESCAPE = r"%[0-9A-Fa-f]{2}|\\(?:[nrt]|u[0-9A-Fa-f]{4})"
"""An escaped character of a URL or of a JSON string; what it ends with is no part of the word behind it."""

WORD = rf"(?:\b|_|{ESCAPE})"
"""Before a word: anything but a letter or a digit."""

NUMBER = rf"(?:{ESCAPE}|^|[^0-9A-Za-z.]|[^0-9]\.|^\.)"
"""Before a number: as before a word, and no decimal point with a digit before it."""

SCHEMES = "bearer|basic|token|digest|negotiate|ntlm|api-?key|hmac|aws4-hmac-sha256|oauth|jwt|key|hawk|sso-key"
SCHEMES += "|geniekey|ssws|splunk|pveapitoken"
"""What stands before credentials in a header `Authorization`."""

HOLE = (
    r"(?:\$\{\{[^{}]*\}\}|\$\{[^}\"']*\}|\$\([^)\"'\n]*\)|\{\{[^{}]*\}\}|\{(?:[A-Za-z_][A-Za-z_. :-]*)?[0-9]{0,2}\}"
    r"|\[[A-Z_]+\]|<[A-Za-z_ .-]+>|%[#+-]?[a-zA-Z]|%\([a-z_]+\)s|\*+|\.\.\."
    r"|\$[a-z][a-z-]*[.:][a-z]\w*\.[A-Za-z]\w*(?:\.\w+)*|\$[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z]|\$[a-z]+(?:-[a-z]+)+)"
)
"""What stands for a value that is filled in elsewhere, or was taken out: `${X}`, `{x}`, `[X]`, `<x>`, `%s`, `$a.b`."""

CJK = r"\x{3001}\x{3002}\x{3008}-\x{3011}\x{FF01}\x{FF08}\x{FF09}\x{FF0C}\x{FF1A}\x{FF1B}\x{FF1F}"
"""Stops, commas and brackets of Chinese and Japanese, which stand right behind a word."""

_OWN = "trace|span|parent|request|message|correlation|event|batch|order|invoice|job|build"
IDS = rf"(?:^|[._-])(?:{_OWN})[._-]?(?:id|no|number)$|[a-z](?:Trace|Span|Request|Message|Order|Invoice)(?:Id|Number)$"
"""Keys of numbers that are somebody's own: ids of requests and traces, order and invoice numbers."""

TIMES = (
    r"(?i:timestamp|[._-](?:time|at|on|ms|us|ns|nanos|micros|millis|offset|epoch))$|[a-z](?:Time|At|Ms|Nanos|Millis)$"
)
"""Keys of times, in whatever unit, and of positions in a log."""

VERSIONS = r"(?i)(?:^|[._-])(?:version|release|build|revision|tags?)$"
"""Keys of versions of software, some of which have four parts."""
