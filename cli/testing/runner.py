"""Runs a test, and says in what the outcome differs from what is expected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...config.model import Configuration
from ...config.tree import Node, Place
from ...kernel.contract import Kernel
from ...processors.base import Judgement
from ...rules.durations import format_duration
from ..decoded import Seen, root_of, spans_of
from ..rehearsal import Rehearsal, pipeline_of, trace_pipelines
from ..terminal import percent
from .cases import Case, SpanExpectation
from .spans import START, requests, trace_ids

RETENTION_TTL = "retention.ttl"
_EXACT = 1e-9


@dataclass(frozen=True)
class Mismatch:
    """One thing that is not as expected."""

    what: str
    """`verdict`, `attributes.user.email`, ..."""
    expected: str
    got: str
    place: Place
    """Where the expectation stands."""


@dataclass
class Result:
    """What became of one test."""

    case: Case
    place: Place
    mismatches: list[Mismatch] = field(default_factory=list)
    judgement: Judgement | None = None
    error: str = ""
    """It could not be run."""

    @property
    def ok(self) -> bool:
        """Whether everything is as expected."""
        return not self.error and not self.mismatches


@dataclass(frozen=True)
class Outcome:
    """What became of the trace of a test."""

    kept: bool
    reason: str
    spans: list[Seen]
    """As they leave."""
    judgement: Judgement | None


def run_case(case: Case, node: Node, config: Configuration, kernel: Kernel) -> Result:
    """Run one test; `node` is where it stands."""
    result = Result(case, node.place)
    try:
        outcome = _outcome(case, config, kernel)
    except KeyError:
        known = ", ".join(row.id for row in trace_pipelines(config))
        result.error = f"there is no pipeline {case.pipeline!r}: there are {known}"
    except ValueError as error:  # Malformed and RowError too
        result.error = str(error)
    else:
        result.judgement = outcome.judgement
        result.mismatches = _Comparison(case, node, outcome).all()
    return result


def _outcome(case: Case, config: Configuration, kernel: Kernel) -> Outcome:
    rehearsal = Rehearsal(config, pipeline_of(config, case.pipeline), kernel)
    metadata = {f"metadata.{name.lower()}": value for name, value in case.headers.items()}
    ids = trace_ids(case)
    batches = [requests(case, trace_id) for trace_id in ids]
    now = START
    for early, _ in batches:
        rehearsal.offer(now, early, metadata)
    rehearsal.finish()
    now = START + 86_400_000_000_000
    for _, late in batches:
        if late:
            rehearsal.offer(now, late, metadata)
    rehearsal.finish()
    judgement = next((seen for seen in rehearsal.left.judged if seen.trace_id == ids[-1]), None)
    spans = [seen for seen in spans_of(rehearsal.left.requests) if seen.span.trace_id == ids[-1]]
    if judgement is not None:
        return Outcome(judgement.kept, judgement.reason, spans, judgement)
    reasons = " and ".join(sorted(rehearsal.left.dropped)) or "nothing came out"
    return Outcome(bool(spans), "" if spans else reasons, spans, None)


class _Comparison:
    """What is expected beside what was seen."""

    def __init__(self, case: Case, node: Node, outcome: Outcome) -> None:
        self.expect, self.case, self.outcome = case.expect, case, outcome
        self._node = node.child("expect") or node
        self._found: list[Mismatch] = []

    def all(self) -> list[Mismatch]:
        """Return everything that differs."""
        self._verdict()
        self._decision()
        if self.expect.keeps and not self.outcome.kept and not self._found:
            self._differs("verdict", "keep", f"drop ({self.outcome.reason})", "verdict")
        if self.outcome.kept:
            self._spans()
        return self._found

    def _differs(self, what: str, expected: str, got: str, *path: str | int) -> None:
        node = self._node
        for step in path:
            node = node.child(step) or node
        self._found.append(Mismatch(what, expected, got, node.head))

    def _verdict(self) -> None:
        expected, seen = self.expect.verdict, self.outcome.judgement
        if expected is None:
            return
        chance = seen.probability if seen is not None else None
        chosen = self.case.randomness is not None or self.case.trace_id is not None
        if chance is not None and _EXACT < chance < 1 - _EXACT and not chosen and not self._limited():
            got = f"chance: {percent(chance)} of such traces are kept; expect `probability`, or choose a `randomness`"
            self._differs("verdict", expected, got, "verdict")
        elif expected != ("keep" if self.outcome.kept else "drop"):
            got = f"keep ({self._why()})" if self.outcome.kept else f"drop ({self.outcome.reason})"
            self._differs("verdict", expected, got, "verdict")

    def _limited(self) -> bool:
        return self.outcome.reason in ("total_limit", "too_large", "policy_drop")

    def _why(self) -> str:
        seen = self.outcome.judgement
        return f"by {seen.policy}" if seen is not None and seen.policy else self.outcome.reason or "no sampler"

    def _decision(self) -> None:
        seen = self.outcome.judgement
        policy = (seen.policy if seen is not None else None) or "none"
        if self.expect.policy is not None and self.expect.policy != policy:
            self._differs("policy", self.expect.policy, policy, "policy")
        if self.expect.reason is not None and self.expect.reason != self.outcome.reason:
            self._differs("reason", self.expect.reason, self.outcome.reason, "reason")
        if self.expect.probability is not None:
            self._probability(self.expect.probability, seen.probability if seen is not None else None)
        said = {answer.policy: answer.says for answer in seen.answers} if seen is not None else {}
        for name, says in self.expect.policies.items():
            if said.get(name) != says:
                got = said.get(name) or f"no such policy: there are {', '.join(said) or 'none'}"
                self._differs(f"policies.{name}", says, got, "policies", name)

    def _probability(self, expected: float, got: float | None) -> None:
        if got is None or abs(expected - got) > 1e-6:
            self._differs("probability", percent(expected), "unknown" if got is None else percent(got), "probability")

    def _spans(self) -> None:
        root = root_of(self.outcome.spans)
        if root is None:
            return
        if self.expect.retention is not None:
            wanted = self.expect.retention
            text = "none" if isinstance(wanted, str) else format_duration(wanted)
            got = str(root.resource.get(RETENTION_TTL, "none"))
            if got != text:
                self._differs("retention", text, got, "retention")
        if self.expect.name is not None and self.expect.name != root.span.name:
            self._differs("name", self.expect.name, root.span.name, "name")
        self._attributes("attributes", self.expect.attributes, root.attributes, ("attributes",))
        self._attributes("resource", self.expect.resource, root.resource, ("resource",))
        for at, wanted_span in enumerate(self.expect.spans):
            self._span(at, wanted_span)

    def _span(self, at: int, wanted: SpanExpectation) -> None:
        found = [
            seen
            for seen in self.outcome.spans
            if seen.span.name == wanted.name and wanted.service in (None, seen.service)
        ]
        if not found:
            names = ", ".join(sorted({seen.span.name for seen in self.outcome.spans}))
            self._differs(f"spans[{at}].name", wanted.name, f"no such span: there are {names}", "spans", at, "name")
        for seen in found[:1]:
            what = f"spans[{at}]"
            self._attributes(f"{what}.attributes", wanted.attributes, seen.attributes, ("spans", at, "attributes"))
            self._attributes(f"{what}.resource", wanted.resource, seen.resource, ("spans", at, "resource"))

    def _attributes(self, what: str, wanted: dict[str, Any], got: dict[str, Any], path: tuple[str | int, ...]) -> None:
        for key, value in wanted.items():
            if value is None and key not in got:
                continue
            if key not in got or not _same(value, got[key]):
                shown = _shown(got[key]) if key in got else "absent"
                self._differs(f"{what}.{key}", "absent" if value is None else _shown(value), shown, *path, key)


def _same(expected: Any, got: Any) -> bool:
    return type(expected) is type(got) and bool(expected == got)


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
