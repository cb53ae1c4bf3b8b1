"""What the tests of malformed requests share: a program that looks at everything, the comparison with upb, paths."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError
from kernel_helpers import LIMITS, edit, encoded, field, rule, scrub, spec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel import Malformed, OverLimit
from tailgate.kernel.stages import POSITIONS

NO_LIMITS = {"max_bytes": 1 << 30, "max_spans": 1 << 20, "max_attributes": 1 << 20, "max_depth": 1000}


def everything():
    """Return a program with a stage and a fact of every kind."""
    stages = [
        edit({"do": "insert", "key": "a", "value": encoded(1)}, on="resource"),
        edit({"do": "hash", "pattern": "."}, on="scope", when=["exists", ["attr", "resource", "k"]]),
        edit({"do": "convert", "key": "k", "to": "string"}, {"do": "extract", "key": "k", "pattern": "(?P<x>.)"}),
        scrub(rule("a.c"), rule(r"\d+", check="ipv4"), keys=[rule("pass", {"do": "drop"})], skip="^s"),
    ]
    names = ("name", "trace_state", "status.message", "status.code", "kind", "duration", "trace_id", "scope.name")
    leaves = [["cmp", "==", ["field", name], "x"] for name in names] + [["root"]]
    return spec(stages, leaves, [{"value": ["attr", "any", "k"], "if": None}], [["attr", "span", "k"]], **NO_LIMITS)


def everything_of(signal: str, level: str, part: str) -> Any:
    """Return the same for another signal: `level` stands for spans, `part` for what stands in them."""
    stages = [
        edit({"do": "insert", "key": "a", "value": encoded(1)}, on="resource"),
        edit({"do": "convert", "key": "k", "to": "string"}, on=level),
        edit({"do": "hash", "pattern": "."}, on=part, when=["exists", ["attr", "any", "k"]]),
        scrub(rule("a.c"), keys=[rule("pass", {"do": "drop"})], skip="^s", positions=[*POSITIONS[signal]]),
    ]
    return {"signal": signal, "stages": stages, "limits": LIMITS | NO_LIMITS, "context": 0}


REQUESTS: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


def upb_accepts(data: bytes, signal: str = "traces") -> bool:
    try:
        REQUESTS[signal].FromString(data)
    except DecodeError:
        return False
    return True


def accepts(program, data: bytes, signal: str = "traces") -> bool:
    refusal = None
    try:
        records = program.digest(data)
    except Malformed as error:
        refusal = error
    if refusal is None:
        assert upb_accepts(records.request(), signal)
        return True
    assert not isinstance(refusal, OverLimit)
    assert str(refusal)
    return False


def compare(program, corpus, signal: str = "traces") -> tuple[int, int]:
    """Assert the same answer as upb's for each; return how many were accepted and refused."""
    counts = [0, 0]
    for data in corpus:
        expected = upb_accepts(data, signal)
        assert accepts(program, data, signal) is expected, data.hex()
        counts[not expected] += 1
    return counts[0], counts[1]


def paths(signal: str = "traces") -> dict[str, tuple[Descriptor, list[int]]]:
    """Return every message of the schema with the shortest way of field numbers from the request to it."""
    top = REQUESTS[signal].DESCRIPTOR
    found = {top.full_name: (top, [])}
    todo = [top]
    while todo:
        outer = todo.pop(0)
        for one in outer.fields:
            if one.message_type is not None and one.message_type.full_name not in found:
                found[one.message_type.full_name] = (one.message_type, [*found[outer.full_name][1], one.number])
                todo.append(one.message_type)
    return found


def within(path: list[int], payload: bytes, length: int = 0) -> bytes:
    """Return a request with this payload in the message at the end of the path."""
    for number in reversed(path):
        payload = field(number, payload, length)
    return payload


MESSAGES = paths()


def everywhere(payload: bytes) -> list[bytes]:
    """Return requests with this payload in every message of the schema, and behind good fields."""
    return [within(path, prefix + payload) for _, path in MESSAGES.values() for prefix in (b"", field(99, b"x"))]
