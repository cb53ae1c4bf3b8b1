"""Seeded, pre-built OTLP requests with planted labels: realistic spans of about 560 bytes, distinct trace ids.

Spans are stamped from serialized templates (far cheaper than building messages), so that whole rounds of fresh requests
are ready before anything is measured. What was planted (which traces have an error, are slow, are of an enterprise
customer) is written down in a `Plan`, from which `oracle.py` says what must come out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cache

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

ROUTES = ("/cart", "/checkout", "/products", "/recommendations", "/payments", "/users", "/search", "/orders")
START = 1_790_000_000_000_000_000
MS = 1_000_000
SECRETS = (
    "planted.@@@@@@@@@example.com",  # eight @ stand for a number that is different each time
    "card 4111111111111111",
    "ssn 536-90-4399",
    "jwt eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln",
    "Bearer plantedbearertoken0123456789",
    "AKIAPLANTEDEXAMPLE22",
    "ghp_plantedplantedplantedplanted12345678",
    "203.0.113.7",
)
NEEDLES = (
    b"@example.com",
    b"4111111111111111",
    b"536-90-4399",
    b"eyJzdWIiOiIxIn0",
    b"plantedbearer",
    b"AKIAPLANTED",
    b"ghp_planted",
    b"203.0.113.7",
)
"""One for each secret, in the same order: what must not be found in anything that was scrubbed."""


@dataclass(frozen=True)
class Shape:
    """What the traffic looks like; shares are of traces, but `secret_share`, which is of spans."""

    spans_per_request: int = 512
    spans_per_trace: int = 8
    error_share: float = 0.03
    slow_share: float = 0.03
    enterprise_share: float = 0.025
    secret_share: float = 0.02


@dataclass
class Plan:
    """What was planted: the label of every trace (`error`, `slow`, `enterprise` or empty), and its number of spans."""

    labels: dict[bytes, str] = field(default_factory=dict)
    spans: dict[bytes, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All spans."""
        return sum(self.spans.values())


@dataclass
class Load:
    """Requests that are ready to send, and their plan."""

    requests: list[bytes]
    plan: Plan
    spans_per_request: int

    @property
    def size(self) -> int:
        """Bytes of all requests."""
        return sum(map(len, self.requests))


