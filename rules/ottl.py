"""OTTL conditions as the collector's `filter`, `transform` and `ottl_condition` take them, compiled for the kernel.

`docs/ottl.md` says which part of the language is supported, and where its meaning differs from the collector's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from typing import Literal as OneOf

from pydantic import AfterValidator

from ..kernel.contract import Expr
from . import ottl_tree as tree
from .condition_fields import KINDS, SEVERITIES, STATUSES
from .condition_tree import ConditionError, PlacedError
from .ottl_functions import convert
from .ottl_parser import parse_condition
from .ottl_paths import Context, Typed, indexed, locate, read
from .suggest import did_you_mean

__all__ = ["Conditions", "Context", "ErrorMode", "compile_condition", "compile_conditions"]

ErrorMode = OneOf["ignore", "silent", "propagate"]
"""What happens when a condition cannot be answered. `ignore` and `silent`: it counts as false."""

_METRIC_TYPES = ("NONE", "GAUGE", "SUM", "HISTOGRAM", "EXPONENTIAL_HISTOGRAM", "SUMMARY")
_TEMPORALITIES = ("UNSPECIFIED", "DELTA", "CUMULATIVE")
ENUMS = {
    **{f"SPAN_KIND_{name.upper()}": number for name, number in KINDS.items()},
    **{f"STATUS_CODE_{name.upper()}": number for name, number in STATUSES.items()},
    **{f"SEVERITY_NUMBER_{name.upper()}": number for name, number in SEVERITIES.items()},
    **{f"METRIC_DATA_TYPE_{name}": number for number, name in enumerate(_METRIC_TYPES)},
    **{f"AGGREGATION_TEMPORALITY_{name}": number for number, name in enumerate(_TEMPORALITIES)},
    "FLAG_NONE": 0,
    "FLAG_NO_RECORDED_VALUE": 1,
}
"""The words in capitals that are numbers."""


@dataclass(frozen=True)
class Conditions:
    """Conditions of which one is enough, over a span or an event."""

    holds: Expr
    """One is true. With `propagate` none before it failed."""
    fails: Expr | None
    """With `propagate`: one cannot be answered, and none before it is true. None: that cannot be."""


def compile_condition(text: str, context: Context) -> Expr:
    """Return the tree of one condition, to stand in the kernel's `ottl`. Raises ConditionError."""
    try:
        node = parse_condition(text)
        check_depth(node)
        return Compiler(context).condition(node)
    except PlacedError as error:
        raise ConditionError(text, error.position, error.reason) from None


def compile_conditions(texts: Sequence[str], context: Context, error_mode: ErrorMode) -> Conditions:
    """Return what it takes for one of them to be true. Raises ConditionError."""
    return any_of([compile_condition(text, context) for text in texts], error_mode)


def any_of(trees: Sequence[Expr], error_mode: ErrorMode) -> Conditions:
    """Return what it takes for one of some compiled conditions to be true; they are asked in order."""
    if error_mode == "propagate":
        ordered: Expr = ["or", *trees]
        return Conditions(["ottl", ordered], ["ottl_fails", ordered])
    return Conditions(["ottl", ["or", *(["try", one] for one in trees)]], None)


def of_events(conditions: Conditions) -> Conditions:
    """Return conditions over a span: some event of it satisfies these, which are over an event."""
    fails = conditions.fails
    return Conditions(
        ["ottl", ["events", conditions.holds[1]]], None if fails is None else ["ottl_fails", ["events", fails[1]]]
    )


MAX_DEPTH = 40
"""Levels of nodes inside one another."""


def check_depth(node: tree.Node) -> None:
    """Raise PlacedError when compiling would go too deep."""
    level, depth = [node], 0
    while level:
        if depth > MAX_DEPTH:
            raise PlacedError(level[0].position, f"nested deeper than {MAX_DEPTH} levels")
        level, depth = [child for one in level for child in tree.children(one)], depth + 1


