"""How the API server is built (`make e2e-kubernetes`): what can be said of it without building it."""

from __future__ import annotations

import pytest
import tools

from benchmarks.peers import kubernetes

OF_KUBERNETES = """
module k8s.io/kubernetes

go 1.26.0

require (
	go.etcd.io/etcd/server/v3 v3.7.0 // indirect
	k8s.io/api v0.0.0
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/kubectl => ./staging/src/k8s.io/kubectl
)
"""


def test_our_module_replaces_what_kubernetes_does() -> None:
    """Guarantees: staging modules of the same release, etcd as Kubernetes wants it, its version of Go."""
    published = kubernetes.VERSION.replace("v1.", "v0.")
    assert kubernetes.module(OF_KUBERNETES).splitlines()[1:] == [
        "go 1.26.0",
        f"require k8s.io/kubernetes {kubernetes.VERSION}",
        "require go.etcd.io/etcd/server/v3 v3.7.0",
        f"replace k8s.io/api => k8s.io/api {published}",
        f"replace k8s.io/kubectl => k8s.io/kubectl {published}",
    ]


def test_a_form_that_is_not_known_is_said() -> None:
    """Guarantees: no module is made that could only fail later."""
    with pytest.raises(RuntimeError, match="not of the form"):
        kubernetes.module("module k8s.io/kubernetes\n")


def test_it_is_the_newest_version_that_manifests_are_validated_for() -> None:
    """Guarantees: the real server is of the newest minor version whose schemas the chart is checked against."""
    assert kubernetes.VERSION.startswith(f"v{tools.KUBERNETES[-1]}.")
