"""`k8s_attributes` and containers: which of a pod's containers a resource is of, and what it gets of it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.processors.base import BuildContext, Fused
from tailgate.processors.k8s_attributes import SPEC, K8sAttributesConfig, Watcher
from tailgate.processors.k8s_attributes.config import Metadata
from tailgate.processors.k8s_attributes.containers import POD, canonical, image_name
from tailgate.processors.k8s_attributes.objects import Container, Pod

from ..conftest import LIMITS, NO_FACTS, request

pytest.importorskip("lightkube")
WEB = Container("web", "ghcr.io/shop/web:1.4", "c-web", "ghcr.io/shop/web@sha256:aa", restarts=2)
SIDE = Container("side", "proxy", "c-side", "sha256:bb")
NAME, ID, DIGESTS = "k8s.container.name", "container.id", "container.image.repo_digests"
RUN = "k8s.container.restart_count"
NAMES = [NAME, ID, "container.image.name", "container.image.tag", DIGESTS]
OF_WEB = {
    NAME: "web",
    ID: "c-web",
    "container.image.name": "ghcr.io/shop/web",
    "container.image.tag": "1.4",
    DIGESTS: ["ghcr.io/shop/web@sha256:aa"],
}
OF_SIDE = {NAME: "side", ID: "c-side", "container.image.name": "proxy", "container.image.tag": "latest"}


def pod(*containers: Container, **more: Any) -> Pod:
    return Pod(
        **{"name": "cart", "namespace": "shop", "uid": "u1", "ips": ("10.0.0.1",), **more}, containers=containers
    )


class Desk:
    """A processor that is built, with its cache."""

    def __init__(self, kernel: Any, *metadata: str, **config: Any) -> None:
        context = BuildContext("k8s_attributes", "traces", kernel, kernel.labels(), [])
        parsed = K8sAttributesConfig.model_validate({"extract": {"metadata": list(metadata)}, **config})
        part = SPEC.build(parsed, context)
        assert isinstance(part, Fused)
        (watcher,) = context.backgrounds.values()
        assert isinstance(watcher, Watcher)
        self.cache, self._context = watcher.cache, context.context
        spec: Any = {"stages": part.stages, "facts": NO_FACTS, "limits": LIMITS, "context": len(context.context)}
        self._program = kernel.compile(spec, [named.lookup for named in context.lookups])

    def leaves(self, data: bytes) -> bytes:
        """A request from the pod's address, as it leaves."""
        return bytes(self._program.digest(data, ["10.0.0.1" for _ in self._context]).request())

    def resource(self, **given: Any) -> dict[str, Any]:
        """What a resource with these attributes gets, beside those that it had."""
        out = ExportTraceServiceRequest.FromString(self.leaves(request({"name": "x"}, resource=given)))
        found = out.resource_spans[0].resource.attributes
        assert POD not in [one.key for one in found]
        return {one.key: plain(one.value) for one in found if one.key not in {"k8s.pod.ip", *given}}


def plain(one: Any) -> Any:
    return [item.string_value for item in one.array_value.values] if one.HasField("array_value") else one.string_value


def without(values: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: one for key, one in values.items() if key not in keys}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({NAME: "web"}, without(OF_WEB, NAME)),
        ({NAME: "side"}, without(OF_SIDE, NAME)),
        ({NAME: "other", ID: "c-web"}, {}),
        ({ID: "c-web"}, without(OF_WEB, ID)),
        ({ID: "c-other"}, {}),
        ({NAME: "web", RUN: 2}, without(OF_WEB, NAME)),
        ({NAME: "web", RUN: "2"}, without(OF_WEB, NAME)),
        ({NAME: "web", RUN: 1}, without(OF_WEB, NAME, ID, DIGESTS)),
    ],
)
def test_a_resource_says_which_container_it_is_of(kernel: Any, given: dict[str, Any], expected: dict[str, Any]) -> None:
    """Scenario: a pod of two. Guarantees: by name, else by id; a run by its number; without either nothing."""
    desk = Desk(kernel, *NAMES)
    desk.cache.set_pod(pod(WEB, SIDE))
    assert desk.resource(**given) == expected


