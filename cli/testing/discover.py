"""Finds tests: in rule files and configurations under `tests`, and in files of tests that stand beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...config.check import check
from ...config.environment import expand
from ...config.errors import ConfigErrors, Problem
from ...config.loader import load
from ...config.model import Configuration
from ...config.sources import Sources
from ...config.tree import Node
from ..tables import TABLES
from .cases import Case, CaseFile

SUFFIXES = ("_test.yaml", ".tests.yaml", "_test.yml", ".tests.yml")
"""How the names of files of tests end; what stands before is the name of what they test."""


@dataclass
class Suite:
    """A configuration and its tests."""

    title: str
    files: tuple[str, ...]
    """What is loaded."""
    cases: list[tuple[Case, Node]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def configuration(self, env: Mapping[str, str]) -> Configuration:
        """Load it. Raises ConfigErrors."""
        return load(self.files, TABLES, env)


def is_test_file(path: Path) -> bool:
    """Say whether a file holds tests and nothing else, by its name."""
    return path.name.endswith(SUFFIXES)


class Discovery:
    """Finds the suites of some paths; a file is read once for each of its suites."""

    def __init__(self, env: Mapping[str, str] = os.environ, configs: Sequence[str] = ()) -> None:
        """`configs`: what is tested, whatever the files of tests say."""
        self._env = env
        self._configs = tuple(configs)

    def suites(self, paths: Iterable[str]) -> list[Suite]:
        """Return the suites of files and folders, without those that have no tests. Raises ConfigErrors."""
        return [suite for path in paths for suite in self._of(Path(path)) if suite.cases or suite.problems]

    def _of(self, path: Path) -> Iterator[Suite]:
        if not path.is_dir():
            yield self._file(path)
            return
        listed = sorted(found for found in path.rglob("*.y*ml") if found.suffix in (".yaml", ".yml"))
        seen: set[Path] = set()
        configurations = [found for found in listed if not is_test_file(found) and self._is_configuration(found)]
        for found in configurations:
            suite = self._file(found)
            seen |= {Path(file).resolve() for file in self._sources(suite)}
            yield suite
        for found in listed:
            if is_test_file(found) or (found.resolve() not in seen and self._has_tests(found)):
                yield self._file(found)

    def within(self, title: str, files: Iterable[str]) -> Suite:
        """Return the tests that stand in files; they are read once more, with their tests."""
        suite = Suite(title, self._configs)
        for file in files:
            for listed in _lists(self._read(Path(file), suite.problems)):
                self._add(suite, listed)
        return suite

    def _read(self, path: Path, problems: list[Problem]) -> Node | None:
        tree = Sources(problems).read(str(path), tests=True)
        return None if tree is None else expand(tree, self._env, problems)

    def _is_configuration(self, path: Path) -> bool:
        """Say whether a file is a whole configuration; one without receivers is merged over another."""
        tree = self._read(path, [])
        return tree is not None and {"service", "receivers"} <= tree.entries.keys()

    def _has_tests(self, path: Path) -> bool:
        tree = self._read(path, [])
        return tree is not None and tree.child("tests") is not None

    def _file(self, path: Path) -> Suite:
        return self._tests_beside(path) if is_test_file(path) else self._tests_within(path)

    def _tests_within(self, path: Path) -> Suite:
        """Return the tests of a configuration (and of the rule files that it names), or of a rule file."""
        whole = Suite(str(path), self._configs or (str(path),))
        files = [str(path)] if self._configs else self._sources(whole)
        found = self.within(whole.title, files)
        return replace(whole, cases=found.cases, problems=whole.problems or found.problems)

    def _sources(self, suite: Suite) -> list[str]:
        """Return the files of a configuration, the shipped ones left out unless they are asked for."""
        try:
            config = suite.configuration(self._env)
        except ConfigErrors as errors:
            suite.problems = errors.problems
            return list(suite.files)
        shipped = Path(__file__).parents[2] / "config"
        own = any(Path(file).resolve().parent == shipped for file in suite.files)
        return [file for file in config.sources if own or Path(file).resolve().parent != shipped]

    def _tests_beside(self, path: Path) -> Suite:
        suite = Suite(str(path), self._configs)
        tree = self._read(path, suite.problems)
        if tree is None:
            return suite
        header = check(CaseFile, tree, suite.problems)
        if header is not None and not self._configs:
            named = [header.config] if isinstance(header.config, str) else header.config
            files = [str(path.parent / name) for name in named] if named else [str(_tested(path))]
            suite.files = tuple(files)
        for listed in _lists(tree) if header is not None else ():
            self._add(suite, listed)
        return suite

    def _add(self, suite: Suite, listed: Node) -> None:
        if not isinstance(listed.value, list):
            suite.problems.append(listed.head.problem("expected a list of tests"))
        for node in listed.items:
            case = check(Case, node, suite.problems)
            if case is not None:
                suite.cases.append((case, node))


def _tested(path: Path) -> Path:
    """Return the file beside `path` that its name says it tests."""
    suffix = next(suffix for suffix in SUFFIXES if path.name.endswith(suffix))
    stem = path.name.removesuffix(suffix)
    both = [path.with_name(f"{stem}{ending}") for ending in (".yaml", ".yml")]
    return next((found for found in both if found.exists()), both[0])


def _lists(tree: Node | None) -> Iterator[Node]:
    """Yield the lists of tests of a file: at its top, and in the blocks of its processors."""
    if tree is None:
        return
    blocks = tree.child("processors")
    for node in (tree, *(blocks.entries.values() if blocks is not None else ())):
        listed = node.child("tests")
        if listed is not None:
            yield listed
