"""`resource_detection`: env, system, and what Kubernetes' downward API gives."""

from __future__ import annotations

import platform
import socket
import time
from typing import Any

import pytest
from pydantic import ValidationError
from tailgate.processors import resource_detection as module
from tailgate.processors.resource_detection import ResourceDetectionConfig, detect, from_environment, from_system

from .conftest import Walk, request


def detected(env: dict[str, str] | None = None, **config: Any) -> dict[str, str]:
    return detect(ResourceDetectionConfig.model_validate(config), env or {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a=1,b=x y", {"a": "1", "b": "x y"}),
        (" a = 1 , ,b=", {"a": "1", "b": ""}),
        ("a=%2C%3D,b=c=d", {"a": ",=", "b": "c=d"}),
    ],
)
def test_env(text: str, expected: dict[str, str]) -> None:
    """Guarantees: OTEL_RESOURCE_ATTRIBUTES is read as the SDKs read it."""
    assert from_environment({"OTEL_RESOURCE_ATTRIBUTES": text}) == expected


@pytest.mark.parametrize("text", ["a", "=1", "a=1,b"])
def test_env_that_is_wrong_is_refused(text: str) -> None:
    """Guarantees: a pair that is none is named."""
    with pytest.raises(ValueError, match="is no key=value"):
        from_environment({"OTEL_RESOURCE_ATTRIBUTES": text})


def test_system() -> None:
    """Guarantees: host.name and os.type unless others are switched on; each from the system's own source."""
    os_only: dict[str, Any] = {"hostname_sources": ["os"]}
    assert detected(detectors=["system"], system=os_only) == {
        "host.name": socket.gethostname(), "os.type": platform.system().lower(),
    }  # fmt: skip
    switches = {"host.name": {"enabled": False}, "os.description": {"enabled": True}, "host.arch": {"enabled": True}}
    found = detected(detectors=["system"], system={**os_only, "resource_attributes": switches})
    assert set(found) == {"os.type", "os.description", "host.arch"}


def test_a_name_service_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario: the fully qualified name takes long. Guarantees: the next source has the name, after the timeout."""
    monkeypatch.setattr(module.socket, "getfqdn", lambda: time.sleep(5) or "late.example")
    before = time.monotonic()
    found = from_system(module.System(), 0.05)
    assert found["host.name"] == socket.gethostname()
    assert time.monotonic() - before < 4


def test_kubernetes() -> None:
    """Guarantees: the node unless more is switched on; the variable's name is the configuration's."""
    env = {"K8S_NODE_NAME": "n1", "MY_NODE": "n2", "OTEL_K8S_POD_NAME": "p", "OTEL_K8S_NAMESPACE": "ns"}
    assert detected(env, detectors=["k8s_api"]) == {"k8s.node.name": "n1"}
    assert detected({"OTEL_K8S_NODE_NAME": "n3"}, detectors=["k8s_api"]) == {"k8s.node.name": "n3"}
    own = {"node_from_env_var": "MY_NODE", "resource_attributes": {"k8s.pod.name": {"enabled": True}}}
    assert detected(env, detectors=["k8snode"], k8snode=own) == {"k8s.node.name": "n2", "k8s.pod.name": "p"}


def test_the_first_detector_gives_an_attribute() -> None:
    """Guarantees: the order of `detectors` decides."""
    env = {"OTEL_RESOURCE_ATTRIBUTES": "k8s.node.name=env,x=1", "K8S_NODE_NAME": "api"}
    assert detected(env, detectors=["env", "k8s_api"]) == {"k8s.node.name": "env", "x": "1"}
    assert detected(env, detectors=["k8s_api", "env"]) == {"k8s.node.name": "api", "x": "1"}


def test_nothing_found_is_an_error_where_that_is_asked_for() -> None:
    """Guarantees: the detector is named."""
    assert detected(detectors=["env"]) == {}
    with pytest.raises(ValueError, match="the detector env has found nothing"):
        detected(detectors=["env"], fail_on_missing_metadata=True)


@pytest.mark.parametrize(("override", "service"), [(True, "env"), (False, "own")])
def test_resources_get_what_was_found(
    walk: Walk, monkeypatch: pytest.MonkeyPatch, override: bool, service: str
) -> None:
    """Guarantees: `override` says whether what a resource says itself stands."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=env,team=a")
    data = request({"name": "x"}, resource={"service.name": "own"})
    found = walk("resource_detection", {"detectors": ["env"], "override": override}, data)
    assert found.resource == {"service.name": service, "team": "a"}
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "")
    assert walk("resource_detection", {"detectors": ["env"]}, data).resource == {"service.name": "own"}


def test_the_detectors_of_clouds_are_accepted_and_warned_of() -> None:
    """Scenario: a collector's block. Guarantees: it loads with its settings; what finds nothing is said."""
    config = ResourceDetectionConfig.model_validate({"detectors": ["env", "ec2"], "ec2": {"tags": ["^x$"]}})
    assert detect(config, {"OTEL_RESOURCE_ATTRIBUTES": "a=1"}) == {"a": "1"}
    assert [place for place, *_ in module.lint(config)] == [("detectors", 1)]


@pytest.mark.parametrize("wrong", [{"detectors": ["ecc2"]}, {"detectors": []}, {"system": {"hostname_sources": []}}])
def test_detectors_that_are_not_there_are_errors(wrong: Any) -> None:
    """Guarantees: a spelling mistake is refused."""
    with pytest.raises(ValidationError):
        ResourceDetectionConfig.model_validate(wrong)
