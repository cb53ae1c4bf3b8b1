"""An application in a pod: its spans are the real SDK's, and come from the pod's address."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness import Tailgate, Upstream, until
from kube_node import Sender
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

NUMBERS = itertools.count()


@contextmanager
def exporter(tailgate: Tailgate, address: str, protocol: str) -> Iterator[SpanExporter]:
    """The SDK's exporter, whose connections come from that address."""
    sender = Sender(address, tailgate.grpc_port if protocol == "grpc" else tailgate.http_port)
    sender.start()
    try:
        if protocol == "grpc":
            yield GrpcExporter(endpoint=f"127.0.0.1:{sender.port}", insecure=True)
        else:
            yield HttpExporter(endpoint=f"http://127.0.0.1:{sender.port}/v1/traces")
    finally:
        sender.close()


def observed(
    tailgate: Tailgate, upstream: Upstream, address: str, protocol: str = "grpc", **resource: str
) -> dict[str, Any]:
    """Send one span as a pod with that address; the attributes that its resource has at the upstream come back."""
    name = f"span-{next(NUMBERS)}"
    with exporter(tailgate, address, protocol) as sink:
        provider = TracerProvider(resource=Resource.create({"service.name": "cart", **resource}))
        provider.add_span_processor(SimpleSpanProcessor(sink))
        provider.get_tracer("test").start_span(name).end()
        provider.shutdown()
    found: dict[str, Any] = until(f"{name} arrives", lambda: _resource_of(upstream, name))
    return found


def _resource_of(upstream: Upstream, name: str) -> dict[str, Any] | None:
    for request in upstream.parsed():
        for block in request.resource_spans:
            if any(span.name == name for scope in block.scope_spans for span in scope.spans):
                return {one.key: _plain(one.value) for one in block.resource.attributes}
    return None


def _plain(value: Any) -> Any:
    if value.HasField("array_value"):
        return [_plain(one) for one in value.array_value.values]
    return getattr(value, value.WhichOneof("value"))
