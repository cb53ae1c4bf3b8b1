"""Compares what two proxies let out, span by span, apart from the differences that are written down."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from otlp_words import Pairs, Words, canonical, canonical_pairs, spans
from peer_traffic import BASE

Key = tuple[int | str, int]
"""Trace and span id."""

DIFFERENCES = {
    "key-twice": "where a key stands twice, an action takes every occurrence; the collector takes the first",
    "nested-masking": "redaction also masks inside arrays and maps",
    "schema-url": "tail_sampling keeps the schema URLs of resources and scopes; the collector loses them",
}
"""What may differ, by name; docs/collector.md lists the same sentences."""


@dataclass(frozen=True)
class Scenario:
    """What explains differences of one comparison."""

    twice: Mapping[Key, set[str]]
    """The keys that stand twice, by span."""
    schemas: Mapping[Key, tuple[str, str]]
    """The schema URLs of resource and scope that each span was sent with."""
    masked: tuple[str, ...] = ()
    """The row's `blocked_values`."""


@dataclass
class Comparison:
    """What came of comparing two outputs."""

    spans: int = 0
    """Spans that both let out."""
    explained: Counter[str] = field(default_factory=Counter)
    """Spans that differ only as written down, by the name of the difference."""
    wrong: list[str] = field(default_factory=list)
    """Everything else, in words."""


def by_id(requests: Iterable[bytes]) -> dict[Key, list[Words]]:
    """Return the spans of some requests by their ids."""
    found: dict[Key, list[Words]] = defaultdict(list)
    for words in spans(requests, BASE):
        found[words["trace"], words["id"]].append(words)
    return found


def compare(theirs: Iterable[bytes], ours: Iterable[bytes], scenario: Scenario) -> Comparison:
    """Compare what a collector and Tailgate let out."""
    left, right = by_id(theirs), by_id(ours)
    out = Comparison()
    for key in sorted(left.keys() | right.keys(), key=str):
        a, b = left.get(key, []), right.get(key, [])
        if len(a) != len(b):
            out.wrong.append(f"span {key}: {len(a)} times from the collector, {len(b)} times from Tailgate")
            continue
        out.spans += len(a)
        for one, other in zip(sorted(a, key=text), sorted(b, key=text), strict=True):
            _compare_spans(key, one, other, scenario, out)
    return out


def _compare_spans(key: Key, theirs: Words, ours: Words, scenario: Scenario, out: Comparison) -> None:
    if text(theirs) == text(ours):
        return
    expected, names = _as_written(key, theirs, scenario)
    if text(expected) == text(ours):
        out.explained.update(names)
        return
    twice = scenario.twice.get(key, set())
    if twice and text(_without(expected, twice)) == text(_without(ours, twice)):
        out.explained.update([*names, "key-twice"])
        return
    parts = [part for part in expected if _part(part, expected[part]) != _part(part, ours[part])]
    shown = "; ".join(f"{part}: {theirs[part]!r} from the collector, {ours[part]!r}" for part in parts)
    out.wrong.append(f"span {key}: {shown}")


def _as_written(key: Key, theirs: Words, scenario: Scenario) -> tuple[Words, list[str]]:
    """Return what Tailgate is to make where the collector made this, and which differences that takes."""
    changed, names = theirs, []
    if not (theirs["resource_schema"] or theirs["scope_schema"]) and any(scenario.schemas[key]):
        resource, scope = scenario.schemas[key]
        changed, names = {**changed, "resource_schema": resource, "scope_schema": scope}, ["schema-url"]
    if scenario.masked and text(masked := _masked_inside(changed, scenario.masked)) != text(changed):
        changed, names = masked, [*names, "nested-masking"]
    return changed, names


def text(span: Words) -> str:
    """Return a text that is the same for the same span; attributes have no order."""
    return "\n".join(f"{name}: {_part(name, value)}" for name, value in sorted(span.items()))


def _part(name: str, value: Any) -> str:
    if name in ("attributes", "resource"):
        return canonical_pairs(value)
    if isinstance(value, dict):
        return str({key: _part(key, item) for key, item in sorted(value.items())})
    if name in ("events", "links"):
        return str([_part("", item) for item in value])
    return canonical(value)


def _without(span: Words, keys: set[str]) -> Words:
    return {**span, "attributes": [(key, value) for key, value in span["attributes"] if key not in keys]}


def _masked_inside(span: Words, patterns: tuple[str, ...]) -> Words:
    def inside(value: Any) -> Any:
        if isinstance(value, list):
            return [inside(item) for item in value]
        if isinstance(value, tuple):
            return tuple((key, inside(item)) for key, item in value)
        for pattern in patterns if isinstance(value, str) else ():
            value = re.sub(pattern, "****", value)
        return value

    def each(attributes: Pairs) -> Pairs:
        return [(key, inside(value) if isinstance(value, (list, tuple)) else value) for key, value in attributes]

    events = [{**event, "attributes": each(event["attributes"])} for event in span["events"]]
    scope = {**span["scope"], "attributes": each(span["scope"]["attributes"])}
    return {**span, "events": events, "scope": scope, **{key: each(span[key]) for key in ("resource", "attributes")}}


def of_traffic(steps: Iterable[Words], row: Words) -> Scenario:
    """Return what explains differences between outputs of this traffic and row."""
    twice, schemas = {}, {}
    for step in steps:
        for span in step["spans"]:
            key = span["trace"], span["id"]
            count = Counter(name for name, _ in span["attributes"])
            twice[key] = {name for name, number in count.items() if number > 1}
            schemas[key] = (step["resource_schema"], step["scope_schema"])
    masked = [pattern for options in row.values() for pattern in options.get("blocked_values", ())]
    return Scenario(twice, schemas, tuple(masked))
