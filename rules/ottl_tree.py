"""A parsed OTTL condition or statement as a tree. Every node knows where it stands in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf

Op = OneOf["==", "!=", "<", "<=", ">", ">="]
Key = str | int


@dataclass(frozen=True)
class Constant:
    """A literal; None is `nil`."""

    position: int
    value: str | bool | int | float | bytes | None


@dataclass(frozen=True)
class Enum:
    """A word in capitals, such as `STATUS_CODE_ERROR`; as an argument it may name a function."""

    position: int
    name: str


@dataclass(frozen=True)
class Segment:
    """One part of a path with the keys behind it."""

    name: str
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Path:
    """`resource.attributes["k"]`."""

    position: int
    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """As it is written, without the keys."""
        return ".".join(segment.name for segment in self.segments)


@dataclass(frozen=True)
class Argument:
    """An argument, with its name where one is given."""

    value: Node
    name: str | None = None


@dataclass(frozen=True)
class Call:
    """A converter; keys may follow it."""

    position: int
    name: str
    arguments: tuple[Argument, ...]
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Listed:
    """`[1, "a"]`."""

    position: int
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Mapped:
    """`{"a": 1}`."""

    position: int
    items: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Calculation:
    """Two values and `+ - * /` between them."""

    position: int
    op: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Compare:
    """A comparison."""

    position: int
    op: Op
    left: Node
    right: Node


@dataclass(frozen=True)
class Not:
    """The opposite."""

    position: int
    part: Node


@dataclass(frozen=True)
class Junction:
    """All (`and`) or some (`or`) of the parts, asked in order."""

    position: int
    how: OneOf["and", "or"]
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Statement:
    """An editor with its arguments and its condition."""

    position: int
    editor: str
    arguments: tuple[Argument, ...]
    where: Node | None


Node = Constant | Enum | Path | Call | Listed | Mapped | Calculation | Compare | Not | Junction


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes right below a node."""
    match node:
        case Call():
            return tuple(argument.value for argument in node.arguments)
        case Listed():
            return node.items
        case Mapped():
            return tuple(value for _, value in node.items)
        case Calculation() | Compare():
            return (node.left, node.right)
        case Not():
            return (node.part,)
        case Junction():
            return node.parts
        case _:
            return ()
