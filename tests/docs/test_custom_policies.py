"""The worked example of a policy in Python does what the page says, and so does its own test."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


def test_the_shown_test_passes(shown_modules: Path) -> None:
    """Scenario: a reader copies both blocks. Guarantees: the test is found, and passes."""
    assert pytest.main(["-q", "-p", "no:cacheprovider", str(shown_modules / "test_my_policies.py")]) == 0


def test_the_shown_policy_refuses_wrong_options(shown_modules: Path) -> None:
    """Guarantees: what the page says of options holds for its example."""
    module = importlib.import_module("my_policies")
    with pytest.raises(ValueError, match="above 0"):
        module.FirstOfEachUser({"every_minutes": 0})
