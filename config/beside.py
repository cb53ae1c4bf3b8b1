"""Files that a component names: relative paths count from the file in which they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from .tree import Node


def _beside(value: str, info: ValidationInfo) -> str:
    node = (info.context or {}).get("node")
    if not isinstance(node, Node):
        return value
    written = node.child(info.field_name) or node
    return str(Path(written.place.file).parent / value)


FileBeside = Annotated[str, AfterValidator(_beside)]
"""A path; in a configuration that `check` validates, one that does not depend on the working directory's files."""
