"""The decision tick: 100,000 one-span traces that fall due at once under 20 policies."""

from __future__ import annotations

import gc
import random
import time
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel import load
from tailgate.processors import PROCESSORS
from tailgate.processors.base import BuildContext, Holding
from tailgate.processors.row import Row, build_segments

from .traffic import Shape, build

SECOND = 1_000_000_000


def policies() -> dict[str, object]:
    """Return a tail_sampling configuration of 20 policies, limits among them."""
    tiers = [{"name": f"tier-{i}", "when": f'user.tier == "tier-{i}"', "rate": "50%"} for i in range(14)]
    rules = [
        {"name": "errors", "when": "error", "limit": {"spans_per_second": 500, "per": "service.name"}},
        {"name": "slow", "when": "duration > 2s", "rate": "50%"},
        {"name": "not-found", "when": "http.response.status_code == 404", "rate": "20%"},
        {"name": "search", "when": 'http.route matches "^/search"', "rate": "10%"},
        {"name": "enterprise", "when": 'user.tier == "enterprise"', "limit": {"traces_per_second": 2000}},
        {"name": "cost", "when": "sum(cost.total) > 10"},
    ]
    return {"evaluation": "ordered", "decision_wait": "1s", "policies": rules + tiers, "default": "5%"}


def row() -> Row:
    """Return a row of that sampler alone."""
    kernel = load()
    context = BuildContext("tail_sampling", "traces", kernel, kernel.labels(), [])
    spec = next(spec for spec in PROCESSORS if spec.name == "tail_sampling")
    part = spec.build(spec.config.model_validate(policies()), context)
    assert isinstance(part, Holding)
    return Row(build_segments([("tail_sampling", part)], kernel, []))


def tick(traces: int = 100_000) -> dict[str, Any]:
    """File the traces, let them all fall due, and time each slice of judging them, requests written.

    `cpu_in_parsings`: its CPU time in units of what protobuf's own parser needs for the same requests.
    """
    sampler, now = row(), SECOND * random.Random(1).randrange(10**6)
    requests = build(traces // 500, Shape(spans_per_request=500, spans_per_trace=1))
    begin = time.process_time()
    for request in requests:
        ExportTraceServiceRequest.FromString(request)
    parsing = time.process_time() - begin
    for request in requests:
        sampler.offer(now, sampler.digest(request, []))
    held = sampler.held()[0]
    gc.collect()
    slices, kept, more, begin = [], 0, True, time.process_time()
    while more:
        start = time.perf_counter()
        passed = sampler.step(now + 2 * SECOND, "tick", 1 << 40)
        kept += sum(spans for r in passed.records for _, spans in r.requests(8192, 3 << 20))
        slices.append(time.perf_counter() - start)
        more = passed.more
    return {
        "traces": held,
        "kept": kept,
        "held_after": sampler.held()[0],
        "total_ms": round(sum(slices) * 1e3, 1),
        "cpu_in_parsings": round((time.process_time() - begin) / parsing, 3),
        "slices": len(slices),
        "longest_slice_ms": round(max(slices) * 1e3, 2),
    }
