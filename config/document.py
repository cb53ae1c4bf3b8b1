"""Checks what holds a configuration together: the service, its pipelines, its extensions and its telemetry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..telemetry.signals import SIGNALS
from .check import check
from .components import Components, component_type
from .connecting import connection_problems
from .errors import Problem, did_you_mean, one_of
from .lenient import MISSING_SIGNALS
from .model import HealthConfig, LogsConfig, MetricsConfig, PipelineConfig
from .shape import NO_EFFECT, Document, HealthCheck, Metrics
from .signals import following, misplaced, signal_of
from .tree import Node, Place

_SHIPPED = str(Path(__file__).parent)
_EXTENSIONS = ("health_check",)
_PIPELINES = "'traces', 'logs' or 'metrics', or one of these with '/name' behind it"
_ROLES = ("receivers", "processors", "exporters")


@dataclass(frozen=True)
class ServiceConfig:
    """The part of a `Configuration` that is no component."""

    pipelines: Mapping[str, PipelineConfig]
    metrics: MetricsConfig
    logs: LogsConfig
    health: HealthConfig | None
    shutdown_grace: int
    worker_threads: int | Literal["auto"]


def check_service(root: Node, components: Components, problems: list[Problem], complete: bool) -> ServiceConfig | None:
    """Return the service, or None when something about it is wrong.

    `complete`: every file could be read. If not, what is missing may stand in the file that could not.
    """
    wrong: list[Problem] = []
    document = check(Document, root, wrong)
    problems.extend(problem for problem in wrong if complete or "is missing" not in problem.message)
    health = _health(root, components, problems, complete)
    pipelines = _entries(root, "service", "pipelines")
    for id_, node in pipelines.items():
        _check_pipeline(id_, node, components, problems, complete)
    problems.extend(misplaced(pipelines, components))
    problems.extend(connection_problems(pipelines, components))
    _warn(root, components, pipelines, problems)
    if document is None:
        return None
    follows = following(document.service.pipelines, pipelines, components, problems)
    return ServiceConfig(
        pipelines={
            id_: PipelineConfig(
                id_,
                signal_of(id_),
                receivers=tuple(id_ for id_ in dict.fromkeys(row.receivers) if id_ not in components.connectors),
                processors=tuple(dict.fromkeys(row.processors)),
                exporters=tuple(id_ for id_ in dict.fromkeys(row.exporters) if id_ not in components.connectors),
                connectors=tuple(id_ for id_ in dict.fromkeys(row.exporters) if id_ in components.connectors),
                sources=tuple(id_ for id_ in dict.fromkeys(row.receivers) if id_ in components.connectors),
                follow=follows.get(id_),
                places=_places(pipelines[id_].child("processors")),
            )
            for id_, row in document.service.pipelines.items()
        },
        metrics=_metrics(document.service.telemetry.metrics),
        logs=LogsConfig(document.service.telemetry.logs.level),
        health=health,
        shutdown_grace=document.service.shutdown_grace,
        worker_threads=document.service.worker_threads,
    )


def _find(root: Node, *path: str) -> Node | None:
    node: Node | None = root
    for key in path:
        node = node.child(key) if node is not None else None
    return node


def _entries(root: Node, *path: str) -> Mapping[str, Node]:
    node = _find(root, *path)
    return node.entries if node is not None else {}


def _names(listed: Node | None) -> set[str]:
    return {item.value for item in (listed.items if listed is not None else ()) if isinstance(item.value, str)}


def _places(listed: Node | None) -> dict[str, Place]:
    return {str(item.value): item.place for item in (listed.items if listed is not None else ())}


def _check_pipeline(id_: str, node: Node, components: Components, problems: list[Problem], complete: bool) -> None:
    signal, slash, name = id_.partition("/")
    if signal in MISSING_SIGNALS:
        expected = f"expected {_PIPELINES}; --lenient leaves it out"
        problems.append(node.head.problem(f"pipelines of {signal} are not supported, {expected}"))
        return
    if signal not in SIGNALS or (slash and not name.strip()):
        hint = did_you_mean(signal, SIGNALS)
        problems.append(node.head.problem(f"{id_!r} is no pipeline, expected {_PIPELINES}{hint}"))
    for role in _ROLES:
        # A connector stands at the end of one row and at the beginning of another.
        both = components.defined.get("connectors", {}) if role != "processors" else {}
        defined = {**both, **components.defined.get(role, {})}
        readable = complete and role not in components.unreadable
        _check_references(role, node.child(role), defined, problems, readable)


def _check_references(
    role: str, names: Node | None, defined: Mapping[str, Node], problems: list[Problem], complete: bool
) -> None:
    seen: set[str] = set()
    what = role.removesuffix("s")
    for item in names.items if names is not None else ():
        if not isinstance(item.value, str):
            continue
        if item.value in seen:
            message = f"the {what} {item.value!r} is named twice"
            problems.append(item.place.problem(message) if what == "processor" else item.place.warning(message))
        elif item.value not in defined and complete:
            expected = f"expected one of {role}: {one_of(defined)}{did_you_mean(item.value, defined)}"
            problems.append(item.place.problem(f"the {what} {item.value!r} is not defined, {expected}"))
        seen.add(item.value)


def _health(root: Node, components: Components, problems: list[Problem], complete: bool) -> HealthConfig | None:
    """Check all extensions; return the health check that the service names."""
    defined = components.defined.get("extensions", {})
    valid: dict[str, HealthConfig] = {}
    for id_, node in defined.items():
        if component_type(id_, node, "extensions", _EXTENSIONS, problems):
            config = check(HealthCheck, node, problems)
            if config is not None:
                valid[id_] = HealthConfig(*config.endpoint, config.path)
    named = _find(root, "service", "extensions")
    _check_references("extensions", named, defined, problems, complete)
    return next((health for id_, health in valid.items() if id_ in _names(named)), None)


def _metrics(metrics: Metrics) -> MetricsConfig:
    host, port = metrics.address or (MetricsConfig.host, MetricsConfig.port)
    enabled = metrics.level != "none"
    if metrics.readers is not None:
        pulls = [reader.pull.exporter.prometheus for reader in metrics.readers if reader.pull]
        enabled = enabled and bool(pulls)
        host, port = (pulls[0].host, pulls[0].port) if pulls else (host, port)
    return MetricsConfig(host, port, enabled, metrics.legacy_names)


def _warn(root: Node, components: Components, pipelines: Mapping[str, Node], problems: list[Problem]) -> None:
    """Warn of what is accepted without effect, and of what is defined but not used."""
    for path in NO_EFFECT:
        node = _find(root, *path.split("."))
        if node is not None:
            problems.append(node.head.warning("this is accepted, but has no effect"))
    readers = _find(root, "service", "telemetry", "metrics", "readers")
    pushing = [reader.child("periodic") for reader in (readers.items if readers is not None else ())]
    problems.extend(n.head.warning("metrics are not pushed: this has no effect") for n in pushing if n is not None)
    if any(problem.severity == "error" for problem in problems):
        return  # what is unused may be so only for a mistake that has been named
    for role in (*_ROLES, "connectors", "extensions"):
        lists = [row.child("exporters" if role == "connectors" else role) for row in pipelines.values()]
        lists.append(_find(root, "service", role))
        used = {name for names in lists for name in _names(names)}
        for id_, node in components.defined.get(role, {}).items():
            # what ships is made to be overlaid, so an unused part of it is nobody's mistake
            if id_ not in used and pipelines and not node.head.file.startswith(_SHIPPED):
                who = "service.extensions does not name" if role == "extensions" else "no pipeline uses"
                problems.append(node.head.warning(f"{who} the {role.removesuffix('s')} {id_!r}"))
