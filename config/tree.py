"""YAML text as a tree of nodes that know where they stand: every later message needs file, line, column and path."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import yaml
from yaml import events

from .errors import Problem
from .scalars import Scalar, plain_scalar, tagged_scalar

MAX_NODES = 100_000
"""Values in one file, aliases counted as often as they are used."""
MAX_DEPTH = 64
"""Levels of lists and mappings."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file (line and column from 1) and the path inside that file."""

    file: str
    line: int = 1
    column: int = 1
    path: str = ""

    def problem(self, message: str) -> Problem:
        """Return an error at this place."""
        return Problem(self.file, self.line, self.column, self.path, message)

    def warning(self, message: str, code: str = "") -> Problem:
        """Return a warning at this place."""
        return Problem(self.file, self.line, self.column, self.path, message, "warning", code)


@dataclass(slots=True)
class Node:
    """A value with its place. Treated as immutable once built, but for what `check` repairs."""

    value: Scalar | list[Node] | dict[str, Node]
    place: Place
    key: Place | None = None
    """Where its key stands, when it is an entry of a mapping."""
    size: int = 1
    """Nodes in it, itself included."""
    source: str | None = None
    """What was written, when the value came out of the environment: it may be a secret, so it is never quoted."""
    verbatim: str | None = None
    """The environment's text, for fields that want a string where the text looks like something else."""
    settled: bool = False
    """Substitution has been done here already, so a `${` that is left is text."""
    unchecked: bool = False
    """A part of it could not be read, which has been reported: checking the rest would only add noise."""

    @property
    def entries(self) -> dict[str, Node]:
        """The entries of a mapping; none for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The items of a list; none for anything else."""
        return self.value if isinstance(self.value, list) else []

    def child(self, step: object) -> Node | None:
        """Return the entry or the item, None when there is none."""
        if isinstance(self.value, dict) and isinstance(step, str):
            return self.value.get(step)
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None

    @property
    def head(self) -> Place:
        """Where a reader looks for it: at its key if it has one, else at its beginning."""
        return self.key or self.place


def plain(node: Node) -> Any:
    """Return the value without its places: None, bool, int, float, str, lists and dicts."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    if node.verbatim is not None and isinstance(node.value, float):
        return WrittenFloat(node.value, node.verbatim)
    if node.verbatim is not None and isinstance(node.value, int) and not isinstance(node.value, bool):
        return WrittenInt(node.value, node.verbatim)
    return node.value


class WrittenInt(int):
    """A number out of the environment whose text is the variable's: a key `0123` stays that where text is wanted."""

    written: str

    def __new__(cls, value: int, written: str) -> WrittenInt:
        """Keep the text beside the value."""
        number = super().__new__(cls, value)
        number.written = written
        return number

    def __str__(self) -> str:
        return self.written


class WrittenFloat(float):
    """The same for other numbers: `12e345`."""

    written: str

    def __new__(cls, value: float, written: str) -> WrittenFloat:
        """Keep the text beside the value."""
        number = super().__new__(cls, value)
        number.written = written
        return number

    def __str__(self) -> str:
        return self.written


def merge(older: Node, newer: Node) -> Node:
    """Merge as the collector does: mappings entry by entry; anything else, lists too, is replaced by the newer."""
    if not isinstance(older.value, dict) or not isinstance(newer.value, dict):
        return newer
    entries = dict(older.value)
    for key, child in newer.value.items():
        entries[key] = merge(entries[key], child) if key in entries else child
    return replace(newer, value=entries, size=1 + sum(child.size for child in entries.values()))


def parse(text: str, file: str, problems: list[Problem]) -> Node | None:
    """Return the tree of one YAML document (an empty one is null), or None after adding what is wrong with it."""
    builder = Builder(file, problems)
    try:
        return builder.document(text)
    except Stop as stop:
        problems.append(stop.problem)
    except yaml.MarkedYAMLError as error:
        problems.append(_syntax_problem(text, file, error))
    except yaml.reader.ReaderError as error:
        line, column = _position(text, error.position)
        character = repr(chr(error.character)) if isinstance(error.character, int) else "here"
        problems.append(Place(file, line, column).problem(f"the character {character} is not allowed in YAML"))
    except (ValueError, OverflowError):
        problems.append(Place(file, builder.line, 1).problem("an escape or a number here is out of range"))
    return None


