"""`k8s_attributes`: what of a pod becomes which attribute, which pod a resource belongs to, and for how long."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tailgate.processors.k8s_attributes import K8sAttributesConfig, node_of
from tailgate.processors.k8s_attributes.cache import Cache
from tailgate.processors.k8s_attributes.config import Extract
from tailgate.processors.k8s_attributes.identity import identifiers
from tailgate.processors.k8s_attributes.metadata import of_pod
from tailgate.processors.k8s_attributes.objects import Pod
from tailgate.processors.k8s_attributes.owners import Owners

from ..conftest import Walk, request

SECOND = 1_000_000_000


def pod(**more: Any) -> Pod:
    return Pod(**{"name": "cart-5d8f7c-x2k9p", "namespace": "shop", "uid": "u1", "ips": ("10.0.0.1",), **more})


NOBODY = Owners(frozenset())


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"key": "app"}, {"k8s.pod.labels.app": "cart"}),
        ({"key": "app", "tag_name": "service"}, {"service": "cart"}),
        ({"key": "absent"}, {}),
        ({"key_regex": "app"}, {"k8s.pod.labels.app": "cart"}),
        ({"key_regex": "k8s.io/(.*)", "tag_name": "$1"}, {"part": "web", "tier": "1"}),
        ({"key_regex": "k8s.io/(?P<what>.*)", "tag_name": "x.${what}.$$"}, {"x.part.$": "web", "x.tier.$": "1"}),
        ({"key_regex": "(a)pp", "tag_name": "$2"}, {}),
        ({"key": "app", "from": "namespace"}, {}),
    ],
)
def test_labels(rule: dict[str, Any], expected: dict[str, str]) -> None:
    """Guarantees: by key or by a pattern of whole keys, under their own name or one made of the pattern's groups."""
    labels = {"app": "cart", "k8s.io/part": "web", "k8s.io/tier": "1", "xapp": "no"}
    extract = Extract.model_validate({"metadata": [], "labels": [rule]})
    assert of_pod(pod(labels=labels), extract, NOBODY) == expected


def test_annotations() -> None:
    """Guarantees: rules as for labels, and those that the OpenTelemetry operator knows."""
    annotations = {"a": "1", "resource.opentelemetry.io/team": "pay", "resource.opentelemetry.io/": "no"}
    extract = Extract.model_validate({"metadata": [], "annotations": [{"key": "a"}], "otel_annotations": True})
    assert of_pod(pod(annotations=annotations), extract, NOBODY) == {"k8s.pod.annotations.a": "1", "team": "pay"}


def written(associations: Any) -> list[Any]:
    """`pod_association` with these sources, each (from, name)."""
    named = [[{"from": where, "name": name} for where, name in one] for one in associations]
    return [{"sources": sources} for sources in named]


def ways(*associations: list[tuple[str, str]]) -> list[Any]:
    return list(K8sAttributesConfig.model_validate({"pod_association": written(associations)}).pod_association)


UID, CONNECTION = ("resource_attribute", "k8s.pod.uid"), ("connection", "")
NAMED = [("resource_attribute", "k8s.namespace.name"), ("resource_attribute", "k8s.pod.name")]


def test_a_pod_is_found_by_every_way_for_which_it_has_all_parts() -> None:
    """Guarantees: all addresses; an own attribute; a pod on the host's network by no address."""
    chosen = ways([UID], [CONNECTION], NAMED, [("resource_attribute", "app")])
    two = pod(ips=("10.0.0.1", "fd00::1"))
    name = "2\0shop\0cart-5d8f7c-x2k9p"
    assert list(identifiers(two, {"app": "x"}, chosen)) == ["0\0u1", "1\x0010.0.0.1", "1\0fd00::1", name, "3\0x"]
    assert list(identifiers(pod(host_network=True), {}, chosen)) == ["0\0u1", name]


class Shown:
    """A cache, and what a resource with a peer's address gets of it."""

    def __init__(self, kernel: Any, **config: Any) -> None:
        parsed = K8sAttributesConfig.model_validate({"extract": {"metadata": ["k8s.pod.name"]}, **config})
        self.cache = Cache.of(parsed, kernel)
        action = {"do": "lookup", "in": 0, "by": [[{"value": "CgEy"}, {"context": 0}]], "write": "insert"}
        stage = {"kind": "edit", "on": "resource", "if": None, "actions": [action]}
        limits = {"max_bytes": 1 << 20, "max_spans": 10, "max_attributes": 10, "max_depth": 8}
        facts: Any = {"leaves": [], "numbers": [], "keys": [], "compare": []}
        self.program = kernel.compile(
            {"stages": [stage], "facts": facts, "limits": limits, "context": 1}, [self.cache.pods]
        )

    def name(self, address: str = "10.0.0.1") -> str | None:
        out = self.program.digest(request({"name": "x"}), [address]).request()
        return next((part for part in ("old", "new", "other") if part.encode() in out), None)


