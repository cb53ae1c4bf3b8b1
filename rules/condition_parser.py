"""From the text of a condition to its tree (`condition_tree.py`), by the grammar in `conditions.lark`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from .condition_tree import (
    Bare,
    Call,
    Compare,
    Constant,
    In,
    Junction,
    Name,
    Node,
    Not,
    Op,
    Operand,
    PlacedError,
    Search,
    Value,
)
from .durations import parse_duration
from .suggest import did_you_mean

MAX_LENGTH = 8192
"""Characters of one condition."""

MAX_DIGITS = 60
"""Characters of one number, and its largest exponent: exact arithmetic must stay small."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_EXPONENT = re.compile(r"[eE]([+-]?\d+)\Z", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_UNIT = re.compile(r"[a-zµ]+")
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_MEMBERS = {
    "attributes": "record",
    "span": "span",
    "span.attributes": "span",
    "resource": "resource",
    "resource.attributes": "resource",
    "scope": "scope",
    "scope.attributes": "scope",
    "log": "log",
    "log.attributes": "log",
    "datapoint": "datapoint",
    "datapoint.attributes": "datapoint",
}
_ESCAPE = re.compile(r"\\([\\'\"nt])")
_ESCAPED = {"n": "\n", "t": "\t"}
_INFIX = ("and", "or", "not", "in", "matches", "contains")
_UNITS = ("ns", "us", "ms", "s", "m", "h", "d", "w")


def parse(text: str) -> Node:
    """Return the tree of a condition. Raises PlacedError."""
    if len(text) > MAX_LENGTH:
        raise PlacedError(MAX_LENGTH, f"a condition has at most {MAX_LENGTH} characters")
    if not text.strip():
        raise PlacedError(0, "the condition is empty: expected something like error or duration > 500ms")
    try:
        tree: Any = _parser().parse(text)
    except UnexpectedInput as error:
        raise _placed(error, text) from None
    node: Node = tree
    return node


def _unquote(token: Token) -> str:
    # An unknown escape stays as it is, so that a pattern may be written "\d" as well as "\\d".
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), token[1:-1])


def _position(token: Token) -> int:
    return token.start_pos or 0


def _number(token: Token) -> Value:
    position, text = _position(token), str(token)
    exponent = _EXPONENT.search(text[-MAX_DIGITS:])
    if len(text) > MAX_DIGITS or (exponent and abs(int(exponent[1])) > MAX_DIGITS):
        raise PlacedError(position, f"{text[:20]}... is too large or too small for a number")
    if _NUMBER.fullmatch(text):
        value: int | float = int(text) if _INTEGER.fullmatch(text) else float(text)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise PlacedError(position, f"{text} is too large: expected a number within 64 bits")
        return Value(position, "number", value, text)
    try:
        return Value(position, "duration", parse_duration(text), text)
    except ValueError:
        unit = _UNIT.search(text)
        hint = did_you_mean(unit[0], _UNITS) if unit else ""
        reason = f"{text} is neither a number nor a duration: expected 10, 0.5, 500ms, 1.5s or 2m30s{hint}"
        raise PlacedError(position, reason) from None


