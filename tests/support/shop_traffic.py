"""Requests of a small shop, made fast and from a seed: errors, slow and endless traces, secrets, models, late spans."""

from __future__ import annotations

import random
import time
from collections import deque

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

MS = 1_000_000
SERVER, CLIENT, ERROR = 2, 3, 2
LATE = 2
"""Traces of each request that get one more span later."""
STEPS = (
    ("frontend", "GET /checkout", SERVER),
    ("cart", "load cart", SERVER),
    ("cart", "SELECT cart", CLIENT),
    ("checkout", "POST /pay", SERVER),
    ("payment", "charge", CLIENT),
    ("recommendation", "chat small-model", CLIENT),
)


class Shop:
    """Makes requests of whole traces, and late spans for those of a while ago."""

    def __init__(self, seed: int = 7, late_after: float = 15.0, secrets: bool = True, trouble: bool = False) -> None:
        """`late_after`: seconds after which a few traces get one more span; `secrets`: some values have to go.

        `trouble`: half of the traces take 6 to 9 s, and half of the payments fail.
        """
        self._random = random.Random(seed)
        self._late_after, self._secrets, self._trouble = late_after, secrets, trouble
        self._earlier: deque[tuple[float, bytes]] = deque(maxlen=5000)

    def request(self, traces: int, rooted: bool = True) -> bytes:
        """Return so many traces as one request, with roots or without."""
        message = ExportTraceServiceRequest()
        scopes = {}
        for service in dict.fromkeys(service for service, _, _ in STEPS):
            block = message.resource_spans.add()
            block.resource.attributes.add(key="service.name").value.string_value = service
            scopes[service] = block.scope_spans.add().spans
        for number in range(traces):
            trace_id = self._random.randbytes(16)
            if number < LATE:
                self._earlier.append((time.monotonic(), trace_id))
            self._trace(scopes, trace_id, rooted)
        self._late(scopes)
        return message.SerializeToString()

    def _trace(self, scopes: dict, trace_id: bytes, rooted: bool) -> None:
        chance, now = self._random.random(), time.time_ns()
        length = self._random.randrange(2500, 6000) if chance < 0.02 else int(self._random.lognormvariate(4.3, 0.8))
        if self._trouble and chance < 0.5:
            length = self._random.randrange(6000, 9000)
        parent = b"" if rooted else self._random.randbytes(8)
        for depth, (service, name, kind) in enumerate(STEPS[: self._random.choice((2, 3, 3, 5, 5, 6))]):
            span = scopes[service].add(trace_id=trace_id, span_id=self._random.randbytes(8), name=name, kind=kind)
            span.parent_span_id = parent
            parent = span.span_id
            span.start_time_unix_nano = now - max(1, length // (depth + 1)) * MS
            span.end_time_unix_nano = now
            self._describe(span, service)
            if service == "payment" and self._random.random() < (0.5 if self._trouble else 0.03):
                span.status.code = ERROR
                span.status.message = "card 4111 1111 1111 1111 was declined" if self._secrets else "declined"

    def _describe(self, span: Span, service: str) -> None:
        said = {
            "frontend": {"user.email": f"visitor{self._random.randrange(999)}@example.com", "user.tier": "free"},
            "cart": {"db.query.text": "SELECT * FROM cart WHERE owner = 'jane'"},
            "payment": {
                "payment.note": "charge 5555-5555-5555-4444",
                "http.request.header.authorization": "Bearer abc",
            },
            "recommendation": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "small-model"},
        }
        for key, value in said.get(service, {}).items() if self._secrets or service == "recommendation" else ():
            span.attributes.add(key=key).value.string_value = value
        if service == "recommendation":
            for key in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"):
                span.attributes.add(key=key).value.int_value = self._random.randrange(200, 20_000)

    def _late(self, scopes: dict) -> None:
        """Add one span each to a few traces that were judged a while ago, some only moments, some much later."""
        for _ in range(LATE):
            if self._earlier and time.monotonic() - self._earlier[0][0] > self._late_after:
                _, trace_id = self._earlier.popleft()
                span = scopes["cart"].add(trace_id=trace_id, span_id=self._random.randbytes(8), name="write log")
                span.start_time_unix_nano = span.end_time_unix_nano = time.time_ns()
