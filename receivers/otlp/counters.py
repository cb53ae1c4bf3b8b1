"""What one protocol of a receiver has taken and refused, for the metrics and the log."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator

from ...telemetry.logs import RateLimited, get_logger
from ...telemetry.samples import Sample
from ...telemetry.signals import FACTS, Signal
from .status import Answer

MAX_REASONS = 32


class Counters:
    """Counts of one protocol; `transport` is `grpc` or `http`. Records are counted by signal, requests together."""

    def __init__(self, receiver: str, transport: str, signals: Iterable[Signal] = ("traces",)) -> None:
        self.labels = {"receiver": receiver, "transport": transport}
        self.accepted_records: dict[Signal, int] = dict.fromkeys(signals, 0)
        self.refused_records: dict[Signal, int] = dict.fromkeys(signals, 0)
        self.requests: Counter[str] = Counter()
        self.refused_requests: Counter[str] = Counter()
        self.refused_bytes: Counter[str] = Counter()
        self._log = RateLimited(get_logger("tailgate.receivers.otlp", **self.labels))

    def accepted(self, signal: Signal, records: int, code: str) -> None:
        """Count a request that was taken."""
        self.accepted_records[signal] += records
        self.requests[code] += 1

    def refused(self, reason: str, size: int, code: str, signal: Signal | None = None, records: int = 0) -> None:
        """Count a request that was not taken; `size` is what is known of its bytes on the wire."""
        if reason not in self.refused_requests and len(self.refused_requests) >= MAX_REASONS:
            reason = "other"
        self.refused_requests[reason] += 1
        self.refused_bytes[reason] += size
        if signal is not None:
            self.refused_records[signal] += records
        self.requests[code] += 1

    def report(self, answer: Answer, error: Exception) -> None:
        """Log what the operator should know of, at most a line in ten seconds for each kind of thing.

        The text of an unforeseen error stays out: it might quote the payload.
        """
        if answer.reason == "internal":
            where = traceback.format_tb(error.__traceback__, limit=-8)
            self._log.error("receiver_internal_error", error=type(error).__name__, where=where)
        elif answer.reason == "no_message":
            return
        elif answer.retry_after is None:
            self._log.warning("receiver_bad_request", reason=answer.reason, message=answer.message)
        else:
            self._log.warning("receiver_refused", reason=answer.reason)

    def samples(self) -> Iterator[Sample]:
        """Yield the counts."""
        own = self.labels
        for signal, count in self.accepted_records.items():
            unit, text = FACTS[signal].unit, f"{FACTS[signal].words} taken into the pipelines."
            yield _counter(f"otelcol_receiver_accepted_{unit}", text, count, own)
        for signal, count in self.refused_records.items():
            unit, text = FACTS[signal].unit, f"{FACTS[signal].words} that a pipeline refused."
            yield _counter(f"otelcol_receiver_refused_{unit}", text, count, own)
        for code, count in self.requests.items():
            yield _counter("tailgate_receiver_requests", "Requests by status.", count, {**own, "code": code})
        for reason, count in self.refused_requests.items():
            text = "Requests that were not taken, before their records were counted."
            yield _counter("tailgate_receiver_refused_requests", text, count, {**own, "reason": reason})
        for reason, count in self.refused_bytes.items():
            text = "Bytes, as far as they were read or announced, of requests that were not taken."
            yield _counter("tailgate_receiver_refused_bytes", text, count, {**own, "reason": reason})


def _counter(name: str, text: str, value: int, labels: dict[str, str]) -> Sample:
    return Sample(name, "counter", text, value, labels)
