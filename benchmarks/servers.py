"""The processes of a benchmark: a bare gRPC receiver (the floor), an upstream that counts, and Tailgate itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
OPTIONS = [("grpc.max_receive_message_length", 64 << 20)]


async def bare(port: int, count: bool) -> None:
    """Receive requests as raw bytes and answer; with `count`, parse them and print the span count at the end."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request

    seen = 0

    async def export(request: bytes, _: grpc.aio.ServicerContext) -> bytes:
        nonlocal seen
        if count:
            blocks = Request.FromString(request).resource_spans
            seen += sum(len(scope.spans) for block in blocks for scope in block.scope_spans)
        return b""

    async def spans(_: bytes, __: grpc.aio.ServicerContext) -> bytes:
        return str(seen).encode()

    handlers = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    counter = {"Spans": grpc.unary_unary_rpc_method_handler(spans)}
    server = grpc.aio.server(options=OPTIONS)
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(service, handlers),
            grpc.method_handlers_generic_handler("bench", counter),
        )
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


@dataclass
class Running:
    """A started process and where it listens."""

    process: subprocess.Popen[bytes]
    port: int
    metrics: int = 0

    def cpu(self) -> float:
        """CPU seconds so far of all threads, to the ns (the clock of the process itself ticks every 10 ms)."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def rss(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def metric(self, *names: str) -> float:
        """Sum of the series of some metrics, from one scrape."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=30) as page:
            lines = page.read().decode().splitlines()
        starts = tuple(name + end for name in names for end in "{ ")
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(starts))

    def stop(self) -> None:
        """End the process that we started."""
        self.process.terminate()
        self.process.wait(60)


def start_bare(port: int, count: bool = False) -> Running:
    """Start the floor (or the counting upstream) in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.servers", str(port), "count" if count else "bare"]
    return Running(subprocess.Popen(command), port)


def start_tailgate(config: Path, port: int, metrics: int, kernel: str) -> Running:
    """Start Tailgate with a configuration file and one of its kernels."""
    command = [sys.executable, "-m", "tailgate", "run", "--config", str(config)]
    environment = {**os.environ, "TAILGATE_KERNEL": kernel, "TAILGATE_REQUIRE_KERNEL": ""}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    return Running(process, port, metrics)


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(bare(int(sys.argv[1]), sys.argv[2] == "count"))
