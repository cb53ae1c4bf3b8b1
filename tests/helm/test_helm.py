"""What needs Helm: the golden files are what it makes of the chart. Skipped where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import render
import tools
import yaml

pytestmark = pytest.mark.skipif(tools.helm() is None, reason="there is no helm (`make chart` builds it)")
REFUSED = yaml.safe_load((render.CASES / "refused.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", render.cases(), ids=lambda case: case.stem)
def test_golden(case: Path) -> None:
    """Guarantees: a change of what the chart makes is seen, and meant: `make manifest`."""
    assert render.render(case) == render.golden(case).read_text(encoding="utf-8")


def test_the_manifest_is_current() -> None:
    """Guarantees: helm/tailgate.yaml is the chart as it is."""
    assert render.manifest() == render.MANIFEST.read_text(encoding="utf-8")


@pytest.mark.parametrize("example", sorted((render.CHART / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_examples_render(example: Path) -> None:
    """Guarantees: the examples can be installed."""
    assert "kind: ConfigMap" in render.render(example)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["says"])
def test_refused(case: dict[str, object], tmp_path: Path) -> None:
    """Guarantees: values that are not in the schema, or cannot work together, are refused with the reason."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(case["values"]), encoding="utf-8")
    with pytest.raises(render.Refused) as caught:
        render.render(file)
    assert str(case["says"]) in str(caught.value)
