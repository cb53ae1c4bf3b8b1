"""`resource_detection`: what the machine and the environment say of a resource, as the collector's processor writes it.

Detectors run once, when the processor is built. There are `env`, `system` and the values that Kubernetes gives by its
downward API (`k8s_api`, also called `k8snode`); those of clouds are not there.
"""

from __future__ import annotations

import os
import platform
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..rules.durations import Duration
from ..rules.values import encoded_value
from .base import ALL_SIGNALS, BuildContext, Fused, Lint, ProcessorSpec

Detected = dict[str, str]
_SECOND = 1_000_000_000
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm32", "i686": "x86", "ppc64le": "ppc64"}


class Model(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Elsewhere = Literal[
    "aks", "akamai", "alibaba_ecs", "azure", "consul", "digitalocean", "docker", "dynatrace", "ec2", "ecs", "eks",
    "elastic_beanstalk", "gce", "gcp", "gke", "heroku", "hetzner", "kubeadm", "lambda", "openshift",
    "openstack_nova", "oraclecloud", "scaleway", "tencent_cvm", "upcloud", "vultr",
]  # fmt: skip
"""The collector's other detectors: accepted, and find nothing here."""


class Switch(Model):
    """Whether an attribute is written."""

    enabled: bool = True


SystemAttribute = Literal["host.name", "host.id", "host.arch", "os.type", "os.name", "os.version", "os.description"]
_SYSTEM_DEFAULTS = ("host.name", "os.type")
KubernetesAttribute = Literal["k8s.node.name", "k8s.namespace.name", "k8s.pod.name", "k8s.pod.ip", "k8s.pod.uid"]
_VARIABLES: dict[KubernetesAttribute, str] = {
    "k8s.node.name": "OTEL_K8S_NODE_NAME",
    "k8s.namespace.name": "OTEL_K8S_NAMESPACE",
    "k8s.pod.name": "OTEL_K8S_POD_NAME",
    "k8s.pod.ip": "OTEL_K8S_POD_IP",
    "k8s.pod.uid": "OTEL_K8S_POD_UID",
}
"""Where the charts, the collector's and ours, put the values of the downward API."""


class System(Model):
    """The detector `system`."""

    hostname_sources: list[Literal["dns", "os", "cname", "lookup"]] = Field(["dns", "os"], min_length=1)
    """The first that has a name: `dns`, `cname` and `lookup` are the fully qualified one, `os` what the kernel says."""
    resource_attributes: dict[SystemAttribute, Switch] = {}


class Kubernetes(Model):
    """The detector `k8s_api`: of Tailgate's own pod, so beside the node only a sidecar should write more."""

    auth_type: Literal["serviceAccount", "kubeConfig", "none"] = "serviceAccount"
    """Accepted; without effect: nothing is asked of the API."""
    node_from_env_var: str = "K8S_NODE_NAME"
    """The environment variable that has the node's name; without it `OTEL_K8S_NODE_NAME`."""
    resource_attributes: dict[KubernetesAttribute, Switch] = {}
    """Default: only `k8s.node.name`. Others come from `OTEL_K8S_NAMESPACE`, `OTEL_K8S_POD_NAME` and so on."""


class ResourceDetectionConfig(Model):
    """`resource_detection`: attributes of every resource, from the environment and the machine."""

    enabled: bool = True
    detectors: list[Literal["env", "system", "k8s_api", "k8snode"] | Elsewhere] = Field(["env"], min_length=1)
    """In this order; the first that has an attribute gives it. Those of clouds find nothing here."""
    override: bool = True
    """Replaces what the resource says itself."""
    timeout: Duration = 5 * _SECOND
    """Of each detector, when it has to ask the network."""
    fail_on_missing_metadata: bool = False
    """A detector that finds nothing is an error."""
    system: System = System()
    k8s_api: Kubernetes = Kubernetes()
    k8snode: Kubernetes = Kubernetes()

    @model_validator(mode="before")
    @classmethod
    def _without_blocks_of_others(cls, value: Any) -> Any:
        """A detector that is not there has no settings that could be wrong."""
        if not isinstance(value, dict):
            return value
        return {key: block for key, block in value.items() if key not in get_args(Elsewhere)}


def from_environment(env: Mapping[str, str]) -> Detected:
    """Return the pairs of OTEL_RESOURCE_ATTRIBUTES (percent-encoded, as the SDKs read it). Raises ValueError."""
    found: Detected = {}
    for pair in env.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        if not pair.strip():
            continue
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"OTEL_RESOURCE_ATTRIBUTES: {pair.strip()!r} is no key=value")
        found[unquote(key.strip())] = unquote(value.strip())
    return found


