"""Containers: which of a pod's a resource is of, and what it gives.

A resource says it by `k8s.container.name`, else by `container.id`; of a pod with a single container it is that one. A
run of it is said by `k8s.container.restart_count`, else it is the last one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from ...rules.values import any_value
from .config import CONTAINER_METADATA, Extract
from .metadata import Attributes
from .objects import Container, Pod

POD = "tailgate.k8s.pod.uid"
"""A resource's attribute between the two lookups (the pod, then its container); nothing that leaves has it."""
LATEST = "latest"
_OF_A_RUN = frozenset({"container.id", "container.image.repo_digests"})

Values = dict[str, str | list[str]]


def wanted(extract: Extract) -> bool:
    """Return whether anything of containers is wanted."""
    return not CONTAINER_METADATA.isdisjoint(extract.metadata)


def rows(pod: Pod, own: Attributes, extract: Extract) -> Iterator[tuple[str, Values]]:
    """Yield what each container of a pod is found by, and what it gives; `own`: what the pod gives, goes before."""
    for one in pod.containers:
        image = _chosen(_of_image(pod, one), own, extract)
        run = _chosen(_of_run(one), own, extract)
        for way in _ways(pod, one):
            text = "\0".join((pod.uid, *way))
            yield text, image
            for number in {LATEST, str(one.restarts)} if run else ():
                yield f"{text}\0{number}", run


def actions(index: int, extract: Extract) -> list[dict[str, Any]]:
    """Return the edits of a resource that write what its container gives; they take `POD` away."""
    name, identity, run = (_from(f) for f in ("k8s.container.name", "container.id", "k8s.container.restart_count"))
    ways = [[_text("name"), name], [_text("id"), identity], [_text("only")]]
    by = [[[_from(POD), *way] for way in ways]]
    if not _OF_A_RUN.isdisjoint(extract.metadata):
        by.append([[_from(POD), *way, which] for way in ways for which in (run, _text(LATEST))])
    found = [{"do": "lookup", "in": index, "by": one, "write": "fill"} for one in by]
    return [*found, {"do": "delete", "key": POD}]


def ids(pod: Pod) -> list[str]:
    """Return the ids of a pod's containers, without the name of the runtime."""
    return [one.id for one in pod.containers if one.id]


def image_name(image: str) -> tuple[str, str, str]:
    """Return repository, tag and digest of an image; the last two empty where it does not say them."""
    name, _, digest = image.partition("@")
    repository, colon, tag = name.rpartition(":")
    return (repository, tag, digest) if colon and "/" not in tag else (name, "", digest)


def canonical(image: str) -> str:
    """Return an image by digest with its registry, empty when the text is none (an image's bare id, say)."""
    name, at, digest = image.partition("@")
    if not at or not name or not digest or "://" in name:
        return ""
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{image}"
    return image if "." in first or ":" in first or first == "localhost" else f"docker.io/{image}"


def _ways(pod: Pod, one: Container) -> Iterator[tuple[str, ...]]:
    yield "name", one.name
    if one.id:
        yield "id", one.id
    if len(pod.containers) == 1 or ids(pod) == [one.id]:
        yield ("only",)


def _of_image(pod: Pod, one: Container) -> Iterator[tuple[str, str | list[str]]]:
    yield "k8s.container.name", one.name
    yield "service.instance.id", f"{pod.namespace}.{pod.name}.{one.name}"
    if not one.image:
        return
    repository, tag, digest = image_name(one.image)
    yield "container.image.name", repository
    yield "container.image.tag", tag or "latest"
    yield "container.image.tags", [tag or "latest"]
    yield "service.version", f"{tag}@{digest}" if tag and digest else tag or digest


def _of_run(one: Container) -> Iterator[tuple[str, str | list[str]]]:
    yield "container.id", one.id
    digest = canonical(one.image_id)
    yield "container.image.repo_digests", [digest] if digest else []


def _chosen(values: Iterator[tuple[str, str | list[str]]], own: Attributes, extract: Extract) -> Values:
    return {key: value for key, value in values if value and key in extract.metadata and key not in own}


def _text(text: str) -> dict[str, Any]:
    return {"value": base64.b64encode(any_value(text).SerializeToString()).decode("ascii")}


def _from(key: str) -> dict[str, Any]:
    return {"from": ["resource", key]}
