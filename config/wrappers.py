"""Files that carry other files: a Kubernetes ConfigMap (each entry of `data` is one), the values of a Helm chart.

What is inside keeps its place in the outer file, so that an error points at the line that is to be edited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .errors import Problem
from .tree import Node, Place, parse


@dataclass(frozen=True)
class Inner:
    """A file inside a file."""

    name: str
    """Its name, such as `sampling.yaml`; empty for a file that carries no others and stands for itself."""
    tree: Node | None
    """None when it cannot be read, which has been reported."""

    @property
    def is_yaml(self) -> bool:
        """Whether its name says that it is for us; other entries of a ConfigMap may be anything."""
        return not self.name or self.name.endswith((".yaml", ".yml"))


def opened(tree: Node, text: str, sections: tuple[str, ...], problems: list[Problem]) -> list[Inner]:
    """Return the files in a file: what a ConfigMap or Helm values carry, else the file itself."""
    kind = tree.child("kind")
    if kind is not None and kind.value == "ConfigMap":
        return _config_map(tree, text, problems)
    inside = tree.child("config")
    if inside is not None and _has_section(inside, sections) and not _has_section(tree, sections):
        return [Inner("", replace(inside, key=None))]
    return [Inner("", tree)]


def _has_section(tree: Node, sections: tuple[str, ...]) -> bool:
    return any(key in sections for key in tree.entries)


def _config_map(tree: Node, text: str, problems: list[Problem]) -> list[Inner]:
    data = tree.child("data")
    if data is None or not data.entries:
        problems.append((data or tree).head.problem("this ConfigMap carries no file, expected some under 'data'"))
        return [Inner("", None)]
    return list(_entries(data, text.splitlines(), problems))


def _entries(data: Node, lines: list[str], problems: list[Problem]) -> Iterator[Inner]:
    for name, entry in data.entries.items():
        if not isinstance(entry.value, str):
            problems.append(entry.head.problem(f"{name!r} is no text; a file in a ConfigMap begins with '{name}: |'"))
            continue
        found: list[Problem] = []
        tree = parse(entry.value, entry.place.file, found)
        move = _Move.into(entry, lines)
        inner = Inner(name, None if tree is None else move.node(tree))
        if inner.is_yaml:
            problems.extend(move.problem(problem) for problem in found)
            yield inner
        elif tree is not None and tree.entries and not found:
            yield inner


@dataclass(frozen=True)
class _Move:
    """From places in an entry's text to places in the file around it."""

    at: Place
    indent: int | None
    """Columns before each line of a literal block; None: the text is not there line by line (quoted, folded)."""

    @classmethod
    def into(cls, entry: Node, lines: list[str]) -> _Move:
        at = entry.place
        if not lines[at.line - 1][at.column - 1 :].startswith("|"):
            return cls(at, None)
        for offset, inner in enumerate(str(entry.value).splitlines()):
            if inner.strip():
                return cls(at, len(lines[at.line + offset]) - len(inner))
        return cls(at, 0)

    def node(self, node: Node) -> Node:
        """Return the tree at its places in the outer file."""
        value = node.value
        if isinstance(value, dict):
            value = {key: self.node(child) for key, child in value.items()}
        elif isinstance(value, list):
            value = [self.node(item) for item in value]
        return replace(node, value=value, place=self.place(node.place), key=node.key and self.place(node.key))

    def place(self, place: Place) -> Place:
        """Return where a place of the inner text is."""
        if self.indent is None:
            return replace(self.at, path=place.path)
        return replace(place, line=self.at.line + place.line, column=place.column + self.indent)

    def problem(self, problem: Problem) -> Problem:
        """Return a problem at its place in the outer file."""
        place = self.place(Place(problem.file, problem.line, problem.column, problem.path))
        return replace(problem, line=place.line, column=place.column)
