"""A service without sockets: an exporter that keeps what it is given, a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import BaseModel
from tailgate.config.model import Tables
from tailgate.exporters.base import ExportContext, ExporterSpec, Ledger
from tailgate.pipeline import Pipeline, Service
from tailgate.processors import PROCESSORS
from tailgate.receivers import RECEIVERS
from tailgate.telemetry.samples import Sample

SECOND = 1_000_000_000


class MemoryConfig(BaseModel):
    room: int = 1 << 30


class MemoryExporter:
    """Keeps what it is given; its room is set by hand."""

    def __init__(self, config: MemoryConfig, context: ExportContext) -> None:
        self.id, self.bytes_left, self.requests = context.id, config.room, list[bytes]()
        self.ledger = Ledger()

    async def start(self) -> None: ...

    async def stop(self, deadline: float) -> None: ...

    def room(self) -> int:
        return self.bytes_left

    def held_bytes(self) -> int:
        return 0

    @property
    def largest(self) -> tuple[int, int]:
        return 0, 0

    def offer(self, requests: Sequence[tuple[bytes, int]]) -> None:
        for data, spans in requests:
            self.requests.append(data)
            self.ledger.out += spans
            self.ledger.sent += spans

    def samples(self) -> Iterable[Sample]:
        return ()


TABLES = Tables(RECEIVERS, PROCESSORS, (ExporterSpec("memory", MemoryConfig, MemoryExporter),))
HEAD = 'receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}}}}\n'


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: int = 1_000 * SECOND) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def request(*spans: tuple[int, str, dict[str, str]]) -> bytes:
    """One resource; a span is (trace number, name, attributes), without a parent."""
    message = Request()
    block = message.resource_spans.add()
    block.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = block.scope_spans.add()
    for index, (trace, name, attributes) in enumerate(spans):
        span = scope.spans.add(trace_id=trace.to_bytes(16, "big"), span_id=(index + 1).to_bytes(8, "big"), name=name)
        span.start_time_unix_nano, span.end_time_unix_nano = SECOND, SECOND + 1
        for key, value in attributes.items():
            span.attributes.add(key=key).value.string_value = value
    return message.SerializeToString()


def nothing(_: str) -> None:
    return None


def balanced(pipeline: Pipeline) -> bool:
    return pipeline.accepted + pipeline.created == pipeline.out + pipeline.dropped.total() + pipeline.row.held()[1]


def arrived(service: Service, exporter: str = "memory") -> list[Request]:
    return [Request.FromString(r) for r in service.exporters[exporter].requests]  # type: ignore[attr-defined]


def spans(service: Service, exporter: str = "memory") -> list[Span]:
    return [s for r in arrived(service, exporter) for b in r.resource_spans for c in b.scope_spans for s in c.spans]


def names(service: Service, exporter: str = "memory") -> list[str]:
    return [span.name for span in spans(service, exporter)]


def pipelines(row: str, exporters: str = "memory") -> str:
    return f"service: {{pipelines: {{traces: {{receivers: [otlp], processors: [{row}], exporters: [{exporters}]}}}}}}\n"
