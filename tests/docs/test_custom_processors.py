"""The worked examples of processors in Python do what the page says, and so do their own tests."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import get_args

import pytest
from tailgate.processors.custom.process import Outcome

from .doc_pages import names, tables


@pytest.mark.parametrize("name", ["test_my_redactor.py", "test_my_database_time.py"])
def test_the_shown_tests_pass(shown_modules: Path, name: str) -> None:
    """Scenario: a reader copies the blocks. Guarantees: the test is found, and passes."""
    assert pytest.main(["-q", "-p", "no:cacheprovider", str(shown_modules / name)]) == 0


def test_the_shown_processor_refuses_wrong_options(shown_modules: Path) -> None:
    """Guarantees: what the page says of options holds for its example."""
    with pytest.raises(ValueError, match="prefix"):
        importlib.import_module("my_redactor").Redactor({})


def test_every_outcome_is_explained() -> None:
    """Guarantees: the table has each outcome but `ok`, and no other."""
    listed = [name for row in tables("docs/custom-processors.md", "| `outcome`") for name in names(row[0])]
    assert sorted(listed) == sorted(set(get_args(Outcome)) - {"ok"})
