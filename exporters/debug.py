"""The `debug` exporter: sends nothing and says once a second what it would have sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import Field

from ..telemetry.logs import get_logger
from ..telemetry.samples import Sample
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
    """basic: sums; normal: also the services of the second's last request; detailed: also its first spans' names."""
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
        self._requests = self._spans = self._bytes = 0
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
        for data, spans in requests:
            self.ledger.out += spans
            self.ledger.sent += spans
            self._requests += 1
            self._spans += spans
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
        return ledger_samples(self.id, self.ledger)

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._tick)
        self._write()

    def _write(self) -> None:
        if not self._requests:
            return
        sample = {} if self._verbosity == "basic" or self._last is None else describe(self._last, self._verbosity)
        sums = {"requests": self._requests, "spans": self._spans, "bytes": self._bytes}
        self._requests = self._spans = self._bytes = 0
        self._last = None
        log.info("debug_exporter", exporter=self.id, **sums, **sample)


def describe(request: bytes, verbosity: str) -> dict[str, Any]:
    """Return what one request holds: spans by service and, when `detailed`, its first spans' names and ids."""
    try:
        decoded = ExportTraceServiceRequest.FromString(request)
    except DecodeError:
        return {"sample": "cannot be decoded"}
    services: Counter[str] = Counter()
    shown: list[dict[str, str]] = []
    for group in decoded.resource_spans:
        names = [pair.value.string_value for pair in group.resource.attributes if pair.key == "service.name"]
        service = names[0] if names else _NO_NAME
        for scope in group.scope_spans:
            services[service] += len(scope.spans)
            first = scope.spans[: max(0, _SHOWN - len(shown))]
            shown += [{"service": service, "name": span.name, "trace_id": span.trace_id.hex()} for span in first]
    out: dict[str, Any] = {"services": dict(services.most_common(_SHOWN))}
    return {**out, "first_spans": shown} if verbosity == "detailed" else out


def build(settings: DebugSettings, context: ExportContext) -> DebugExporter:
    """Return the exporter."""
    return DebugExporter(settings, context)


SPEC = ExporterSpec("debug", DebugSettings, build, ("logging",))