class _Builder(Transformer[Token, Any]):
    """Builds the tree while the parser reduces; each method has the name of a rule or of its alternative."""

    def start(self, items: list[Node]) -> Node:
        return items[0]

    def or_(self, items: list[Node]) -> Node:
        return Junction(items[0].position, "or", tuple(items))

    def and_(self, items: list[Node]) -> Node:
        return Junction(items[0].position, "and", tuple(items))

    def negate(self, items: list[Any]) -> Node:
        return Not(_position(items[0]), items[1])

    def bare(self, items: list[Operand]) -> Node:
        return Bare(items[0].position, items[0])

    def constant(self, items: list[Value]) -> Node:
        value = items[0]
        if value.kind != "bool":
            raise PlacedError(value.position, f"{value.text} alone is no condition: expected a comparison")
        return Constant(value.position, bool(value.value))

    def compare(self, items: list[Any]) -> Node:
        operand, op, value = items
        return self._comparison(operand, str(op), value)

    def compare_flipped(self, items: list[Any]) -> Node:
        value, op, operand = items
        return self._comparison(operand, _FLIPPED.get(str(op), str(op)), value)

    def _comparison(self, operand: Operand, op: str, value: Value) -> Node:
        if op in {"!=", "<>"}:
            return Not(operand.position, Compare(operand.position, operand, "==", value))
        return Compare(operand.position, operand, _op(op), value)

    def within(self, items: list[Any]) -> Node:
        operand, negated, _, values = items
        return _perhaps_not(negated, In(operand.position, operand, values))

    def matches(self, items: list[Any]) -> Node:
        operand, negated, _, text = items
        return _perhaps_not(negated, _search(operand, "matches", text))

    def matches_not(self, items: list[Any]) -> Node:
        operand, negation, text = items
        return _perhaps_not(negation, _search(operand, "matches", text))

    def contains(self, items: list[Any]) -> Node:
        operand, negated, _, text = items
        return _perhaps_not(negated, _search(operand, "contains", text))

    def name(self, items: list[Token]) -> Operand:
        return Name(_position(items[0]), str(items[0]))

    def quoted_name(self, items: list[Token]) -> Operand:
        return Name(_position(items[0]), items[0][1:-1], quoted=True)

    def member(self, items: list[Token]) -> Operand:
        owner, key = items
        of: Any = _MEMBERS.get(owner)
        if of is None:
            hint = did_you_mean(owner, _MEMBERS)
            reason = f'{owner}["..."] is not known: expected span["..."], resource["..."] or scope["..."]{hint}'
            raise PlacedError(_position(owner), reason)
        return Name(_position(owner), _unquote(key), quoted=True, of=of)

    def call(self, items: list[Any]) -> Operand:
        function, argument = items
        return Call(_position(function), str(function).lower(), argument)

    def items(self, items: list[Value]) -> tuple[Value, ...]:
        return tuple(items)

    def string(self, items: list[Token]) -> Value:
        return Value(_position(items[0]), "string", _unquote(items[0]), str(items[0]))

    def number(self, items: list[Token]) -> Value:
        return _number(items[0])

    def true(self, items: list[Token]) -> Value:
        return Value(_position(items[0]), "bool", True, "true")

    def false(self, items: list[Token]) -> Value:
        return Value(_position(items[0]), "bool", False, "false")

    def word(self, items: list[Token]) -> Value:
        return Value(_position(items[0]), "word", str(items[0]), str(items[0]))


def _op(op: str) -> Op:
    ops: dict[str, Op] = {"=": "==", "==": "==", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
    return ops[op]


def _perhaps_not(negated: Token | None, node: Node) -> Node:
    return node if negated is None else Not(node.position, node)


def _search(operand: Operand, how: Any, text: Token) -> Node:
    return Search(operand.position, operand, how, _unquote(text), _position(text))


@cache
def _parser() -> Lark:
    grammar = (files(__package__) / "conditions.lark").read_text(encoding="utf-8")
    # The basic lexer keeps keywords keywords everywhere; where one is meant as a name, backticks say so.
    return Lark(grammar, parser="lalr", lexer="basic", transformer=_Builder(), maybe_placeholders=True)


def _placed(error: UnexpectedInput, text: str) -> PlacedError:
    position = error.pos_in_stream or 0
    if isinstance(error, UnexpectedCharacters):
        return PlacedError(position, _bad_character(text, position))
    if not isinstance(error, UnexpectedToken):  # the LALR parser raises no other
        return PlacedError(position, str(error))
    token: Token = error.token
    ended = token.type == "$END"
    position = len(text.rstrip()) if ended else _position(token)
    open_ = text.count("(", 0, position) > text.count(")", 0, position)
    expected = _expected(error.expected, open_)
    if ended:
        return PlacedError(position, f"the condition ends too early: expected {'the closing )' if open_ else expected}")
    if token.type == "_CLOSE" and not open_:
        return PlacedError(position, "this ) closes nothing")
    hint = did_you_mean(str(token).lower(), _INFIX) if "_AND" in error.expected else ""
    turned = text[position - 1 : position + 1] if position else ""
    if turned in ("=>", "=<"):
        return PlacedError(position - 1, f"unexpected {turned!r}; did you mean {turned[::-1]!r}?")
    return PlacedError(position, f"unexpected {str(token)!r}: expected {expected}{hint}")


def _bad_character(text: str, position: int) -> str:
    character = text[position]
    if character in "\"'`":
        return f"this {character} is never closed: expected another {character}"
    if character in "&|":
        return f"expected {character * 2} instead of {character}"
    return f"unexpected character {character!r}"


def _expected(terminals: set[str], open_: bool) -> str:
    if "_AND" in terminals:
        comparison = "a comparison such as == or >, " if "OP" in terminals else ""
        return f"{comparison}and, or, or {'the closing )' if open_ else 'the end'}"
    if "NOT" in terminals and "NAME" in terminals:
        return "a condition"
    known = {
        "STRING": "a quoted text",
        "NUMBER": "a number",
        "NAME": "a name",
        "OP": "a comparison such as == or >",
        "_OPEN_LIST": "a list such as [1, 2]",
        "_CLOSE_LIST": "]",
        "_CLOSE": ")",
        "_COMMA": "a comma",
        "IN": "in",
        "MATCHES": "matches",
        "CONTAINS": "contains",
    }
    return " or ".join(what for terminal, what in known.items() if terminal in terminals) or "something else"
