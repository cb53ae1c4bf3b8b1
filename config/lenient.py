"""What a collector's configuration asks for and Tailgate does not have: named, and with `--lenient` left out.

Left out are receivers, exporters, connectors and extensions, pipelines of profiles, and processors that only add. A
processor that may take data out is never left out, and a pipeline must keep a receiver and an exporter; pipelines of
logs and metrics that do not are left out as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from .collector_names import INSTEAD, NAMES, OTHER_PROCESSORS
from .errors import Problem, did_you_mean, one_of
from .model import Spec, Tables
from .tree import Node

MISSING_SIGNALS = ("profiles",)
"""What the collector has pipelines for, and Tailgate has not."""
_ROLES = ("receivers", "processors", "exporters")


def known_types(tables: Tables) -> Mapping[str, frozenset[str]]:
    """Return the types that exist here, by section; sections that are not in the tables are left out."""
    specs: dict[str, Sequence[Spec]] = {
        "receivers": tables.receivers,
        "processors": tables.processors,
        "exporters": tables.exporters,
        "connectors": tables.connectors,
    }
    return {
        section: frozenset(name for spec in listed for name in (spec.name, *getattr(spec, "aliases", ())))
        for section, listed in specs.items()
    } | {"extensions": frozenset({"health_check"})}


def unknown_type(section: str, type_: str, known: Iterable[str]) -> str:
    """Return the message for a type that does not exist here."""
    known, what = sorted(known), section.removesuffix("s")
    if type_ in NAMES.get(section, ()):
        instead = INSTEAD.get((section, type_))
        expected = f": {instead}" if instead else f", expected {one_of(known)}" if known else ""
        way_out = "" if section == "processors" and type_ in OTHER_PROCESSORS else "; --lenient leaves it out"
        return f"the collector's {what} {type_!r} does not exist in Tailgate{expected}{way_out}"
    return f"unknown {what} type {type_!r}, expected {one_of(known)}{did_you_mean(type_, known)}"


def without_missing(root: Node, tables: Tables, problems: list[Problem]) -> tuple[Node, bool]:
    """Return the configuration without what does not exist here, with a warning for each, and whether it is whole.

    It is not where a pipeline had to go as well, which is an error.
    """
    before = len(problems)
    kept = dict(root.entries)
    gone: dict[str, set[str]] = {}
    for section, known in known_types(tables).items():
        node = root.child(section)
        if node is None:
            continue
        missing = {id_ for id_ in node.entries if _may_go(section, id_.partition("/")[0], known)}
        for id_ in sorted(missing):
            text = f"the {section.removesuffix('s')} {id_!r} does not exist in Tailgate: left out"
            problems.append(node.entries[id_].head.warning(text))
        gone[section] = missing
        kept[section] = replace(node, value={id_: entry for id_, entry in node.entries.items() if id_ not in missing})
    service = root.child("service")
    if service is not None:
        kept["service"] = _service(service, gone, problems)
    return replace(root, value=kept), not any(problem.severity == "error" for problem in problems[before:])


def _may_go(section: str, type_: str, known: frozenset[str]) -> bool:
    if type_ in known or (section == "processors" and type_ in OTHER_PROCESSORS):
        return False
    if type_ in NAMES[section]:
        return True
    # Somebody's own component, unless it looks like a spelling mistake; what a processor of theirs does, nobody knows.
    return section != "processors" and not did_you_mean(type_, known | NAMES[section])


def _service(service: Node, gone: Mapping[str, set[str]], problems: list[Problem]) -> Node:
    entries = dict(service.entries)
    extensions = service.child("extensions")
    if extensions is not None:
        entries["extensions"] = _without(extensions, gone.get("extensions", set()))
    pipelines = service.child("pipelines")
    if pipelines is not None:
        entries["pipelines"] = replace(pipelines, value=_rows(pipelines, gone, problems))
        if not entries["pipelines"].entries:
            del entries["pipelines"]
    return replace(service, value=entries)


def _known(pipelines: Node) -> list[str]:
    return [id_ for id_ in pipelines.entries if id_.partition("/")[0] not in MISSING_SIGNALS]


def _rows(pipelines: Node, gone: Mapping[str, set[str]], problems: list[Problem]) -> dict[str, Node]:
    """Return the pipelines that have both ends left."""
    known = _known(pipelines)
    for id_, row in pipelines.entries.items():
        if id_ not in known:
            problems.append(
                row.head.warning(f"there are no pipelines of {id_.partition('/')[0]} in Tailgate: left out")
            )
    rows = {id_: _row(id_, pipelines.entries[id_], gone, problems) for id_ in known}
    left = {id_: row for id_, row in rows.items() if row is not None}
    if pipelines.entries and not left and all(id_.partition("/")[0] != "traces" for id_ in known):
        problems.append(pipelines.head.problem("no pipeline is left: expected one of traces, logs or metrics"))
    return left


def _row(id_: str, row: Node, gone: Mapping[str, set[str]], problems: list[Problem]) -> Node | None:
    """Return a pipeline without what is gone; None after reporting that one of its ends is.

    That is an error for traces. Pipelines of logs and metrics that begin or end in what only the collector has, such as
    files and hosts, are left out as that is.
    """
    entries = dict(row.entries)
    for role in _ROLES:
        listed = row.child(role)
        if listed is None:
            continue
        # A connector stands at the end of one row and at the beginning of another.
        connectors = gone.get("connectors", set()) if role != "processors" else set()
        entries[role] = _without(listed, gone.get(role, set()) | connectors)
        if role != "processors" and listed.items and not entries[role].items:
            names, what = ", ".join(repr(item.value) for item in listed.items), role.removesuffix("s")
            text = f"the pipeline {id_!r} is left without {role}: Tailgate has none of {names}"
            if id_.partition("/")[0] == "traces":
                problems.append(listed.head.problem(f"{text}; expected another {what}"))
            else:
                problems.append(row.head.warning(f"{text}: left out"))
            return None
    return replace(row, value=entries)


def _without(listed: Node, names: set[str]) -> Node:
    return replace(listed, value=[item for item in listed.items if item.value not in names])
