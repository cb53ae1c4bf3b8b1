"""How the tests of the tools call them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tailgate.cli import main

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a tool is called in; without what the environment may say, and on the reference kernel."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAILGATE_KERNEL", "reference")
    monkeypatch.delenv("TAILGATE_REQUIRE_KERNEL", raising=False)
    monkeypatch.delenv("TAILGATE_UPSTREAM", raising=False)
    return tmp_path


@pytest.fixture
def tailgate(folder: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """(words) -> exit code, stdout, stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        return code, *capsys.readouterr()

    return run
