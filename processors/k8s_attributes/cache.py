"""What is known of pods, namespaces and nodes, and the rows that spans find it by. Time is an argument in ns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import re2

from ...kernel.contract import Kernel, Lookup, Row
from ...rules.values import any_value
from . import containers
from .config import Association, K8sAttributesConfig
from .identity import associations, identifiers
from .metadata import Attributes, of_namespace, of_node, of_pod
from .objects import Owner, Pod, Thing
from .owners import Owners, wanted_kinds

_SYSTEM = "kube-system"
"""The namespace whose uid stands for the cluster's."""


@dataclass
class Known:
    """A pod, what it gives and what it is found by."""

    pod: Pod
    own: Attributes
    found_by: tuple[str, ...]
    gone_at: int | None = None
    """When it was deleted, while it is still known."""

    @property
    def rank(self) -> tuple[bool, bool, str, str]:
        """Of several pods with one address the greatest counts: there, running, started last."""
        return self.gone_at is None, not self.pod.finished, self.pod.start_time, self.pod.uid


@dataclass
class Cache:
    """Takes objects as they come and keeps the lookups of the kernel up to date."""

    config: K8sAttributesConfig
    pods: Lookup
    namespaces: Lookup
    nodes: Lookup
    containers: Lookup
    owners: Owners
    overflow: int = 0
    """Times that a pod was not taken because there were too many."""
    _known: dict[str, Known] = field(default_factory=dict)
    _holders: dict[str, set[str]] = field(default_factory=dict)
    """From what pods are found by to their uids."""
    _rows: dict[str, Row | None] = field(default_factory=dict)
    """Of containers, on their way to the kernel."""
    _things: dict[str, dict[str, Thing]] = field(default_factory=lambda: {"namespace": {}, "node": {}})

    @classmethod
    def of(cls, config: K8sAttributesConfig, kernel: Kernel) -> Cache:
        """Return an empty cache."""
        owners = Owners(wanted_kinds(config.extract))
        return cls(config, kernel.lookup(), kernel.lookup(), kernel.lookup(), kernel.lookup(), owners)

    def __len__(self) -> int:
        return len(self._known)

    @property
    def ways(self) -> Sequence[Association]:
        """The ways to identify a pod."""
        return associations(self.config)

    def set_pods(self, pods: Iterable[Pod], now: int) -> None:
        """Take a whole list: pods that are not in it are gone."""
        listed = {pod.uid: pod for pod in pods}
        changed: set[str] = set()
        for uid in [uid for uid, known in self._known.items() if uid not in listed and known.gone_at is None]:
            changed |= self._gone(uid, now)
        for pod in listed.values():
            changed |= self._take(pod)
        self._publish(changed)

    def set_pod(self, pod: Pod) -> None:
        """Take a pod that was added or has changed."""
        self._publish(self._take(pod))

    def remove_pod(self, pod: Pod, now: int) -> None:
        """Note that a pod is gone; it is known for a while yet, since its spans may still be on their way."""
        self._publish(self._gone(pod.uid, now))

    def expire(self, now: int) -> None:
        """Forget the pods that have been gone for longer than the grace period."""
        last = now - self.config.pod_delete_grace_period
        changed: set[str] = set()
        for uid in [uid for uid, known in self._known.items() if known.gone_at is not None and known.gone_at <= last]:
            changed |= self._forget(uid)
        self.owners.expire()
        self._publish(changed)

    def settle(self, uid: str, parent: Owner | None) -> None:
        """Take the answer to one of `owners.pending()`: who owns that owner of pods, None for nobody."""
        changed: set[str] = set()
        for pod in self.owners.settle(uid, parent):
            known = self._known[pod]
            changed |= self._take_anew(known.pod, known.gone_at)
        self._publish(changed)

    def set_things(self, kind: str, things: Iterable[Thing]) -> None:
        """Take the whole list of namespaces or nodes."""
        self._things[kind] = {thing.name: thing for thing in things}
        lookup, rows = (self.namespaces if kind == "namespace" else self.nodes), {}
        for name in self._things[kind]:
            rows[name] = _row(self._of_thing(kind, name))
        lookup.fill(rows)
        self._publish(set(self._holders))

    def set_thing(self, kind: str, thing: Thing) -> None:
        """Take a namespace or node that was added or has changed."""
        if self._things[kind].get(thing.name) != thing:
            self._things[kind][thing.name] = thing
            self._publish_thing(kind, thing.name)

    def remove_thing(self, kind: str, thing: Thing) -> None:
        """Forget a namespace or node."""
        if self._things[kind].pop(thing.name, None) is not None:
            self._publish_thing(kind, thing.name)

    def _publish_thing(self, kind: str, name: str) -> None:
        lookup = self.namespaces if kind == "namespace" else self.nodes
        lookup.update({name: _row(self._of_thing(kind, name)) if name in self._things[kind] else None})
        everywhere = kind == "namespace" and name == _SYSTEM
        affected: set[str] = set()
        for known in self._known.values():
            if everywhere or name == (known.pod.namespace if kind == "namespace" else known.pod.node):
                affected |= set(known.found_by)
        self._publish(affected)

    def _take(self, pod: Pod) -> set[str]:
        """Remember a pod; return what it was and is found by, nothing if it says nothing new."""
        before = self._known.get(pod.uid)
        if not pod.uid or self._excluded(pod) or (before is not None and before.pod == pod and before.gone_at is None):
            return set()
        if before is None and len(self._known) >= self.config.max_pods:
            self.overflow += 1
            return set()
        return self._take_anew(pod, None)

    def _take_anew(self, pod: Pod, gone_at: int | None) -> set[str]:
        changed = self._forget(pod.uid)
        self.owners.note(pod)
        own = of_pod(pod, self.config.extract, self.owners)
        known = self._known[pod.uid] = Known(pod, own, tuple(identifiers(pod, own, self.ways)), gone_at)
        self._publish_containers(pod, own)
        for text in known.found_by:
            self._holders.setdefault(text, set()).add(pod.uid)
        return changed | set(known.found_by)

    def _gone(self, uid: str, now: int) -> set[str]:
        known = self._known.get(uid)
        if known is None:
            return set()
        known.gone_at = now
        return set(known.found_by)

    def _forget(self, uid: str) -> set[str]:
        known = self._known.pop(uid, None)
        if known is None:
            return set()
        self.owners.drop(known.pod)
        self._publish_containers(known.pod, None)
        for text in known.found_by:
            self._holders[text].discard(uid)
        return set(known.found_by)

    def _publish_containers(self, pod: Pod, own: Attributes | None) -> None:
        """Note the rows of a pod's containers for `_publish`, or that they go."""
        if self._of_containers:
            rows = containers.rows(pod, own or {}, self.config.extract)
            self._rows |= {text: None if own is None else _row(values) for text, values in rows}

    def _excluded(self, pod: Pod) -> bool:
        return any(re2.search(one.name, pod.name) is not None for one in self.config.exclude.pods)

    def _publish(self, texts: Iterable[str]) -> None:
        """Give the kernel the rows of these texts as they are now, and those of containers."""
        if self._rows:
            self.containers.update(self._rows)
            self._rows = {}
        rows: dict[str, Row | None] = {}
        for text in texts:
            holders = self._holders.get(text)
            if holders:
                best = max((self._known[uid] for uid in holders), key=lambda known: known.rank)
                rows[text] = _row(self._attributes(best))
            else:
                self._holders.pop(text, None)
                rows[text] = None
        if rows:
            self.pods.update(rows)

    @property
    def _of_containers(self) -> bool:
        return containers.wanted(self.config.extract)

    def _attributes(self, known: Known) -> Attributes:
        """Return what a pod gives, and what its namespace and node give to it."""
        around = self._of_thing("node", known.pod.node) | self._of_thing("namespace", known.pod.namespace)
        own = known.own | {containers.POD: known.pod.uid} if self._of_containers else known.own
        return around | own

    def _of_thing(self, kind: str, name: str) -> Attributes:
        thing = self._things[kind].get(name)
        extract = self.config.extract
        if kind == "node":
            return {} if thing is None else of_node(thing, extract)
        out = {} if thing is None else of_namespace(thing, extract)
        system = self._things["namespace"].get(_SYSTEM)
        if system is not None and "k8s.cluster.uid" in extract.metadata:
            out["k8s.cluster.uid"] = system.uid
        return out


def _row(attributes: Mapping[str, str | list[str]]) -> Row:
    return [(key, any_value(value).SerializeToString()) for key, value in attributes.items()]
