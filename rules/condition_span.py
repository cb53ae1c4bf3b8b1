"""Conditions over ONE span (with its scope and resource): from the tree to the kernel's expressions."""

from __future__ import annotations

from typing import Any

from ..kernel.contract import Expr, Operand
from . import condition_tree as tree
from .condition_fields import (
    ERROR,
    Attribute,
    DurationField,
    EnumField,
    ErrorWord,
    Level,
    RootWord,
    SpanCount,
    Subject,
    TextField,
    enum_value,
    nanoseconds,
    plain,
    resolve,
    whole,
)
from .condition_tree import Node, PlacedError
from .patterns import check_pattern
from .suggest import did_you_mean

MAX_DEPTH = 50
"""Levels of `not` and parentheses in one condition."""

AGGREGATES = ("sum", "min", "max", "count")
QUANTIFIERS = ("span", "root", "every")
FUNCTIONS = (*QUANTIFIERS, *AGGREGATES, "exists")


class SpanCompiler:
    """Compiles nodes to expressions about one span, or about one resource or scope."""

    def __init__(self, level: Level = "span", inside: str | None = None) -> None:
        """`inside`: the quantifier of the trace condition that this is a part of."""
        self.level = level
        self.inside = inside

    def expression(self, node: Node, depth: int = 0) -> Expr:
        """Return the node's expression. Raises PlacedError."""
        check_depth(node, depth)
        match node:
            case tree.Constant():
                return ["true"] if node.value else ["false"]
            case tree.Not():
                return ["not", self.expression(node.part, depth + 1)]
            case tree.Junction():
                return [node.how, *(self.expression(part, depth + 1) for part in node.parts)]
            case tree.Bare():
                return self._bare(node.operand, depth)
            case tree.Compare():
                return self._compare(node)
            case tree.In():
                return self._in(node)
            case tree.Search():
                return self._search(node)

    def operand(self, name: tree.Name) -> Subject:
        """Return what a name stands for here. Raises PlacedError."""
        return resolve(name, self.level)

    def _bare(self, operand: tree.Operand, depth: int) -> Expr:
        if isinstance(operand, tree.Call):
            return self._call(operand, depth)
        match self.operand(operand):
            case Attribute(of):
                return ["cmp", "==", of, True]
            case ErrorWord():
                return ERROR
            case RootWord():
                return ["root"]
            case _:
                raise PlacedError(operand.position, f"{operand.text} alone is no condition: compare it with a value")

    def _call(self, call: tree.Call, depth: int) -> Expr:
        known(call)
        if call.function == "exists":
            return ["exists", self._attribute(call)]
        if self.inside is None and call.function == "span" and self.level not in ("log", "datapoint"):
            return self.expression(call.argument, depth + 1)
        if self.inside is None and call.function == "root" and self.level == "span":
            return ["and", ["root"], self.expression(call.argument, depth + 1)]
        raise self._misplaced(call)

    def _misplaced(self, call: tree.Call) -> PlacedError:
        where = f"{self.inside}(...)" if self.inside else f"a condition on one {self.level}"
        hint = ": inside it, the word root means that the span is the root" if call.function == "root" else ""
        return PlacedError(call.position, f"{call.function}(...) cannot stand in {where}{hint}")

    def _attribute(self, call: tree.Call) -> Operand:
        name = argument_name(call)
        subject = self.operand(name)
        if isinstance(subject, ErrorWord):
            return ["attr", "any", "error"]
        if not isinstance(subject, Attribute):
            raise PlacedError(name.position, f"{name.text} is always there; an attribute is written `{name.text}`")
        return subject.operand

    def _named(self, operand: tree.Operand) -> tuple[tree.Name, Subject]:
        if isinstance(operand, tree.Name):
            return operand, self.operand(operand)
        known(operand)
        if operand.function in AGGREGATES:
            raise self._misplaced(operand)
        raise PlacedError(
            operand.position, f"{operand.function}(...) is true or false: it is not compared with a value"
        )

    def _compare(self, node: tree.Compare) -> Expr:
        name, subject = self._named(node.operand)
        match subject:
            case Attribute(of):
                return ["cmp", node.op, of, _comparable(node)]
            case TextField(of):
                return ["cmp", node.op, of, _text(node.value, name)]
            case EnumField(of):
                _only_equality(node, name)
                return ["cmp", "==", of, enum_value(subject, node.value)]
            case DurationField():
                return _integer(node, ["field", "duration"])
            case ErrorWord() | RootWord():
                expression = ERROR if isinstance(subject, ErrorWord) else ["root"]
                return expression if _truth(node, name) else ["not", expression]
            case SpanCount():
                where = f"{self.inside}(...)" if self.inside else "a condition on one span"
                raise PlacedError(name.position, f"{name.text} is the trace's: it cannot stand in {where}")

    def _in(self, node: tree.In) -> Expr:
        name, subject = self._named(node.operand)
        match subject:
            case Attribute(of):
                return ["in", of, [plain(value) for value in node.values]]
            case TextField(of):
                return ["in", of, [_text(value, name) for value in node.values]]
            case EnumField(of):
                return ["in", of, [enum_value(subject, value) for value in node.values]]
            case _:
                raise PlacedError(name.position, f"{name.text} cannot be looked up in a list: expected a comparison")

    def _search(self, node: tree.Search) -> Expr:
        name, subject = self._named(node.operand)
        if not isinstance(subject, Attribute | TextField):
            raise PlacedError(name.position, f"{name.text} is no text: {node.how} needs an attribute or a text field")
        if node.how == "matches":
            try:
                check_pattern(node.text)
            except ValueError as error:
                raise PlacedError(node.text_position, str(error)) from None
        return [node.how, subject.operand, node.text]