def _enabled(switches: Mapping[Any, Switch], name: str, default: bool) -> bool:
    return switches[name].enabled if name in switches else default


def from_system(config: System, timeout: float) -> Detected:
    """Return what the operating system says; `timeout` in seconds is that of the name service."""
    release = _os_release()
    sources: dict[str, Callable[[], str]] = {
        "host.name": lambda: _host_name(config.hostname_sources, timeout),
        "host.id": _machine_id,
        "host.arch": lambda: _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os.type": lambda: platform.system().lower(),
        "os.name": lambda: release.get("NAME", ""),
        "os.version": lambda: release.get("VERSION_ID", ""),
        "os.description": platform.platform,
    }
    switches = config.resource_attributes
    wanted = [name for name in sources if _enabled(switches, name, name in _SYSTEM_DEFAULTS)]
    return {name: value for name in wanted if (value := sources[name]())}


def _host_name(sources: list[Any], timeout: float) -> str:
    for source in sources:
        name = socket.gethostname() if source == "os" else _in_time(socket.getfqdn, timeout)
        if name and name != "localhost":
            return name
    return socket.gethostname()


def _in_time(ask: Callable[[], str], timeout: float) -> str:
    """Return an answer, empty when it takes too long: a name service may not answer for minutes."""
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(ask()), daemon=True)
    asking.start()
    asking.join(timeout)
    return answers[0] if answers else ""


def _machine_id() -> str:
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            return Path(path).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
    return ""


def _os_release() -> Mapping[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def from_kubernetes(config: Kubernetes, env: Mapping[str, str]) -> Detected:
    """Return what the downward API has put into the environment."""
    switches = config.resource_attributes
    variables = dict(_VARIABLES)
    if env.get(config.node_from_env_var):
        variables["k8s.node.name"] = config.node_from_env_var
    wanted = [name for name in variables if _enabled(switches, name, name == "k8s.node.name")]
    return {name: value for name in wanted if (value := env.get(variables[name], ""))}


def detect(config: ResourceDetectionConfig, env: Mapping[str, str]) -> Detected:
    """Return all that is detected; of an attribute the first detector's value. Raises ValueError."""
    ask: dict[str, Callable[[], Detected]] = {
        "env": lambda: from_environment(env),
        "system": lambda: from_system(config.system, config.timeout / _SECOND),
        "k8s_api": lambda: from_kubernetes(config.k8s_api, env),
        "k8snode": lambda: from_kubernetes(config.k8snode, env),
    }
    found: Detected = {}
    for name in config.detectors:
        detected = ask[name]() if name in ask else {}
        if not detected and config.fail_on_missing_metadata:
            raise ValueError(f"the detector {name} has found nothing, and fail_on_missing_metadata is set")
        found = {**detected, **found}
    return found


def build(config: ResourceDetectionConfig, context: BuildContext) -> Fused:
    """Return the stage that writes what is detected now. Raises ValueError."""
    if not config.enabled:
        return Fused([])
    do = "upsert" if config.override else "insert"
    found = detect(config, os.environ)
    actions = [{"do": do, "key": key, "value": encoded_value(value)} for key, value in sorted(found.items())]
    return Fused([{"kind": "edit", "on": "resource", "if": None, "actions": actions}] if actions else [])


def plan(config: ResourceDetectionConfig) -> Iterator[str]:
    """Yield what is written, in a sentence."""
    how = "replaces" if config.override else "keeps"
    yield f"writes what {', '.join(config.detectors)} find on every resource, and {how} what is there"


def lint(config: ResourceDetectionConfig) -> Iterator[Lint]:
    """Yield the detectors that find nothing here."""
    for index, name in enumerate(config.detectors):
        if name in get_args(Elsewhere):
            yield ("detectors", index), f"there is no detector {name!r} here: nothing is written for it"


SPEC = ProcessorSpec(
    "resource_detection",
    ResourceDetectionConfig,
    build,
    aliases=("resourcedetection",),
    lint=lint,
    plan=plan,
    signals=ALL_SIGNALS,
)
