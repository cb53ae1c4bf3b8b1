"""Every dialect's file, unchanged, through `tailgate validate`."""

from __future__ import annotations

import pytest
from tailgate.cli import main

from .conftest import FILES


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.iterdir()))
def test_it_is_valid(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: exit 0 and a row of components; for a whole collector's configuration with `--lenient` only."""
    monkeypatch.setenv("TAILGATE_KERNEL", "reference")
    monkeypatch.delenv("TAILGATE_REQUIRE_KERNEL", raising=False)
    monkeypatch.delenv("TAILGATE_UPSTREAM", raising=False)
    whole = name.startswith("collector")
    assert main(["validate", "--config", str(FILES / name)]) == (1 if whole else 0)
    capsys.readouterr()
    assert main(["validate", "--lenient", "--config", str(FILES / name)]) == 0
    assert "  traces: otlp -> memory_limiter -> " in capsys.readouterr().out
