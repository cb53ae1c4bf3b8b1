"""A parsed condition as a tree. Every node knows where it stands in the text, for errors that point at it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal as OneOf

Op = OneOf["==", "<", "<=", ">", ">="]
"""`!=` is no operator of its own: it is `Not` of `==`."""


class ConditionError(ValueError):
    """A condition cannot be understood; says where and what was expected instead."""

    def __init__(self, text: str, position: int, reason: str) -> None:
        """`position`: characters before the place in `text`."""
        self.text = text
        self.position = min(position, len(text))
        self.reason = reason
        before = text[: self.position]
        self.line = before.count("\n") + 1
        self.column = self.position - (before.rfind("\n") + 1) + 1
        where = f"column {self.column}" if "\n" not in text.strip() else f"line {self.line}, column {self.column}"
        super().__init__(f"{where}: {reason}")


class PlacedError(Exception):
    """Raised below the entry points, which know the text and make a `ConditionError` of it."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason


@dataclass(frozen=True)
class Name:
    """A built-in field or an attribute. `of`: where it was said to be looked for; `quoted`: never a built-in field."""

    position: int
    text: str
    quoted: bool = False
    of: OneOf["record", "span", "log", "datapoint", "resource", "scope"] | None = None


@dataclass(frozen=True)
class Call:
    """A function (lower case) with its one argument."""

    position: int
    function: str
    argument: Node


Operand = Name | Call


@dataclass(frozen=True)
class Value:
    """What an operand is compared with.

    `value` is the text of a `string` or a `word`, a `number` as int or float, the nanoseconds of a `duration`.
    """

    position: int
    kind: OneOf["string", "number", "duration", "bool", "word"]
    value: str | int | float | bool
    text: str

    @property
    def exact(self) -> Fraction:
        """A number as it was written, without the rounding of a float."""
        return Fraction(self.text)


@dataclass(frozen=True)
class Bare:
    """An operand that stands alone: it is true."""

    position: int
    operand: Operand


@dataclass(frozen=True)
class Constant:
    """`true` or `false`."""

    position: int
    value: bool


@dataclass(frozen=True)
class Compare:
    """An operand against a value."""

    position: int
    operand: Operand
    op: Op
    value: Value


@dataclass(frozen=True)
class In:
    """An operand equals one of the values."""

    position: int
    operand: Operand
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Search:
    """A pattern or a text is found in an operand."""

    position: int
    operand: Operand
    how: OneOf["matches", "contains"]
    text: str
    text_position: int


@dataclass(frozen=True)
class Not:
    """The opposite."""

    position: int
    part: Node


@dataclass(frozen=True)
class Junction:
    """All (`and`) or some (`or`) of the parts."""

    position: int
    how: OneOf["and", "or"]
    parts: tuple[Node, ...]


Node = Bare | Constant | Compare | In | Search | Not | Junction
