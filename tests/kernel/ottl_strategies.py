"""Random OTTL conditions and values, of every form that the kernel knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from wire_strategies import KEYS, TEXTS

Draw = Callable[[st.SearchStrategy[Any]], Any]

SETTABLE = {
    "span": ["name", "trace_state", "kind", "status.message", "status.code"],
    "scope": ["scope.name", "scope.version"],
    "event": ["event.name"],
    "log": ["body", "body", "severity_text", "severity_number", "event_name"],
    "metric": ["metric.name", "metric.description", "metric.unit"],
}
NUMBERS = ["kind", "status.code", "severity_number"]
"""Those of them that are no texts."""
OWN_FIELDS = {
    "log": ["body", "severity_number", "severity_text", "event_name", "trace_id", "span_id", "flags", "time"],
    "metric": ["metric.name", "metric.description", "metric.unit", "metric.type", "metric.aggregation_temporality"],
}
OWN_FIELDS["log"] += ["observed_time", "scope.name"]
OWN_FIELDS["metric"] += ["metric.is_monotonic", "scope.version"]
OWN_FIELDS["datapoint"] = [*OWN_FIELDS["metric"], "datapoint.value", "datapoint.count", "datapoint.sum"]
OWN_FIELDS["datapoint"] += ["datapoint.flags", "datapoint.start", "datapoint.time"]
OUTER = ["resource", "scope"]
PLACES = {"log": [*OUTER, "log", "log", "any"], "metric": [*OUTER, "metric"]}
PLACES["datapoint"] = [*OUTER, "metric", "datapoint", "datapoint", "any"]
_FIELDS = ["name", "kind", "status.message", "status.code", "trace_state", "duration", "trace_id", "start", "end"]
_PLACES = {"resource": ["resource"], "scope": ["resource", "scope"], "span": ["resource", "scope", "span", "any"]}
_PLACES["event"] = [*_PLACES["span"], "event", "event", "event"]
_PLACES |= PLACES
_OWN = {"resource": [], "scope": ["scope.name"], "span": _FIELDS, "event": [*_FIELDS, "event.name", "event.time"]}
_OWN |= OWN_FIELDS

_texts = st.sampled_from([*TEXTS, "", "a", "1", "-7", "2.5", "x=y", "0000"])
_numbers = st.sampled_from([0, 1, 2, 5, -1, 2**63 - 1, -(2**63), 0.5, -0.0, 1e300])
_literals = st.one_of(_texts, st.booleans(), _numbers, st.none())
_patterns = st.sampled_from(["", "a", "^1", r"\\d+$", "[^a]", "(?i)K", "é"])


def _operands(on: str) -> st.SearchStrategy[Any]:
    attributes = st.tuples(st.just("attr"), st.sampled_from(_PLACES[on]), st.sampled_from(KEYS)).map(list)
    if not _OWN[on]:
        return attributes
    return st.one_of(attributes, attributes, st.tuples(st.just("field"), st.sampled_from(_OWN[on])).map(list))


@st.composite
def ottl_values(draw: Draw, on: str, valid: bool, depth: int = 1) -> list[Any]:
    """Return a value on this level."""
    nested = ["at", "calc", "call", "call", "sum", "first", "lookup"] if depth else []
    kind = draw(st.sampled_from(["operand", "operand", "lit", "hex", *nested]))
    inner = ottl_values(on, valid, depth - 1)
    if kind == "operand":
        return draw(_operands(on))
    if kind == "lit":
        return ["lit", draw(_literals)]
    if kind == "hex":
        return ["hex", draw(st.sampled_from(["", "00ff", "61"]))]
    if kind == "at":
        return ["at", draw(inner), draw(st.one_of(st.sampled_from(KEYS), st.integers(0, 2)))]
    if kind in ("sum", "first"):
        return [kind, *draw(st.lists(inner, max_size=3))]
    if kind == "lookup":
        return ["lookup", draw(st.integers(0, 1)), draw(st.sampled_from(KEYS)), draw(inner)]
    if kind == "calc":
        return [draw(st.sampled_from("+-*/")), draw(inner), draw(inner)]
    return ["call", *draw(_calls(inner))]


@st.composite
def _calls(draw: Draw, inner: st.SearchStrategy[Any]) -> list[Any]:
    plain = ["text", "lower", "upper", "len", "int", "double", "sha256", "fnv", "id", "scalar"]
    types = st.sampled_from(["string", "bool", "int", "double", "bytes", "list", "map"])
    forms: list[Callable[[], list[Any]]] = [
        lambda: [draw(st.sampled_from(plain)), draw(inner)],
        lambda: ["is_match", draw(inner), draw(_patterns)],
        lambda: [draw(st.sampled_from(["has_prefix", "has_suffix", "member"])), draw(inner), draw(_texts)],
        lambda: ["is_a", draw(inner), draw(types)],
        lambda: ["concat", draw(st.lists(inner, max_size=3)), draw(_texts)],
        lambda: ["substring", draw(inner), draw(st.integers(0, 3)), draw(st.integers(0, 3))],
        lambda: ["split", draw(inner), draw(st.sampled_from(["a", "e", "é", "/", "aa"]))],
        lambda: ["pick", draw(inner), ["zero", "one"]],
    ]
    return draw(st.sampled_from(forms))()


@st.composite
def ottl_conditions(draw: Draw, on: str, valid: bool, depth: int = 1) -> list[Any]:
    """Return a condition on this level."""
    kinds = ["cmp", "cmp", "truth", "defined", "leaf"]
    kind = draw(st.sampled_from([*kinds, *(["and", "or", "not", "try", "events"] if depth else [])]))
    inner = ottl_conditions(on, valid, depth - 1)
    value = ottl_values(on, valid)
    if kind == "cmp":
        return ["cmp", draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="])), draw(value), draw(value)]
    if kind in ("and", "or"):
        return [kind, *draw(st.lists(inner, max_size=3))]
    if kind in ("truth", "defined"):
        return [kind, draw(value)]
    if kind == "events" and on == "span":
        return ["events", draw(ottl_conditions("event", valid, depth - 1))]
    if kind in ("not", "try"):
        return [kind, draw(inner)]
    return ["leaf", draw(st.sampled_from([["true"], ["false"], ["exists", draw(_operands("resource"))]]))]
