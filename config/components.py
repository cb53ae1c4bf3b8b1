"""Checks the receivers, processors and exporters of a configuration against the tables."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import BaseModel

from ..connectors.base import ConnectorSpec
from ..exporters.base import ExporterSpec
from ..processors.base import ProcessorSpec
from ..receivers.base import ReceiverSpec
from .check import check
from .collector_names import RENAMED
from .errors import Problem, did_you_mean
from .lenient import unknown_type
from .messages import found
from .model import Component, PipelineConfig, Spec, Tables
from .tree import Node

T = TypeVar("T", bound=Spec)

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]*(/[^\s/][^\x00-\x1f]*)?")


@dataclass
class Components:
    """What is configured, by id. `defined` also has what is wrong, so that a reference to it is not wrong as well."""

    receivers: Mapping[str, Component[ReceiverSpec]]
    processors: Mapping[str, Component[ProcessorSpec]]
    exporters: Mapping[str, Component[ExporterSpec]]
    connectors: Mapping[str, Component[ConnectorSpec]]
    defined: Mapping[str, Mapping[str, Node]]
    unreadable: frozenset[str] = frozenset()
    """Sections that are no mapping, which is reported where the shape of the whole is checked."""

    def enable(self, pipelines: Iterable[PipelineConfig]) -> None:
        """Mark what the pipelines name."""
        rows = list(pipelines)
        self.receivers = _enabled(self.receivers, {id_ for row in rows for id_ in row.receivers})
        self.processors = _enabled(self.processors, {id_ for row in rows for id_ in row.processors})
        self.exporters = _enabled(self.exporters, {id_ for row in rows for id_ in row.exporters})
        self.connectors = _enabled(self.connectors, {id_ for row in rows for id_ in row.connectors})


def check_components(root: Node, tables: Tables, problems: list[Problem]) -> Components:
    """Return what is valid; the rest is in `problems`."""
    sections = ("receivers", "processors", "exporters", "connectors", "extensions")
    written = {name: section for name in sections if (section := root.child(name)) is not None}
    defined = {name: section.entries for name, section in written.items()}
    return Components(
        receivers=_section("receivers", defined.get("receivers", {}), tables.receivers, problems),
        processors=_section("processors", defined.get("processors", {}), tables.processors, problems),
        exporters=_section("exporters", defined.get("exporters", {}), tables.exporters, problems),
        connectors=_section("connectors", defined.get("connectors", {}), tables.connectors, problems),
        defined=defined,
        unreadable=frozenset(
            name for name, section in written.items() if not isinstance(section.value, (dict, type(None)))
        ),
    )


def component_type(id_: str, node: Node, section: str, known: Collection[str], problems: list[Problem]) -> str | None:
    """Return the type that an id begins with, None after reporting that the id or the type is wrong.

    An old name of the collector's is reported as a warning.
    """
    if not _ID.fullmatch(id_):
        expected = f"expected 'type' or 'type/name'{did_you_mean(id_, known)}"
        problems.append(node.head.problem(f"{id_!r} is no id of a component, {expected}"))
        return None
    type_ = id_.partition("/")[0]
    if type_ not in known:
        problems.append(node.head.problem(unknown_type(section, type_, known)))
        return None
    newer = RENAMED.get(section, {}).get(type_)
    if newer is not None:
        problems.append(node.head.warning(f"the collector calls {type_!r} {newer!r} now; both are accepted"))
    return type_


def _section(
    section: str, nodes: Mapping[str, Node], specs: Sequence[T], problems: list[Problem]
) -> dict[str, Component[T]]:
    by_type = {name: spec for spec in specs for name in (spec.name, *getattr(spec, "aliases", ()))}
    components: dict[str, Component[T]] = {}
    for id_, node in nodes.items():
        type_ = component_type(id_, node, section, by_type, problems)
        if type_ is None or node.unchecked:
            continue
        spec = by_type[type_]
        own, off = (_own(node), False) if section != "processors" else _switch(spec.config, _own(node), problems)
        config = check(spec.config, own, problems)
        if config is not None:
            problems.extend(_lint(spec, config, own))
            components[id_] = Component(id_, spec.name, spec, config, enabled=False, off=off, node=own)
    return components


def _switch(model: type[BaseModel], node: Node, problems: list[Problem]) -> tuple[Node, bool]:
    """Take `enabled` out of a processor's block (unless it is an option of its own); say whether it is `false`."""
    switch = node.child("enabled")
    if switch is None or "enabled" in model.model_fields:
        return node, False
    if not isinstance(switch.value, bool):
        problems.append(switch.place.problem(f"expected true or false, found {found(switch, False)}"))
    rest = {key: child for key, child in node.entries.items() if key != "enabled"}
    return replace(node, value=rest), switch.value is False


def _lint(spec: Spec, config: BaseModel, node: Node) -> Iterator[Problem]:
    """Yield what a processor says of its own valid configuration, each at the deepest place that is written."""
    lint = getattr(spec, "lint", None)
    for place, text, *code in lint(config) if lint else ():
        yield deepest(node, place).head.warning(text, *code)


def deepest(node: Node, place: Iterable[object]) -> Node:
    """Return what stands at a place below a node, or the deepest part of the way that is written."""
    for step in place:
        node = node.child(step) or node
    return node


def _own(node: Node) -> Node:
    """Return a component's node; one that came out of a rule file is looked for there, not at its key."""
    return replace(node, key=None) if node.key and node.key.file != node.place.file else node


def _enabled(components: Mapping[str, Component[T]], named: set[str]) -> dict[str, Component[T]]:
    return {
        id_: replace(component, enabled=id_ in named and not component.off) for id_, component in components.items()
    }
