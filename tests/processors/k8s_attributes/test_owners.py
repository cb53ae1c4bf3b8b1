"""`k8s_attributes` and owners: what pods say of theirs, and what those say of theirs when they are asked."""

from __future__ import annotations

from typing import get_args

import pytest
from tailgate.processors.k8s_attributes.config import Extract, Metadata
from tailgate.processors.k8s_attributes.metadata import of_pod
from tailgate.processors.k8s_attributes.objects import Owner, Pod
from tailgate.processors.k8s_attributes.owners import Owners, wanted_kinds

HASH = {"pod-template-hash": "5d8f7c"}


def pod(kind: str, name: str, **labels: str) -> Pod:
    owners = (Owner(kind, name, "o1"),)
    return Pod("cart-5d8f7c-x2k9p", "shop", "u1", ips=("10.0.0.1",), labels=labels, owners=owners)


def owned(kind: str, name: str, **labels: str) -> dict[str, str]:
    """What a pod has of its owner, and its `service.name`."""
    extract = Extract(metadata=list(get_args(Metadata)))
    found = of_pod(pod(kind, name, **labels), extract, Owners(frozenset()))
    own = {"k8s.namespace.name", "k8s.pod.name", "k8s.pod.uid", "k8s.pod.ip", "service.namespace"}
    return {key: value for key, value in found.items() if key not in own}


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("ReplicaSet", "cart-5d8f7c", {"k8s.replicaset.name": "cart-5d8f7c", "k8s.replicaset.uid": "o1",
                                       "k8s.deployment.name": "cart", "service.name": "cart"}),
        ("ReplicaSet", "my-cart", {"k8s.replicaset.name": "my-cart", "k8s.replicaset.uid": "o1",
                                   "service.name": "my-cart"}),
        ("StatefulSet", "db", {"k8s.statefulset.name": "db", "k8s.statefulset.uid": "o1", "service.name": "db"}),
        ("DaemonSet", "log", {"k8s.daemonset.name": "log", "k8s.daemonset.uid": "o1", "service.name": "log"}),
        ("Job", "nightly-28471234", {"k8s.job.name": "nightly-28471234", "k8s.job.uid": "o1",
                                     "k8s.cronjob.name": "nightly", "service.name": "nightly"}),
        ("Job", "once", {"k8s.job.name": "once", "k8s.job.uid": "o1", "service.name": "once"}),
        ("Rollout", "x", {"service.name": "cart-5d8f7c-x2k9p"}),
    ],
)  # fmt: skip
def test_owners(kind: str, name: str, expected: dict[str, str]) -> None:
    """Guarantees: each controller by name and uid; a deployment and a cron job by what they called their objects."""
    assert owned(kind, name, **HASH) == expected


def test_a_replica_set_of_nobody_is_no_deployment() -> None:
    """Guarantees: without the label that deployments write nothing is guessed from a name with a dash."""
    assert "k8s.deployment.name" not in owned("ReplicaSet", "cart-5d8f7c")


def test_a_service_is_named_by_its_labels() -> None:
    """Guarantees: the instance goes before the name, both before the owner; the version is a label too."""
    labels = {"app.kubernetes.io/name": "shop", "app.kubernetes.io/version": "7"}
    found = owned("StatefulSet", "db", **labels)
    assert (found["service.name"], found["service.version"]) == ("shop", "7")
    assert owned("StatefulSet", "db", **labels, **{"app.kubernetes.io/instance": "eu"})["service.name"] == "eu"


ASKED: list[Metadata] = ["k8s.deployment.name", "k8s.deployment.uid", "k8s.cronjob.name", "k8s.cronjob.uid"]


@pytest.mark.parametrize(
    ("kind", "parent", "expected"),
    [
        ("ReplicaSet", Owner("Deployment", "the-cart", "d1"),
         {"k8s.deployment.name": "the-cart", "k8s.deployment.uid": "d1"}),
        ("ReplicaSet", Owner("Rollout", "r", "r1"), {}),
        ("ReplicaSet", None, {}),
        ("Job", Owner("CronJob", "nightly", "c1"), {"k8s.cronjob.name": "nightly", "k8s.cronjob.uid": "c1"}),
    ],
)  # fmt: skip
def test_who_owns_an_owner_is_what_it_says_itself(kind: str, parent: Owner | None, expected: dict[str, str]) -> None:
    """Guarantees: an answer goes before what a name looks like; nothing is asked twice."""
    extract = Extract(metadata=ASKED)
    owners, one = Owners(wanted_kinds(extract)), pod(kind, "cart-5d8f7c", **HASH)
    owners.note(one)
    assert [(asked.kind, asked.namespace, asked.name) for asked in owners.pending()] == [(kind, "shop", "cart-5d8f7c")]
    assert owners.settle("o1", parent) == {"u1"}
    owners.note(one)
    assert owners.pending() == []
    assert of_pod(one, extract, owners) == expected


def test_only_what_is_needed_is_asked_for() -> None:
    """Guarantees: no request for owners unless their uid, or the deployment's own name, is wanted."""
    assert wanted_kinds(Extract()) == frozenset()
    assert wanted_kinds(Extract(deployment_name_from_replicaset=False)) == {"ReplicaSet"}
    assert wanted_kinds(Extract(metadata=["k8s.cronjob.uid"])) == {"Job"}


def test_owners_are_forgotten_with_their_last_pod() -> None:
    """Scenario: an update of a pod, a replica set that is gone, the last pod's end. Guarantees: bounded by the pods."""
    owners, one = Owners(frozenset({"ReplicaSet"})), pod("ReplicaSet", "r")
    owners.note(one)
    owners.give_up("o1")
    owners.drop(one)
    owners.note(one)
    owners.expire()
    assert owners.pending() == []
    owners.drop(one)
    owners.expire()
    owners.note(one)
    assert [asked.uid for asked in owners.pending()] == ["o1"]
    owners.drop(one)
    owners.expire()
    assert owners.settle("o1", None) == set()
    assert not owners.knows("o1")


def test_one_that_does_not_answer_keeps_nobody_waiting() -> None:
    """Guarantees: after a failure the others are asked first."""
    owners = Owners(frozenset({"ReplicaSet"}))
    for uid in ("a", "b"):
        owners.note(Pod(uid, "shop", uid, owners=(Owner("ReplicaSet", uid, f"r-{uid}"),)))
    owners.postpone("r-a")
    owners.postpone("r-gone")
    assert [asked.uid for asked in owners.pending()] == ["r-b", "r-a"]


def test_all_answers_count() -> None:
    """Guarantees: what only has a different owner keeps its own answer."""
    owners = Owners(frozenset({"ReplicaSet"}))
    for uid in ("a", "b"):
        owners.note(Pod(uid, "shop", uid, owners=(Owner("ReplicaSet", uid, f"r-{uid}"),)))
    assert owners.settle("r-a", Owner("Deployment", "A", "d-a")) == {"a"}
    assert [asked.uid for asked in owners.pending()] == ["r-b"]
    assert owners.of("r-b") is None
