"""Connectors in a configuration: pipelines of metrics that only pass on what they count, and names that clash.

In the collector a connector ends a pipeline of traces and begins one of metrics. Tailgate's metrics are scraped, so
that such a pipeline of metrics has nothing to do here: it is taken out, with what only it uses. Where it ends in the
exporter `prometheus` the metrics are served at that address too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from .components import Components
from .errors import Problem
from .lenient import known_types
from .model import Tables
from .shape import parse_endpoint
from .tree import Node

_ROLES = ("processors", "exporters")
_SCRAPED = "prometheus"
_NEEDLESS = ("enable_open_metrics", "send_timestamps", "metric_expiration")
"""Options that need no warning: Prometheus asks for the format that it wants, at the time that it scrapes."""


Address = tuple[str, int]


def connected(root: Node, tables: Tables, problems: list[Problem]) -> tuple[Node, tuple[Address, ...]]:
    """Return the configuration without the pipelines of metrics that begin with connectors, each with a warning.

    Also where their exporters `prometheus` are scraped.
    """
    service, connectors = root.child("service"), root.child("connectors")
    pipelines = service.child("pipelines") if service is not None else None
    if service is None or pipelines is None or connectors is None:
        return root, ()
    known = known_types(tables).get("connectors", frozenset())
    ours = {id_ for id_ in connectors.entries if id_.partition("/")[0] in known}
    out = {id_: row for id_, row in pipelines.entries.items() if _only_connected(id_, row, ours)}
    for row in out.values():
        others = ", ".join(repr(name) for name in _names(row, "exporters") if name.partition("/")[0] != _SCRAPED)
        ends = f"; {others} gets nothing from here" if others else ""
        problems.append(row.head.warning(f"what its connectors count is on Tailgate's own /metrics{ends}"))
    if not out:
        return root, ()
    addresses = _addresses(root.child("exporters"), set(_all(out.values(), "exporters")), problems)
    left = {id_: row for id_, row in pipelines.entries.items() if id_ not in out}
    kept = {**root.entries, "service": _with(service, "pipelines", replace(pipelines, value=left))}
    for role in _ROLES:
        section = root.child(role)
        gone = set(_all(out.values(), role)) - set(_all(left.values(), role))
        if section is not None and gone:
            kept[role] = replace(section, value={id_: one for id_, one in section.entries.items() if id_ not in gone})
    return replace(root, value=kept), addresses


def _addresses(exporters: Node | None, used: set[str], problems: list[Problem]) -> tuple[Address, ...]:
    """Return where the exporters `prometheus` among those used are scraped; their other options have no effect."""
    found: dict[Address, None] = {}
    for id_, node in exporters.entries.items() if exporters is not None else ():
        if id_ not in used or id_.partition("/")[0] != _SCRAPED:
            continue
        written = {key: child for key, child in node.entries.items() if key not in _NEEDLESS}
        endpoint = written.pop("endpoint", None)
        problems.extend(child.head.warning("this is accepted, but has no effect") for child in written.values())
        if endpoint is None:
            problems.append(
                node.head.problem("endpoint is missing: where the metrics are scraped, such as 0.0.0.0:8889")
            )
            continue
        try:
            found[parse_endpoint(endpoint.value)] = None
        except ValueError as error:
            problems.append(endpoint.place.problem(str(error)))
    return tuple(found)


def _only_connected(id_: str, row: Node, connectors: set[str]) -> bool:
    receivers = list(_names(row, "receivers"))
    return id_.partition("/")[0] == "metrics" and bool(receivers) and connectors.issuperset(receivers)


def _names(row: Node, role: str) -> Iterator[str]:
    listed = row.child(role)
    yield from (item.value for item in (listed.items if listed is not None else ()) if isinstance(item.value, str))


def _all(rows: Iterable[Node], role: str) -> Iterator[str]:
    for row in rows:
        yield from _names(row, role)


def _with(node: Node, key: str, child: Node) -> Node:
    return replace(node, value={**node.entries, key: child})


def connection_problems(pipelines: Mapping[str, Node], components: Components) -> Iterator[Problem]:
    """Yield where a pipeline receives from a connector, and connectors in use that would write the same metrics."""
    used: dict[str, None] = {}
    for row in pipelines.values():
        receivers = row.child("receivers")
        for item in receivers.items if receivers is not None else ():
            if item.value in components.connectors:
                text = f"the connector {item.value!r} gives metrics, which are on Tailgate's own /metrics"
                yield item.place.problem(f"{text}: nothing can be received from it")
        used.update(dict.fromkeys(id_ for id_ in _names(row, "exporters") if id_ in components.connectors))
    writers: dict[str, str] = {}
    for id_ in used:
        connector = components.connectors[id_]
        for name in connector.spec.names(connector.config):
            first = writers.setdefault(name, id_)
            if first != id_ and connector.node is not None:
                text = f"the connectors {first!r} and {id_!r} would both write {name}, expected another namespace"
                yield connector.node.head.problem(text)
                break
