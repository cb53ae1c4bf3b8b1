"""The ledger of a pipeline as samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .samples import Sample


def ledger_samples(
    labels: Mapping[str, str], ways: tuple[int, int, int], dropped: Mapping[str, int], held: tuple[int, int, int]
) -> Iterator[Sample]:
    """Yield spans accepted, created and out (`ways`), dropped by reason, and held (traces, spans, bytes).

    `accepted + created == out + dropped + held`.
    """
    accepted, created, out = ways
    traces, spans, held_bytes = held
    yield Sample("tailgate_pipeline_accepted_spans", "counter", "Spans taken by the pipeline", accepted, labels)
    yield Sample("tailgate_pipeline_created_spans", "counter", "Spans that processors made", created, labels)
    yield Sample("tailgate_pipeline_out_spans", "counter", "Spans handed to the exporters", out, labels)
    for reason, count in sorted(dropped.items()):
        why = {**labels, "reason": reason}
        yield Sample("tailgate_pipeline_dropped_spans", "counter", "Spans dropped, by reason", count, why)
    text = "Spans held until their trace is judged, or a processor has answered"
    yield Sample("tailgate_pipeline_held_spans", "gauge", text, spans, labels)
    yield Sample("tailgate_pipeline_held_traces", "gauge", "Traces held", traces, labels)
    yield Sample("tailgate_pipeline_held_bytes", "gauge", "Bytes held", held_bytes, labels)