def test_of_several_pods_with_an_address_the_one_that_runs_and_started_last_counts(kernel: Any) -> None:
    """Scenario: an address is used again before or after its old pod is gone. Guarantees: the living one has it."""
    shown = Shown(kernel)
    old, new = (pod(name=n, uid=n, start_time=t) for n, t in (("old", "2026-01-01T00:00:00Z"), ("new", "2026-01-02")))
    shown.cache.set_pod(new)
    shown.cache.set_pod(old)
    assert shown.name() == "new"
    shown.cache.remove_pod(new, 0)
    assert shown.name() == "old"
    shown.cache.set_pod(pod(name="old", uid="old", finished=True))
    shown.cache.set_pod(new)
    assert shown.name() == "new"


def test_a_pod_that_is_gone_is_known_for_a_while(kernel: Any) -> None:
    """Guarantees: for the grace period exactly; one that comes back is there again."""
    shown = Shown(kernel, pod_delete_grace_period="10s")
    old = pod(name="old")
    shown.cache.set_pods([old], 0)
    shown.cache.set_pods([], 5 * SECOND)
    shown.cache.expire(15 * SECOND - 1)
    assert shown.name() == "old"
    shown.cache.expire(15 * SECOND)
    assert (shown.name(), len(shown.cache), len(shown.cache.pods)) == (None, 0, 0)
    shown.cache.set_pod(old)
    shown.cache.remove_pod(old, 20 * SECOND)
    shown.cache.set_pod(old)
    shown.cache.expire(100 * SECOND)
    assert shown.name() == "old"


def test_the_cache_is_bounded_and_pods_can_be_left_out(kernel: Any) -> None:
    """Guarantees: at `max_pods` new ones are counted and passed over; excluded names are never known."""
    shown = Shown(kernel, max_pods=1, exclude={"pods": [{"name": "^jaeger"}]})
    shown.cache.set_pod(pod(name="jaeger-old", uid="j"))
    assert (shown.name(), shown.cache.overflow) == (None, 0)
    shown.cache.set_pod(pod(name="old"))
    shown.cache.set_pod(pod(name="other", uid="u2", ips=("10.0.0.2",)))
    assert (shown.name(), shown.name("10.0.0.2"), shown.cache.overflow) == ("old", None, 1)


@pytest.mark.parametrize(
    ("associations", "resource", "address"),
    [
        ([], {}, "10.0.0.9"),
        ([], {"ip": "10.0.0.1"}, None),
        ([], {"host.name": "web-1"}, "10.0.0.9"),
        ([[UID], [CONNECTION]], {"k8s.pod.uid": "u"}, None),
        ([[UID], [CONNECTION]], {}, "10.0.0.9"),
        ([[UID]], {}, None),
    ],
)
def test_the_senders_address_is_written_where_it_identifies_the_pod(
    walk: Walk, associations: Any, resource: dict[str, str], address: str | None
) -> None:
    """Guarantees: `passthrough` writes k8s.pod.ip, unless something before identifies the pod."""
    config = {"passthrough": True, "pod_association": written(associations)}
    data = request({"name": "x"}, resource=resource)
    found = walk("k8s_attributes", config, data, {"client.address": "10.0.0.9"}).resource
    assert found.get("k8s.pod.ip") == address


@pytest.mark.parametrize(
    "wrong",
    [
        {"extract": {"metadata": ["k8s.pod.nmae"]}},
        {"extract": {"labels": [{"tag_name": "x"}]}},
        {"extract": {"labels": [{"key": "a", "key_regex": "b"}]}},
        {"extract": {"labels": [{"key_regex": "("}]}},
        {"filter": {"fields": [{"key": "a", "op": "exists"}]}},
        {"pod_association": [{"sources": []}]},
        {"pod_association": [{"sources": [{"from": "connection", "name": "x"}]}]},
        {"pod_association": [{"sources": [{"from": "resource_attribute"}]}]},
        {"pod_association": [{"sources": [{"from": "connection"}] * 5}]},
        {"watch_sync_period": "1ms"},
    ],
)
def test_contradictions_are_errors(wrong: Any) -> None:
    """Guarantees: what the collector refuses is refused here."""
    with pytest.raises(ValidationError):
        K8sAttributesConfig.model_validate(wrong)


def test_the_node_is_named_by_the_environment() -> None:
    """Guarantees: a variable that is not set is an error: all nodes' pods would be watched."""
    config = K8sAttributesConfig.model_validate({"filter": {"node_from_env_var": "NODE"}})
    assert node_of(config, {"NODE": "n1"}) == "n1"
    with pytest.raises(ValueError, match="the environment has no NODE"):
        node_of(config, {})