def test_of_one_container_it_is_that_one(kernel: Any) -> None:
    """Guarantees: a single container, or the only one that has run, needs no name; another name gets nothing."""
    desk = Desk(kernel, *NAMES)
    desk.cache.set_pod(pod(WEB))
    assert desk.resource() == OF_WEB
    assert desk.resource(**{NAME: "other"}) == {}
    desk.cache.set_pod(pod(WEB, Container("first", "busybox")))
    assert desk.resource() == OF_WEB


def test_containers_change_with_their_pod(kernel: Any) -> None:
    """Scenario: a restart, an end. Guarantees: the run that is there now; then nothing, and no row is left."""
    desk = Desk(kernel, ID, pod_delete_grace_period="1s")
    desk.cache.set_pod(pod(WEB))
    desk.cache.set_pod(pod(Container("web", "w", "c-new", restarts=3)))
    assert desk.resource() == {ID: "c-new"}
    assert desk.resource(**{RUN: 2}) == {}
    desk.cache.remove_pod(pod(), 0)
    assert desk.resource() == {ID: "c-new"}
    desk.cache.expire(1_000_000_000)
    assert (desk.resource(), len(desk.cache.containers)) == ({}, 0)


def test_nobody_can_claim_to_be_another_pod(kernel: Any) -> None:
    """Scenario: a resource has the attribute that the pod leaves for its container. Guarantees: it has no effect."""
    desk = Desk(kernel, ID)
    desk.cache.set_pod(pod(WEB, uid="u2", ips=("10.0.0.2",)))
    assert desk.resource(**{POD: "u2"}) == {}


def test_what_the_sender_says_stands(kernel: Any) -> None:
    """Guarantees: containers fill gaps only, and what the pod itself gives goes before what they give."""
    desk = Desk(kernel, *get_args(Metadata))
    desk.cache.set_pod(pod(WEB, labels={"app.kubernetes.io/version": "7"}))
    found = desk.resource(**{"container.image.tag": "mine", "container.image.name": ""})
    assert "container.image.tag" not in found
    assert (found["service.version"], found["service.instance.id"]) == ("7", "shop.cart.web")
    desk.cache.set_pod(pod(WEB))
    assert desk.resource()["service.version"] == "1.4"
    assert desk.resource()["container.image.tags"] == ["1.4"]


def test_a_container_identifies_its_pod(kernel: Any) -> None:
    """Guarantees: `pod_association` by `container.id` finds the pod, as with the collector."""
    by = [{"sources": [{"from": "resource_attribute", "name": ID}]}]
    desk = Desk(kernel, "k8s.pod.name", pod_association=by)
    desk.cache.set_pod(pod(WEB, SIDE))
    assert desk.resource(**{ID: "c-side"}) == {"k8s.pod.name": "cart"}
    assert desk.resource(**{ID: "c-other"}) == {}


def test_what_has_no_pod_stays_as_it_is(kernel: Any) -> None:
    """Guarantees: no byte changes where nothing is known."""
    by = [{"sources": [{"from": "resource_attribute", "name": "k8s.pod.uid"}]}]
    desk = Desk(kernel, *NAMES, pod_association=by)
    data = request({"name": "x"}, resource={"k8s.pod.uid": "u9", NAME: "web"})
    assert desk.leaves(data) == data


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("nginx", ("nginx", "", "")),
        ("nginx:1.27", ("nginx", "1.27", "")),
        ("localhost:5000/nginx", ("localhost:5000/nginx", "", "")),
        ("localhost:5000/nginx:1@sha256:aa", ("localhost:5000/nginx", "1", "sha256:aa")),
        ("nginx@sha256:aa", ("nginx", "", "sha256:aa")),
    ],
)
def test_images(image: str, expected: tuple[str, str, str]) -> None:
    """Guarantees: a registry's port is no tag."""
    assert image_name(image) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("sha256:aa", ""),
        ("nginx:1", ""),
        ("docker-pullable://nginx@sha256:aa", ""),
        ("nginx@sha256:aa", "docker.io/library/nginx@sha256:aa"),
        ("shop/web@sha256:aa", "docker.io/shop/web@sha256:aa"),
        ("localhost/web@sha256:aa", "localhost/web@sha256:aa"),
        ("r:5000/web@sha256:aa", "r:5000/web@sha256:aa"),
    ],
)
def test_digests(image: str, expected: str) -> None:
    """Guarantees: only an image by digest, with the registry that the short form means."""
    assert canonical(image) == expected
