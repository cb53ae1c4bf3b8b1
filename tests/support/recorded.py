"""Recorded traces for the tests of the tools."""

from __future__ import annotations

import json
from typing import Any

START = 1_700_000_000_000_000_000


def attribute(key: str, value: Any) -> dict[str, Any]:
    kind = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}[type(value)]
    return {"key": key, "value": {kind: str(value) if kind == "intValue" else value}}


def span(trace: int, **more: Any) -> dict[str, Any]:
    """One span as OTLP JSON with its resource: `service`, `status`, `ms`, `at` (ms), `parent`, `attributes`, `name`."""
    start = START + more.get("at", 0) * 1_000_000
    body = {
        "traceId": f"{trace * 0x9E3779B97F4A7C15 % (1 << 128):032x}",
        "spanId": f"{more.get('id', 1):016x}",
        "name": more.get("name", "GET /"),
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + more.get("ms", 10) * 1_000_000),
        "status": {"code": more.get("status", 0)},
        "attributes": [attribute(key, value) for key, value in more.get("attributes", {}).items()],
    }
    if "parent" in more:
        body["parentSpanId"] = f"{more['parent']:016x}"
    resource = {"attributes": [attribute("service.name", more.get("service", "shop"))]}
    return {"resource": resource, "scopeSpans": [{"spans": [body]}]}


def line(*spans: dict[str, Any]) -> str:
    """One line of a file as the collector's file exporter writes it."""
    return json.dumps({"resourceSpans": list(spans)}) + "\n"


def trace_id(trace: int) -> str:
    """The id of a trace, as hex."""
    return f"{trace * 0x9E3779B97F4A7C15 % (1 << 128):032x}"
