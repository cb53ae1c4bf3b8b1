"""The files that a configuration is made of, and the rule files that its processors name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .environment import expand, settled
from .errors import Problem, did_you_mean, one_of
from .messages import found
from .model import Tables
from .rulefiles import RULE_FILES, RuleFile, kind_of
from .shape import SECTIONS
from .tree import Node, Place, merge, parse
from .wrappers import Inner, opened

MAX_BYTES = 1 << 20
"""Of one file; a ConfigMap is no larger either."""


class Sources:
    """Reads files and remembers which; what is wrong is added to `problems`."""

    def __init__(self, problems: list[Problem]) -> None:
        """`problems` is shared by all steps of a load."""
        self.problems = problems
        self.files: list[str] = []
        self._inside: dict[tuple[str, str], Inner] = {}

    def read(self, file: str, named: Place | None = None, *, tests: bool = False) -> Node | None:
        """Return the tree of a file, or None. `named` is where its name stands; errors of the file itself go there.

        `tests` at the top of a file are for `tailgate test`: without the argument they are left out.
        """
        text = self._text(file, named)
        tree = None if text is None else parse(text, file, self.problems)
        return tree if tests or tree is None else _without_tests(tree)

    def inside(self, file: str, named: Place | None = None) -> list[Inner]:
        """Return what a ConfigMap or Helm values carry, else the file itself; without tests."""
        text = self._text(file, named)
        tree = None if text is None else parse(text, file, self.problems)
        if tree is None or text is None:
            return [Inner("", None)]
        found = [
            replace(inner, tree=inner.tree and _without_tests(inner.tree))
            for inner in opened(tree, text, SECTIONS, self.problems)
        ]
        self._inside.update({(file, inner.name): inner for inner in found if inner.name})
        return found

    def _text(self, file: str, named: Place | None) -> str | None:
        if file not in self.files:
            self.files.append(file)
        try:
            return _text_of(file)
        except _UnreadableError as error:
            if named is None:
                self.problems.append(Problem(file, 0, 0, "", f"the file {error}"))
            else:
                self.problems.append(named.problem(f"the file {file!r} {error}{_beside(file)}"))
            return None

    def layers(self, file: str) -> list[Node | None]:
        """Return what a file given to `--config` is made of, in order; None for what cannot be read.

        Of a ConfigMap that carries a whole configuration, its files of rules are taken where that names them.
        """
        inside = self.inside(file)
        whole = [inner for inner in inside if inner.tree is not None and is_configuration(inner.tree)]
        taken = whole if whole and len(inside) > 1 else inside
        known = [inner for inner in taken if inner.is_yaml or inner in whole or _is_rules(inner)]
        return [inner.tree for inner in known] + [None for inner in inside if inner.tree is None and inner not in known]

    def blocks(self, kind: RuleFile, rules: Node, env: Mapping[str, str]) -> Mapping[str, Node]:
        """Return the blocks of a file of rules, by the id of their processor."""
        if kind.model is not None:
            rules = settled(expand(rules, env, self.problems))
        return kind.blocks(rules, self.problems)

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
        tree = self._rules_file(rules)
        if tree is None or not isinstance(tree.value, (dict, type(None))):
            if tree is not None:
                self.problems.append(tree.place.problem(f"expected a mapping of rules, found {found(tree, False)}"))
            return replace(block, unchecked=True)
        tree = expand(tree if tree.value is not None else replace(tree, value={}), env, self.problems)
        kind = kind_of(tree)
        if kind is not None and (kind.processor == processor or kind.model is not None):
            converted = kind.blocks(tree, self.problems).get(processor)
            if converted is None:
                self.problems.append(rules.place.problem(f"this file of {kind.name} has no rules for {processor}"))
                return replace(block, unchecked=True)
            tree = converted
        merged = merge(tree, rest) if rest.entries else tree
        return replace(merged, key=block.key, unchecked=tree.unchecked)

    def _rules_file(self, rules: Node) -> Node | None:
        """Return the file that a block names: beside it in a ConfigMap, or relative to the file it stands in."""
        name, beside = str(rules.value), rules.place.file
        inner = self._inside.get((beside, name))
        if inner is not None:
            return inner.tree
        inside = self.inside(os.path.join(os.path.dirname(beside), name), rules.place)  # noqa: PTH118, PTH120 - as written
        if len(inside) == 1:
            return inside[0].tree
        names = ", ".join(part.name for part in inside)
        self.problems.append(
            rules.place.problem(f"the ConfigMap {name!r} carries several files ({names}), expected one")
        )
        return None


def is_configuration(tree: Node) -> bool:
    """Return whether this is a whole configuration, or a part of one, and no file of rules."""
    return any(key in SECTIONS for key in tree.entries)


def _is_rules(inner: Inner) -> bool:
    return inner.tree is not None and kind_of(inner.tree) is not None


def looks_like_configuration(tree: Node, problems: list[Problem]) -> bool:
    """Return whether the tree is meant for a configuration; if not, what was expected is reported."""
    if not isinstance(tree.value, dict):
        problems.append(tree.place.problem(f"expected a mapping with the keys {one_of(SECTIONS)}"))
        return False
    if not tree.value or any(key in SECTIONS or did_you_mean(key, SECTIONS) for key in tree.value):
        return True
    kinds = ", ".join(kind.name for kind in RULE_FILES)
    message = f"a configuration (expected the keys {one_of(SECTIONS)}) nor a known kind of rule file ({kinds})"
    problems.append(tree.place.problem(f"this is neither {message}"))
    return False


def _beside(file: str) -> str:
    """Return a did-you-mean among the files that lie in the same folder."""
    wanted = Path(file)
    try:
        files = [] if wanted.exists() else list(wanted.parent.iterdir())
    except (OSError, ValueError):
        return ""
    stems = {path.stem: path.name for path in files if path.suffix in (".yaml", ".yml")}
    close = next((stem for stem in stems if did_you_mean(wanted.stem, [stem])), None)
    return f"; did you mean {stems[close]!r}?" if close else ""


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
