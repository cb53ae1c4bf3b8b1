"""What OTTL paths stand for in each context, as operands of the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf

from ..kernel.contract import Expr, Signal
from . import ottl_tree as tree
from .condition_tree import PlacedError
from .suggest import did_you_mean

Context = OneOf["span", "spanevent", "log", "metric", "datapoint", "resource", "scope"]
"""What a condition or statement is about."""

LEVELS: dict[Context, str] = {
    "span": "span",
    "spanevent": "event",
    "resource": "resource",
    "scope": "scope",
    "log": "log",
    "metric": "metric",
    "datapoint": "datapoint",
}
"""The kernel's name for it."""

LOWEST_FIRST: dict[Signal, tuple[Context, ...]] = {
    "traces": ("spanevent", "span", "scope", "resource"),
    "logs": ("log", "scope", "resource"),
    "metrics": ("datapoint", "metric", "scope", "resource"),
}
"""The contexts of each signal, the lowest first."""

RECORD: dict[Signal, Context] = {"traces": "span", "logs": "log", "metrics": "metric"}
"""What stands in a scope."""

VISIBLE: dict[Context, tuple[Context, ...]] = {
    "log": ("log", "scope", "resource"),
    "metric": ("metric", "scope", "resource"),
    "datapoint": ("datapoint", "metric", "scope", "resource"),
    "resource": ("resource",),
    "scope": ("scope", "resource"),
    "span": ("span", "scope", "resource"),
    "spanevent": ("spanevent", "span", "scope", "resource"),
}
"""What a context may look at: itself and what is above it."""

PREFIXES: dict[str, Context] = {
    "span": "span",
    "spanevent": "spanevent",
    "log": "log",
    "metric": "metric",
    "datapoint": "datapoint",
    "resource": "resource",
    "scope": "scope",
    "instrumentation_scope": "scope",
}

Kind = OneOf["any", "id", "time", "duration"]
"""What is known of a value's type before it is computed: nothing, or that it is one that no attribute can have."""

_KINDS = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"]
_OLD_KINDS = [f"SPAN_KIND_{kind.upper()}" for kind in _KINDS]


@dataclass(frozen=True)
class Typed:
    """A value of the kernel, and what is known of its type."""

    value: Expr
    kind: Kind = "any"


@dataclass(frozen=True)
class Place:
    """What a path leads to: a field, the attributes of a level, or one of them."""

    context: Context
    field: str
    """The path without its context, such as `name` or `attributes`."""
    keys: tuple[tree.Key, ...]
    position: int
    text: str

    @property
    def level(self) -> str:
        """The kernel's name of its level."""
        return LEVELS[self.context]


def _id(name: str) -> Expr:
    return ["call", "id", ["field", name]]


