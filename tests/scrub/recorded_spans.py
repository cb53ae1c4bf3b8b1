"""Recordings of clean telemetry: OTLP JSON lines in `data/`, with ids in base64 as protobuf's JSON has them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DATA = Path(__file__).parent / "data"


class Signal(NamedTuple):
    """A signal's request, and the names of its levels in JSON."""

    request: type[Message]
    levels: tuple[str, str, str]


MESSAGES = {
    "traces": Signal(ExportTraceServiceRequest, ("resourceSpans", "scopeSpans", "spans")),
    "logs": Signal(ExportLogsServiceRequest, ("resourceLogs", "scopeLogs", "logRecords")),
    "metrics": Signal(ExportMetricsServiceRequest, ("resourceMetrics", "scopeMetrics", "metrics")),
}


def recordings(signal: str) -> list[Path]:
    """Return the files of a signal."""
    return sorted(DATA.glob(f"*-{signal}.jsonl.gz"))


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a recording."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from file


def requests(signal: str, path: Path) -> Iterator[Any]:
    """Yield the requests of a recording."""
    for line in lines(path):
        yield parsed(signal, line)


def parsed(signal: str, line: str) -> Any:
    """Return a line as a message."""
    return ParseDict(json.loads(line), MESSAGES[signal].request())
