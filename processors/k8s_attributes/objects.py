"""What is used of the objects of the Kubernetes API, apart from how they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Owner:
    """A controller that made an object."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True)
class Container:
    """A container of a pod (or an init container), in its last run."""

    name: str
    image: str = ""
    id: str = ""
    """Of this run, without the name of the runtime."""
    image_id: str = ""
    restarts: int = 0


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
    containers: tuple[Container, ...] = ()


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
        owners=_owners(meta),
        containers=tuple(_containers(spec, status)),
    )


def controller_of(item: Any) -> Owner | None:
    """Return the owner that controls an object of the client library, None where there is none."""
    owners = item.metadata.ownerReferences or ()
    return next((Owner(one.kind or "", one.name or "", one.uid or "") for one in owners if one.controller), None)


def _owners(meta: Any) -> tuple[Owner, ...]:
    return tuple(Owner(one.kind or "", one.name or "", one.uid or "") for one in meta.ownerReferences or ())


def _containers(spec: Any, status: Any) -> Iterator[Container]:
    kinds = (("containers", "containerStatuses"), ("initContainers", "initContainerStatuses"))
    for declared, running in kinds:
        statuses = {one.name: one for one in getattr(status, running, None) or ()}
        for one in getattr(spec, declared, None) or ():
            run = statuses.get(one.name)
            yield Container(
                name=one.name,
                image=one.image or "",
                id=(getattr(run, "containerID", None) or "").rpartition("://")[2],
                image_id=getattr(run, "imageID", None) or "",
                restarts=getattr(run, "restartCount", None) or 0,
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
