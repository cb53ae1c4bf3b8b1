"""From the text of an OTTL condition or statement to its tree (`ottl_tree.py`), by the grammar in `ottl.lark`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from . import ottl_tree as tree
from .condition_tree import PlacedError

MAX_LENGTH = 8192
"""Characters of one condition or statement."""

MAX_NESTING = 60
"""Parentheses, brackets and braces inside one another."""

MAX_KEYS = 16
"""Keys behind one another, as in `attributes["a"]["b"]`."""

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


def parse_condition(text: str) -> tree.Node:
    """Return the tree of a condition. Raises PlacedError."""
    node: tree.Node = _parse(text, "condition")
    return node


def parse_statement(text: str) -> tree.Statement:
    """Return the tree of a statement such as `set(name, "x") where kind == 1`. Raises PlacedError."""
    statement: tree.Statement = _parse(text, "statement")
    return statement


def _parse(text: str, start: str) -> Any:
    if len(text) > MAX_LENGTH:
        raise PlacedError(MAX_LENGTH, f"a {start} has at most {MAX_LENGTH} characters")
    if not text.strip():
        raise PlacedError(0, f"the {start} is empty")
    _check_nesting(text)
    try:
        return _parser().parse(text, start=start)
    except UnexpectedInput as error:
        raise _placed(error, text, start) from None


def _check_nesting(text: str) -> None:
    depth = 0
    for position, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth > MAX_NESTING:
            raise PlacedError(position, f"nested deeper than {MAX_NESTING} levels")


def _position(token: Token) -> int:
    return token.start_pos or 0


def _unquote(token: Token) -> str:
    # Go would refuse an escape that it does not know; here it stays, so that "\d" is the pattern it looks like.
    known = {**_ESCAPED, "\\": "\\", '"': '"'}
    return _ESCAPE.sub(lambda found: known.get(found[1], found[0]), token[1:-1])


def _integer(token: Token) -> int:
    value = int(token) if len(token) < 20 else 1 << 64
    if value >= 1 << 63:
        raise PlacedError(_position(token), f"{str(token)[:24]} is too large: expected a number within 64 bits")
    return value


def _check_keys(owner: Token, keys: list[Any]) -> None:
    if len(keys) > MAX_KEYS:
        raise PlacedError(
            _position(owner), f"{owner} has {len(keys)} keys: at most {MAX_KEYS} may stand behind one another"
        )


def _given(items: list[Any]) -> tuple[Any, ...]:
    return tuple(item for item in items if item is not None)


class _Builder(Transformer[Token, Any]):
    """Builds the tree while the parser reduces; each method has the name of a rule or of its alternative."""

    def condition(self, items: list[tree.Node]) -> tree.Node:
        return items[0]

    def statement(self, items: list[Any]) -> tree.Statement:
        name, arguments, where = items
        return tree.Statement(_position(name), str(name), arguments or (), where)

    def or_(self, items: list[tree.Node]) -> tree.Node:
        return tree.Junction(items[0].position, "or", tuple(items))

    def and_(self, items: list[tree.Node]) -> tree.Node:
        return tree.Junction(items[0].position, "and", tuple(items))

    def negate(self, items: list[Any]) -> tree.Node:
        return tree.Not(_position(items[0]), items[1])

    def compare(self, items: list[Any]) -> tree.Node:
        left, op, right = items
        return tree.Compare(left.position, str(op), left, right)  # type: ignore[arg-type]  # the token has no others

    def calculate(self, items: list[Any]) -> tree.Node:
        left, op, right = items
        return tree.Calculation(left.position, str(op), left, right)

    def signed(self, items: list[Any]) -> tree.Node:
        sign, value = items
        if sign == "+":
            return value  # type: ignore[no-any-return]
        if isinstance(value, tree.Constant) and type(value.value) in (int, float):
            return tree.Constant(_position(sign), -value.value)  # type: ignore[operator]
        return tree.Calculation(_position(sign), "-", tree.Constant(_position(sign), 0), value)

    def group(self, items: list[tree.Node]) -> tree.Node:
        return items[0]

    def path(self, items: list[tuple[int, tree.Segment]]) -> tree.Node:
        return tree.Path(items[0][0], tuple(segment for _, segment in items))

    def segment(self, items: list[Any]) -> tuple[int, tree.Segment]:
        _check_keys(items[0], items[1:])
        return _position(items[0]), tree.Segment(str(items[0]), tuple(items[1:]))

    def key(self, items: list[Token]) -> tree.Key:
        if items[0].type == "STRING":
            return _unquote(items[0])
        if "." in items[0]:
            raise PlacedError(_position(items[0]), f"{items[0]} is no index: expected a whole number or a text")
        return _integer(items[0])

    def call(self, items: list[Any]) -> tree.Node:
        name, arguments, *keys = items
        _check_keys(name, keys)
        return tree.Call(_position(name), str(name), arguments or (), tuple(keys))

    def arguments(self, items: list[tree.Argument]) -> tuple[tree.Argument, ...]:
        return tuple(items)

    def argument(self, items: list[tree.Node]) -> tree.Argument:
        return tree.Argument(items[0])

    def named(self, items: list[Any]) -> tree.Argument:
        return tree.Argument(items[1], str(items[0]))

    def enum(self, items: list[Token]) -> tree.Node:
        return tree.Enum(_position(items[0]), str(items[0]))

    def string(self, items: list[Token]) -> tree.Node:
        return tree.Constant(_position(items[0]), _unquote(items[0]))

    def bytes_(self, items: list[Token]) -> tree.Node:
        digits = items[0][2:]
        if len(digits) % 2:
            raise PlacedError(_position(items[0]), f"{items[0]} has half a byte: expected an even number of digits")
        return tree.Constant(_position(items[0]), bytes.fromhex(digits))

    def number(self, items: list[Token]) -> tree.Node:
        if "." not in items[0]:
            return tree.Constant(_position(items[0]), _integer(items[0]))
        value = float(items[0])
        if value == float("inf"):
            raise PlacedError(_position(items[0]), f"{items[0]} is too large for a number")
        return tree.Constant(_position(items[0]), value)

    def true(self, items: list[Token]) -> tree.Node:
        return tree.Constant(_position(items[0]), True)

    def false(self, items: list[Token]) -> tree.Node:
        return tree.Constant(_position(items[0]), False)

    def nil(self, items: list[Token]) -> tree.Node:
        return tree.Constant(_position(items[0]), None)

    def list_(self, items: list[Any]) -> tree.Node:
        found = _given(items)
        return tree.Listed(found[0].position if found else 0, found)

    def map_(self, items: list[Any]) -> tree.Node:
        found = _given(items)
        return tree.Mapped(found[0][1].position if found else 0, found)

    def entry(self, items: list[Any]) -> tuple[str, tree.Node]:
        return _unquote(items[0]), items[1]


@cache
def _parser() -> Lark:
    grammar = (files(__package__) / "ottl.lark").read_text(encoding="utf-8")
    start = ["condition", "statement"]
    return Lark(grammar, start=start, parser="lalr", lexer="basic", transformer=_Builder(), maybe_placeholders=True)


def _placed(error: UnexpectedInput, text: str, start: str) -> PlacedError:
    position = error.pos_in_stream or 0
    if isinstance(error, UnexpectedCharacters):
        return PlacedError(position, _bad_character(text, position))
    if not isinstance(error, UnexpectedToken):  # the LALR parser raises no other
        return PlacedError(position, str(error))
    if error.token.type == "$END":
        return PlacedError(len(text.rstrip()), f"the {start} ends too early")
    return PlacedError(_position(error.token), f"unexpected {str(error.token)!r}{_advice(error)}")


def _bad_character(text: str, position: int) -> str:
    character = text[position]
    if character == '"':
        return 'this " is never closed: expected another "'
    if character == "'":
        return "a text stands in double quotes, not in single ones"
    return f"unexpected character {character!r}"


def _advice(error: UnexpectedToken) -> str:
    if error.token.type == "_EQUAL":
        return ": expected == to compare"
    if "_AND" in error.expected:
        return ": expected and, or, or the end"
    return ""