class Stop(Exception):
    """Carries the problem that ends the reading."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(problem.message)
        self.problem = problem


class Builder:
    """Builds the tree from the parser's events: bounded, with duplicate keys noticed and merge keys resolved."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        """`problems` receives what is wrong but can be read over."""
        self.file = file
        self.problems = problems
        self.anchors: dict[str, Node] = {}
        self.line = 1
        self._events: Iterator[Any] = iter(())

    def document(self, text: str) -> Node:
        """Read the one document of `text`. Raises `Stop` or `yaml.YAMLError`."""
        self._events = iter(yaml.parse(text, Loader=yaml.SafeLoader))
        self._next()
        if isinstance(self._next(), events.StreamEndEvent):
            return Node(None, Place(self.file))
        root = self._node(self._next(), "", 0)
        self._next()
        after = self._next()
        if not isinstance(after, events.StreamEndEvent):
            raise Stop(self._place(after, "").problem("a second document begins here, expected one document a file"))
        return root

    def _next(self) -> Any:
        event = next(self._events)
        self.line = event.start_mark.line + 1
        return event

    def _place(self, event: Any, path: str) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1, path)

    def _node(self, event: Any, path: str, depth: int) -> Node:
        place = self._place(event, path)
        if depth > MAX_DEPTH:
            raise Stop(place.problem(f"nested more than {MAX_DEPTH} levels deep"))
        if isinstance(event, events.AliasEvent):
            return self._alias(event, place)
        if isinstance(event, events.ScalarEvent):
            node = Node(self._scalar(event, place), place)
        elif isinstance(event, events.SequenceStartEvent):
            node = self._list(place, depth)
        else:
            node = self._mapping(place, depth)
        if node.size > MAX_NODES:
            raise Stop(place.problem(f"more than {MAX_NODES} values, aliases counted as often as they are used"))
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _alias(self, event: Any, place: Place) -> Node:
        if event.anchor not in self.anchors:
            raise Stop(place.problem(f"the alias '*{event.anchor}' has no anchor '&{event.anchor}' before it"))
        return replace(self.anchors[event.anchor])

    def _scalar(self, event: Any, place: Place) -> Scalar:
        text: str = event.value
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            self.problems.append(place.problem("half of a surrogate pair is no character"))
            return ""
        if event.tag is None:
            return plain_scalar(text) if event.implicit[0] else text
        try:
            return tagged_scalar(event.tag, text)
        except ValueError as error:
            self.problems.append(place.problem(str(error)))
            return text

    def _list(self, place: Place, depth: int) -> Node:
        items: list[Node] = []
        size = 1
        while not isinstance(event := self._next(), events.SequenceEndEvent):
            items.append(self._node(event, f"{place.path}[{len(items)}]", depth + 1))
            size += items[-1].size
            self._bound(size, place)
        return Node(items, place, size=size)

    def _bound(self, size: int, place: Place) -> None:
        if size > MAX_NODES:
            raise Stop(place.problem(f"more than {MAX_NODES} values, aliases counted as often as they are used"))

    def _mapping(self, place: Place, depth: int) -> Node:
        entries: dict[str, Node] = {}
        merged: list[Node] = []
        size = 1
        while not isinstance(event := self._next(), events.MappingEndEvent):
            key, where = self._key(event, place.path)
            child = replace(self._node(self._next(), where.path, depth + 1), key=where)
            size += child.size
            self._bound(size, place)
            if key == "<<" and event.implicit[0]:
                merged.extend(self._merged(child))
            elif key in entries:
                first = entries[key].head.line
                self.problems.append(where.problem(f"the key {key!r} stands twice, first in line {first}"))
            else:
                entries[key] = child
        for other in merged:
            for key, child in other.entries.items():
                entries.setdefault(key, child)
        return Node(entries, place, size=1 + sum(child.size for child in entries.values()))

    def _key(self, event: Any, path: str) -> tuple[str, Place]:
        where = self._place(event, path)
        if not isinstance(event, events.ScalarEvent):
            raise Stop(where.problem("a key must be text; a template's braces, as in {{ name }}, need quotes"))
        key = event.value
        if not key.isascii() and any("\ud800" <= char <= "\udfff" for char in key):
            raise Stop(where.problem("half of a surrogate pair is no character"))
        return key, replace(where, path=f"{path}.{key}" if path else key)

    def _merged(self, node: Node) -> list[Node]:
        nodes = node.items if isinstance(node.value, list) else [node]
        if not all(isinstance(other.value, dict) for other in nodes):
            self.problems.append(node.head.problem("'<<' merges mappings, expected an alias of a mapping"))
            return []
        return nodes


def _position(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


_HINTS = (
    ("cannot start any token", "\t", "a tab stands here; YAML is indented with spaces only"),
    ("cannot start any token", "%@`", "a text that begins with this character needs quotes"),
    ("mapping values are not allowed", "", "a ':' is not expected here: wrong indentation, or text that needs quotes"),
    ("expected <block end>", "", "this line is not indented like those beside it"),
    ("could not find expected ':'", "", "a line of the form 'key: value' was expected"),
)  # fmt: skip


def _open_bracket(text: str) -> Any:
    """Return where the innermost bracket stands that is never closed, None where all are."""
    open_: list[Any] = []
    with contextlib.suppress(yaml.YAMLError):
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken)):
                open_.append(token.start_mark)
            elif isinstance(token, (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)):
                open_.pop()
    return open_[-1] if open_ else None


def _syntax_problem(text: str, file: str, error: yaml.MarkedYAMLError) -> Problem:
    """Say in one line what the parser found, with what can be done about it."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = " ".join(str(error.problem or error.context or "this is no YAML").split())
    rows = text.splitlines()
    row = rows[line - 1] if line <= len(rows) else ""
    found = row[column - 1 : column]
    if error.context and "quoted scalar" in error.context and "end of stream" in said and error.context_mark:
        place = Place(file, error.context_mark.line + 1, error.context_mark.column + 1)
        return place.problem("this is no YAML: the quote that is opened here is not closed")
    bracket = _open_bracket(text) if "stream end" in said else None
    if bracket is not None:
        place = Place(file, bracket.line + 1, bracket.column + 1)
        return place.problem("this is no YAML: the bracket that is opened here is not closed")
    message = next((hint for part, chars, hint in _HINTS if part in said and (not chars or found in chars)), said)
    if "expected <block end>" in said and row[: column - 1].strip(" -"):
        message = "the text goes on after its closing quote; put the whole of it into quotes of the other kind"
    if row[: column - 1].rstrip().endswith("$") and found == "{":
        message = "inside [ ] and { } a '${...}' needs quotes"
    elif message == said and error.context:
        message = f"{' '.join(error.context.split())}: {said}"
    return Place(file, line, column).problem(f"this is no YAML: {message}")
