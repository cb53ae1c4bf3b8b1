"""What became of the demo's spans: numbers from Tailgate's own metrics beside what its upstream counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from ...telemetry.samples import Sample
from .upstream import Upstream


@dataclass
class Summary:
    """The demo's result; `adds_up` says that no span is unaccounted for."""

    received_spans: int = 0
    exported_spans: int = 0
    dropped_spans: dict[str, int] = field(default_factory=dict)
    held_spans: int = 0
    queued_spans: int = 0
    failed_spans: int = 0
    refused_spans: int = 0
    kept_traces: int = 0
    by_policy: dict[str, int] = field(default_factory=dict)
    scrubbed: dict[str, int] = field(default_factory=dict)
    retention: dict[str, int] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        """Received = exported + dropped + held + queued + failed, and something was received."""
        waiting = self.held_spans + self.queued_spans + self.failed_spans
        return 0 < self.received_spans == self.exported_spans + sum(self.dropped_spans.values()) + waiting

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return {**asdict(self), "adds_up": self.adds_up}


def summarize(samples: Iterable[Sample], upstream: Upstream) -> Summary:
    """Read one snapshot of the metrics and the upstream's counts."""
    totals: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    scrubbed: Counter[str] = Counter()
    for sample in samples:
        totals[sample.name] += int(sample.value)
        if sample.name == "tailgate_pipeline_dropped_spans":
            dropped[sample.labels["reason"]] += int(sample.value)
        if sample.name == "tailgate_scrubbed" and sample.value:
            scrubbed[sample.labels["rule"]] += int(sample.value)
    return Summary(
        received_spans=totals["tailgate_pipeline_accepted_spans"],
        exported_spans=upstream.spans,
        dropped_spans=dict(sorted(dropped.items())),
        held_spans=totals["tailgate_pipeline_held_spans"],
        queued_spans=totals["tailgate_exporter_queued_spans"] + totals["tailgate_exporter_in_flight_spans"],
        failed_spans=totals["tailgate_exporter_failed_spans"],
        refused_spans=totals["otelcol_receiver_refused_spans"],
        kept_traces=len(upstream.policies),
        by_policy=dict(upstream.by_policy.most_common()),
        scrubbed=dict(scrubbed.most_common()),
        retention=dict(upstream.retention.most_common()),
    )
