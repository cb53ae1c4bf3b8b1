"""The OpenTelemetry SDK as a service has it that sends a lot."""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter


def tracing(service: str, exporter: SpanExporter, **about: str) -> TracerProvider:
    """The tracer provider of a service, with more attributes of its resource; none of its spans finds a full queue."""
    provider = TracerProvider(resource=Resource({"service.name": service, **about}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=50_000, schedule_delay_millis=200))
    return provider
