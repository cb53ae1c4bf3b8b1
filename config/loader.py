"""Reads configuration files: merge, substitute, take in rule files, check, and build the `Configuration`.

Everything that is wrong is found in one go and raised as `ConfigErrors`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .components import check_components
from .document import check_service
from .environment import expand
from .errors import ConfigErrors, Problem, did_you_mean, one_of
from .model import Configuration, Tables
from .rulefiles import RULE_FILES, kind_of
from .shape import SECTIONS
from .sources import Sources
from .tree import Node, Place, merge, plain

__all__ = ["ConfigErrors", "load", "shipped_paths"]

_HERE = Path(__file__).parent


def shipped_paths(env: Mapping[str, str]) -> list[Path]:
    """Return the files of the shipped configuration; where `TAILGATE_UPSTREAM` is set, one of them sends there."""
    upstream = [_HERE / "upstream.yaml"] if env.get("TAILGATE_UPSTREAM") else []
    return [_HERE / "tailgate.yaml", *upstream]


def load(paths: Sequence[Path | str], tables: Tables, env: Mapping[str, str]) -> Configuration:
    """Return the configuration in these files, later ones merged over earlier ones; without any, the shipped one.

    `env` is the environment for `${env:NAME}`. Raises `ConfigErrors`, and nothing else, whatever the files hold.
    """
    problems: list[Problem] = []
    sources = Sources(problems)
    root, complete = _merged(paths, sources, env)
    root = expand(root, env, problems)
    root = sources.with_rules(root, tables, env)
    components = check_components(root, tables, problems)
    service = check_service(root, components, problems, complete)
    _raise(problems)
    if service is None:  # an error that was not reported would be a defect
        raise ConfigErrors([root.place.problem("the configuration is not valid")])
    components.enable(service.pipelines.values())
    return Configuration(
        receivers=components.receivers,
        processors=components.processors,
        exporters=components.exporters,
        pipelines=service.pipelines,
        metrics=service.metrics,
        logs=service.logs,
        health=service.health,
        shutdown_grace=service.shutdown_grace,
        hash=hashlib.sha256(json.dumps(plain(root), sort_keys=True).encode()).hexdigest(),
        sources=tuple(sources.files),
        warnings=tuple(ConfigErrors(problems).problems),
    )


def _raise(problems: list[Problem]) -> None:
    if any(problem.severity == "error" for problem in problems):
        raise ConfigErrors(problems)


def _merged(paths: Sequence[Path | str], sources: Sources, env: Mapping[str, str]) -> tuple[Node, bool]:
    """Read and merge all files; also whether all of them could be read (else references are not worth checking)."""
    trees = [sources.read(str(path).removeprefix("file:")) for path in paths]
    if all(tree is None or _is_rules(tree) for tree in trees) and None not in trees:
        trees = [*(sources.read(str(path)) for path in shipped_paths(env)), *trees]
    root = Node({}, Place(str(paths[0]) if paths else ""))
    complete = None not in trees
    for tree in trees:
        if tree is None or tree.value is None:
            continue
        if _is_rules(tree):
            root = _with_rules(root, tree)
        elif _is_configuration(tree, sources.problems):
            root = merge(root, tree)
        else:
            complete = False
    return root, complete


def _is_rules(tree: Node) -> bool:
    return not any(key in SECTIONS for key in tree.entries) and kind_of(tree) is not None


def _with_rules(root: Node, rules: Node) -> Node:
    """Put a file of rules in the place of its processor's block."""
    kind = kind_of(rules)
    if kind is None:
        return root
    block = kind.convert(rules)
    processors = root.child("processors") or Node({}, rules.place)
    entries = {**processors.entries, kind.processor: block}
    return replace(root, value={**root.entries, "processors": replace(processors, value=entries)})


def _is_configuration(tree: Node, problems: list[Problem]) -> bool:
    """Return whether the tree looks like a configuration; if not, what was expected is reported."""
    if not isinstance(tree.value, dict):
        problems.append(tree.place.problem(f"expected a mapping with the keys {one_of(SECTIONS)}"))
        return False
    if not tree.value or any(key in SECTIONS or did_you_mean(key, SECTIONS) for key in tree.value):
        return True
    kinds = ", ".join(kind.name for kind in RULE_FILES)
    message = f"a configuration (expected the keys {one_of(SECTIONS)}) nor a known kind of rule file ({kinds})"
    problems.append(tree.place.problem(f"this is neither {message}"))
    return False
