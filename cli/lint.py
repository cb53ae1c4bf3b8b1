"""What a valid configuration says that its author may not have meant, beyond what single components see."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..config.components import deepest
from ..config.errors import Problem
from ..config.model import Component, Configuration
from ..config.tree import Node, Place
from ..processors.base import ProcessorSpec

MOUNTS = Path("/proc/self/mountinfo")
"""Where Linux lists what is mounted (`proc_pid_mountinfo(5)`)."""
_SCRUBBERS = ("scrub", "redaction")


def lints(config: Configuration, *, node: bool = False, mounts: Path = MOUNTS) -> list[Problem]:
    """Return warnings, in order of file and place; `node`: with those about rules that need whole traces."""
    found = [*config.warnings, *held_before_scrubbed(config), *shown_unscrubbed(config), *never_updated(config, mounts)]
    if node:
        found.extend(fragments(config))
    return sorted(dict.fromkeys(found), key=lambda problem: (problem.file, problem.line, problem.column, problem.path))


def held_before_scrubbed(config: Configuration) -> Iterator[Problem]:
    """Yield the pipelines that hold spans before their secrets are taken out."""
    for pipeline in config.pipelines.values():
        types = [config.processors[id_].type for id_ in pipeline.processors]
        scrubbers = [types.index(type_) for type_ in _SCRUBBERS if type_ in types]
        if scrubbers and "tail_sampling" in types[: min(scrubbers)]:
            message = "tail_sampling stands before the scrubber, so spans are held with what is scrubbed later"
            place = config.processors[pipeline.processors[types.index("tail_sampling")]].node
            where = replace(place.head if place else Place(config.sources[0]), path=f"service.pipelines.{pipeline.id}")
            yield where.warning(message, "held-unscrubbed")


def shown_unscrubbed(config: Configuration) -> Iterator[Problem]:
    """Yield the processors in Python that are given spans before their secrets are taken out."""
    for pipeline in config.pipelines.values():
        types = [config.processors[id_].type for id_ in pipeline.processors]
        first = min((types.index(type_) for type_ in _SCRUBBERS if type_ in types), default=0)
        for id_ in pipeline.processors[:first]:
            if config.processors[id_].type == "custom":
                place = config.processors[id_].node
                head = place.head if place else Place(config.sources[0])
                message = f"{id_} stands before the scrubber, so it sees what is scrubbed later"
                yield replace(head, path=f"service.pipelines.{pipeline.id}").warning(message, "custom-unscrubbed")


def never_updated(config: Configuration, mounts: Path) -> Iterator[Problem]:
    """Yield the files that are mounted one by one: a ConfigMap's `subPath` mount never sees a new version."""
    points = mount_points(mounts)
    for file in config.sources:
        path = os.path.realpath(file)
        if path in points and Path(path).is_file():
            text = (
                "is mounted by itself, as with subPath: changes of its ConfigMap never reach it; "
                "mount the folder that it is in"
            )
            yield Place(file).warning(text, "never-updates")


def mount_points(mounts: Path) -> set[str]:
    """Return what is mounted where; nothing where there is no such list."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return set()
    fields = (line.split(" ") for line in lines)
    return {_unescaped(parts[4]) for parts in fields if len(parts) > 4}


def _unescaped(path: str) -> str:
    """Undo the octal escapes of blanks and backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def fragments(config: Configuration) -> Iterator[Problem]:
    """Yield the rules that need the whole trace."""
    for component in config.processors.values():
        yield from _of_component(component)


def _of_component(component: Component[ProcessorSpec]) -> Iterator[Problem]:
    find = component.spec.fragments
    if find is None or not component.enabled:
        return
    node = component.node or Node({}, Place(component.id))
    for place, text, *code in find(component.config):
        yield deepest(node, place).head.warning(text, *code)
