"""Connectors in a configuration: they end pipelines of traces and begin pipelines of metrics, and names may clash.

What they count is scraped as well, so that a pipeline of metrics which only leads from connectors to exporters that are
scraped (`prometheus`), or that Tailgate does not have, has nothing to do: it is taken out, with what only it uses.
Where there is an exporter `prometheus` the metrics are served at that address too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ..connectors.base import ConnectorSpec
from .collector_names import NAMES
from .components import Components, deepest
from .errors import Problem
from .lenient import known_types
from .model import Component, Tables
from .shape import parse_endpoint
from .tree import Node

_ROLES = ("processors", "exporters")
_SCRAPED = "prometheus"
_NEEDLESS = ("enable_open_metrics", "send_timestamps", "metric_expiration")
"""Options that need no warning: Prometheus asks for the format that it wants, at the time that it scrapes."""


Address = tuple[str, int]


def connected(root: Node, tables: Tables, problems: list[Problem]) -> tuple[Node, tuple[Address, ...]]:
    """Return the configuration with only the exporters behind connectors that can be sent to; the others are warned of.

    A pipeline of which none is left is taken out. Also returns where the exporters `prometheus` are scraped.
    """
    service, connectors = root.child("service"), root.child("connectors")
    pipelines = service.child("pipelines") if service is not None else None
    if service is None or pipelines is None or connectors is None:
        return root, ()
    known = known_types(tables)
    ours = {id_ for id_ in connectors.entries if id_.partition("/")[0] in known.get("connectors", ())}
    rows = {id_: row for id_, row in pipelines.entries.items() if _only_connected(id_, row, ours)}
    after = {id_: _sending(row, known.get("exporters", frozenset()), problems) for id_, row in rows.items()}
    if not rows:
        return root, ()
    addresses = _addresses(root.child("exporters"), set(_all(rows.values(), "exporters")), problems)
    left = {id_: one for id_, row in pipelines.entries.items() if (one := after.get(id_, row)) is not None}
    kept = {**root.entries, "service": _with(service, "pipelines", replace(pipelines, value=left))}
    for role in _ROLES:
        section = root.child(role)
        gone = set(_all(rows.values(), role)) - set(_all(left.values(), role))
        if section is not None and gone:
            kept[role] = replace(section, value={id_: one for id_, one in section.entries.items() if id_ not in gone})
    return replace(root, value=kept), addresses


def _sending(row: Node, known: frozenset[str], problems: list[Problem]) -> Node | None:
    """Return a pipeline with those of its exporters that exist; None when there are none."""
    listed = row.child("exporters")
    items = listed.items if listed is not None else []
    types = {str(item.value): str(item.value).partition("/")[0] for item in items}
    gone = {id_ for id_, type_ in types.items() if type_ in NAMES["exporters"] and type_ not in known}
    sent = [item for item in items if item.value not in gone]
    others = [repr(id_) for id_ in sorted(gone) if types[id_] != _SCRAPED]
    if others or not sent:
        ends = f"; {', '.join(others)} gets nothing from here" if others else ""
        problems.append(row.head.warning(f"what its connectors count is on Tailgate's own /metrics{ends}"))
    return _with(row, "exporters", replace(listed, value=sent)) if listed is not None and sent else None


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
    """Yield where a connector cannot be received from, what of it nobody sees, and who writes what another does."""
    used = dict.fromkeys(id_ for id_ in _all(pipelines.values(), "exporters") if id_ in components.connectors)
    received = set()
    for id_, row in pipelines.items():
        receivers = row.child("receivers")
        for item in receivers.items if receivers is not None else ():
            if item.value not in components.connectors:
                continue
            received.add(item.value)
            if id_.partition("/")[0] != "metrics":
                text = f"the connector {item.value!r} gives metrics"
                yield item.place.problem(f"{text}: pipelines of metrics can receive from it, this is {id_!r}")
            elif item.value not in used:
                text = f"no pipeline sends to the connector {item.value!r}"
                yield item.place.problem(f"{text}: expected it among the exporters of a pipeline of traces")
    for id_ in (id_ for id_ in used if id_ not in received):
        yield from _unsent(components.connectors[id_])
    yield from _written_twice(used, components)


def _unsent(connector: Component[ConnectorSpec]) -> Iterator[Problem]:
    if connector.spec.unsent is not None and connector.node is not None:
        for place, text in connector.spec.unsent(connector.config):
            yield deepest(connector.node, place).head.warning(text)


def _written_twice(used: Iterable[str], components: Components) -> Iterator[Problem]:
    writers: dict[str, str] = {}
    for id_ in used:
        connector = components.connectors[id_]
        for name in connector.spec.names(connector.config):
            first = writers.setdefault(name, id_)
            if first != id_ and connector.node is not None:
                text = f"the connectors {first!r} and {id_!r} would both write {name}, expected another namespace"
                yield connector.node.head.problem(text)
                break
