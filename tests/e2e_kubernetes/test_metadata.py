"""`k8s_attributes` and a real API server: what the shipped rights are enough for, and what spans get."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from typing import Any, get_args

import pytest
from harness import Tailgate, Upstream, total, until
from kube_app import observed
from kube_cluster import Cluster
from kube_node import Container, Node, path_of
from tailgate.processors.k8s_attributes.config import Metadata

FAST = {"sampling.yaml": {"decision_wait": "200ms", "policies": [], "default": "100%"}}
"""Rules that keep everything, soon."""
EXTRACT = {
    "metadata": list(get_args(Metadata)),
    "labels": [
        {"key": "team", "tag_name": "team"},
        {"key": "cost-centre", "tag_name": "cost.centre", "from": "namespace"},
        {"key": "zone", "tag_name": "zone", "from": "node"},
    ],
    "annotations": [{"key": "example.com/tier", "tag_name": "tier"}],
}
SHOP = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {cost-centre: "4711"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart, team: blue}, annotations: {example.com/tier: gold}}
    spec: {containers: [{name: web, image: "registry.example.com/shop/cart:1.4"}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: shop}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate:
    spec:
      template:
        metadata: {labels: {app: nightly}}
        spec: {restartPolicy: Never, containers: [{name: report, image: "registry.example.com/shop/report:2"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: stranger, namespace: shop, labels: {app: stranger}}
spec: {nodeName: elsewhere, containers: [{name: web, image: "registry.example.com/shop/stranger:1"}]}
"""
CART, REPORT, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.4"


@pytest.fixture(scope="module")
def shop(cluster: Cluster, node: Node) -> dict[str, Any]:
    """A shop's objects: a deployment's pod and a cron job's on this node, and a pod of another node; by label `app`."""
    cluster.kubectl("apply", "-f", "-", given=SHOP)
    cluster.kubectl("create", "job", "nightly-1", "--from=cronjob/nightly", "-n", "shop")
    addresses = {"cart": CART, "nightly": REPORT, "stranger": STRANGER}
    return {app: node.start(node.pod("shop", f"app={app}"), address) for app, address in addresses.items()}


@pytest.fixture(scope="module")
def full(release: Callable[..., Container], shop: dict[str, Any]) -> Container:
    """A release with everything that `k8s_attributes` can write."""
    config = {"extract": EXTRACT, "pod_delete_grace_period": "1s"}
    return release("full", {"kubernetesAttributes": {"enabled": True, "config": config}, "rules": FAST})


@pytest.fixture
def tailgate(full: Container) -> Tailgate:
    """Tailgate as that release runs it."""
    assert full.tailgate
    return full.tailgate


def uid(cluster: Cluster, path: str) -> str:
    return str(cluster.api.get(path)["metadata"]["uid"])


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_span_gets_what_the_api_server_knows_of_its_pod(
    protocol: str, tailgate: Tailgate, upstream: Upstream, cluster: Cluster, shop: dict[str, Any]
) -> None:
    """Scenario: a deployment's pod sends with the real SDK. Guarantees: all of its metadata, as the API has it."""
    pod = shop["cart"]
    meta = pod["metadata"]
    (replica_set,) = meta["ownerReferences"]
    until("all is known", lambda: "k8s.deployment.uid" in observed(tailgate, upstream, CART, protocol))
    expected = {
        "service.name": "cart", "service.namespace": "shop", "service.version": "1.4",
        "k8s.namespace.name": "shop", "k8s.pod.name": meta["name"], "k8s.pod.uid": meta["uid"], "k8s.pod.ip": CART,
        "k8s.pod.hostname": meta["name"], "k8s.pod.start_time": meta["creationTimestamp"],
        "k8s.node.name": "n1", "k8s.node.uid": uid(cluster, "/api/v1/nodes/n1"), "zone": "z1",
        "k8s.cluster.uid": uid(cluster, "/api/v1/namespaces/kube-system"), "cost.centre": "4711",
        "k8s.replicaset.name": replica_set["name"], "k8s.replicaset.uid": replica_set["uid"],
        "k8s.deployment.name": "cart",
        "k8s.deployment.uid": uid(cluster, path_of("shop", "deployments", "cart", "apps/v1")),
        "k8s.container.name": "web", "container.id": f"{meta['uid']}-web",
        "container.image.name": "registry.example.com/shop/cart", "container.image.tag": "1.4",
        "container.image.tags": ["1.4"],
        "container.image.repo_digests": [f"registry.example.com/shop/cart@sha256:{'ab' * 32}"],
        "team": "blue", "tier": "gold",
    }  # fmt: skip
    found = observed(tailgate, upstream, CART, protocol)
    others = re.compile(r"telemetry\..*|service\.instance\.id|retention\..*|deployment\.environment")  # of SDK, rules
    assert {key: value for key, value in found.items() if not others.fullmatch(key)} == expected


