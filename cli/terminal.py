"""What the tools have in common when they write for people: colour on a terminal only, tables, numbers."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Literal, TextIO

Colour = Literal["red", "green", "yellow", "blue", "dim", "bold"]
_CODES: dict[Colour, str] = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "dim": "2", "bold": "1"}


class Paint:
    """Colours text where a terminal shows it; elsewhere, or where NO_COLOR is set, text stays as it is."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """`stream`: where the text is printed; None: stdout."""
        out = sys.stdout if stream is None else stream
        self.on = out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def __call__(self, colour: Colour, text: str) -> str:
        """Return the text in a colour."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.on and text else text


def columns(rows: Sequence[Sequence[str]], indent: str = "", right: Sequence[int] = ()) -> list[str]:
    """Return rows as lines with aligned columns, two spaces apart; `right`: columns that are aligned to the right."""
    if not rows:
        return []
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        padded = [
            cell.rjust(w) if at in right else cell.ljust(w)
            for at, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(padded)).rstrip())
    return lines


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 span`, `2 spans`, `1,000 spans`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(number: float) -> str:
    """Return bytes in a unit of which there are at least one: `12.3 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{number:.3g} {unit}" if unit != "B" else f"{number:.0f} B"
        number /= 1000
    return f"{number:,.3g} TB" if number < 1000 else f"{number:,.0f} TB"


def large(number: float) -> str:
    """Return a number in few digits: `950`, `12,300`, `4.2 million`."""
    for least, word in ((1e9, "billion"), (1e6, "million")):
        if number >= least:
            return f"{number / least:.3g} {word}"
    return f"{number:,.0f}"


def percent(share: float) -> str:
    """Return a share in percent, as exactly as is of use: `50%`, `0.1%`."""
    return f"{share * 100:.4g}%"


def milliseconds(nanoseconds: int) -> str:
    """Return a duration for people: `320ms`, `1.2s`, `2m5s`."""
    if nanoseconds < 1_000_000:
        return f"{nanoseconds / 1000:.3g}us" if nanoseconds else "0ms"
    if nanoseconds < 1_000_000_000:
        return f"{nanoseconds / 1e6:.3g}ms"
    if nanoseconds < 60_000_000_000:
        return f"{nanoseconds / 1e9:.3g}s"
    minutes, rest = divmod(nanoseconds // 1_000_000_000, 60)
    return f"{minutes}m{rest}s" if rest else f"{minutes}m"
