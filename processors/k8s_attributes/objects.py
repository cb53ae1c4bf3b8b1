"""What is used of the objects of the Kubernetes API, apart from how they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Owner:
    """A controller that made an object."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True)
class Pod:
    """A pod."""

    name: str
    namespace: str
    uid: str
    node: str = ""
    hostname: str = ""
    ips: tuple[str, ...] = ()
    host_network: bool = False
    """Its addresses are the node's: they identify no pod."""
    start_time: str = ""
    """When it was made, as the collector has it: RFC 3339, UTC; later ones are greater."""
    finished: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[Owner, ...] = ()


@dataclass(frozen=True)
class Thing:
    """A namespace or a node."""

    name: str
    uid: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def pod_of(item: Any) -> Pod:
    """Return what is used of a `Pod` of the client library, whose parts may all be absent."""
    meta, spec, status = item.metadata, item.spec, item.status
    ips = [one.ip for one in (getattr(status, "podIPs", None) or ()) if one.ip]
    main = getattr(status, "podIP", None)
    start = meta.creationTimestamp or getattr(status, "startTime", None)
    owners = (Owner(one.kind or "", one.name or "", one.uid or "") for one in meta.ownerReferences or ())
    return Pod(
        name=meta.name or "",
        namespace=meta.namespace or "",
        uid=meta.uid or "",
        node=getattr(spec, "nodeName", None) or "",
        hostname=getattr(spec, "hostname", None) or meta.name or "",
        ips=tuple(dict.fromkeys([main, *ips] if main else ips)),
        host_network=bool(getattr(spec, "hostNetwork", None)),
        start_time=_time(start),
        finished=getattr(status, "phase", None) in ("Succeeded", "Failed"),
        labels=dict(meta.labels or {}),
        annotations=dict(meta.annotations or {}),
        owners=tuple(owners),
    )


def thing_of(item: Any) -> Thing:
    """Return what is used of a `Namespace` or `Node` of the client library."""
    meta = item.metadata
    return Thing(meta.name or "", meta.uid or "", dict(meta.labels or {}), dict(meta.annotations or {}))


def _time(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    text: str = value.isoformat()
    return text.replace("+00:00", "Z")