def test_a_job_is_its_cron_jobs(tailgate: Tailgate, upstream: Upstream, cluster: Cluster, shop: dict[str, Any]) -> None:
    """Guarantees: name and uid of the cron job that the job was made from, whatever the job is called."""
    path = path_of("shop", "cronjobs", "nightly", "batch/v1")
    expected = {"k8s.job.name": "nightly-1", "k8s.cronjob.name": "nightly", "k8s.cronjob.uid": uid(cluster, path)}
    until("it is", lambda: expected.items() <= observed(tailgate, upstream, REPORT).items())


def test_pods_of_other_nodes_are_not_known(tailgate: Tailgate, upstream: Upstream, shop: dict[str, Any]) -> None:
    """Guarantees: a span from the address of another node's pod gets that address and nothing of the pod."""
    found = observed(tailgate, upstream, STRANGER)
    assert found["k8s.pod.ip"] == STRANGER
    assert "k8s.pod.name" not in found


def test_labels_change(tailgate: Tailgate, upstream: Upstream, cluster: Cluster, shop: dict[str, Any]) -> None:
    """Scenario: `kubectl label` of a pod and of its namespace. Guarantees: the next spans have the new ones."""
    cluster.kubectl("label", "pod", "-n", "shop", shop["cart"]["metadata"]["name"], "team=green", "--overwrite")
    cluster.kubectl("label", "namespace", "shop", "cost-centre=4712", "--overwrite")
    wanted = {"team": "green", "cost.centre": "4712"}
    until("they are there", lambda: wanted.items() <= observed(tailgate, upstream, CART).items(), 5)


def test_an_address_goes_to_another_pod(
    tailgate: Tailgate, upstream: Upstream, cluster: Cluster, node: Node, shop: dict[str, Any]
) -> None:
    """Scenario: a pod is deleted; its successor gets its address. Guarantees: first nothing, then the new one."""
    old = shop["cart"]["metadata"]["name"]
    cluster.api.delete(path_of("shop", "pods", old))
    until("it is not known", lambda: "k8s.pod.name" not in observed(tailgate, upstream, CART), 10)
    new = until("there is another", lambda: _other(node, old))
    node.start(new, CART)
    name = new["metadata"]["name"]
    until("it is known", lambda: observed(tailgate, upstream, CART).get("k8s.pod.name") == name, 5)


def _other(node: Node, old: str) -> Any:
    found = node.pod("shop", "app=cart")
    return found if found["metadata"]["name"] != old else None


