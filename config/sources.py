"""The files that a configuration is made of, and the rule files that its processors name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .environment import expand
from .errors import Problem
from .messages import found
from .model import Tables
from .rulefiles import kind_of
from .tree import Node, Place, merge, parse

MAX_BYTES = 1 << 20
"""Of one file; a ConfigMap is no larger either."""


class Sources:
    """Reads files and remembers which; what is wrong is added to `problems`."""

    def __init__(self, problems: list[Problem]) -> None:
        """`problems` is shared by all steps of a load."""
        self.problems = problems
        self.files: list[str] = []

    def read(self, file: str, named: Place | None = None, *, tests: bool = False) -> Node | None:
        """Return the tree of a file, or None. `named` is where its name stands; errors of the file itself go there.

        `tests` at the top of a file are for `tailgate test`: without the argument they are left out.
        """
        if file not in self.files:
            self.files.append(file)
        try:
            tree = parse(_text_of(file), file, self.problems)
            return tree if tests or tree is None else _without_tests(tree)
        except _UnreadableError as error:
            if named is None:
                self.problems.append(Problem(file, 0, 0, "", f"the file {error}"))
            else:
                self.problems.append(named.problem(f"the file {file!r} {error}"))
            return None

    def with_rules(self, root: Node, tables: Tables, env: Mapping[str, str]) -> Node:
        """Return the tree with the rule files taken into the processors' blocks that name one under `rules`."""
        section = root.child("processors")
        if section is None or not section.entries:
            return root
        names = {name: spec.name for spec in tables.processors for name in (spec.name, *spec.aliases)}
        blocks = {}
        for id_, block in section.entries.items():
            rules = block.child("rules")
            if rules is not None and isinstance(rules.value, str):
                kind = names.get(id_.partition("/")[0], "")
                blocks[id_] = self._with_file(block, rules, kind, env)
            else:
                blocks[id_] = block
        return replace(root, value={**root.entries, "processors": replace(section, value=blocks)})

    def _with_file(self, block: Node, rules: Node, processor: str, env: Mapping[str, str]) -> Node:
        """Return what the file says with the block's other keys merged over it, or a block that is not checked."""
        rest = replace(block, value={key: child for key, child in block.entries.items() if key != "rules"})
        file = os.path.join(os.path.dirname(rules.place.file), str(rules.value))  # noqa: PTH118, PTH120 - as written
        tree = self.read(file, rules.place)
        if tree is None or not isinstance(tree.value, (dict, type(None))):
            if tree is not None:
                self.problems.append(tree.place.problem(f"expected a mapping of rules, found {found(tree, False)}"))
            return replace(block, unchecked=True)
        tree = expand(tree if tree.value is not None else replace(tree, value={}), env, self.problems)
        kind = kind_of(tree)
        converted = kind.convert(tree) if kind is not None and kind.processor == processor else tree
        merged = merge(converted, rest) if rest.entries else converted
        return replace(merged, key=block.key)


def _without_tests(tree: Node) -> Node:
    if "tests" not in tree.entries:
        return tree
    return replace(tree, value={key: child for key, child in tree.entries.items() if key != "tests"})


class _UnreadableError(Exception):
    """A file cannot be read; the message completes "the file ..."."""


def _text_of(file: str) -> str:
    try:
        with Path(file).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise _UnreadableError(f"is larger than {MAX_BYTES >> 20} MiB")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise _UnreadableError(f"cannot be read: {error.strerror or type(error).__name__}") from None
    except UnicodeDecodeError as error:
        raise _UnreadableError(f"is not UTF-8 text: byte {error.start} is not") from None
    except ValueError:
        raise _UnreadableError("has no possible name") from None
