"""What is counted of policies and of the sampler, and how Prometheus sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ...telemetry.histogram import SECONDS, Histogram
from ...telemetry.samples import Sample

Decision = Literal["sampled", "not_sampled", "dropped"]
"""What a policy says of a trace, as the collector's metrics have it."""
PREFIX = "otelcol_processor_tail_sampling_"


@dataclass(frozen=True)
class Origin:
    """Whose metrics they are."""

    id: str
    """The processor's id, `tail_sampling` or `tail_sampling/name`."""
    pipeline: str

    def labels(self, **labels: str) -> dict[str, str]:
        """Return metric labels with those that tell the origin."""
        return {**labels, "processor": self.id, "pipeline": self.pipeline}

    def policy(self, name: str) -> str:
        """Return a policy's name as the collector's metrics have it: `name.policy` in a processor with a name."""
        _, slash, own = self.id.partition("/")
        return f"{own}.{name}" if slash else name


@dataclass
class PolicyCounts:
    """What one policy has done, in traces."""

    name: str
    shadow: bool = False
    matched: int = 0
    """Asked, and its condition held."""
    kept: int = 0
    """A shadow policy: would have kept."""
    dropped: int = 0
    """Dropped by a policy that drops."""
    over_limit: int = 0
    last_match: int = 0
    """`now` of the last match, ns; 0: none."""
    asked: int = 0
    """In the collector's evaluation: how many votes it has cast, and how many it could not."""
    errors: int = 0
    spans: Counter[Decision] = field(default_factory=Counter)
    """The spans of the traces that it voted on, by its vote."""


def adopt_last_matches(counts: list[PolicyCounts], old: list[PolicyCounts]) -> None:
    """Keep when a policy last matched, by its name; its counters are carried on elsewhere."""
    last = {policy.name: policy.last_match for policy in old}
    for policy in counts:
        policy.last_match = last.get(policy.name, 0)


def policy_samples(counts: list[PolicyCounts], origin: Origin) -> Iterator[Sample]:
    """Yield the metrics of policies."""
    for policy in counts:
        labels = origin.labels(policy=policy.name, mode="shadow" if policy.shadow else "enforce")
        for name, text, value in (
            ("matched", "Traces for which the policy was asked and its condition held.", policy.matched),
            ("kept", "Traces that the policy kept (in shadow: would have kept).", policy.kept),
            ("over_limit", "Traces that matched when limit, share or budget had no room.", policy.over_limit),
        ):
            yield Sample(f"tailgate_policy_{name}", "counter", text, value, labels)
        text = "When the policy last matched, in seconds since the epoch; 0: not yet."
        yield Sample("tailgate_policy_last_match_timestamp_seconds", "gauge", text, policy.last_match / 1e9, labels)


def collector_policy_samples(counts: list[PolicyCounts], origin: Origin) -> Iterator[Sample]:
    """Yield the collector's own metric of policies; matched and not kept counts as not sampled."""
    for policy in counts:
        if policy.shadow:
            continue
        kinds = (("true", "sampled", policy.kept), ("false", "dropped", policy.dropped))
        rest = policy.matched - policy.kept - policy.dropped
        for sampled, decision, value in (*kinds, ("false", "not_sampled", rest)):
            yield votes_sample(origin, policy.name, sampled, decision, value)


def votes_sample(
    origin: Origin, policy: str, sampled: str, decision: str, value: int, of: Literal["traces", "spans"] = "traces"
) -> Sample:
    """Return one number of `count_traces_sampled` or `count_spans_sampled`."""
    labels = origin.labels(policy=origin.policy(policy), sampled=sampled, decision=decision)
    text = f"{of.capitalize()} by policy and its decision."
    return Sample(f"{PREFIX}count_{of}_sampled", "counter", text, value, labels)


def asked_sample(origin: Origin, policy: str, value: int) -> Sample:
    """Return how often a policy has voted."""
    text = "Traces on which the policy has voted."
    labels = origin.labels(policy=origin.policy(policy))
    return Sample(f"{PREFIX}sampling_policy_execution_count", "counter", text, value, labels)


def errors_sample(origin: Origin, value: int) -> Sample:
    """Return how many votes were errors."""
    text = "Votes that could not be cast: a condition had no answer, and its errors propagate."
    return Sample(f"{PREFIX}sampling_policy_evaluation_error", "counter", text, value, origin.labels())


@dataclass
class SamplerCounts:
    """What the sampler itself has done."""

    new_traces: int = 0
    traces: Counter[Literal["sampled", "not_sampled", "dropped", "too_large"]] = field(default_factory=Counter)
    """Judged, by outcome."""
    late_spans: Counter[bool] = field(default_factory=Counter)
    """By whether they were kept."""
    without_root: int = 0
    early: Counter[str] = field(default_factory=Counter)
    """Traces judged before they were due, by cause."""
    ages: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    """Seconds for which traces were held."""
    late_ages: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    """Whole seconds, rounded up, from the verdict until more spans came: once a request and trace."""


def sampler_samples(counts: SamplerCounts, on_memory: int, origin: Origin) -> Iterator[Sample]:
    """Yield the metrics of the sampler."""
    for decision in ("sampled", "not_sampled", "dropped"):
        labels = origin.labels(sampled=_text(decision == "sampled"), decision=decision)
        text = "Traces by decision."
        yield Sample(f"{PREFIX}global_count_traces_sampled", "counter", text, counts.traces[decision], labels)
    for kept in (True, False):
        text = "Spans that came after the decision on their trace and followed it."
        labels = origin.labels(sampled=_text(kept))
        yield Sample(f"{PREFIX}early_releases_from_cache_decision", "counter", text, counts.late_spans[kept], labels)
    for cause in ("certain", "num_traces", "pressure", "shutdown"):
        text = "Traces judged before they were due, by what forced it."
        labels = origin.labels(reason=cause)
        yield Sample("tailgate_traces_judged_early", "counter", text, counts.early[cause], labels)
    text = "How long traces were held, in seconds."
    yield counts.ages.sample(f"{PREFIX}sampling_trace_removal_age_seconds", text, origin.labels())
    text = "How long after the decision on their trace late spans came, in seconds."
    yield counts.late_ages.sample(f"{PREFIX}sampling_late_span_age_seconds", text, origin.labels())
    yield from _totals(counts, on_memory, origin.labels())


def _totals(counts: SamplerCounts, on_memory: int, labels: Mapping[str, str]) -> Iterator[Sample]:
    for name, text, value in (
        (f"{PREFIX}new_trace_id_received", "Traces seen for the first time.", counts.new_traces),
        (f"{PREFIX}sampling_trace_dropped_too_early", "Traces lost before they were judged: none ever are.", 0),
        (f"{PREFIX}traces_dropped_too_large", "Traces dropped for their size.", counts.traces["too_large"]),
        ("tailgate_traces_judged_without_root", "Traces judged before their root span came.", counts.without_root),
    ):
        yield Sample(name, "counter", text, value, labels)
    text = "Traces held until they are judged."
    yield Sample(f"{PREFIX}sampling_traces_on_memory", "gauge", text, on_memory, labels)


def _text(truth: bool) -> str:
    return "true" if truth else "false"
