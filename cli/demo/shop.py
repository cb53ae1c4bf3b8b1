"""A small synthetic shop that speaks through the real OpenTelemetry SDK: errors, slow traces, cards, emails, tokens.

Run as a process of its own: `python -m tailgate.cli.demo.shop GRPC_ENDPOINT HTTP_ENDPOINT SECONDS`.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

SERVICES = ("frontend", "cart", "checkout", "payment", "recommendation-agent")
TRACES_PER_SECOND = 40
MS = 1_000_000


@dataclass
class Shop:
    """One tracer a service; half of the services export over gRPC, the others over HTTP."""

    tracers: Mapping[str, Tracer]
    providers: list[TracerProvider]
    rng: random.Random

    @classmethod
    def open(cls, grpc_endpoint: str, http_endpoint: str, seed: int = 7) -> Shop:
        """Connect every service."""
        tracers, providers = {}, []
        for number, name in enumerate(SERVICES):
            provider = TracerProvider(resource=Resource.create({"service.name": name, "service.version": "1.4.2"}))
            grpc_side = number % 2 == 0
            exporter = (
                GrpcExporter(endpoint=grpc_endpoint, insecure=True)
                if grpc_side
                else HttpExporter(endpoint=f"http://{http_endpoint}/v1/traces")
            )
            provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=300))
            tracers[name] = provider.get_tracer("shop")
            providers.append(provider)
        return cls(tracers, providers, random.Random(seed))

    def close(self) -> None:
        """Flush everything."""
        for provider in self.providers:
            provider.shutdown()

    def visit(self) -> None:
        """One visitor: a trace over several services, sometimes slow, failing, or with secrets in it."""
        rng, now = self.rng, time.time_ns()
        slow, failing = rng.random() < 0.04, rng.random() < 0.05
        tier = rng.choice(["free"] * 8 + ["enterprise"])
        total = rng.randrange(2500, 6000) * MS if slow else rng.randrange(20, 400) * MS
        root = self.tracers["frontend"].start_span(
            "GET /checkout",
            kind=SpanKind.SERVER,
            start_time=now - total,
            attributes={
                "http.request.method": "GET",
                "url.full": f"https://shop.example.com/checkout?session=abc{rng.randrange(10**9)}&page=2",
                "client.address": f"203.0.113.{rng.randrange(256)}",
                "user.tier": tier,
                "user.email": f"visitor{rng.randrange(1000)}@example.com",
            },
        )
        self._child(root, "cart", "load cart", now - total + 2 * MS, 8 * MS, {"cart.items": rng.randrange(9)})
        if rng.random() < 0.5:
            self._pay(root, now - total + 12 * MS, failing)
        if rng.random() < 0.3:
            self._recommend(root, now - total + 15 * MS)
        root.end(now)

    def _pay(self, parent: Span, start: int, failing: bool) -> None:
        card = self.rng.choice(["4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005"])
        checkout = self._child(parent, "checkout", "POST /pay", start, 9 * MS, {"order.id": self.rng.randrange(10**8)})
        attributes = {
            "payment.note": f"charge card {card}",
            "http.request.header.authorization": "Bearer c2VjcmV0LXRva2Vu",
        }
        payment = self.tracers["payment"].start_span(
            "charge", trace.set_span_in_context(checkout), SpanKind.CLIENT, attributes, start_time=start + MS
        )
        if failing:
            payment.record_exception(ValueError(f"card {card} was declined for jane.doe@example.com"))
            payment.set_status(Status(StatusCode.ERROR, f"declined: {card}"))
        payment.end(start + 8 * MS)

    def _recommend(self, parent: Span, start: int) -> None:
        tokens = self.rng.randrange(200, 9000)
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "small-model",
            "gen_ai.usage.input_tokens": tokens,
            "gen_ai.usage.output_tokens": tokens // 4,
            "gen_ai.prompt.preview": "Recommend a gift for bob@example.org, phone +1 415 555 0132",
            "cost.total": tokens / 1000,
        }
        self._child(parent, "recommendation-agent", "chat small-model", start, 300 * MS, attributes)

    def _child(
        self, parent: Span, service: str, name: str, start: int, length: int, attributes: dict[str, object]
    ) -> Span:
        span = self.tracers[service].start_span(
            name,
            trace.set_span_in_context(parent),
            SpanKind.CLIENT,
            attributes,  # type: ignore[arg-type]
            start_time=start,
        )
        span.end(start + length)
        return span


def main() -> None:
    """Keep the shop open for the seconds given on the command line."""
    shop = Shop.open(sys.argv[1], sys.argv[2])
    end = time.monotonic() + float(sys.argv[3])
    while time.monotonic() < end:
        shop.visit()
        time.sleep(1 / TRACES_PER_SECOND)
    shop.close()


if __name__ == "__main__":
    main()
