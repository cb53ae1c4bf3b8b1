"""Outputs compared span by span: what two proxies make of the same requests under the same rules."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from .client import send_grpc
from .contest import Collecting, Wrong
from .oracle import expected
from .proxies import Proxy, Setting
from .traffic import Shape, build_load

Spans = dict[bytes, bytes]
REQUESTS, BATCH = 40, 128


def _sorted(attributes: Iterable[KeyValue]) -> bytes:
    return b"".join(sorted(attribute.SerializeToString(deterministic=True) for attribute in attributes))


def canonical(bodies: Iterable[bytes]) -> Spans:
    """Return every span by trace and span id: all it says, its scope and its resource, attributes sorted.

    Raises ValueError when a span comes twice.
    """
    out: Spans = {}
    for body in bodies:
        for block in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _sorted(block.resource.attributes)
            for scope in block.scope_spans:
                above = resource + scope.scope.SerializeToString(deterministic=True)
                for span in scope.spans:
                    attributes = _sorted(span.attributes)
                    del span.attributes[:]
                    if not span.status.ByteSize():
                        span.ClearField("status")  # present and empty says what absent says
                    key = span.trace_id + span.span_id
                    if key in out:
                        raise ValueError(f"span {key.hex()} came twice")
                    out[key] = above + attributes + span.SerializeToString(deterministic=True)
    return out


def compare(left: Spans, right: Spans) -> dict[str, int]:
    """Count the spans that are equal, that differ, and that only one side has."""
    found = Counter("equal" if right[key] == left[key] else "different" for key in left.keys() & right.keys())
    return {
        "equal": found["equal"],
        "different": found["different"],
        "only_left": len(left.keys() - right.keys()),
        "only_right": len(right.keys() - left.keys()),
    }


def outcome(proxy: Proxy, collecting: Collecting, seed: int) -> Spans:
    """Return what a proxy makes of the requests of a seed."""
    load = build_load(REQUESTS, Shape(spans_per_request=BATCH), seed)
    wanted = sum(load.plan.spans[trace] for trace in expected(load.plan, proxy.chance))
    process = proxy.start(Setting(collecting.process.ports))
    try:
        send_grpc(process.ports.grpc, load.requests)
        collecting.wait(wanted, proxy.name)
        return canonical(collecting.bodies())
    finally:
        process.stop()


def agreement(pairs: Sequence[tuple[Proxy, Proxy | None]], seed: int = 5) -> dict[str, Any]:
    """Compare pair by pair (None: with what was sent). Raises `Wrong` where Tailgate or the collector differ."""
    collecting = Collecting(os.sched_getaffinity(0))
    results: dict[str, Any] = {}
    try:
        for one, other in pairs:
            if other is None:
                right = canonical(build_load(REQUESTS, Shape(spans_per_request=BATCH), seed).requests)
            else:
                right = outcome(other, collecting, seed)
            name = f"{one.job}: {one.name}, {other.name if other else 'what was sent'}"
            results[name] = compare(outcome(one, collecting, seed), right)
            if one.kind != "rotel" and (results[name]["equal"] < len(right) or results[name]["only_left"]):
                raise Wrong(f"{name}: {results[name]}")
    finally:
        collecting.stop()
    return results
