"""`k8s_attributes`: what the Kubernetes API knows of the pod that sent a span, written as the collector does."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ..base import ALL_SIGNALS, BuildContext, Fused, ProcessorSpec
from . import containers
from .cache import Cache
from .client import MISSING, available, connect
from .config import ADDRESS, K8sAttributesConfig
from .identity import HOST_NAME, associations, kernel_sources, peer_decides, uses_host_name, uses_peer
from .watcher import Watcher

PEER = "client.address"


def node_of(config: K8sAttributesConfig, env: Mapping[str, str] = os.environ) -> str:
    """Return the node whose pods are watched, empty for all. Raises ValueError when its variable is not set."""
    name = config.filter.node_from_env_var
    if not name:
        return config.filter.node
    if not env.get(name):
        raise ValueError(f"filter.node_from_env_var: the environment has no {name}")
    return env[name]


def build(config: K8sAttributesConfig, context: BuildContext) -> Fused:
    """Return the stages that identify a resource's pod and write what is known of it."""
    if not config.enabled:
        return Fused([])
    stages = _peer_stage(config, context)
    if config.passthrough:
        return Fused([*stages])
    if not available():
        raise ValueError(MISSING)
    watcher = _watcher(config, context)
    cache = watcher.cache
    for condition, ways in _variants(config):
        address = context.context_index(PEER)
        by = [kernel_sources(number, way, address) for number, way in ways]
        if by:
            stages.append(_stage(condition, {"do": "lookup", "by": by, "write": "fill"}))
    index = context.lookup_index(cache.pods, "pods")
    for stage in stages:
        stage["actions"] = [
            {**action, "in": index} if action["do"] == "lookup" else action for action in stage["actions"]
        ]
    if containers.wanted(config.extract):
        index = context.lookup_index(cache.containers, "containers")
        mark = _stage(None, {"do": "delete", "key": containers.POD})
        stages = [mark, *stages, _stage(None, *containers.actions(index, config.extract))]
    return Fused([*stages, *_around(watcher, context)])


def _watcher(config: K8sAttributesConfig, context: BuildContext) -> Watcher:
    """Return what watches for this configuration; pipelines and reloads with the same one share it."""
    node, name = node_of(config), context.id
    key = ("k8s_attributes", config.model_dump_json(), node)
    made = context.background(
        key, lambda: Watcher(name, config, Cache.of(config, context.kernel), node, lambda: connect(config))
    )
    assert isinstance(made, Watcher)  # noqa: S101 - nobody else uses this key
    return made


def _variants(config: K8sAttributesConfig) -> Iterator[tuple[Any, list[tuple[int, Any]]]]:
    """Yield conditions and the ways to identify a pod that count then: `host.name` does when it is an address."""
    ways = list(enumerate(associations(config)))
    if not any(uses_host_name(way) for _, way in ways):
        yield None, ways
        return
    named = ["matches", ["attr", "resource", HOST_NAME], ADDRESS.pattern]
    yield named, ways
    yield ["not", named], [(number, way) for number, way in ways if not uses_host_name(way)]


def _peer_stage(config: K8sAttributesConfig, context: BuildContext) -> list[dict[str, Any]]:
    """Return the stage that writes the sender's address, where that identifies the pod."""
    ways = associations(config)
    if not any(uses_peer(way) for way in ways):
        return []
    action = {"do": "insert", "key": "k8s.pod.ip", "context": context.context_index(PEER)}
    return [_stage(peer_decides(ways), action)]


def _around(watcher: Watcher, context: BuildContext) -> list[dict[str, Any]]:
    """Return the stages for what a namespace or a node gives to pods that are not known."""
    cache = watcher.cache
    tables = {"namespace": (cache.namespaces, "k8s.namespace.name"), "node": (cache.nodes, "k8s.node.name")}
    stages = []
    for kind, (lookup, key) in tables.items():
        if any(feed.kind == kind for feed in watcher.feeds):
            index = context.lookup_index(lookup, f"{kind}s")
            by = [[{"from": ["resource", key]}]]
            stages.append(_stage(None, {"do": "lookup", "in": index, "by": by, "write": "fill"}))
    return stages


def _stage(condition: Any, *actions: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "edit", "on": "resource", "if": condition, "actions": list(actions)}


def plan(config: K8sAttributesConfig) -> Iterator[str]:
    """Yield what is written, in a sentence."""
    if config.passthrough:
        yield "writes the sender's address as k8s.pod.ip"
        return
    extract = config.extract
    more = len(extract.labels) + len(extract.annotations)
    yield f"writes what Kubernetes knows of the sender's pod: {', '.join(extract.metadata)}" + (
        f", and {more} rules for labels and annotations" if more else ""
    )


SPEC = ProcessorSpec(
    "k8s_attributes", K8sAttributesConfig, build, aliases=("k8sattributes",), plan=plan, signals=ALL_SIGNALS
)
