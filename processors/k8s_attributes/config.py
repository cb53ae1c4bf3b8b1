"""The rules of `k8s_attributes`: the collector's block as it stands."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ...rules.durations import Duration
from ...rules.patterns import Pattern

ContainerMetadata = Literal[
    "k8s.container.name",
    "container.id",
    "container.image.name",
    "container.image.tag",
    "container.image.tags",
    "container.image.repo_digests",
    "service.version",
    "service.instance.id",
]
"""What one of the pod's containers gives."""
Metadata = Literal[
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "k8s.pod.ip",
    "k8s.pod.hostname",
    "k8s.pod.start_time",
    "k8s.node.name",
    "k8s.node.uid",
    "k8s.deployment.name",
    "k8s.replicaset.name",
    "k8s.replicaset.uid",
    "k8s.statefulset.name",
    "k8s.statefulset.uid",
    "k8s.daemonset.name",
    "k8s.daemonset.uid",
    "k8s.job.name",
    "k8s.job.uid",
    "k8s.cronjob.name",
    "k8s.cluster.uid",
    "k8s.deployment.uid",
    "k8s.cronjob.uid",
    "service.namespace",
    "service.name",
    ContainerMetadata,
]
DEFAULTS: tuple[Metadata, ...] = (
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "k8s.pod.start_time",
    "k8s.deployment.name",
    "k8s.node.name",
)
CONTAINER_METADATA: frozenset[Metadata] = frozenset(get_args(ContainerMetadata))
Name = Annotated[str, StringConstraints(min_length=1)]
_SECOND = 1_000_000_000


class Model(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldExtract(Model):
    """A label or annotation that becomes an attribute."""

    tag_name: str = ""
    """The attribute; with `key_regex` its groups can stand in it (`$$1`). Default: `k8s.pod.labels.<key>` and alike."""
    key: str = ""
    key_regex: Pattern | None = None
    """Every key that it matches as a whole."""
    from_: Literal["pod", "namespace", "node"] = Field("pod", alias="from")

    @model_validator(mode="after")
    def _one_key(self) -> FieldExtract:
        if bool(self.key) == bool(self.key_regex):
            raise ValueError("expected exactly one of key and key_regex")
        return self


class Extract(Model):
    """`extract`: what of a pod becomes attributes."""

    metadata: list[Metadata] = list(DEFAULTS)
    labels: list[FieldExtract] = []
    annotations: list[FieldExtract] = []
    otel_annotations: bool = False
    """Annotations `resource.opentelemetry.io/<key>` become `<key>`."""
    deployment_name_from_replicaset: bool = True
    """A deployment's name is that of the replica set without its hash; false: as the replica set says, which is asked
    for."""


class Filter(Model):
    """One of `filter.fields` and `filter.labels`."""

    key: Name
    value: str = ""
    op: Literal["equals", "not-equals", "exists", "does-not-exist"] = "equals"


class Filters(Model):
    """`filter`: which pods are watched."""

    node: str = ""
    node_from_env_var: str = ""
    """The environment variable that has the node's name; in a DaemonSet from the downward API."""
    namespace: str = ""
    fields: list[Filter] = []
    labels: list[Filter] = []

    @model_validator(mode="after")
    def _operations(self) -> Filters:
        if any(one.op not in ("equals", "not-equals") for one in self.fields):
            raise ValueError("fields: expected the op equals or not-equals")
        return self


class Source(Model):
    """A part of what identifies a pod."""

    from_: Literal["connection", "resource_attribute"] = Field(alias="from")
    name: str = ""
    """The resource attribute."""

    @model_validator(mode="after")
    def _named(self) -> Source:
        if (self.from_ == "resource_attribute") != bool(self.name):
            raise ValueError("resource_attribute needs a name, connection has none")
        return self


class Association(Model):
    """A way to identify a pod: all of its sources together."""

    sources: list[Source] = Field(min_length=1, max_length=4)


class ExcludedPod(Model):
    """A pattern of pods' names."""

    name: Pattern


class Exclude(Model):
    """`exclude`: pods that are passed over."""

    pods: list[ExcludedPod] = [ExcludedPod(name="jaeger-agent"), ExcludedPod(name="jaeger-collector")]


class K8sAttributesConfig(Model):
    """`k8s_attributes`: what the Kubernetes API knows of the pod that sent a span, as resource attributes."""

    enabled: bool = True
    auth_type: Literal["serviceAccount", "kubeConfig", "none"] = "serviceAccount"
    """`none`: plain HTTP to `KUBERNETES_SERVICE_HOST`, such as `kubectl proxy`."""
    context: str = ""
    """Of the kubeconfig; default: its current one."""
    passthrough: bool = False
    """Only writes the sender's address as `k8s.pod.ip`, and watches nothing."""
    filter: Filters = Filters()
    extract: Extract = Extract()
    pod_association: list[Association] = []
    """Ways to identify a pod; the first all of whose sources are there counts. Default: by `k8s.pod.ip`, `ip`, the
    connection, and a `host.name` that is an address."""
    exclude: Exclude = Exclude()
    wait_for_metadata: bool = False
    """Receivers open once the pods are known."""
    wait_for_metadata_timeout: Duration = 10 * _SECOND
    watch_sync_period: Duration = 300 * _SECOND
    """How often everything is listed anew at the latest."""
    pod_delete_grace_period: Duration = 120 * _SECOND
    """How long a pod that is gone is still known."""
    max_pods: int = Field(20_000, ge=1, le=200_000)
    """More pods are not known (they are counted)."""

    @model_validator(mode="after")
    def _node_once(self) -> K8sAttributesConfig:
        if self.watch_sync_period < _SECOND:
            raise ValueError("watch_sync_period: expected at least 1s")
        return self


ADDRESS = re.compile(r"^(\d{1,3}\.){3}\d{1,3}$|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$")
"""What looks like an IP address."""
DEFAULT_ASSOCIATIONS = [
    Association.model_validate({"sources": [source]})
    for source in (
        {"from": "resource_attribute", "name": "k8s.pod.ip"},
        {"from": "resource_attribute", "name": "ip"},
        {"from": "connection"},
        {"from": "resource_attribute", "name": "host.name"},
    )
]
