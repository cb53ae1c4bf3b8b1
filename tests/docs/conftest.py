"""Modules that pages show in full are there for the tests of everything else that the pages show."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .doc_pages import PAGES, fences


@pytest.fixture(scope="package", autouse=True)
def shown_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Write every Python block that begins with the name of a file into a folder, from which they can be imported."""
    folder = tmp_path_factory.mktemp("shown")
    for page in PAGES:
        for block in fences(page, "python"):
            name, _, _ = block.removeprefix("# ").partition("\n")
            named = block.startswith("# ") and name.endswith(".py")
            assert named, f"{page}: the first line does not name a file"
            (folder / name).write_text(block, encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
