"""The ledger of a pipeline as samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .samples import Sample
from .signals import FACTS, Signal


def ledger_samples(
    labels: Mapping[str, str],
    ways: tuple[int, int, int],
    dropped: Mapping[str, int],
    held: tuple[int, int, int],
    signal: Signal = "traces",
) -> Iterator[Sample]:
    """Yield what was accepted, created and out (`ways`), dropped by reason, and held (traces, records, bytes).

    `accepted + created == out + dropped + held`, in the signal's own unit.
    """
    accepted, created, out = ways
    traces, records, held_bytes = held
    name, words = f"tailgate_pipeline_%s_{FACTS[signal].unit}", FACTS[signal].words
    yield Sample(name % "accepted", "counter", f"{words} taken by the pipeline", accepted, labels)
    yield Sample(name % "created", "counter", f"{words} that processors made", created, labels)
    yield Sample(name % "out", "counter", f"{words} handed to the exporters", out, labels)
    for reason, count in sorted(dropped.items()):
        why = {**labels, "reason": reason}
        yield Sample(name % "dropped", "counter", f"{words} dropped, by reason", count, why)
    text = f"{words} held until their trace is judged, or a processor has answered"
    yield Sample(name % "held", "gauge", text, records, labels)
    yield Sample("tailgate_pipeline_held_traces", "gauge", "Traces held", traces, labels)
    yield Sample("tailgate_pipeline_held_bytes", "gauge", "Bytes held", held_bytes, labels)
