"""`otelcol_processor_dropped_spans`: what is lost, and nothing that somebody decided to drop."""

from __future__ import annotations

from typing import get_args

import pytest
from tailgate.processors.tail_sampling.labels import Drop
from tailgate.telemetry.derived import is_loss, lost_samples
from tailgate.telemetry.samples import Sample


def counter(name: str, value: float, **labels: str) -> Sample:
    return Sample(name, "counter", "", value, labels)


def lost(*samples: Sample) -> dict[tuple[tuple[str, str], ...], float]:
    made = list(lost_samples(samples))
    assert {(sample.name, sample.kind) for sample in made} <= {("otelcol_processor_dropped_spans", "unknown")}
    return {tuple(sample.labels.items()): sample.value for sample in made}


def test_what_is_lost_adds_up() -> None:
    """Pipelines and exporters have a series each; what sampling and filters take out is not in it."""
    found = lost(
        counter("tailgate_pipeline_accepted_spans", 100, pipeline="traces"),
        counter("tailgate_pipeline_dropped_spans", 50, pipeline="traces", reason="not_sampled"),
        counter("tailgate_pipeline_dropped_spans", 2, pipeline="traces", reason="too_large"),
        counter("tailgate_pipeline_dropped_spans", 3, pipeline="traces", reason="custom/redactor:timeout"),
        counter("tailgate_pipeline_dropped_spans", 9, pipeline="traces", reason="filter/health"),
        counter("tailgate_pipeline_accepted_spans", 7, pipeline="traces/b"),
        counter("tailgate_exporter_failed_spans", 4, exporter="otlp", reason="queue_full"),
        counter("tailgate_exporter_failed_spans", 1, exporter="otlp", reason="permanent"),
    )
    assert found == {
        (("pipeline", "traces"),): 5,
        (("pipeline", "traces/b"),): 0,
        (("exporter", "otlp"),): 5,
    }


def test_nothing_lost_is_zero() -> None:
    """The series are there before anything is lost: a rate needs a first value."""
    idle = [
        counter("tailgate_pipeline_accepted_spans", 0, pipeline="traces"),
        counter("tailgate_exporter_failed_spans", 0, exporter="otlp", reason="queue_full"),
    ]
    assert lost(*idle) == {(("pipeline", "traces"),): 0, (("exporter", "otlp"),): 0}
    assert lost() == {}


@pytest.mark.parametrize(
    "reason", [*get_args(Drop), "late_not_sampled", "filter", "probabilistic_sampler/half", "scrub:drop_span"]
)
def test_decisions_are_no_losses(reason: str) -> None:
    """Of the sampler's reasons two are losses: too large, and held at the end."""
    assert is_loss(reason) == (reason in ("too_large", "shutdown"))


@pytest.mark.parametrize("reason", ["filter:error", "transform/x:error", "custom/redactor:crash", "scrub:on_error"])
def test_failures_are_losses(reason: str) -> None:
    """A stage that failed on spans and dropped them has lost them."""
    assert is_loss(reason)
