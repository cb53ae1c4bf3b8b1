"""Making nodes out of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..tree import Node


class Shape(BaseModel):
    """A mapping of a dialect: every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def made(value: Any, at: Node) -> Node:
    """Return a value that nobody wrote, at the place of what it was made of."""
    return Node(value, at.place, at.key)


def mapping(at: Node, entries: Mapping[str, Node | None]) -> Node:
    """Return a mapping at the place of `at`; entries that are None are left out."""
    return made({key: child for key, child in entries.items() if child is not None}, at)


def listed(at: Node, items: list[Node]) -> Node:
    """Return a list at the place of `at`."""
    return made(items, at)


def renamed(node: Node, names: Mapping[str, str]) -> Node:
    """Return a mapping with some of its keys called otherwise; each entry keeps its place."""
    return replace(node, value={names.get(key, key): child for key, child in node.entries.items()})
