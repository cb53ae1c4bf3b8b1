"""Loading a configuration, and reading what connectors expose, in both formats of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from tailgate.cli.tables import TABLES
from tailgate.config.loader import load
from tailgate.config.model import Configuration
from tailgate.telemetry.families import Family, exposition

Load = Callable[[str], Configuration]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

HEAD = 'receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}}}}\n'


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Load a configuration that has the receiver `otlp`."""

    def loaded(text: str) -> Configuration:
        file = tmp_path / "tailgate.yaml"
        file.write_text(HEAD + text, encoding="utf-8")
        return load([file], TABLES, {})

    return loaded


def samples(families: Iterable[Family]) -> Samples:
    """Return every sample by name and labels, after both formats have been parsed and found to say the same."""
    listed = list(families)
    found: list[Samples] = []
    for parse, text in ((plain, exposition(listed, False)), (openmetrics, exposition(listed, True) + "# EOF\n")):
        lines = [sample for family in parse(text) for sample in family.samples]
        found.append({(one.name, frozenset(_labels(one.labels))): one.value for one in lines})
        assert len(found[-1]) == len(lines), "a series stands twice"
    assert found[0] == found[1]
    return found[0]


def _labels(labels: dict[str, str]) -> Iterable[tuple[str, str]]:
    """Yield labels; bounds as OpenMetrics has them."""
    return ((name, str(float(text)) if name == "le" and text != "+Inf" else text) for name, text in labels.items())


def value(found: Samples, name: str, **labels: str) -> float:
    """Return the sum of the samples that have these labels among theirs."""
    wanted = set(labels.items())
    values = [number for (sample, its), number in found.items() if sample == name and wanted <= its]
    assert values, f"there is no {name} with {labels} among {sorted(str(one) for one in found)}"
    return sum(values)
