"""Metrics that are made of others, under names that alerts and dashboards have had for long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from .samples import Sample

LOST = frozenset({"too_large", "shutdown"})
"""The reasons of a pipeline, besides those with a `:`, for which nobody had decided that these spans should go."""
_ACCEPTED, _DROPPED = "tailgate_pipeline_accepted_spans", "tailgate_pipeline_dropped_spans"
_FAILED = "tailgate_exporter_failed_spans"
_TICK = "tailgate_decision_tick_seconds"
_TICK_BEFORE = "otelcol_processor_tail_sampling_sampling_decision_timer_latency_milliseconds"


def is_loss(reason: str) -> bool:
    """Return whether spans that a pipeline drops for this reason are lost, not sampled or filtered away.

    `id:outcome` is a stage that could not do its work; but `id:drop_span` is a scrub rule that has done it.
    """
    return reason in LOST or (":" in reason and not reason.endswith(":drop_span"))


def lost_samples(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Yield `otelcol_processor_dropped_spans`: what every pipeline and every exporter has lost.

    The collector counted so, without `_total`, what a processor dropped because of a failure or for want of room; the
    processor that queued and retried was one of them. What sampling, a filter or a limit takes out is not in it.
    """
    lost: Counter[tuple[str, str]] = Counter()
    for sample in samples:
        if sample.name == _ACCEPTED:
            lost["pipeline", sample.labels["pipeline"]] += 0
        elif sample.name == _DROPPED and is_loss(sample.labels["reason"]):
            lost["pipeline", sample.labels["pipeline"]] += int(sample.value)
        elif sample.name == _FAILED:
            lost["exporter", sample.labels["exporter"]] += int(sample.value)
    text = "Spans lost on their way that no policy, filter or limit took out, by pipeline or by exporter"
    for (kind, name), spans in lost.items():
        yield Sample("otelcol_processor_dropped_spans", "unknown", text, spans, {kind: name})


def milliseconds_samples(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Yield the collector's histogram in milliseconds, of ours in seconds (Prometheus' base unit)."""
    for sample in samples:
        if sample.name == _TICK:
            buckets = tuple((_thousandfold(bound), count) for bound, count in sample.buckets)
            text = "How long judging what was due took, a tick, in milliseconds"
            yield replace(sample, name=_TICK_BEFORE, help=text, value=sample.value * 1000, buckets=buckets)


def _thousandfold(bound: str) -> str:
    return f"{1000 * float(bound):g}".replace("inf", "+Inf")
