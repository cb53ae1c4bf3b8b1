"""What values.yaml says of itself: for each key its default, its description (`# --`) and its schema (`# @schema`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[1] / "tailgate"
_KEY = re.compile(r"^( *)([\w.-]+):(.*)$")


@dataclass
class Value:
    """One key: its path, its default, what it means, and what is added to its schema."""

    path: tuple[str, ...]
    default: Any
    description: str = ""
    schema: dict[str, Any] = field(default_factory=dict)


def _find(tree: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def read(text: str | None = None) -> Iterator[Value]:
    """Yield every key that values.yaml writes on a line of its own, in order; those within `{}` belong to theirs."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8") if text is None else text
    tree = yaml.safe_load(text)
    path: list[str] = []
    description, schema = "", {}
    for line in text.splitlines():
        said = line.strip()
        if said.startswith("# -- "):
            description = said[5:]
        elif said.startswith("# @schema "):
            schema = json.loads(said[10:])
        elif match := _KEY.match(line):
            path[len(match[1]) // 2 :] = [match[2]]
            yield Value(tuple(path), _find(tree, tuple(path)), description, schema)
            description, schema = "", {}
