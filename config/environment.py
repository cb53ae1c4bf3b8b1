"""Environment variables in a configuration, as the collector substitutes them.

`${env:NAME}`, `${NAME}` and `${env:NAME:-default}` stand for a variable; `$$` is a `$`; a `$` before anything but `{`
is itself. A text that is nothing but one substitution is read as YAML (`8888` is a number, `[a, b]` a list); where a
field wants a string it gets the text as it stands. Inside a longer text the variable's text is put in. The default is
used while the variable is not set; without one the value is empty, with a warning. What a variable holds is substituted
in turn, innermost braces first. Keys are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from .errors import Problem
from .tree import Node, Place, parse

MAX_ROUNDS = 100
"""Substitutions in one value; more of them run in a circle."""
MAX_LENGTH = 1 << 20
"""Characters of one value after substitution."""

_REFERENCE = re.compile(r"(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_TOKEN = re.compile(r"\$\$|\$\{|\}")


class BadReferenceError(ValueError):
    """A `${...}` cannot be resolved; the message says why."""


def expand(node: Node, env: Mapping[str, str], problems: list[Problem]) -> Node:
    """Return a copy of the tree with every substitution done; what is wrong is added to `problems`."""
    if isinstance(node.value, dict):
        entries = {key: expand(child, env, problems) for key, child in node.value.items()}
        return replace(node, value=entries, size=1 + sum(child.size for child in entries.values()))
    if isinstance(node.value, list):
        items = [expand(child, env, problems) for child in node.value]
        return replace(node, value=items, size=1 + sum(child.size for child in items))
    if isinstance(node.value, str) and "$" in node.value and not node.settled:
        try:
            return _Expansion(env, node, problems).result()
        except BadReferenceError as error:
            problems.append(node.place.problem(str(error)))
    return replace(node)


def settled(node: Node) -> Node:
    """Return a copy of an expanded tree that `expand` leaves as it is."""
    value = node.value
    if isinstance(value, dict):
        value = {key: settled(child) for key, child in value.items()}
    elif isinstance(value, list):
        value = [settled(item) for item in value]
    return replace(node, value=value, settled=True)


class _Expansion:
    """The substitution of one scalar."""

    def __init__(self, env: Mapping[str, str], node: Node, problems: list[Problem]) -> None:
        self.env = env
        self.node = node
        self.problems = problems
        self.written = str(node.value)
        self.used = False
        """Some variable has given text: what comes of it may be a secret."""

    def result(self) -> Node:
        if _unclosed(self.written):
            raise BadReferenceError("a '${' has no '}'; write '$${' for the two characters themselves")
        text, rounds = self.written, 0
        while (span := _innermost(text)) is not None:
            value = self._value(text[span[0] + 2 : span[1]])
            if span == (0, len(text) - 1) and (value is None or _innermost(value) is None):
                return self._whole(value)
            text = f"{text[: span[0]]}{value or ''}{text[span[1] + 1 :]}"
            rounds += 1
            if rounds > MAX_ROUNDS or len(text) > MAX_LENGTH:
                raise BadReferenceError("the variables refer to each other without end")
        source = self.written if self.used else None
        return replace(self.node, value=_text(text.replace("$$", "$")), source=source)

    def _whole(self, value: str | None) -> Node:
        """Return the node of a text that is one substitution: YAML by type, the verbatim text kept beside it."""
        if value is None:
            return replace(self.node, value=None, source=self.written, verbatim="")
        verbatim = _text(value.replace("$$", "$"))
        if value == "":
            return replace(self.node, value="", source=self.written)
        read = _typed(value, self.node.place, self.written)
        if read is None or isinstance(read.value, str) or (read.value is None and "#" in value):
            return replace(self.node, value=verbatim, source=self.written)
        return replace(read, key=self.node.key, verbatim=verbatim)

    def _value(self, reference: str) -> str | None:
        """Return what a reference stands for, None when the variable is not set and no default is given."""
        match = _REFERENCE.fullmatch(reference)
        if match is None or "$" in reference:
            raise BadReferenceError(self._complaint(reference))
        name, default = match[1], match[2]
        if name in self.env:
            self.used = True
            return self.env[name] or None
        if default is None:
            message = f"the environment variable {name} is not set, so this is empty"
            self.problems.append(self.node.place.warning(message))
        return default

    def _complaint(self, reference: str) -> str:
        if f"${{{reference}}}" not in self.written:
            return "the variable's value holds a '${...}' that cannot be resolved"
        scheme = _SCHEME.fullmatch(reference)
        if scheme and scheme[1] == "env":
            return f"{scheme[2]!r} is no name of an environment variable, expected letters, digits and '_'"
        if scheme:
            expected = "expected '${env:NAME}' or '${env:NAME:-default}'"
            return f"'${{{scheme[1]}:...}}' is not supported, only env: is; {expected}"
        return f"'${{{reference}}}' names no environment variable; write '$${{' for the two characters themselves"


def _innermost(text: str) -> tuple[int, int] | None:
    """Return the positions of the first `${` that is not escaped and has its `}` next, None when there is none."""
    opened: int | None = None
    for token in _TOKEN.finditer(text):
        if token[0] == "${":
            opened = token.start()
        elif token[0] == "}" and opened is not None:
            return opened, token.start()
    return None


def _unclosed(text: str) -> bool:
    depth = 0
    for token in _TOKEN.finditer(text):
        depth = depth + 1 if token[0] == "${" else max(0, depth - 1) if token[0] == "}" else depth
    return depth > 0


def _text(text: str) -> str:
    """Refuse what is no Unicode: variables may hold any bytes."""
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise BadReferenceError("the variable's value is not UTF-8")
    return text


def _typed(value: str, place: Place, source: str) -> Node | None:
    """Read a variable's value as YAML; None when it is none. All of it stands where the reference stands."""
    problems: list[Problem] = []
    read = parse(value, place.file, problems)
    return None if read is None or problems else _moved(read, place, source)


def _moved(node: Node, place: Place, source: str) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {
            key: replace(_moved(child, replace(place, path=f"{place.path}.{key}"), source), key=place)
            for key, child in value.items()
        }
    elif isinstance(value, list):
        value = [_moved(item, replace(place, path=f"{place.path}[{i}]"), source) for i, item in enumerate(value)]
    return Node(value, place, size=node.size, source=source)
