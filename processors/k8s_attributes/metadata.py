"""From objects of the Kubernetes API to attributes, as `extract` says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import re2

from .config import Extract, FieldExtract
from .objects import Owner, Pod, Thing
from .owners import Owners

_OTEL = "resource.opentelemetry.io/"
_HASH = "pod-template-hash"
"""The label of a deployment's pods with what its replica set's name ends in."""
_SCHEDULED = re.compile(r"(.+)-\d{8,10}")
"""A cron job's jobs end in the minute (before Kubernetes 1.21: the second) for which they were scheduled."""
_REFERENCE = re.compile(r"\$(?:(\w+)|\{(\w+)\}|(\$))")
_OWNERS = {"ReplicaSet": "replicaset", "StatefulSet": "statefulset", "DaemonSet": "daemonset", "Job": "job"}

Attributes = dict[str, str]


def of_pod(pod: Pod, extract: Extract, owners: Owners) -> Attributes:
    """Return the attributes that a pod itself gives; of several that `_metadata` has for a key the last counts."""
    wanted: set[str] = set(extract.metadata)
    out: Attributes = {key: value for key, value in _metadata(pod, owners) if key in wanted and value}
    out |= _fields(pod.labels, extract.labels, "pod", "labels")
    out |= _fields(pod.annotations, extract.annotations, "pod", "annotations")
    if extract.otel_annotations:
        given = ((key.removeprefix(_OTEL), value) for key, value in pod.annotations.items() if key.startswith(_OTEL))
        out |= {key: value for key, value in given if key}
    return out


def _metadata(pod: Pod, owners: Owners) -> Iterator[tuple[str, str]]:
    yield "k8s.namespace.name", pod.namespace
    yield "k8s.pod.name", pod.name
    yield "k8s.pod.uid", pod.uid
    yield "k8s.pod.ip", pod.ips[0] if pod.ips else ""
    yield "k8s.pod.hostname", pod.hostname
    yield "k8s.pod.start_time", pod.start_time
    yield "k8s.node.name", pod.node
    yield "service.namespace", pod.namespace
    yield "service.name", pod.name
    for owner in pod.owners:
        yield from _of_owner(pod, owner, owners)
    for label in ("app.kubernetes.io/name", "app.kubernetes.io/instance"):
        yield "service.name", pod.labels.get(label, "")
    yield "service.version", pod.labels.get("app.kubernetes.io/version", "")


def _of_owner(pod: Pod, owner: Owner, owners: Owners) -> Iterator[tuple[str, str]]:
    kind = _OWNERS.get(owner.kind)
    if kind is None:
        return
    yield f"k8s.{kind}.name", owner.name
    yield f"k8s.{kind}.uid", owner.uid
    yield "service.name", owner.name
    above = {"replicaset": "deployment", "job": "cronjob"}.get(kind)
    if above is not None:
        name, uid = _above(pod, owner, owners)
        yield f"k8s.{above}.name", name
        yield f"k8s.{above}.uid", uid
        yield "service.name", name


def _above(pod: Pod, owner: Owner, owners: Owners) -> tuple[str, str]:
    """Return name and uid of an owner's owner; before it was asked for, and where it is not, the name is guessed."""
    if owners.knows(owner.uid):
        parent = owners.of(owner.uid)
        fitting = parent is not None and parent.kind in ("Deployment", "CronJob")
        return (parent.name, parent.uid) if parent is not None and fitting else ("", "")
    if owner.kind == "Job":
        found = _SCHEDULED.fullmatch(owner.name)
        return (found[1] if found else ""), ""
    ending = f"-{pod.labels.get(_HASH, '')}"
    return (owner.name.removesuffix(ending) if len(ending) > 1 and owner.name.endswith(ending) else ""), ""


def of_namespace(namespace: Thing, extract: Extract) -> Attributes:
    """Return the attributes that a namespace gives to its pods."""
    return _of_thing(namespace, extract, "namespace")


def of_node(node: Thing, extract: Extract) -> Attributes:
    """Return the attributes that a node gives to its pods."""
    uid = {"k8s.node.uid": node.uid} if "k8s.node.uid" in extract.metadata else {}
    return uid | _of_thing(node, extract, "node")


def _of_thing(thing: Thing, extract: Extract, kind: str) -> Attributes:
    labels = _fields(thing.labels, extract.labels, kind, "labels")
    return labels | _fields(thing.annotations, extract.annotations, kind, "annotations")


def needs(extract: Extract, kind: str) -> bool:
    """Return whether objects of this kind (`namespace`, `node`) have to be watched."""
    own = {"namespace": "k8s.cluster.uid", "node": "k8s.node.uid"}[kind]
    return own in extract.metadata or any(one.from_ == kind for one in (*extract.labels, *extract.annotations))


def _fields(values: Mapping[str, str], rules: Sequence[FieldExtract], kind: str, what: str) -> Attributes:
    out: Attributes = {}
    for rule in rules:
        if rule.from_ != kind:
            continue
        if rule.key and rule.key in values:
            out[rule.tag_name or f"k8s.{kind}.{what}.{rule.key}"] = values[rule.key]
        elif rule.key_regex:
            out |= dict(_matching(values, rule, f"k8s.{kind}.{what}."))
    return {name: value for name, value in out.items() if name}


def _matching(values: Mapping[str, str], rule: FieldExtract, prefix: str) -> Iterator[tuple[str, str]]:
    pattern = re2.compile(rule.key_regex)
    for key, value in values.items():
        match = pattern.fullmatch(key)
        if match is not None:
            yield (_expanded(rule.tag_name, match) if rule.tag_name else prefix + key), value


def _expanded(template: str, match: re.Match[str]) -> str:
    """Return a name with a match's groups for `$1`, `${1}`, `$name` and `${name}`; unknown ones are empty."""
    groups = {str(number): match.group(number) for number in range(match.re.groups + 1)}
    groups |= match.groupdict()

    def group(found: re.Match[str]) -> str:
        return "$" if found[3] else groups.get(found[1] or found[2]) or ""

    return _REFERENCE.sub(group, template)
