"""Every dialect's file, unchanged, through `tailgate validate`."""

from __future__ import annotations

import pytest
from tailgate.cli import main
from tailgate.cli.tables import TABLES

from .conftest import FILES

KNOWN = {name for spec in TABLES.processors for name in (spec.name, *spec.aliases)}


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.iterdir()))
def test_it_is_valid(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: exit 0 and a row of components; for a whole collector's configuration with `--lenient` only."""
    monkeypatch.setenv("TAILGATE_KERNEL", "reference")
    monkeypatch.delenv("TAILGATE_UPSTREAM", raising=False)
    if name == "collector.yaml" and "span" not in KNOWN:
        pytest.skip("there is no processor `span`")
    whole = name.startswith("collector")
    assert main(["validate", "--config", str(FILES / name)]) == (1 if whole else 0)
    capsys.readouterr()
    assert main(["validate", "--lenient", "--config", str(FILES / name)]) == 0
    assert "  traces: otlp -> memory_limiter -> " in capsys.readouterr().out