def test_an_outage_of_the_api_server(
    full: Container, tailgate: Tailgate, upstream: Upstream, cluster: Cluster, node: Node
) -> None:
    """Scenario: quiet for longer than a client's timeout; the API server goes and comes back, with a label changed.

    Guarantees: quiet watches do not fail; meanwhile spans have what was known; afterwards what has changed.
    """
    name = node.pod("shop", "app=cart")["metadata"]["name"]
    time.sleep(max(0.0, 15 - (time.monotonic() - full.started)))
    assert total(tailgate.metrics(), "tailgate_kubernetes_failures_total") == 0
    assert total(tailgate.metrics(), "tailgate_kubernetes_lists_total", kind="pod") == 1
    cluster.stop("api")
    until("it is away", lambda: total(tailgate.metrics(), "tailgate_kubernetes_failures_total", kind="pod") >= 3)
    assert observed(tailgate, upstream, CART)["k8s.pod.name"] == name
    assert tailgate.ready()
    cluster.start_api()
    cluster.kubectl("label", "pod", "-n", "shop", name, "team=red", "--overwrite")
    until("it has caught up", lambda: observed(tailgate, upstream, CART)["team"] == "red")
    cluster.kubectl("label", "pod", "-n", "shop", name, "team=grey", "--overwrite")
    until("it watches again", lambda: observed(tailgate, upstream, CART)["team"] == "grey", 5)


def test_a_token_that_is_not_valid_any_more(
    full: Container, tailgate: Tailgate, upstream: Upstream, cluster: Cluster, node: Node
) -> None:
    """Scenario: the API server comes back with another signing key; the kubelet mounts a new token some time later.

    Guarantees: refused (401) until then, which ends nothing; then the new token is read.
    """
    name = node.pod("shop", "app=cart")["metadata"]["name"]
    cluster.stop("api")
    command = ["openssl", "genrsa", "-out", str(cluster.folder / "pki" / "accounts.key"), "2048"]
    subprocess.run(command, check=True, capture_output=True)
    cluster.start_api()
    until("it is refused", lambda: 401 in [one["responseStatus"]["code"] for one in cluster.audited(None)])
    assert observed(tailgate, upstream, CART)["k8s.pod.name"] == name
    full.renew_tokens()
    cluster.kubectl("label", "pod", "-n", "shop", name, "team=white", "--overwrite")
    until("it has caught up", lambda: observed(tailgate, upstream, CART)["team"] == "white")


def granted(cluster: Cluster, role: str) -> set[tuple[str, str, str]]:
    """The rights of a ClusterRole, one by one: group, resource, verb."""
    rules = cluster.api.get(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}")["rules"]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(cluster: Cluster, user: str) -> set[tuple[str, str, str]]:
    """The rights that a user has used, by the audit log; what was refused, or was no resource, is an error."""
    found = set()
    for event in cluster.audited(user):
        assert event["annotations"]["authorization.k8s.io/decision"] == "allow", event
        what = event["objectRef"]
        found.add((what.get("apiGroup", ""), what["resource"], event["verb"]))
        if what["resource"] == "pods":
            assert "fieldSelector=spec.nodeName%3Dn1" in event["requestURI"], event["requestURI"]
    return found


def test_rights_are_used_and_suffice(
    tailgate: Tailgate, upstream: Upstream, cluster: Cluster, shop: dict[str, Any]
) -> None:
    """Guarantees: of all requests of the account none was refused, and each right of its ClusterRole was used."""
    until("jobs are known", lambda: "k8s.cronjob.uid" in observed(tailgate, upstream, REPORT))
    rights = granted(cluster, "full:full-tailgate")
    assert {(group, resource) for group, resource, _ in rights} == {
        ("", "pods"), ("", "namespaces"), ("", "nodes"), ("apps", "replicasets"), ("batch", "jobs"),
    }  # fmt: skip
    assert used(cluster, "system:serviceaccount:full:full-tailgate") == rights


def test_the_default_settings_need_pods_only(
    release: Callable[..., Container], upstream: Upstream, cluster: Cluster, shop: dict[str, Any]
) -> None:
    """Scenario: `kubernetesAttributes.enabled` alone. Guarantees: pods can be read and are, nothing else."""
    one = release("plain", {"kubernetesAttributes": {"enabled": True}, "rules": FAST}).tailgate
    assert one
    name = shop["nightly"]["metadata"]["name"]
    until("its pod is known", lambda: observed(one, upstream, REPORT).get("k8s.pod.name") == name)
    rights = {("", "pods", "list"), ("", "pods", "watch")}
    assert granted(cluster, "plain:plain-tailgate") == rights
    assert used(cluster, "system:serviceaccount:plain:plain-tailgate") == rights
