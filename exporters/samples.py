"""What an exporter shows to Prometheus: its ledger and its queue, under the collector's names where it has one."""

from __future__ import annotations

from collections.abc import Iterator

from ..telemetry.samples import Sample
from ..telemetry.signals import FACTS, Signal
from .base import Ledger
from .queue import REASONS, SendQueue


def ledger_samples(exporter: str, ledger: Ledger, signal: Signal = "traces") -> Iterator[Sample]:
    """Yield the ledger: `out == sent + failed + queued + in_flight`, in the signal's unit."""
    labels, unit, words = {"exporter": exporter}, FACTS[signal].unit, FACTS[signal].words
    failed = sum(ledger.failed.values())
    full = ledger.failed["queue_full"]
    yield Sample(f"otelcol_exporter_sent_{unit}", "counter", f"{words} that the upstream took", ledger.sent, labels)
    text = f"{words} that could not be sent, those that found the queue full aside"
    yield Sample(f"otelcol_exporter_send_failed_{unit}", "counter", text, failed - full, labels)
    text = f"{words} that the queue had no room for"
    yield Sample(f"otelcol_exporter_enqueue_failed_{unit}", "counter", text, full, labels)
    yield Sample(f"tailgate_exporter_out_{unit}", "counter", f"{words} handed to the exporter", ledger.out, labels)
    for reason in REASONS:
        name, text = f"tailgate_exporter_failed_{unit}", f"{words} lost in the exporter, by reason"
        yield Sample(name, "counter", text, ledger.failed[reason], {**labels, "reason": reason})
    yield Sample(f"tailgate_exporter_queued_{unit}", "gauge", f"{words} that wait to be sent", ledger.queued, labels)
    text = f"{words} in a request that is under way or waits for its next attempt"
    yield Sample(f"tailgate_exporter_in_flight_{unit}", "gauge", text, ledger.in_flight, labels)


def queue_samples(exporter: str, queue: SendQueue, signal: Signal = "traces") -> Iterator[Sample]:
    """Yield the ledger and how full the queue is; an exporter has one for each signal."""
    yield from ledger_samples(exporter, queue.ledger, signal)
    labels = {"exporter": exporter, "data_type": signal}
    text = "Held by the exporter, in the unit of its sizer"
    yield Sample("otelcol_exporter_queue_size", "gauge", text, queue.size, labels)
    text = "The most that the exporter holds, in the unit of its sizer"
    yield Sample("otelcol_exporter_queue_capacity", "gauge", text, queue.limits.capacity, labels)
    text = "Bytes held by the exporter: waiting, in flight and waiting for a retry"
    yield Sample("tailgate_exporter_queue_bytes", "gauge", text, queue.bytes, labels)
