"""Who made the makers of pods: a replica set's deployment, a job's cron job. Pods name only the nearest owner.

Replica sets of a whole cluster are many, and those of one node's pods few, so they are not watched: each is asked for
once by its name (the right to `get` is enough), and remembered as long as a pod of it is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .config import Extract
from .objects import Owner, Pod


@dataclass(frozen=True)
class Wanted:
    """An owner whose own owner is to be asked for."""

    kind: str
    namespace: str
    name: str
    uid: str


def wanted_kinds(extract: Extract) -> frozenset[str]:
    """Return the kinds of owners whose own owners are needed."""
    kinds = set()
    if "k8s.deployment.uid" in extract.metadata or not extract.deployment_name_from_replicaset:
        kinds.add("ReplicaSet")
    if "k8s.cronjob.uid" in extract.metadata:
        kinds.add("Job")
    return frozenset(kinds)


@dataclass
class Owners:
    """Keeps what was answered, and what is still to be asked."""

    kinds: frozenset[str]
    _settled: dict[str, Owner | None] = field(default_factory=dict)
    _absent: set[str] = field(default_factory=set)
    _pending: dict[str, Wanted] = field(default_factory=dict)
    _pods: dict[str, set[str]] = field(default_factory=dict)
    """From the uid of an owner to those of its pods."""

    def note(self, pod: Pod) -> None:
        """Take in whose a pod is."""
        for owner in self._relevant(pod):
            self._pods.setdefault(owner.uid, set()).add(pod.uid)
            if owner.uid not in self._settled and owner.uid not in self._absent:
                self._pending[owner.uid] = Wanted(owner.kind, pod.namespace, owner.name, owner.uid)

    def drop(self, pod: Pod) -> None:
        """Take in that a pod is not known any more, or not as it was."""
        for owner in self._relevant(pod):
            self._pods[owner.uid].discard(pod.uid)

    def pending(self) -> list[Wanted]:
        """Return what is to be asked for."""
        return list(self._pending.values())

    def settle(self, uid: str, parent: Owner | None) -> set[str]:
        """Take an answer (None: nobody's); return the pods that it concerns, by uid."""
        self._pending.pop(uid, None)
        if uid not in self._pods:
            return set()
        self._settled[uid] = parent
        return set(self._pods[uid])

    def postpone(self, uid: str) -> None:
        """Take in that there was no answer: others come first next time."""
        if uid in self._pending:
            self._pending[uid] = self._pending.pop(uid)

    def give_up(self, uid: str) -> None:
        """Take in that there is no such object any more: it is not asked for again."""
        self._pending.pop(uid, None)
        if uid in self._pods:
            self._absent.add(uid)

    def of(self, uid: str) -> Owner | None:
        """Return an owner's owner, None where it is not known or there is none."""
        return self._settled.get(uid)

    def knows(self, uid: str) -> bool:
        """Return whether there was an answer."""
        return uid in self._settled

    def expire(self) -> None:
        """Forget the owners that no pod is of."""
        for uid in [uid for uid, pods in self._pods.items() if not pods]:
            del self._pods[uid]
            self._settled.pop(uid, None)
            self._pending.pop(uid, None)
            self._absent.discard(uid)

    def _relevant(self, pod: Pod) -> list[Owner]:
        return [owner for owner in pod.owners if owner.kind in self.kinds]