_SPAN: dict[str, Typed] = {
    "name": Typed(["field", "name"]),
    "kind": Typed(["field", "kind"]),
    "kind.string": Typed(["call", "pick", ["field", "kind"], _KINDS]),
    "kind.deprecated_string": Typed(["call", "pick", ["field", "kind"], _OLD_KINDS]),
    "status.code": Typed(["field", "status.code"]),
    "status.message": Typed(["field", "status.message"]),
    "trace_state": Typed(["field", "trace_state"]),
    "trace_id": Typed(_id("trace_id"), "id"),
    "span_id": Typed(_id("span_id"), "id"),
    "parent_span_id": Typed(_id("parent_span_id"), "id"),
    "trace_id.string": Typed(_id("trace_id")),
    "span_id.string": Typed(_id("span_id")),
    "parent_span_id.string": Typed(_id("parent_span_id")),
    "start_time_unix_nano": Typed(["field", "start"]),
    "end_time_unix_nano": Typed(["field", "end"]),
    "start_time": Typed(["field", "start"], "time"),
    "end_time": Typed(["field", "end"], "time"),
}
_LOG: dict[str, Typed] = {
    "body": Typed(["field", "body"]),
    "body.string": Typed(["call", "text", ["field", "body"]]),
    "severity_number": Typed(["field", "severity_number"]),
    "severity_text": Typed(["field", "severity_text"]),
    "event_name": Typed(["field", "event_name"]),
    "flags": Typed(["field", "flags"]),
    "trace_id": Typed(_id("trace_id"), "id"),
    "span_id": Typed(_id("span_id"), "id"),
    "trace_id.string": Typed(_id("trace_id")),
    "span_id.string": Typed(_id("span_id")),
    "time_unix_nano": Typed(["field", "time"]),
    "observed_time_unix_nano": Typed(["field", "observed_time"]),
    "time": Typed(["field", "time"], "time"),
    "observed_time": Typed(["field", "observed_time"], "time"),
}
_METRIC = {
    name: Typed(["field", f"metric.{name}"])
    for name in ("name", "description", "unit", "type", "aggregation_temporality", "is_monotonic")
}
_DATAPOINT: dict[str, Typed] = {
    "value_int": Typed(["field", "datapoint.value"]),
    "value_double": Typed(["field", "datapoint.value"]),
    "count": Typed(["field", "datapoint.count"]),
    "sum": Typed(["field", "datapoint.sum"]),
    "flags": Typed(["field", "datapoint.flags"]),
    "start_time_unix_nano": Typed(["field", "datapoint.start"]),
    "time_unix_nano": Typed(["field", "datapoint.time"]),
    "start_time": Typed(["field", "datapoint.start"], "time"),
    "time": Typed(["field", "datapoint.time"], "time"),
}
_FIELDS: dict[Context, dict[str, Typed]] = {
    "span": _SPAN,
    "log": _LOG,
    "metric": _METRIC,
    "datapoint": _DATAPOINT,
    "spanevent": {
        "name": Typed(["field", "event.name"]),
        "time_unix_nano": Typed(["field", "event.time"]),
        "time": Typed(["field", "event.time"], "time"),
    },
    "resource": {},
    "scope": {"name": Typed(["field", "scope.name"]), "version": Typed(["field", "scope.version"])},
}


_ATTRIBUTES: dict[Context, str] = {"metric": "metadata"}
"""What the attributes of a level are called where that is something else."""


def locate(path: tree.Path, context: Context) -> Place:
    """Return what a path leads to, seen from `context`. Raises PlacedError."""
    first, *rest = path.segments
    owner = PREFIXES.get(first.name)
    if owner is None or first.keys or not rest:
        owner, rest = context, list(path.segments)
    if owner not in VISIBLE[context]:
        raise PlacedError(path.position, f"{path.text} is not there in the context {context}")
    *before, last = rest
    field = ".".join(segment.name for segment in rest)
    own = _ATTRIBUTES.get(owner, "attributes")
    known = field == own or field in _FIELDS[owner]
    if not known or any(segment.keys for segment in before):
        hint = did_you_mean(field, (*_FIELDS[owner], own))
        expected = ", ".join([*_FIELDS[owner], f'{own}["key"]'])
        raise PlacedError(
            path.position, f"the path {path.text} of a {owner} is not supported: expected {expected}{hint}"
        )
    return Place(owner, "attributes" if field == own else field, last.keys, path.position, path.text)


def lowest(path: tree.Path) -> Context | None:
    """Return the context that a path names itself; None when it names none."""
    first, *rest = path.segments
    return PREFIXES.get(first.name) if rest and not first.keys else None


def read(place: Place) -> Typed:
    """Return the value of what a path leads to. Raises PlacedError."""
    if place.field != "attributes":
        found = _FIELDS[place.context][place.field]
        if place.keys and place.field == "trace_state" and len(place.keys) == 1 and isinstance(place.keys[0], str):
            return Typed(["call", "member", found.value, place.keys[0]])
        if place.keys and place.field == "body":
            return Typed(indexed(found.value, place.keys))
        if place.keys:
            raise PlacedError(place.position, f"{place.text} has no keys")
        return found
    if not place.keys:
        raise PlacedError(place.position, f'{place.text} as a whole is no value here: expected {place.text}["key"]')
    return Typed(indexed(attribute(place), place.keys[1:]))


def attribute(place: Place) -> Expr:
    """Return the operand of an attribute, without the keys behind it. Raises PlacedError."""
    key = place.keys[0]
    if not isinstance(key, str):
        raise PlacedError(place.position, f'{place.text}[{key}]: attributes have names: expected {place.text}["key"]')
    return ["attr", place.level, key]


def indexed(value: Expr, keys: tuple[tree.Key, ...]) -> Expr:
    """Return what stands in a map or array under these keys."""
    for key in keys:
        value = ["at", value, key]
    return value
