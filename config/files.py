"""The files that a configuration is made of besides its YAML: keys and certificates that components name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

_SUFFIX = "_file"


def named_files(config: Any) -> Iterator[str]:
    """Yield the paths in a component's validated configuration: texts in fields that end in `_file`, at any depth."""
    if isinstance(config, BaseModel):
        for name, value in config:
            if name.endswith(_SUFFIX) and isinstance(value, str):
                yield value
            else:
                yield from named_files(value)
    elif isinstance(config, Mapping):
        for value in config.values():
            yield from named_files(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from named_files(value)


def contents(paths: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return each path with the SHA-256 of what it holds; empty where it cannot be read."""
    return tuple((path, _digest(path)) for path in sorted(set(paths)))


def _digest(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except (OSError, ValueError):
        return ""
