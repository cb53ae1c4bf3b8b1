"""The demo's upstream: a real OTLP/gRPC server that counts what arrives and shows how it is tagged."""

from __future__ import annotations

from collections import Counter

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


def attribute(attributes: object, key: str) -> str | None:
    """Return a string attribute's value."""
    return next((a.value.string_value for a in attributes if a.key == key), None)  # type: ignore[attr-defined]


class Upstream:
    """Counts spans, traces by policy, and traces by retention."""

    def __init__(self) -> None:
        self.spans = 0
        self.policies: dict[bytes, str] = {}
        self.retentions: dict[bytes, str] = {}
        self.endpoint = ""
        self._server = grpc.aio.server()

    async def start(self) -> None:
        """Listen on a free port of the loopback."""
        handlers = {"Export": grpc.unary_unary_rpc_method_handler(self._export)}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._server.stop(1.0)

    @property
    def by_policy(self) -> Counter[str]:
        """Kept traces by the policy that kept them."""
        return Counter(self.policies.values())

    @property
    def retention(self) -> Counter[str]:
        """Kept traces by how long they are worth keeping."""
        return Counter(self.retentions.values())

    async def _export(self, request: bytes, _: object) -> bytes:
        for block in ExportTraceServiceRequest.FromString(request).resource_spans:
            for span in (span for scope in block.scope_spans for span in scope.spans):
                self._take(block, span)
        return b""

    def _take(self, block: ResourceSpans, span: Span) -> None:
        self.spans += 1
        self.policies.setdefault(span.trace_id, attribute(span.attributes, "tailgate.policy") or "(none)")
        name = attribute(block.resource.attributes, "retention.policy") or "(none)"
        ttl = attribute(block.resource.attributes, "retention.ttl") or "?"
        self.retentions.setdefault(span.trace_id, f"{name} ({ttl})")
