"""What a detector is, and the pieces that the shipped patterns have in common.

RE2 has no look-around; three devices stand in for it:

- What must stand *before* a match is matched too, outside the group that is replaced (`WORD`, `NUMBER`).
- What must *not follow*, and what must not be taken for a match, is an alternative that is tried first and leaves the
  group out: a match whose group took no part does not count, and the search goes on behind its first character. So
  nothing behind a counted match is used up, and the next secret may follow at once.
- What a pattern cannot say (check digits, registries) is the kernel's check's to say, see `docs/kernel.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .actions import KernelAction

PACKS = ("credentials", "pii", "financial", "network")


@dataclass(frozen=True)
class Rule:
    """One pattern of a detector; `group` is what is replaced, if `check` passes."""

    pattern: str
    group: int = 1
    check: str | None = None
    variant: str = ""
    """Tells the patterns of one detector apart where matches are counted."""


@dataclass(frozen=True)
class Detector:
    """What is looked for under one name, and what becomes of it unless configured otherwise."""

    name: str
    pack: str
    action: KernelAction
    rules: tuple[Rule, ...]


ESCAPE = r"%[0-9A-Fa-f]{2}|\\(?:[nrt]|u[0-9A-Fa-f]{4})"
"""An escaped character of a URL or of a JSON string; what it ends with is no part of the word behind it."""

WORD = rf"(?:\b|_|{ESCAPE})"
"""Before a word: anything but a letter or a digit."""

NUMBER = rf"(?:{ESCAPE}|^|[^0-9A-Za-z.]|[^0-9]\.|^\.)"
"""Before a number: as before a word, and no decimal point with a digit before it."""
