"""The labels of verdicts: few, made when they are first needed, and what each of them stands for."""

from __future__ import annotations

from collections.abc import Hashable, MutableMapping, Sequence
from typing import Any, Literal

from ...kernel.contract import LabelBook, LabelSpec
from ...rules.durations import format_duration
from ...rules.values import key_value
from .judging import Cause

POLICY, REASON, PARTIAL = "tailgate.policy", "tailgate.reason", "tailgate.partial"
COLLECTOR_POLICY, COLLECTOR_SUB, COLLECTOR_CACHED = (
    "tailsampling.policy",
    "tailsampling.composite_policy",
    "tailsampling.cached_decision",
)
RETENTION_POLICY, RETENTION_TTL = "retention.policy", "retention.ttl"

Drop = Literal["not_sampled", "policy_drop", "total_limit", "over_budget", "too_large", "shutdown"]
"""Why a trace is dropped, as the ledger names it."""

_CAUSES: dict[Cause, str] = {"num_traces": "pressure", "pressure": "pressure", "shutdown": "shutdown"}


def reason(cause: Cause, *, default: bool) -> str:
    """Return what `tailgate.reason` says: why the trace was judged early, else who kept it."""
    return _CAUSES.get(cause, "default" if default else "matched")


class Labels:
    """Makes labels in the pipeline's book; `dropped` tells which of them drop, and why."""

    def __init__(self, book: LabelBook, retentions: MutableMapping[int, tuple[str, int]]) -> None:
        """`retentions`: where labels that carry a retention are noted, as (class name, ns)."""
        self._book = book
        self._retentions = retentions
        self._made: dict[Hashable, int] = {}
        self.dropped: dict[int, Drop] = {}
        self.late: dict[int, int] = {}
        """What stands on late spans instead of a label, where that is another one."""
        self.kept: dict[int, tuple[str, int | None]] = {}
        """Of those that keep: the reason, and the retention (ns) that the policy gives."""

    def take_over(self, before: Labels) -> None:
        """Go on with the labels of earlier rules: traces that they decided still carry them."""
        self._made, self.dropped = before._made, before.dropped

    def drop(self, why: Drop) -> int:
        """Return the label of traces dropped for that reason."""
        label = self._made.get(why)
        if label is None:
            label = self._made[why] = self._add(keep=False, span=[], resource=[], threshold="leave")
            self.dropped[label] = why
        return label

    def keep(self, policy: str, why: str, *, partial: bool, exact: bool, retention: int | None) -> int:
        """Return the label of traces kept by a policy in ordered evaluation; `exact`: the threshold is written."""
        key = (policy, why, partial, exact, retention)
        if key not in self._made:
            span: list[tuple[str, Any]] = [(POLICY, policy), (REASON, why)]
            span += [(PARTIAL, True)] if partial else []
            held = (
                [] if retention is None else [(RETENTION_POLICY, policy), (RETENTION_TTL, format_duration(retention))]
            )
            self._made[key] = self._add(keep=True, span=span, resource=held, threshold="set" if exact else "erase")
            self.kept[self._made[key]] = (why, retention)
            if retention is not None:
                self._retentions[self._made[key]] = (policy, retention)
        return self._made[key]

    def keep_plain(self, policy: str | None, sub: str | None = None) -> int:
        """Return the label of traces kept in the collector's evaluation; None: nothing is written on them.

        `sub`: which of its policies a composite has sampled the trace for.
        """
        key = ("plain", policy, sub)
        if key not in self._made:
            written: list[tuple[str, Any]] = [] if policy is None else [(COLLECTOR_POLICY, policy)]
            written += [] if sub is None else [(COLLECTOR_SUB, sub)]
            label = self._made[key] = self._add(keep=True, span=[], resource=[], scope=written, threshold="leave")
            if written:
                late = [(COLLECTOR_POLICY, policy), (COLLECTOR_CACHED, True)]
                self.late[label] = self._add(keep=True, span=[], resource=[], scope=late, threshold="leave")
            self.kept[label] = ("matched", None)
        return self._made[key]

    def _add(
        self,
        *,
        keep: bool,
        span: list[tuple[str, Any]],
        resource: list[tuple[str, Any]],
        scope: Sequence[tuple[str, Any]] = (),
        threshold: Literal["leave", "set", "erase"],
    ) -> int:
        label: LabelSpec = {
            "keep": keep,
            "span": [key_value(key, value) for key, value in span],
            "resource": [key_value(key, value) for key, value in resource],
            "threshold": threshold,
        }
        if scope:
            label["scope"] = [key_value(key, value) for key, value in scope]
        return self._book.add(label)