_HOLES = {
    b"trace": b"\x00TRACE-TRACE-TR\x00",
    b"span": b"\x00SPANID\x00",
    b"parent": b"\x00PARENT\x00",
    b"id": b"!" * 32,
    b"number": b"@" * 8,
    b"begin": b"\x11" * 8,
    b"end": b"\x12" * 8,
}
"""What stands in a template where something varies; always as many bytes as what takes its place."""


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def varint(value: int) -> bytes:
    """Return protobuf's encoding of a length."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


@cache
def _template(route: str, status: int, tier: str, error: bool, root: bool, secret: int) -> bytes:
    """Return a serialized span, field number and length before it, as a format of bytes with named holes."""
    number, request_id = _HOLES[b"number"].decode(), _HOLES[b"id"].decode()
    span = Span(
        trace_id=_HOLES[b"trace"], span_id=_HOLES[b"span"], name=f"GET {route}/{{id}}", kind=Span.SPAN_KIND_SERVER
    )
    span.parent_span_id = b"" if root else _HOLES[b"parent"]
    span.start_time_unix_nano = int.from_bytes(_HOLES[b"begin"], "little")
    span.end_time_unix_nano = int.from_bytes(_HOLES[b"end"], "little")
    span.attributes.extend(
        [
            _text("http.request.method", "GET"),
            _text("url.full", f"https://shop.example.com{route}/{number}?page=7"),
            _text("http.route", f"{route}/{{id}}"),
            _text("server.address", f"{route[1:]}.shop.svc.cluster.local"),
            KeyValue(key="http.response.status_code", value=AnyValue(int_value=status)),
            _text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
            _text("user.tier", tier),
            _text("db.query.text", f"SELECT id, name FROM {route[1:]} WHERE id = $1 LIMIT 20"),
            _text("internal.debug", "cache=miss"),
            _text("request.id", request_id),
        ]
    )
    if secret >= 0:
        span.attributes.append(_text("log.message", f"attempt {number} by {SECRETS[secret]} failed"))
    if error:
        span.status.code = span.status.STATUS_CODE_ERROR
    body = span.SerializeToString()
    out = (b"\x12" + varint(len(body)) + body).replace(b"%", b"%%")
    for name, marker in _HOLES.items():
        out = out.replace(marker, b"%(" + name + b")b")
    return out


class _Builder:
    """Builds requests one after the other; a trace goes on in the next request where it did not fit."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape, self.rng, self.plan = shape, random.Random(seed), Plan()
        self.trace, self.index, self.label, self.odd = b"", 0, "", 0

    def _next_trace(self) -> None:
        rng, shape = self.rng, self.shape
        self.trace, draw = rng.randbytes(16), rng.random()
        bounds = ((shape.error_share, "error"), (shape.slow_share, "slow"), (shape.enterprise_share, "enterprise"))
        self.label = ""
        for share, label in bounds:
            if 0 <= draw < share:
                self.label = label
            draw -= share
        self.plan.labels[self.trace], self.plan.spans[self.trace] = self.label, 0
        self.odd = rng.randrange(shape.spans_per_trace)  # the span that has the error

    def _span(self) -> bytes:
        rng, shape = self.rng, self.shape
        if self.index % shape.spans_per_trace == 0:
            self._next_trace()
        position = self.index % shape.spans_per_trace
        self.index += 1
        self.plan.spans[self.trace] += 1
        chance, noise = rng.random(), rng.randbytes(40)
        secret = int(chance / shape.secret_share * len(SECRETS)) if chance < shape.secret_share else -1
        tier = "enterprise" if self.label == "enterprise" else ("free", "pro")[noise[0] & 1]
        error = self.label == "error" and position == self.odd
        route, status = ROUTES[noise[1] & 7], 404 if noise[2] < 64 else 200
        template = _template(route, status, tier, error, position == 0, secret)
        begin = START + self.index * MS // 8 % (600 * MS) if position else START
        length = 2500 * MS if self.label == "slow" and position == 0 else (1 + noise[3]) * MS
        return template % {
            b"trace": self.trace,
            b"span": noise[4:12],
            b"parent": noise[12:20],
            b"id": noise[20:36].hex().encode(),
            b"number": b"%08d" % int.from_bytes(noise[36:39], "little"),
            b"begin": begin.to_bytes(8, "little"),
            b"end": (begin + length).to_bytes(8, "little"),
        }

    def request(self, number: int) -> bytes:
        """Return the next request: one resource, one scope."""
        request = ExportTraceServiceRequest()
        block = request.resource_spans.add()
        service, pod = _text("service.name", ROUTES[number % 8][1:]), _text("k8s.pod.name", f"pod-{number % 32}")
        block.resource.attributes.extend([service, pod, _text("telemetry.sdk.language", "python")])
        scope = block.scope_spans.add().scope
        scope.name = "opentelemetry.instrumentation.fastapi"
        name = scope.SerializeToString()
        spans = b"".join([self._span() for _ in range(self.shape.spans_per_request)])
        scopes = b"\x0a" + varint(len(name)) + name + spans
        resource = block.resource.SerializeToString()
        body = b"\x0a" + varint(len(resource)) + resource + b"\x12" + varint(len(scopes)) + scopes
        return b"\x0a" + varint(len(body)) + body


def build_load(count: int, shape: Shape, seed: int = 1) -> Load:
    """Return `count` requests and what was planted in them."""
    builder = _Builder(shape, seed)
    requests = [builder.request(number) for number in range(count)]
    return Load(requests, builder.plan, shape.spans_per_request)


def build(count: int, shape: Shape, seed: int = 1) -> list[bytes]:
    """Return `count` serialized requests."""
    return build_load(count, shape, seed).requests
