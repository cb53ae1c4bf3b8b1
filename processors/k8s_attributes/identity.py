"""How a resource and a pod come together: the same text made of either."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from ...kernel.contract import Expr
from ...rules.values import any_value
from .config import ADDRESS, DEFAULT_ASSOCIATIONS, Association, K8sAttributesConfig, Source
from .containers import ids
from .metadata import Attributes
from .objects import Pod

HOST_NAME = "host.name"
_SEPARATOR = "\0"
"""Between the parts of what a row is found by, as the kernel joins them."""


def associations(config: K8sAttributesConfig) -> Sequence[Association]:
    """Return the ways to identify a pod, in order."""
    return config.pod_association or DEFAULT_ASSOCIATIONS


def identifiers(pod: Pod, attributes: Attributes, ways: Sequence[Association]) -> Iterator[str]:
    """Yield all texts that this pod is found by."""
    for number, way in enumerate(ways):
        parts = [_values(pod, attributes, source) for source in way.sources]
        for values in product(*parts):
            yield _SEPARATOR.join((str(number), *values))


def _values(pod: Pod, attributes: Attributes, source: Source) -> list[str]:
    if source.name == "container.id":
        return ids(pod)
    if source.from_ == "connection" or source.name in ("k8s.pod.ip", "ip", HOST_NAME):
        return [] if pod.host_network else list(pod.ips)
    own = {"k8s.namespace.name": pod.namespace, "k8s.pod.name": pod.name, "k8s.pod.uid": pod.uid}
    found = own.get(source.name) or attributes.get(source.name, "")
    return [found] if found else []


def kernel_sources(number: int, way: Association, address: int) -> list[dict[str, Any]]:
    """Return what the kernel makes the same text of; `address` is the index of the peer's address."""
    tag = base64.b64encode(any_value(str(number)).SerializeToString()).decode("ascii")
    parts: list[dict[str, Any]] = [{"value": tag}]
    for source in way.sources:
        is_peer = source.from_ == "connection"
        parts.append({"context": address} if is_peer else {"from": ["resource", source.name]})
    return parts


def resolved(way: Association) -> Expr:
    """Return whether all resource attributes of a way are there (a peer always is)."""
    named = [source.name for source in way.sources if source.name]
    return ["and", *(_there(name) for name in named)]


def _there(name: str) -> Expr:
    return ["matches", ["attr", "resource", name], ADDRESS.pattern if name == HOST_NAME else "(?s)."]


def uses_peer(way: Association) -> bool:
    """Return whether a way needs the sender's address."""
    return any(source.from_ == "connection" for source in way.sources)


def peer_decides(ways: Sequence[Association]) -> Expr:
    """Return whether the sender's address is a part of what identifies the pod."""
    deciding: list[Expr] = []
    earlier: list[Expr] = []
    for way in ways:
        if uses_peer(way):
            deciding.append(["and", resolved(way), *(["not", one] for one in earlier)])
        earlier.append(resolved(way))
    return ["or", *deciding]


def uses_host_name(way: Association) -> bool:
    """Return whether a way goes by `host.name`, which counts only when it is an address."""
    return any(source.name == HOST_NAME for source in way.sources)
