"""What a contest of equal rounds cannot show: held traces, memory, latency, starting, the tick from outside."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

from .client import send_grpc
from .contest import Collecting, Wrong, say
from .oracle import check, expected
from .process import Process
from .proxies import Proxy, Setting
from .stats import percentile
from .traffic import NEEDLES, Load, Plan, Shape, build_load

ONE_SPAN = Shape(spans_per_trace=1)
HELD = {10: 5000, 1000: 50, 10_000: 1, 100_000: 1, 1_000_000: 1}
"""How many spans a trace has when so many traces are to be held at once."""


@contextlib.contextmanager
def started(
    proxy: Proxy, wait: str = "1s", cores: frozenset[int] = frozenset()
) -> Iterator[tuple[Process, Collecting]]:
    """A proxy and its upstream; the upstream stays on the cores that the proxy does not have, where there are any."""
    rest = os.sched_getaffinity(0) - cores or os.sched_getaffinity(0)
    collecting = Collecting(rest)
    try:
        process = proxy.start(Setting(collecting.process.ports, wait=wait, cores=cores))
        try:
            yield process, collecting
        finally:
            process.stop()
    finally:
        collecting.stop()


def verify(proxy: Proxy, load: Load, collecting: Collecting) -> None:
    """Wait for all that must come out, and check it. Raises `Wrong`."""
    wanted = expected(load.plan, proxy.chance)
    collecting.wait(sum(load.plan.spans[trace] for trace in wanted), proxy.name)
    time.sleep(0.3)
    if verdict := check(load.plan, collecting.bodies(), wanted, NEEDLES[: proxy.scrubs]):
        raise Wrong(f"{proxy.name}: {verdict}")


def held(proxy: Proxy, traces: int, rate: float, seconds: float, warm: float = 1.0) -> dict[str, Any]:
    """Return CPU per span (µs) while so many traces are held.

    Spans come at a fixed `rate` a second, and traces wait for as long as it takes until `traces` are there; then
    `seconds` are measured, in which as many fall due as come.
    """
    shape = Shape(spans_per_trace=HELD[traces])
    wait, batch = traces * HELD[traces] / rate, shape.spans_per_request
    first, then = round((warm + wait) * rate / batch), round(seconds * rate / batch)
    load = build_load(first + then, shape, seed=traces)
    with started(proxy, f"{round(wait * 1000)}ms") as (process, collecting):
        send_grpc(process.ports.grpc, load.requests[:first], rate=rate / batch)
        before = process.cpu()
        send_grpc(process.ports.grpc, load.requests[first:], rate=rate / batch)
        cpu = (process.cpu() - before) / (then * batch) * 1e6
        now = process.metric("tailgate_pipeline_held_traces") if proxy.kind == "tailgate" else None
        rss = process.rss()
        process.stop()  # what is still held is judged and sent
        verify(proxy, load, collecting)
    return {"traces": traces, "held_traces": now, "cpu_us": round(cpu, 4), "rss_mib": round(rss / 2**20, 1)}


def held_rows(turns: Sequence[tuple[Proxy, int]], rate: float, seconds: float) -> dict[str, Any]:
    """Measure `held` turn by turn; what comes again is another round of the same."""
    found: dict[str, list[dict[str, Any]]] = {}
    for proxy, traces in turns:
        row = held(proxy, traces, rate, seconds)
        found.setdefault(f"{proxy.name} {traces}", []).append(row)
        say(f"  held {proxy.name} {traces}: {row['cpu_us']} µs")
    out = {}
    for name, rows in found.items():
        times = [row["cpu_us"] for row in rows]
        out[name] = {**rows[0], "cpu_us": times, "cpu_us_median": statistics.median(times)}
    return {"rate": rate, "rows": out}


def memory(proxy: Proxy, requests: int, wait: str = "60s") -> dict[str, Any]:
    """Return resident memory that held spans take, in proportion to their bytes on the wire."""
    load = build_load(requests, Shape(), seed=3)
    with started(proxy, wait) as (process, collecting):
        first = 8  # so that buffers and caches are there
        send_grpc(process.ports.grpc, load.requests[:first])
        time.sleep(1)
        before = process.rss()
        send_grpc(process.ports.grpc, load.requests[first:])
        time.sleep(2)
        after, peak = process.rss(), process.peak()
        process.stop()
        verify(proxy, load, collecting)
    size = sum(map(len, load.requests[first:]))
    spans = (requests - first) * load.spans_per_request
    return {
        "spans": spans,
        "wire_bytes_per_span": round(size / spans, 1),
        "memory_bytes_per_span": round((after - before) / spans, 1),
        "ratio": round((after - before) / size, 3),
        "peak_ratio": round((peak - before) / size, 3),
    }


def saturation(proxy: Proxy, process: Process, collecting: Collecting, requests: int) -> tuple[float, float]:
    """Return spans a second and cores used, when requests come as fast as they are answered."""
    load = build_load(requests, Shape(), seed=11)
    before = process.cpu()
    sent = send_grpc(process.ports.grpc, load.requests, concurrency=32)
    cores = (process.cpu() - before) / sent.seconds
    verify(proxy, load, collecting)
    return load.plan.total / sent.seconds, cores


def latency(proxy: Proxy, requests: int, seconds: float) -> dict[str, Any]:
    """Return the time until requests are acknowledged, at half of the rate at which the proxy is saturated (ms)."""
    with started(proxy) as (process, collecting):
        saturation(proxy, process, collecting, max(requests // 4, 8))  # warm-up
        full, _ = saturation(proxy, process, collecting, requests)
        rate = full / 2 / Shape().spans_per_request
        load = build_load(round(rate * seconds), Shape(), seed=12)
        times = send_grpc(process.ports.grpc, load.requests, rate=rate).times
        verify(proxy, load, collecting)
    return {
        "saturation_spans_per_s": round(full),
        "offered_spans_per_s": round(full / 2),
        "requests": len(times),
        "p50_ms": round(percentile(times, 50) * 1e3, 3),
        "p99_ms": round(percentile(times, 99) * 1e3, 3),
        "max_ms": round(max(times) * 1e3, 3),
    }


def startups(proxies: Sequence[Proxy], rounds: int) -> dict[str, Any]:
    """Return seconds from the start of each proxy until it takes connections, in alternation."""
    found: dict[str, list[float]] = {proxy.name: [] for proxy in proxies}
    for _ in range(rounds):
        for proxy in proxies:
            with started(proxy) as (process, _collecting):
                found[proxy.name].append(round(process.startup, 3))
    return {name: {"seconds": times, "median": statistics.median(times)} for name, times in found.items()}


def stall(proxy: Proxy, traces: int) -> dict[str, Any]:
    """Return how long small requests waited for their answer while so many one-span traces fell due at once (ms)."""
    wait, probes = 4.0, Shape(spans_per_request=8)
    load = build_load(max(traces // ONE_SPAN.spans_per_request, 1), ONE_SPAN, seed=21)
    small = build_load(round((wait + 2) * 100), probes, seed=22)
    with started(proxy, f"{wait:.0f}s") as (process, collecting):
        sent = send_grpc(process.ports.grpc, load.requests)
        calm = send_grpc(process.ports.grpc, small.requests[:100], rate=100).times
        due = send_grpc(process.ports.grpc, small.requests[100:], rate=100).times
        both = Plan({**load.plan.labels, **small.plan.labels}, {**load.plan.spans, **small.plan.spans})
        verify(proxy, Load([], both, 0), collecting)
    return {
        "traces": load.plan.total,
        "filed_within_s": round(sent.seconds, 3),
        "calm_p99_ms": round(percentile(calm, 99) * 1e3, 2),
        "due_p99_ms": round(percentile(due, 99) * 1e3, 2),
        "due_max_ms": round(max(due) * 1e3, 2),
    }
