"""The condition language, one for sampling, retention and enrichment; `docs/conditions.md` says what it means.

`trace_condition` is for policies: it asks about a whole trace, where a comparison means that ANY span satisfies it.
`record_condition` is for edits: it asks about one span, log record or data point (or its resource or scope). Both
raise `ConditionError`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from ..kernel.contract import Expr, Operand
from . import condition_tree as tree
from .condition_fields import Attribute, DurationField, Level, SpanCount, nanoseconds, whole
from .condition_parser import parse
from .condition_span import AGGREGATES, SpanCompiler, argument_name, check_depth, known
from .condition_tree import ConditionError, PlacedError
from .facts import ROOT, All, Always, FactsBuilder, Not, Some, Test

__all__ = [
    "ConditionError",
    "RecordCondition",
    "SpanCondition",
    "TraceCondition",
    "record_condition",
    "span_condition",
    "trace_condition",
]

FIXED_POINT = 1_000_000
"""Sums, minima and maxima are integers of this fraction (`docs/kernel.md`, "Facts")."""

_BEYOND = 10**36 + 1  # the kernel's numbers saturate just below it


def trace_condition(text: str, facts: FactsBuilder) -> Test:
    """Return a test over a trace; what it needs is added to `facts`. Raises ConditionError."""
    try:
        return _TraceCompiler(facts).test(parse(text))
    except PlacedError as error:
        raise ConditionError(text, error.position, error.reason) from None


def span_condition(text: str, on: Level = "span") -> Expr:
    """Return the expression of a condition over one span; the same as `record_condition`."""
    return record_condition(text, on)


def record_condition(text: str, on: Level) -> Expr:
    """Return the expression of a condition over one span, log record or data point. Raises ConditionError.

    With `on` a resource or a scope, it sees only that and what is above it, and bare names are its own attributes.
    """
    try:
        return SpanCompiler(on).expression(parse(text))
    except PlacedError as error:
        raise ConditionError(text, error.position, error.reason) from None


class _TraceCompiler:
    """Compiles nodes to tests over a trace."""

    def __init__(self, facts: FactsBuilder) -> None:
        self._facts = facts
        self._span = SpanCompiler()

    def test(self, node: tree.Node, depth: int = 0) -> Test:
        check_depth(node, depth)
        match node:
            case tree.Constant():
                return Always(node.value)
            case tree.Not():
                return Not(self.test(node.part, depth + 1))
            case tree.Junction():
                parts = tuple(self.test(part, depth + 1) for part in node.parts)
                return All(parts) if node.how == "and" else Some(parts)
            case tree.Bare(operand=tree.Call() as call) if call.function != "exists":
                return self._call(call, depth)
            case tree.Compare():
                return self._compare(node)
            case _:
                return self._leaf(self._span.expression(node))

    def _call(self, call: tree.Call, depth: int) -> Test:
        known(call)
        if call.function in AGGREGATES:
            raise PlacedError(call.position, f"{call.function}(...) is a number: compare it with another, as in > 10")
        inner = SpanCompiler(inside=call.function).expression(call.argument, depth + 1)
        if call.function == "every":
            return self._facts.every(inner)
        return self._facts.any(["and", ["root"], inner] if call.function == "root" else inner)

    def _compare(self, node: tree.Compare) -> Test:
        operand = node.operand
        if isinstance(operand, tree.Call):
            return self._aggregate(node, operand)
        match self._span.operand(operand):
            case DurationField():
                return self._subject(["duration"], node, nanoseconds(node.value))
            case SpanCount():
                return self._subject(["spans"], node, _number(node.value))
            case _:
                return self._any_or_none(node)

    def _any_or_none(self, node: tree.Compare) -> Test:
        expression = self._span.expression(node)
        # `error == false` says that no span has an error, not that some span has none.
        if expression[0] == "not":
            return Not(self._leaf(expression[1]))
        return self._leaf(expression)

    def _leaf(self, expression: Expr) -> Test:
        return ROOT if expression == ["root"] else self._facts.any(expression)

    def _aggregate(self, node: tree.Compare, call: tree.Call) -> Test:
        known(call)
        if call.function == "count":
            when = SpanCompiler(inside="count").expression(call.argument)
            number = self._facts.number(None, when)
            return self._subject(["sum", number], node, _number(node.value) * FIXED_POINT)
        if call.function in AGGREGATES:
            value, expected = self._numeric(call, node.value)
            return self._subject([call.function, self._facts.number(value)], node, expected * FIXED_POINT)
        reason = f"{call.function}(...) is true or false: it is not compared with a value"
        raise PlacedError(call.position, reason)

    def _numeric(self, call: tree.Call, value: tree.Value) -> tuple[Operand, Fraction]:
        name = argument_name(call)
        match self._span.operand(name):
            case Attribute(of):
                return of, _number(value)
            case DurationField():
                return ["field", "duration"], nanoseconds(value)
            case _:
                raise PlacedError(name.position, f"{name.text} is no number: expected an attribute or duration")

    def _subject(self, subject: list[Any], node: tree.Compare, value: Fraction) -> Test:
        exact = whole(node.op, value)
        if exact is None:
            return Always(False)
        op, wanted = exact
        return self._facts.compare(subject, op, max(-_BEYOND, min(_BEYOND, wanted)))


def _number(value: tree.Value) -> Fraction:
    if value.kind != "number":
        raise PlacedError(value.position, f"{value.text} is no number: expected something like 10 or 0.5")
    return value.exact


def _text(value: Any) -> Any:
    # YAML reads a bare `true` as a boolean.
    return str(value).lower() if isinstance(value, bool) else value


def _check_trace(text: str) -> str:
    trace_condition(text, FactsBuilder())
    return text


def _check_syntax(text: str) -> str:
    try:
        parse(text)
    except PlacedError as error:
        raise ConditionError(text, error.position, error.reason) from None
    return text


def _check_span(text: str) -> str:
    span_condition(text)
    return text


_SCHEMA = WithJsonSchema(
    {"title": "condition", "type": ["string", "boolean"], "examples": ["error", 'user.tier == "enterprise"']}
)

TraceCondition = Annotated[str, BeforeValidator(_text), AfterValidator(_check_trace), _SCHEMA]
"""A configuration field that holds a condition over a trace, checked when the file is read."""

SpanCondition = Annotated[str, BeforeValidator(_text), AfterValidator(_check_span), _SCHEMA]
"""A configuration field that holds a condition over one span, checked when the file is read."""

RecordCondition = Annotated[str, BeforeValidator(_text), AfterValidator(_check_syntax), _SCHEMA]
"""A configuration field that holds a condition over one record; its model checks the names in it."""
