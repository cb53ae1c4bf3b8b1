"""What an exporter shows to Prometheus: its ledger and its queue, under the collector's names where it has one."""

from __future__ import annotations

from collections.abc import Iterator

from ..telemetry.samples import Sample
from .base import Ledger
from .queue import REASONS, SendQueue


def ledger_samples(exporter: str, ledger: Ledger) -> Iterator[Sample]:
    """Yield the ledger: `out == sent + failed + queued + in_flight`, in spans."""
    labels = {"exporter": exporter}
    failed = sum(ledger.failed.values())
    full = ledger.failed["queue_full"]
    yield Sample("otelcol_exporter_sent_spans", "counter", "Spans that the upstream took", ledger.sent, labels)
    text = "Spans that could not be sent, those that found the queue full aside"
    yield Sample("otelcol_exporter_send_failed_spans", "counter", text, failed - full, labels)
    text = "Spans that the queue had no room for"
    yield Sample("otelcol_exporter_enqueue_failed_spans", "counter", text, full, labels)
    yield Sample("tailgate_exporter_out_spans", "counter", "Spans handed to the exporter", ledger.out, labels)
    for reason in REASONS:
        text = "Spans lost in the exporter, by reason"
        yield Sample(
            "tailgate_exporter_failed_spans", "counter", text, ledger.failed[reason], {**labels, "reason": reason}
        )
    yield Sample("tailgate_exporter_queued_spans", "gauge", "Spans that wait to be sent", ledger.queued, labels)
    text = "Spans in a request that is under way or waits for its next attempt"
    yield Sample("tailgate_exporter_in_flight_spans", "gauge", text, ledger.in_flight, labels)


def queue_samples(exporter: str, queue: SendQueue) -> Iterator[Sample]:
    """Yield the ledger and how full the queue is."""
    yield from ledger_samples(exporter, queue.ledger)
    labels = {"exporter": exporter, "data_type": "traces"}
    text = "Held by the exporter, in the unit of its sizer"
    yield Sample("otelcol_exporter_queue_size", "gauge", text, queue.size, labels)
    text = "The most that the exporter holds, in the unit of its sizer"
    yield Sample("otelcol_exporter_queue_capacity", "gauge", text, queue.limits.capacity, labels)
    text = "Bytes held by the exporter: waiting, in flight and waiting for a retry"
    yield Sample("tailgate_exporter_queue_bytes", "gauge", text, queue.bytes, {"exporter": exporter})
