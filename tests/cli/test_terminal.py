"""What people see: colour on a terminal only, aligned columns, numbers in few digits."""

from __future__ import annotations

import io

import pytest
from tailgate.cli.terminal import Paint, columns, count, large, milliseconds, percent, size


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guarantees: colour on a terminal; none in a file, with NO_COLOR, on a dumb terminal."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Paint(Terminal())("red", "no") == "\x1b[31mno\x1b[0m"
    assert Paint(io.StringIO())("red", "no") == "no"
    monkeypatch.setenv("TERM", "dumb")
    assert Paint(Terminal())("red", "no") == "no"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert Paint(Terminal())("red", "no") == "no"


def test_columns() -> None:
    """Guarantees: columns are aligned, numbers to the right, and no line ends with blanks."""
    assert columns([("a", "1", ""), ("bcd", "100", "x")], "  ", right=(1,)) == ["  a      1", "  bcd  100  x"]
    assert columns([]) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (count(1, "span"), "1 span"), (count(0, "span"), "0 spans"), (count(1234, "row"), "1,234 rows"),
        (size(0), "0 B"), (size(999), "999 B"), (size(1500), "1.5 kB"), (size(2.5e9), "2.5 GB"), (size(3e12), "3 TB"),
        (large(950), "950"), (large(12_345), "12,345"), (large(4_210_000), "4.21 million"), (large(7e9), "7 billion"),
        (percent(0.5), "50%"), (percent(0.001), "0.1%"), (percent(1), "100%"), (percent(1 / 3), "33.33%"),
        (milliseconds(0), "0ms"), (milliseconds(500), "0.5us"), (milliseconds(320_000_000), "320ms"),
        (milliseconds(1_200_000_000), "1.2s"), (milliseconds(125_000_000_000), "2m5s"),
        (milliseconds(60 * 10**9), "1m"),
    ],
)  # fmt: skip
def test_numbers(said: str, expected: str) -> None:
    """Guarantees: numbers as people write them."""
    assert said == expected