def check_depth(node: Node, depth: int) -> None:
    """Raise PlacedError where a condition nests too deeply."""
    if depth > MAX_DEPTH:
        raise PlacedError(node.position, f"too deeply nested: at most {MAX_DEPTH} levels of not and parentheses")


def known(call: tree.Call) -> None:
    """Raise PlacedError for a function that does not exist."""
    if call.function not in FUNCTIONS:
        hint = did_you_mean(call.function, FUNCTIONS)
        expected = ", ".join(FUNCTIONS[:-1])
        raise PlacedError(
            call.position, f"there is no function {call.function}: expected {expected} or {FUNCTIONS[-1]}{hint}"
        )


def argument_name(call: tree.Call) -> tree.Name:
    """Return the attribute or field that a function is asked about. Raises PlacedError."""
    argument = call.argument
    if isinstance(argument, tree.Bare) and isinstance(argument.operand, tree.Name):
        return argument.operand
    raise PlacedError(argument.position, f"{call.function}(...) takes the name of an attribute")


def _comparable(node: tree.Compare) -> Any:
    value = plain(node.value)
    if isinstance(value, bool) and node.op != "==":
        raise PlacedError(node.value.position, f"{node.value.text} has no order: expected == or !=")
    return value


def _text(value: tree.Value, name: tree.Name) -> str:
    text = plain(value)
    if not isinstance(text, str):
        raise PlacedError(value.position, f'{name.text} is text: expected something like "abc", not {value.text}')
    return text


def _only_equality(node: tree.Compare, name: tree.Name) -> None:
    if node.op != "==":
        raise PlacedError(node.value.position, f"{name.text} has no order: expected ==, != or in")


def _truth(node: tree.Compare, name: tree.Name) -> bool:
    value = node.value
    wanted = {"true": True, "false": False}.get(str(value.value).lower()) if value.kind in {"bool", "string"} else None
    if wanted is None or node.op != "==":
        raise PlacedError(value.position, f"{name.text} is true or false: expected {name.text} or not {name.text}")
    return wanted


def _integer(node: tree.Compare, operand: Operand) -> Expr:
    exact = whole(node.op, nanoseconds(node.value))
    if exact is None:
        return ["false"]
    op, value = exact
    return ["cmp", op, operand, within_64_bits(value, node.value)]


def within_64_bits(value: int, written: tree.Value) -> int:
    """Return the value; PlacedError when it is too large for the kernel."""
    if not -(2**63) <= value < 2**63:
        raise PlacedError(written.position, f"{written.text} is too large")
    return value
