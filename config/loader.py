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
from .connecting import connected
from .document import check_service
from .environment import expand
from .errors import ConfigErrors, Problem
from .lenient import without_missing
from .model import Configuration, Tables
from .rulefiles import kind_of
from .sources import Sources, is_configuration, looks_like_configuration
from .tree import Node, Place, merge, plain

__all__ = ["ConfigErrors", "load", "shipped_paths"]

_HERE = Path(__file__).parent


def shipped_paths(env: Mapping[str, str]) -> list[Path]:
    """Return the files of the shipped configuration; where `TAILGATE_UPSTREAM` is set, one of them sends there."""
    upstream = [_HERE / "upstream.yaml"] if env.get("TAILGATE_UPSTREAM") else []
    return [_HERE / "tailgate.yaml", *upstream]


def load(paths: Sequence[Path | str], tables: Tables, env: Mapping[str, str], lenient: bool = False) -> Configuration:
    """Return the configuration in these files, later ones merged over earlier ones; without any, the shipped one.

    `env` is the environment for `${env:NAME}`. `lenient` leaves out what the collector has and Tailgate has not.
    Raises `ConfigErrors`, and nothing else, whatever the files hold.
    """
    problems: list[Problem] = []
    sources = Sources(problems)
    root, complete = _merged(paths, sources, env)
    root = expand(root, env, problems)
    root, scraped = connected(sources.with_rules(root, tables, env), tables, problems)
    if lenient:
        root, whole = without_missing(root, tables, problems)
        complete = complete and whole
    components = check_components(root, tables, problems)
    service = check_service(root, components, problems, complete)
    _raise(problems, sources.files)
    if service is None:  # an error that was not reported would be a defect
        raise ConfigErrors([root.place.problem("the configuration is not valid")])
    components.enable(service.pipelines.values())
    return Configuration(
        receivers=components.receivers,
        processors=components.processors,
        exporters=components.exporters,
        pipelines=service.pipelines,
        connectors=components.connectors,
        metrics=replace(service.metrics, also=scraped),
        logs=service.logs,
        health=service.health,
        shutdown_grace=service.shutdown_grace,
        worker_threads=service.worker_threads,
        hash=hashlib.sha256(json.dumps(plain(root), sort_keys=True).encode()).hexdigest(),
        sources=tuple(sources.files),
        warnings=tuple(ConfigErrors(problems).problems),
    )


def _raise(problems: list[Problem], files: Sequence[str]) -> None:
    if any(problem.severity == "error" for problem in problems):
        raise ConfigErrors(problems, files)


def _merged(paths: Sequence[Path | str], sources: Sources, env: Mapping[str, str]) -> tuple[Node, bool]:
    """Read and merge all files; also whether all of them could be read (else references are not worth checking)."""
    trees = [tree for path in paths for tree in sources.layers(str(path).removeprefix("file:"))]
    if all(tree is None or _is_rules(tree) for tree in trees) and None not in trees:
        trees = [*(tree for path in shipped_paths(env) for tree in sources.layers(str(path))), *trees]
    root = Node({}, Place(str(paths[0]) if paths else ""))
    complete = None not in trees
    if trees and all(tree is not None and tree.value is None for tree in trees):
        sources.problems.append(
            root.place.problem("nothing is written here, expected a configuration or rules, such as `policies`")
        )
        complete = False
    for tree in trees:
        if tree is None or tree.value is None:
            continue
        kind = None if is_configuration(tree) else kind_of(tree)
        if kind is not None:
            root = _with_rules(root, sources.blocks(kind, tree, env), tree)
        elif looks_like_configuration(tree, sources.problems):
            root = merge(root, tree)
        else:
            complete = False
    return root, complete


def _is_rules(tree: Node) -> bool:
    return not is_configuration(tree) and kind_of(tree) is not None


def _with_rules(root: Node, blocks: Mapping[str, Node], rules: Node) -> Node:
    """Put the blocks of a file of rules in the place of their processors' blocks.

    A block with a name of its own (`enrich/tracing`) is an addition: it acts first in every pipeline.
    """
    processors = root.child("processors") or Node({}, rules.place)
    root = _with_entry(root, "processors", replace(processors, value={**processors.entries, **blocks}))
    service = root.child("service")
    pipelines = service.child("pipelines") if service is not None else None
    added = [id_ for id_ in blocks if "/" in id_]
    if service is None or pipelines is None or not added:
        return root
    rows = {id_: _with_first(row, added, rules) for id_, row in pipelines.entries.items()}
    return _with_entry(root, "service", _with_entry(service, "pipelines", replace(pipelines, value=rows)))


def _with_entry(node: Node, key: str, child: Node) -> Node:
    return replace(node, value={**node.entries, key: child})


def _with_first(row: Node, added: list[str], rules: Node) -> Node:
    """Return a pipeline in which these processors act first, after a memory limiter."""
    listed = row.child("processors") or Node([], row.place)
    items = [item for item in listed.items if item.value not in added]
    limiters = [item for item in items if str(item.value).partition("/")[0] == "memory_limiter"]
    others = [item for item in items if item not in limiters]
    own = [Node(id_, rules.place) for id_ in added]
    return _with_entry(row, "processors", replace(listed, value=[*limiters, *own, *others]))
