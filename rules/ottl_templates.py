"""What a match is replaced with: Go's templates (`$1`, `${name}`), and globs as patterns."""

from __future__ import annotations

import re

import re2

from .condition_tree import PlacedError
from .ottl_functions import Arguments
from .patterns import group_names

Template = list[str | int]
"""Texts, and the numbers of groups."""

_REFERENCE = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<plain>\w+)|(?P<dollar>\$))", re.ASCII)


def literal(text: str) -> Template:
    """Return a template that is just this text."""
    return [text]


def template(text: str, pattern: str) -> Template:
    """Return what Go's regexp makes of a replacement: a name runs as far as it can, an unknown group is empty."""
    names = group_names(pattern)
    parts: Template = []
    position = 0
    for found in _REFERENCE.finditer(text):
        parts.append(text[position : found.start()])
        name = found["braced"] or found["plain"]
        parts.append("$" if found["dollar"] else _group(name, names))
        position = found.end()
    return [part for part in [*parts, text[position:]] if part != ""]


def _group(name: str, names: list[str | None]) -> str | int:
    if name.isdigit():
        number = int(name) if len(name) < 6 else 1 << 16
        return number if number <= len(names) else ""
    return names.index(name) + 1 if name in names else ""


def glob_pattern(given: Arguments, argument: str) -> str:
    """Return a pattern for the whole of what a glob matches: `*`, `?`, and a backslash before what is meant itself."""
    glob: str = given.constant(argument, str)
    out, position = [], 0
    while position < len(glob):
        one = glob[position]
        if one in "[]{}":
            place = given.node(argument).position
            raise PlacedError(place, f"{one} in a glob is not supported: expected *, ? and plain text")
        if one == "\\" and position + 1 < len(glob):
            position += 1
            out.append(re2.escape(glob[position]))
        else:
            out.append({"*": ".*", "?": "."}.get(one) or re2.escape(one))
        position += 1
    return rf"(?s)\A{''.join(out)}\z"
