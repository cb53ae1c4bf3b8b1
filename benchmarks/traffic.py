"""Seeded, pre-built OTLP requests: realistic spans of about 546 bytes, distinct trace ids."""

from __future__ import annotations

import random
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

ROUTES = ("/cart", "/checkout", "/products", "/recommendations", "/payments", "/users", "/search", "/orders")
START = 1_790_000_000_000_000_000


@dataclass(frozen=True)
class Shape:
    """What the traffic looks like."""

    spans_per_request: int = 512
    spans_per_trace: int = 8
    error_share: float = 0.02
    slow_share: float = 0.02


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _fill(span: object, rng: random.Random, trace: bytes, root: bool, shape: Shape) -> None:
    route = rng.choice(ROUTES)
    span.trace_id, span.span_id = trace, rng.randbytes(8)  # type: ignore[attr-defined]
    if not root:
        span.parent_span_id = rng.randbytes(8)  # type: ignore[attr-defined]
    span.name, span.kind = f"GET {route}/{{id}}", 2  # type: ignore[attr-defined]
    start = START + rng.randrange(10**9)
    slow = rng.random() < shape.slow_share
    span.start_time_unix_nano = start  # type: ignore[attr-defined]
    span.end_time_unix_nano = start + rng.randrange(1, 200) * 10**6 + slow * 3 * 10**9  # type: ignore[attr-defined]
    if rng.random() < shape.error_share:
        span.status.code = 2  # type: ignore[attr-defined]
    span.attributes.extend(  # type: ignore[attr-defined]
        [
            _text("http.request.method", "GET"),
            _text("url.full", f"https://shop.example.com{route}/{rng.randrange(10**6)}?page={rng.randrange(50)}"),
            _text("http.route", f"{route}/{{id}}"),
            _text("server.address", f"{route[1:]}.shop.svc.cluster.local"),
            KeyValue(key="http.response.status_code", value=AnyValue(int_value=rng.choice((200, 200, 200, 404)))),
            _text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
            _text("user.tier", rng.choice(("free", "free", "free", "enterprise"))),
            _text("db.query.text", f"SELECT id, name FROM {route[1:]} WHERE id = $1 LIMIT 20"),
            _text("request.id", f"{rng.getrandbits(128):032x}"),
        ]
    )


def build(count: int, shape: Shape, seed: int = 1) -> list[bytes]:
    """Return `count` serialized requests."""
    rng = random.Random(seed)
    requests = []
    for number in range(count):
        request = ExportTraceServiceRequest()
        block = request.resource_spans.add()
        block.resource.attributes.extend(
            [
                _text("service.name", ROUTES[number % len(ROUTES)][1:]),
                _text("k8s.pod.name", f"pod-{number % 32}"),
                _text("telemetry.sdk.language", "python"),
            ]
        )
        scope = block.scope_spans.add()
        scope.scope.name = "opentelemetry.instrumentation.fastapi"
        trace = b""
        for index in range(shape.spans_per_request):
            root = index % shape.spans_per_trace == 0
            trace = rng.randbytes(16) if root else trace
            _fill(scope.spans.add(), rng, trace, root, shape)
        requests.append(request.SerializeToString())
    return requests
