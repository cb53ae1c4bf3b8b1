"""The `debug` exporter: sends nothing and says once a second what it would have sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from google.protobuf.message import DecodeError
from pydantic import Field

from ..telemetry.logs import get_logger
from ..telemetry.samples import Sample
from ..telemetry.signals import FACTS, Signal
from .base import UNBOUNDED, ExportContext, ExporterSpec, Ledger
from .samples import ledger_samples
from .settings import QueueSettings, Settings

INTERVAL = 1.0
"""Seconds between two lines."""
_SHOWN = 10
_NO_NAME = "(no service.name)"

log = get_logger("tailgate.exporter")


class DebugSettings(Settings):
    """`exporters.debug`. The keys of sampling and output are accepted; there is one line a second in any case."""

    verbosity: Literal["basic", "normal", "detailed"] = "basic"
    """basic: sums; normal: also the services of the second's last request; detailed: also the first records in it:
    names of spans and metrics, severities of logs."""
    sampling_initial: int = Field(2, ge=0)
    """Accepted; without effect, as are those below."""
    sampling_thereafter: int = Field(1, ge=0)
    use_internal_logger: bool = True
    output_paths: list[str] = Field(default_factory=list)
    loglevel: Literal["debug", "info", "warn", "error"] | None = None
    sending_queue: QueueSettings | None = None


class DebugExporter:
    """An `Exporter` for which everything that is offered is sent. Attribute values are never shown."""

    def __init__(self, settings: DebugSettings, context: ExportContext) -> None:
        self.id = context.id
        self.ledger = Ledger()
        self._verbosity = settings.verbosity
        self._signal: Signal = context.signal
        self._requests = self._records = self._bytes = 0
        self._last: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Begin to write lines."""
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._tick)

    def room(self) -> int:
        """Return `UNBOUNDED`: nothing is held."""
        return UNBOUNDED

    @property
    def largest(self) -> tuple[int, int]:
        """No bound."""
        return 0, 0

    def held_bytes(self) -> int:
        """Return 0: nothing is held."""
        return 0

    def offer(self, requests: Sequence[tuple[bytes, int]]) -> None:
        """Count requests as sent."""
        for data, records in requests:
            self.ledger.out += records
            self.ledger.sent += records
            self._requests += 1
            self._records += records
            self._bytes += len(data)
            self._last = data

    async def stop(self, deadline: float) -> None:
        """Write the last line."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._write()

    def samples(self) -> Iterable[Sample]:
        """Its ledger."""
        return ledger_samples(self.id, self.ledger, self._signal)

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._tick)
        self._write()

    def _write(self) -> None:
        if not self._requests:
            return
        sample: dict[str, Any] = {}
        if self._verbosity != "basic" and self._last is not None:
            sample = describe(self._last, self._verbosity, self._signal)
        sums = {"requests": self._requests, FACTS[self._signal].unit: self._records, "bytes": self._bytes}
        self._requests = self._records = self._bytes = 0
        self._last = None
        log.info("debug_exporter", exporter=self.id, **sums, **sample)


def describe(request: bytes, verbosity: str, signal: Signal = "traces") -> dict[str, Any]:
    """Return what one request holds: records by service and, when `detailed`, what its first records are.

    That is names, ids, severities and kinds: neither attribute values nor bodies.
    """
    try:
        decoded = FACTS[signal].request.FromString(request)
    except DecodeError:
        return {"sample": "cannot be decoded"}
    services: Counter[str] = Counter()
    shown: list[dict[str, str]] = []
    for group in _GROUPS[signal](decoded):
        names = [pair.value.string_value for pair in group.resource.attributes if pair.key == "service.name"]
        service = names[0] if names else _NO_NAME
        for records in _RECORDS[signal](group):
            services[service] += sum(_points(record) if signal == "metrics" else 1 for record in records)
            first = records[: max(0, _SHOWN - len(shown))]
            shown += [{"service": service, **_SHORT[signal](record)} for record in first]
    out: dict[str, Any] = {"services": dict(services.most_common(_SHOWN))}
    return {**out, f"first_{_SHOWN_AS[signal]}": shown} if verbosity == "detailed" else out


def _points(metric: Any) -> int:
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).data_points) if kind else 0


def _metric(metric: Any) -> dict[str, str]:
    return {"name": metric.name, "unit": metric.unit, "kind": metric.WhichOneof("data") or "none"}


def _log(record: Any) -> dict[str, str]:
    severity = record.severity_text or str(record.severity_number)
    return {"severity": severity, "event_name": record.event_name, "trace_id": record.trace_id.hex()}


_GROUPS: dict[Signal, Callable[[Any], Any]] = {
    "traces": lambda message: message.resource_spans,
    "logs": lambda message: message.resource_logs,
    "metrics": lambda message: message.resource_metrics,
}
_RECORDS: dict[Signal, Callable[[Any], Any]] = {
    "traces": lambda group: [scope.spans for scope in group.scope_spans],
    "logs": lambda group: [scope.log_records for scope in group.scope_logs],
    "metrics": lambda group: [scope.metrics for scope in group.scope_metrics],
}
_SHORT: dict[Signal, Callable[[Any], dict[str, str]]] = {
    "traces": lambda span: {"name": span.name, "trace_id": span.trace_id.hex()},
    "logs": _log,
    "metrics": _metric,
}
_SHOWN_AS: dict[Signal, str] = {"traces": "spans", "logs": "log_records", "metrics": "metrics"}


def build(settings: DebugSettings, context: ExportContext) -> DebugExporter:
    """Return the exporter."""
    return DebugExporter(settings, context)


SPEC = ExporterSpec("debug", DebugSettings, build, ("logging",))
