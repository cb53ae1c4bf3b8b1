"""The `debug` exporter: a line a second, and never the value of an attribute."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.exporters.base import UNBOUNDED
from tailgate.exporters.debug import SPEC, DebugSettings, describe


def lines(virtual: Any, context: Any, requests: list[tuple[bytes, int]], **keys: Any) -> list[dict[str, Any]]:
    """Offer each request three times a second for one second, then one more; return what was logged."""

    async def main() -> None:
        exporter = SPEC.build(DebugSettings.model_validate(keys), context("debug"))
        await exporter.start()
        for _ in range(3):
            exporter.offer(requests)
            await asyncio.sleep(0.3)
        await asyncio.sleep(5)
        exporter.offer(requests[:1])
        await exporter.stop(asyncio.get_running_loop().time() + 1)
        assert exporter.ledger.out == exporter.ledger.sent > 0
        assert (exporter.room(), exporter.held_bytes()) == (UNBOUNDED, 0)
        assert {s.name: s.value for s in exporter.samples()}["otelcol_exporter_sent_spans"] == exporter.ledger.sent

    with structlog.testing.capture_logs() as logged:
        virtual(main())
    return logged


def test_a_line_a_second(virtual, context, make_request) -> None:
    """What came within a second is one line, a second without requests none, and the last line comes with the end."""
    small, large = make_request(1), make_request(9)
    logged = lines(virtual, context, [(small, 1), (large, 9)])
    assert [(line["event"], line["requests"], line["spans"], line["bytes"]) for line in logged] == [
        ("debug_exporter", 6, 30, 3 * len(small) + 3 * len(large)),
        ("debug_exporter", 1, 1, len(small)),
    ]
    assert "services" not in logged[0]


@pytest.mark.parametrize("verbosity", ["basic", "normal", "detailed"])
def test_never_an_attribute_value(virtual, context, make_request, verbosity: str) -> None:
    """At no verbosity does a line hold the value of an attribute, except for service names."""
    request = ExportTraceServiceRequest.FromString(make_request(30, "shop"))
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.attributes.add(key="card").value.string_value = "4111111111111111"
    logged = lines(virtual, context, [(request.SerializeToString(), 30)], verbosity=verbosity)
    assert "4111" not in str(logged)
    assert ("services" in logged[0]) is (verbosity != "basic")
    assert len(logged[0].get("first_spans", [])) == (10 if verbosity == "detailed" else 0)


def test_a_sample_is_described(make_request) -> None:
    """Spans are counted by service; what cannot be decoded says so."""
    both = make_request(2, "a") + make_request(3, "b")
    assert describe(both, "normal") == {"services": {"b": 3, "a": 2}}
    detailed = describe(both, "detailed")
    assert [span["service"] for span in detailed["first_spans"]] == ["a", "a", "b", "b", "b"]
    assert describe(b"\xff", "normal") == {"sample": "cannot be decoded"}
