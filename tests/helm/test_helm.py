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


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"pods": ["list", "watch"]}),
        ({"passthrough": True}, {}),
        ({"extract": {"metadata": ["k8s.deployment.uid", "k8s.cronjob.uid"]}},
         {"pods": ["list", "watch"], "replicasets": ["get"], "jobs": ["get"]}),
        ({"extract": {"deployment_name_from_replicaset": False}}, {"pods": ["list", "watch"], "replicasets": ["get"]}),
        ({"extract": {"metadata": ["k8s.cluster.uid"], "annotations": [{"key": "a", "from": "node"}]}},
         {"namespaces": ["list", "watch"], "nodes": ["list", "watch"], "pods": ["list", "watch"]}),
    ],
)  # fmt: skip
def test_rights_follow_the_settings(
    settings: dict[str, object], expected: dict[str, list[str]], tmp_path: Path
) -> None:
    """Guarantees: the ClusterRole allows what these settings need and nothing else; without need there is no token."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({"kubernetesAttributes": {"enabled": True, "config": settings}}), encoding="utf-8")
    objects = [one for one in yaml.safe_load_all(render.render(file)) if one]
    rules = [rule for one in objects if one["kind"] == "ClusterRole" for rule in one["rules"]]
    assert {name: rule["verbs"] for rule in rules for name in rule["resources"]} == expected
    (pod,) = [one["spec"]["template"]["spec"] for one in objects if one["kind"] == "DaemonSet"]
    assert pod["automountServiceAccountToken"] is bool(expected)
