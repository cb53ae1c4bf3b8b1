"""The OpenTelemetry SDK's own exporters as clients."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tailgate.receivers.base import Refused


def grpc_exporter(served: Any, compressed: bool) -> GrpcExporter:
    import grpc

    compression = grpc.Compression.Gzip if compressed else grpc.Compression.NoCompression
    return GrpcExporter(endpoint=served.grpc, insecure=True, compression=compression, headers=(("x-tenant", "t1"),))


def http_exporter(served: Any, compressed: bool) -> HttpExporter:
    compression = Compression.Gzip if compressed else Compression.NoCompression
    url = f"http://{served.http}/v1/traces"
    return HttpExporter(endpoint=url, compression=compression, headers={"x-tenant": "t1"})


EXPORTERS = pytest.mark.parametrize("make", [grpc_exporter, http_exporter])


def emit(exporter: Any, spans: int) -> None:
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=5000))
    tracer = provider.get_tracer("test")
    for index in range(spans):
        with tracer.start_as_current_span(f"span {index}", attributes={"index": index}):
            pass
    assert provider.force_flush(20_000)
    provider.shutdown()


def names(requests: list[bytes]) -> set[str]:
    parsed = [ExportTraceServiceRequest.FromString(request) for request in requests]
    return {s.name for r in parsed for resource in r.resource_spans for sc in resource.scope_spans for s in sc.spans}


@EXPORTERS
@pytest.mark.parametrize("compressed", [False, True])
def test_everything_arrives(serve: Any, consumer: Any, make: Any, compressed: bool) -> None:
    """Scenario: 1,500 spans in batches. Guarantees: each arrives, with the request's metadata."""
    consumer.keys = ("metadata.x-tenant",)
    emit(make(serve(), compressed), 1500)
    assert names(consumer.requests) == {f"span {index}" for index in range(1500)}
    assert {found["metadata.x-tenant"] for found in consumer.metadata} == {"t1"}
    assert consumer.in_flight == 0


@EXPORTERS
def test_refused_requests_are_sent_again(serve: Any, consumer: Any, make: Any) -> None:
    """Scenario: no admission at first. Guarantees: the SDK takes our refusal for one to retry, and nothing is lost."""
    served = serve()
    attempts: list[int] = []

    def admit(size: int) -> None:
        attempts.append(size)
        if len(attempts) <= 2:
            raise Refused("memory_limit", 0.1, exhausted=make is grpc_exporter)

    consumer.admit = admit
    emit(make(served, False), 10)
    assert names(consumer.requests) == {f"span {index}" for index in range(10)}
    assert served.count("tailgate_receiver_refused_requests") >= 1
