"""One contest: several proxies, the same requests, in alternation, everything that comes out checked."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from .client import compressed, send_grpc, send_http
from .oracle import check, expected
from .process import Process
from .proxies import Proxy, Setting, upstream
from .servers import read_dump
from .stats import percentile
from .traffic import NEEDLES, Load, Shape, build_load

DEADLINE = 90.0
"""Seconds within which everything must have come out."""
SETTLE = 0.2


class Wrong(RuntimeError):
    """What came out is not what the rules say."""


def say(text: str) -> None:
    """Tell on stderr how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@dataclass
class Measured:
    """What one proxy did, round by round. CPU in µs a span, latency in ms, sizes in bytes, times in seconds."""

    cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    throughput: list[float] = field(default_factory=list)
    spans_in: int = 0
    spans_out: int = 0
    startup: float = 0.0
    rss: int = 0
    peak: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return all of it, rounded, with medians and spread of the CPU time."""
        values = {
            "cpu_us": [round(value, 4) for value in self.cpu],
            "cpu_us_median": round(statistics.median(self.cpu), 4),
            "p50_ms": round(statistics.median(self.p50), 3),
            "p99_ms": round(statistics.median(self.p99), 3),
            "spans_per_s": round(statistics.median(self.throughput)),
        }
        sizes = {"rss_mib": round(self.rss / 2**20, 1), "peak_mib": round(self.peak / 2**20, 1)}
        spans = {"spans_in": self.spans_in, "spans_out": self.spans_out}
        return {**values, **spans, **sizes, "startup_s": round(self.startup, 3)}


class Collecting:
    """The upstream, asked over its own service."""

    def __init__(self, cores: set[int]) -> None:
        self.process = upstream(cores)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.process.ports.grpc}")
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")

    def count(self) -> int:
        """Return how many spans have arrived."""
        return int(self.channel.unary_unary("/bench/Count")(b""))

    def wait(self, spans: int, name: str) -> None:
        """Wait until so many have arrived. Raises `Wrong` when they do not."""
        deadline = time.monotonic() + DEADLINE
        while (seen := self.count()) < spans:
            if time.monotonic() > deadline:
                raise Wrong(f"{name}: {seen} of {spans} spans came out within {DEADLINE:.0f} s")
            time.sleep(0.05)

    def bodies(self) -> list[bytes]:
        """Return what has arrived, and forget it."""
        path = Path(self.folder.name) / "dump"
        self.channel.unary_unary("/bench/Dump")(str(path).encode())
        return read_dump(path)

    def stop(self) -> None:
        """End it."""
        self.channel.close()
        self.process.stop()
        self.folder.cleanup()


@dataclass
class Contest:
    """What is compared under which circumstances."""

    proxies: Sequence[Proxy]
    shape: Shape = field(default_factory=Shape)
    requests: int = 100
    rounds: int = 5
    transport: str = "grpc"
    compression: str = "none"
    wait: str = "1s"
    few: float = 0.05
    """The part of the requests that the reference kernel gets."""

    def setting(self, collecting: Collecting) -> Setting:
        """Return what all proxies have in common."""
        return Setting(collecting.process.ports, self.transport, self.compression, self.wait)

    def run(self) -> dict[str, Any]:
        """Run all rounds, the first as warm-up. Raises `Wrong` and `Refusal`."""
        collecting = Collecting(os.sched_getaffinity(0))
        running: dict[str, Process] = {}
        measured = {proxy.name: Measured() for proxy in self.proxies}
        try:
            for proxy in self.proxies:
                running[proxy.name] = proxy.start(self.setting(collecting))
                measured[proxy.name].startup = running[proxy.name].startup
            for number in range(self.rounds + 1):
                load = build_load(self.requests, self.shape, seed=number)
                turn = number % len(self.proxies)
                for proxy in (*self.proxies[turn:], *self.proxies[:turn]):
                    self._round(proxy, running[proxy.name], load, collecting, measured[proxy.name], bool(number))
            for proxy in self.proxies:
                _account(proxy, running[proxy.name], measured[proxy.name])
        finally:
            for process in running.values():
                process.stop()
            collecting.stop()
        return {name: values.as_json() for name, values in measured.items()}

    def _round(
        self, proxy: Proxy, process: Process, load: Load, collecting: Collecting, into: Measured, counts: bool
    ) -> None:
        if proxy.kind == "reference":
            load = build_load(max(int(self.requests * self.few), 1), self.shape, seed=int(counts) + 77)
        ready = compressed(load.requests, self.compression) if self.transport == "http" else load.requests
        wanted = expected(load.plan, proxy.chance)
        spans = sum(load.plan.spans[trace] for trace in wanted)
        before = process.cpu()
        if self.transport == "http":
            sent = send_http(process.ports.http, ready, self.compression)
        else:
            sent = send_grpc(process.ports.grpc, ready, self.compression)
        collecting.wait(spans, proxy.name)
        time.sleep(SETTLE)
        used = process.cpu() - before
        verdict = check(load.plan, collecting.bodies(), wanted, NEEDLES[: proxy.scrubs])
        if verdict:
            raise Wrong(f"{proxy.name}: {verdict}")
        if counts:
            into.cpu.append(used / load.plan.total * 1e6)
            into.p50.append(percentile(sent.times, 50) * 1e3)
            into.p99.append(percentile(sent.times, 99) * 1e3)
            into.throughput.append(load.plan.total / sent.seconds)
            into.spans_in += load.plan.total
            into.spans_out += spans


def _account(proxy: Proxy, process: Process, into: Measured) -> None:
    """At the end nothing may be refused or still held. Raises `Wrong`."""
    into.rss, into.peak = process.rss(), process.peak()
    deadline = time.monotonic() + 10
    while proxy.waiting(process) and time.monotonic() < deadline:
        time.sleep(0.2)
    if (left := proxy.waiting(process)) or (lost := proxy.refused(process)):
        raise Wrong(f"{proxy.name}: {left:.0f} spans still held, {lost if not left else 0:.0f} refused or lost")
