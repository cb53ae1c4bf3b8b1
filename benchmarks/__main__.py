"""`make bench`: the full job's CPU per span beside a bare gRPC server that only receives, and the decision tick."""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import sys
import time
from collections import deque
from pathlib import Path

import grpc

from .servers import EXPORT, OPTIONS, Running, start_bare, start_tailgate
from .tick import tick
from .traffic import Shape, build

WAITING = ("tailgate_pipeline_held_spans", "tailgate_exporter_queued_spans", "tailgate_exporter_in_flight_spans")
CONFIG = Path(__file__).parent / "full.yaml"


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def send(port: int, requests: list[bytes], concurrency: int = 8) -> None:
    """Send every request once, `concurrency` at a time; each must be answered OK."""
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as channel:
        grpc.channel_ready_future(channel).result(60)
        export = channel.unary_unary(EXPORT)
        calls: deque[grpc.Future] = deque()
        for request in requests:
            if len(calls) >= concurrency:
                calls.popleft().result()
            calls.append(export.future(request))
        for call in calls:
            call.result()


def spans_at(upstream: Running) -> int:
    """Ask the counting upstream how many spans it has seen."""
    with grpc.insecure_channel(f"127.0.0.1:{upstream.port}") as channel:
        return int(channel.unary_unary("/bench/Spans")(b""))


def wait_drained(proxy: Running) -> None:
    """Wait until nothing is held, queued or in flight any more."""
    for _ in range(120):
        time.sleep(0.5)  # a scrape costs CPU as well
        if not proxy.metric(*WAITING):
            return
    raise RuntimeError("the proxy still holds spans after a minute")


class Contest:
    """A bare server, an upstream, and Tailgate on each kernel, run in alternation."""

    def __init__(self, kernels: list[str]) -> None:
        self.upstream = start_bare(free_port(), count=True)
        self.runners = {"bare": start_bare(free_port())}
        for kernel in kernels:
            port, metrics = free_port(), free_port()
            ports = {"BENCH_PORT": port, "BENCH_METRICS": metrics, "BENCH_HEALTH": free_port()}
            os.environ.update({k: str(v) for k, v in {**ports, "BENCH_UPSTREAM": self.upstream.port}.items()})
            self.runners[kernel] = start_tailgate(CONFIG, port, metrics, kernel)

    def round(self, name: str, requests: list[bytes], spans: int) -> float:
        """Return µs of CPU per span for one pass of all requests."""
        runner = self.runners[name]
        before = runner.cpu()
        send(runner.port, requests)
        if runner.metrics:
            wait_drained(runner)
        return (runner.cpu() - before) / spans * 1e6

    def stop(self) -> None:
        """End every process."""
        for runner in (*self.runners.values(), self.upstream):
            runner.stop()


def measure(rounds: int, count: int, shape: Shape) -> dict[str, object]:
    """Alternate bare and Tailgate; medians of CPU µs per span, and their ratios to bare."""
    spans = count * shape.spans_per_request
    contest = Contest(["rust", "reference"])
    times: dict[str, list[float]] = {"bare": [], "rust": [], "reference": []}
    kept = 0
    try:
        for number in range(rounds + 1):  # the first is the warm-up
            requests = build(count, shape, seed=number)
            for name in ("bare", "rust"):
                before = spans_at(contest.upstream)
                cost = contest.round(name, requests, spans)
                if number:
                    times[name].append(cost)
                    kept += spans_at(contest.upstream) - before
        few = requests[: max(count // 20, 2)]
        times["reference"].append(contest.round("reference", few, len(few) * shape.spans_per_request))
        rss = contest.runners["rust"].rss()
    finally:
        contest.stop()
    medians = {name: statistics.median(values) for name, values in times.items()}
    pairs = [rust / bare for rust, bare in zip(times["rust"], times["bare"], strict=True)]
    return {
        "spans_per_request": shape.spans_per_request,
        "spans_per_round": spans,
        "kept_share": kept / (rounds * spans),
        "cpu_us_per_span": {name: round(value, 3) for name, value in medians.items()},
        "spread": {name: [round(min(v), 3), round(max(v), 3)] for name, v in times.items()},
        "ratio_to_bare": {
            "rust": round(statistics.median(pairs), 2),
            "rust_spread": [round(min(pairs), 2), round(max(pairs), 2)],
            "reference": round(medians["reference"] / medians["bare"], 2),
        },
        "rss_mib": round(rss / 2**20),
    }


def main() -> int:
    """Print the results as JSON; exit 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument(
        "--bar", type=float, default=3.0, help="the most that the Rust kernel may cost, in bare servers"
    )
    args = parser.parse_args()
    result = measure(args.rounds, args.requests, Shape(spans_per_request=args.batch))
    result["tick"] = tick()
    print(json.dumps(result, indent=2))
    ratio = result["ratio_to_bare"]["rust"]  # type: ignore[index]
    print(f"full job / bare gRPC receiver: {ratio} (at most {args.bar})", file=sys.stderr)
    return 0 if ratio <= args.bar else 1


if __name__ == "__main__":
    raise SystemExit(main())
