"""The chart and the plain manifest on a real API server: accepted without a warning, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import render
import tools
import yaml
from harness import until
from kube_cluster import Cluster
from kube_node import Node, path_of

CASES = {path.stem: path for path in render.cases()}
CHART = str(render.CHART)


@pytest.fixture(scope="module", autouse=True)
def operator(cluster: Cluster) -> None:
    """The Prometheus operator's definitions, which monitors and rules are of, and a namespace of a set of values."""
    cluster.kubectl("create", "namespace", "tracing")
    tools.fetch_operator()
    for kind in ("podmonitors", "servicemonitors", "prometheusrules"):
        file = tools.operator() / f"monitoring.coreos.com_{kind}.yaml"
        cluster.kubectl("apply", "--server-side", "-f", str(file))


@pytest.mark.parametrize("case", CASES)
def test_helm_installs(case: str, cluster: Cluster, helm: Callable[..., str]) -> None:
    """Guarantees: every set of values installs and upgrades; the server's own strict validation warns of nothing."""
    name = f"case-{case}"
    helm("install", name, CHART, "-n", name, "--create-namespace", "-f", str(CASES[case]))
    manifest = helm("get", "manifest", name, "-n", name)
    cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", given=_renamed(manifest))
    helm("upgrade", name, CHART, "-n", name, "-f", str(CASES[case]))
    kept = helm("get", "manifest", name, "-n", name)
    assert kept == manifest
    helm("uninstall", name, "-n", name)


def _renamed(manifest: str) -> str:
    """The objects under other names, so that the server validates them as new ones."""
    documents = [one for one in yaml.safe_load_all(manifest) if one]
    for one in documents:
        one["metadata"]["name"] += "-again"
    return yaml.safe_dump_all(documents)


def test_two_releases_stand_side_by_side(cluster: Cluster, helm: Callable[..., str]) -> None:
    """Scenario: one release in each of two namespaces, both with metadata. Guarantees: neither takes from the other."""
    for namespace in ("blue", "green"):
        values = ["--create-namespace", "--set", "kubernetesAttributes.enabled=true"]
        helm("install", "tailgate", CHART, "-n", namespace, *values)
    helm("uninstall", "tailgate", "-n", "green")
    role = cluster.api.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/blue:tailgate")
    assert [rule["resources"] for rule in role["rules"]] == [["pods"]]
    helm("uninstall", "tailgate", "-n", "blue")
    left = cluster.api.get("/apis/rbac.authorization.k8s.io/v1/clusterroles")["items"]
    assert [one["metadata"]["name"] for one in left if "tailgate" in one["metadata"]["name"]] == []


def test_rules_do_not_roll_the_pods(cluster: Cluster, helm: Callable[..., str], tmp_path: Path) -> None:
    """Guarantees: an upgrade of rules and exporters is no new generation of the DaemonSet; one of receivers is."""

    def generation(**values: Any) -> int:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
        helm("upgrade", "--install", "rolls", CHART, "-n", "rolls", "--create-namespace", "-f", str(file))
        found = cluster.api.get(path_of("rolls", "daemonsets", "rolls-tailgate", "apps/v1"))
        return int(found["metadata"]["generation"])

    assert generation() == 1
    assert generation(rules={"sampling.yaml": {"policies": [], "default": "50%"}}) == 1
    assert generation(config={"exporters": {"debug": {"verbosity": "detailed"}}}) == 1
    assert generation(config={"receivers": {"otlp": {"protocols": {"grpc": {"max_recv_msg_size_mib": 8}}}}}) == 2


def test_the_plain_manifest_applies(cluster: Cluster, node: Node) -> None:
    """Guarantees: `kubectl apply` twice; its pod is admitted under the Pod Security Standard `restricted`."""
    for _ in range(2):
        cluster.kubectl("apply", "--validate=strict", "-f", str(render.MANIFEST))
    meta = cluster.api.get("/api/v1/namespaces/observability")["metadata"]
    assert meta["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = node.pod("observability", "app.kubernetes.io/name=tailgate")
    assert "kube-api-access" not in str(pod["spec"]["volumes"]), "no token without metadata"
    cluster.kubectl("diff", "-f", str(render.MANIFEST))  # exits with 1 where the server has something else
    cluster.kubectl("delete", "-f", str(render.MANIFEST), "--wait=false")
    until("its objects are gone", lambda: not _configured(cluster, "observability"))


def _configured(cluster: Cluster, namespace: str) -> list[Any]:
    items = cluster.api.get(path_of(namespace, "configmaps"))["items"]
    return [one for one in items if one["metadata"]["name"].startswith("tailgate")]