class Compiler:
    """Compiles nodes that stand in one context."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def condition(self, node: tree.Node) -> Expr:
        """Return the tree of a condition. Raises PlacedError."""
        match node:
            case tree.Junction():
                return [node.how, *(self.condition(part) for part in node.parts)]
            case tree.Not():
                return ["not", self.condition(node.part)]
            case tree.Compare():
                return self._compare(node)
            case tree.Constant(value=bool() as value):
                return ["leaf", ["true"] if value else ["false"]]
            case tree.Call(name="IsRootSpan"):
                return self._root(node)
            case tree.Call():
                return ["truth", self.value(node).value]
            case _:
                raise PlacedError(node.position, "this is a value, not a condition: expected a comparison such as ==")

    def value(self, node: tree.Node) -> Typed:
        """Return a value. Raises PlacedError."""
        match node:
            case tree.Constant():
                if isinstance(node.value, bytes):
                    return Typed(["hex", node.value.hex()])
                return Typed(["lit", node.value])
            case tree.Enum():
                return Typed(["lit", _enum(node)])
            case tree.Path():
                return read(locate(node, self.context))
            case tree.Calculation():
                return self._calculation(node)
            case tree.Call():
                return self._call(node)
            case tree.Listed() | tree.Mapped():
                raise PlacedError(node.position, "a list or a map is not supported here")
            case _:
                raise PlacedError(node.position, "this is a condition, not a value")

    def _root(self, node: tree.Call) -> Expr:
        if self.context not in ("span", "spanevent"):
            raise PlacedError(node.position, f"IsRootSpan is not there in the context {self.context}")
        if node.arguments or node.keys:
            raise PlacedError(node.position, "IsRootSpan takes no arguments")
        return ["leaf", ["root"]]

    def _call(self, node: tree.Call) -> Typed:
        if node.name == "IsRootSpan":
            raise PlacedError(node.position, "IsRootSpan() stands alone: it is not compared")
        typed = convert(node, self.value)
        return Typed(indexed(typed.value, node.keys)) if node.keys else typed

    def _compare(self, node: tree.Compare) -> Expr:
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(side, tree.Call) and side.name == "IsRootSpan" and isinstance(other, tree.Constant):
                return self._root_is(node, side, other)
        left, right = self.value(node.left), self.value(node.right)
        comparable = left.kind == right.kind and not (left.kind == "id" and node.op not in ("==", "!="))
        if not comparable:  # known before anything is computed, as no attribute is an id, a time or a duration
            return ["leaf", ["true"] if node.op == "!=" else ["false"]]
        return ["cmp", node.op, left.value, right.value]

    def _root_is(self, node: tree.Compare, call: tree.Call, wanted: tree.Constant) -> Expr:
        root = self._root(call)
        if not isinstance(wanted.value, bool) or node.op not in ("==", "!="):
            raise PlacedError(node.position, "IsRootSpan() is true or false: expected == true, or nothing")
        return root if wanted.value == (node.op == "==") else ["not", root]

    def _calculation(self, node: tree.Calculation) -> Typed:
        left, right = self.value(node.left), self.value(node.right)
        kinds = (left.kind, node.op, right.kind)
        kind = _CALCULATIONS.get(kinds)
        if kind is None:
            one, other = ("number" if kind == "any" else kind for kind in (left.kind, right.kind))
            raise PlacedError(node.position, f"a {one} {node.op} a {other} cannot be calculated")
        return Typed([node.op, left.value, right.value], kind)


_CALCULATIONS: dict[tuple[str, str, str], OneOf["any", "time", "duration"]] = {
    **{("any", op, "any"): "any" for op in "+-*/"},
    ("time", "-", "time"): "duration",
    ("time", "-", "duration"): "time",
    ("time", "+", "duration"): "time",
    ("duration", "+", "time"): "time",
    ("duration", "+", "duration"): "duration",
    ("duration", "-", "duration"): "duration",
}


def _enum(node: tree.Enum) -> int:
    if node.name not in ENUMS:
        hint = did_you_mean(node.name, ENUMS)
        expected = "SPAN_KIND_..., STATUS_CODE_..., SEVERITY_NUMBER_... or METRIC_DATA_TYPE_..."
        raise PlacedError(node.position, f"{node.name} is not known: expected {expected}{hint}")
    return ENUMS[node.name]


def checked(context: Context) -> AfterValidator:
    """Return the check of a configuration field that holds a condition in this context."""

    def check(text: str) -> str:
        compile_condition(text, context)
        return text

    return AfterValidator(check)


SpanOttl = Annotated[str, checked("span")]
"""A configuration field that holds an OTTL condition over a span, checked when the file is read."""

EventOttl = Annotated[str, checked("spanevent")]
"""The same over an event of a span."""

ResourceOttl = Annotated[str, checked("resource")]
"""The same over a resource."""

ScopeOttl = Annotated[str, checked("scope")]
"""The same over a scope."""

LogOttl = Annotated[str, checked("log")]
"""The same over a log record."""

MetricOttl = Annotated[str, checked("metric")]
"""The same over a metric."""

DataPointOttl = Annotated[str, checked("datapoint")]
"""The same over a data point."""
