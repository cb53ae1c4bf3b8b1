"""Real parts: Tailgate as a process, an upstream that keeps every byte, a scraper that watches the ledger."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@dataclass
class Upstream:
    """An OTLP/gRPC server that keeps the raw requests."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    server: grpc.Server | None = None

    def start(self, port: int = 0) -> None:
        self.server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", 64 << 20)])
        handlers = {"Export": grpc.unary_unary_rpc_method_handler(self._export)}
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port or self.port}")
        self.server.start()

    def stop(self) -> None:
        if self.server:
            self.server.stop(0).wait()
            self.server = None

    def _export(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        self.requests.append(request)
        return b""

    def parsed(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(r) for r in list(self.requests)]

    def arrived(self) -> list[Span]:
        return [s for r in self.parsed() for b in r.resource_spans for c in b.scope_spans for s in c.spans]

    def spans(self) -> int:
        return len(self.arrived())


Metrics = dict[str, dict[frozenset[tuple[str, str]], float]]


@dataclass
class Tailgate:
    """A running Tailgate and what it says."""

    process: subprocess.Popen[bytes]
    grpc_port: int
    http_port: int
    metrics_port: int
    health_port: int
    log: Path
    scraped_port: int = 0

    def page(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=30) as page:
            return page.read().decode()

    def metrics(self) -> Metrics:
        out: Metrics = {}
        for family in text_string_to_metric_families(self.page()):
            for sample in family.samples:
                out.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
        return out

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/", timeout=5) as page:
                return page.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def total(metrics: Metrics, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(v for k, v in metrics.get(name, {}).items() if wanted <= k)


def until(what: str, true: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for something to be so; what it is comes back."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"after {seconds:g} seconds still not: {what}"
        time.sleep(0.1)
    return found


UNITS = {"traces": "spans", "logs": "log_records", "metrics": "metric_points"}


def check_ledger(metrics: Metrics) -> None:
    """Every record of every pipeline and exporter is somewhere, in this one snapshot."""
    for unit in UNITS.values():
        _check_unit(metrics, unit)


def _check_unit(metrics: Metrics, unit: str) -> None:
    accepted = total(metrics, f"tailgate_pipeline_accepted_{unit}_total")
    out = total(metrics, f"tailgate_pipeline_out_{unit}_total")
    dropped = total(metrics, f"tailgate_pipeline_dropped_{unit}_total")
    created = total(metrics, f"tailgate_pipeline_created_{unit}_total")
    assert accepted + created == out + dropped + total(metrics, f"tailgate_pipeline_held_{unit}"), unit
    sent = total(metrics, f"otelcol_exporter_sent_{unit}_total")
    failed = total(metrics, f"tailgate_exporter_failed_{unit}_total")
    waiting = sum(total(metrics, f"tailgate_exporter_{state}_{unit}") for state in ("queued", "in_flight"))
    assert total(metrics, f"tailgate_exporter_out_{unit}_total") == sent + failed + waiting, unit


def under_way(metrics: Metrics) -> float:
    """How many records are held, queued or being sent."""
    states = ("pipeline_held", "exporter_queued", "exporter_in_flight")
    return sum(total(metrics, f"tailgate_{state}_{unit}") for state in states for unit in UNITS.values())


def until_sent(tailgate: Tailgate) -> None:
    """Wait until all that was accepted has been judged and sent."""
    until("nothing is under way", lambda: not under_way(tailgate.metrics()))


class Scraper(threading.Thread):
    """Scrapes as Prometheus would, only faster, and checks the ledger at every scrape."""

    def __init__(self, tailgate: Tailgate, every: float = 0.2) -> None:
        super().__init__(daemon=True)
        self.tailgate, self.every = tailgate, every
        self.scrapes, self.failure, self.pages = 0, "", ""
        self._stop_now = threading.Event()

    def run(self) -> None:
        while not self._stop_now.wait(self.every):
            try:
                check_ledger(self.tailgate.metrics())
            except AssertionError as error:
                self.failure = self.failure or str(error)
            self.scrapes += 1

    def finish(self) -> None:
        self._stop_now.set()
        self.join(30)
        assert self.scrapes, "the scraper never scraped"
        assert not self.failure, self.failure


StartTailgate = Callable[..., Tailgate]
