"""Fixtures: an upstream, and Tailgate as a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from counting import Counting
from harness import StartTailgate, Tailgate, Upstream
from listening import LISTENING, starting


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def counting() -> Iterator[Counting]:
    """An upstream for every signal, over gRPC and HTTP."""
    server = Counting()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def start_words(tmp_path: Path) -> Iterator[StartTailgate]:
    """Start Tailgate with the words of a command line."""
    with starting(tmp_path) as start:
        yield start


@pytest.fixture
def start_tailgate(tmp_path: Path, start_words: StartTailgate) -> StartTailgate:
    """Start Tailgate on a configuration (`tailgate.yaml` in the test's folder) that says all but where to listen."""

    def start(config: str, *options: str, **environment: str) -> Tailgate:
        files = [tmp_path / "listening.yaml", tmp_path / "tailgate.yaml"]
        for file, text in zip(files, (LISTENING, config), strict=True):
            file.write_text(text, encoding="utf-8")
        return start_words(*(f"--config={file}" for file in files), *options, **environment)

    return start
