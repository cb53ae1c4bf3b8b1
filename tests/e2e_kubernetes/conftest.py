"""Fixtures: a real cluster, a node in it, an upstream, and releases of the chart (`make e2e-kubernetes`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import render
import tools
import yaml
from harness import Upstream, free_port
from kube_cluster import Cluster
from kube_node import Container, Node

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs a cluster."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.kubernetes)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server with etcd and controllers, as `python -m benchmarks.peers --only kubernetes` builds them."""
    sys.path.insert(0, str(render.HELM_FOLDER.parent))
    from benchmarks.peers import kubernetes

    running = Cluster(kubernetes.build(), tmp_path_factory.mktemp("cluster"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def node(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The cluster's only node."""
    one = Node(cluster, tmp_path_factory.mktemp("node"))
    one.register(zone="z1")
    yield one
    one.stop()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Where kept traces go."""
    server = Upstream()
    server.start()
    yield server
    server.stop()


Helm = Callable[..., str]


@pytest.fixture(scope="session")
def helm(cluster: Cluster) -> Helm:
    """Real helm on the cluster."""
    if tools.helm() is None:
        tools.build_helm()
    program = tools.helm()
    assert program
    return lambda *arguments: cluster.command(program, *arguments)


@pytest.fixture(scope="module")
def release(
    helm: Helm, node: Node, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Container]]:
    """Install the chart and run its DaemonSet's pod: (name, values) -> its container. All of them end well."""
    running: list[Container] = []

    def install(name: str, values: dict[str, Any]) -> Container:
        ports = {key: free_port() for key in ("grpc", "http", "metrics", "health")}
        merged = {**_listening(ports, upstream.port), **values}
        file = tmp_path_factory.mktemp("values") / "values.yaml"
        file.write_text(yaml.safe_dump(merged), encoding="utf-8")
        helm("install", name, str(render.CHART), "-n", name, "--create-namespace", "-f", str(file))
        pod = node.pod(name, f"app.kubernetes.io/instance={name},app.kubernetes.io/component=daemonset")
        running.append(node.run(node.start(pod, "127.0.0.9"), ports))
        return running[-1]

    yield install
    assert [container.stop() for container in running] == [0 for _ in running]


def _listening(ports: dict[str, int], upstream: int) -> dict[str, Any]:
    """Values for a pod that shares loopback with everything else."""
    chosen = {"otlp-grpc": "grpc", "otlp-http": "http", "metrics": "metrics"}
    health = {"extensions": {"health_check": {"endpoint": f"127.0.0.1:{ports['health']}"}}}
    return {
        "listenAddress": "127.0.0.1",
        "ports": {name: {"containerPort": ports[key]} for name, key in chosen.items()},
        "upstream": {"endpoint": f"127.0.0.1:{upstream}", "compression": "none"},
        "config": health,
    }
