"""The pages that people read, and what can be taken out of them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
}

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def text(page: str) -> str:
    """Return a page as it stands."""
    return PAGES[page].read_text(encoding="utf-8")


def fences(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return [block for name, block in _FENCE.findall(text(page)) if name == language]


def code(page: str) -> list[str]:
    """Return everything that is set as code: fenced and indented blocks, and what stands in backticks."""
    prose = _FENCE.sub("", text(page))
    blocks = [block for _, block in _FENCE.findall(text(page))]
    return [*blocks, *_INDENTED.findall(prose), *_SPAN.findall(_INDENTED.sub("", prose))]


def links(page: str) -> list[str]:
    """Return the targets of links that stay in the repository."""
    prose = _SPAN.sub("", _FENCE.sub("", text(page)))
    return [target for target in _LINK.findall(prose) if "://" not in target]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def tables(page: str, after: str) -> list[list[str]]:
    """Return the cells of each row of the first table at or after a text; heads and rules are left out."""
    before, found, _ = text(page).partition(after)
    assert found, f"{page} says nothing like {after!r}"
    rest = text(page)[len(before) :]
    block = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)
    assert block is not None, f"{page}: no table after {after!r}"
    return [cells(row) for row in block[0].splitlines()[2:]]


def cells(row: str) -> list[str]:
    """Return the cells of one row."""
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def names(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return _SPAN.findall(cell)
