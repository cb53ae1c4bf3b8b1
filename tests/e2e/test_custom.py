"""Tailgate as a process, with processors in Python that fail in every way, over real gRPC: it serves on."""

from __future__ import annotations

import os
import sys
import time

import grpc
import psutil
import pytest
from harness import SERVICE, Scraper, StartTailgate, Upstream, check_ledger, total, until
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CONFIG = """
processors:
  custom: {module: "custom_processors:Moody", timeout: 1s, on_error: "${env:ON_ERROR}"}
exporters:
  otlp: {endpoint: "127.0.0.1:${env:UPSTREAM}", tls: {insecure: true}, compression: none}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [custom], exporters: [otlp]}
"""
BAD = {"raise": "error", "loop": "timeout", "exit": "crash", "hog": "memory"}


def request(name: str) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number in range(5):
        scope.spans.add(trace_id=b"t" * 16, span_id=number.to_bytes(8, "big"), name=name)
    return message.SerializeToString()


def send(port: int, name: str) -> str:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            channel.unary_unary(f"/{SERVICE}/Export")(request(name), timeout=20)
        except grpc.RpcError as error:
            return error.code().name
        return "OK"


SAMPLER = """
  tail_sampling:
    evaluation: ordered
    decision_wait: 1s
    policies: [{name: stuck, custom: {module: "custom_policies:Stuck", timeout: 200ms}}]
    default: 100%
exporters:"""
STUCK = CONFIG.replace("\nexporters:", SAMPLER).replace("processors: [custom]", "processors: [tail_sampling]")


def test_a_policy_that_never_returns_harms_nobody(start_tailgate: StartTailgate, upstream: Upstream) -> None:
    """Scenario: a policy in Python that loops for ever. Guarantees: it is interrupted and counted, traces go by the
    rules behind it, health and metrics answer, and the process ends as asked."""
    path = os.pathsep.join(sys.path)
    tailgate = start_tailgate(STUCK, UPSTREAM=str(upstream.port), ON_ERROR="drop", PYTHONPATH=path)
    scraper = Scraper(tailgate)
    scraper.start()
    for _ in range(3):
        assert send(tailgate.grpc_port, "good") == "OK"
        time.sleep(0.4)
    until("all spans arrive", lambda: upstream.spans() == 15)
    metrics = tailgate.metrics()
    check_ledger(metrics)
    assert total(metrics, "tailgate_policy_errors_total", policy="stuck") >= 1
    assert tailgate.ready()
    scraper.finish()
    assert '"Overdue"' in tailgate.log.read_text()
    assert tailgate.stop() == 0


@pytest.mark.parametrize("on_error", ["drop", "refuse"])
def test_a_failing_processor_harms_nobody(start_tailgate: StartTailgate, upstream: Upstream, on_error: str) -> None:
    """Scenario: requests on which the processor raises, loops for ever, calls `os._exit` or takes 2 GiB, good ones
    between them. Guarantees: all good spans arrive, bad ones are counted by what happened (or refused), the ledger
    balances at every scrape, the process keeps its small size, and no worker is left behind."""
    path = os.pathsep.join(sys.path)
    tailgate = start_tailgate(CONFIG, UPSTREAM=str(upstream.port), ON_ERROR=on_error, PYTHONPATH=path)
    scraper = Scraper(tailgate)
    scraper.start()
    answers = [(send(tailgate.grpc_port, name), send(tailgate.grpc_port, "good")) for name in BAD]
    assert answers == [("OK" if on_error == "drop" else "UNAVAILABLE", "OK")] * len(BAD)
    until("every good span has arrived", lambda: upstream.spans() >= 5 * len(BAD))
    assert upstream.spans() == 5 * len(BAD)
    metrics = tailgate.metrics()
    check_ledger(metrics)
    for outcome in BAD.values():
        assert total(metrics, "tailgate_custom_spans_total", outcome=outcome) == 5
        dropped = total(metrics, "tailgate_pipeline_dropped_spans_total", reason=f"custom:{outcome}")
        assert dropped == (5 if on_error == "drop" else 0)
    process = psutil.Process(tailgate.process.pid)
    assert process.memory_info().rss < 500 << 20
    workers = process.children(recursive=True)
    assert len(workers) == 1
    assert tailgate.ready()
    scraper.finish()
    assert tailgate.stop() == 0
    assert not any(worker.is_running() for worker in workers)
    assert "secret-4711" not in tailgate.log.read_text()


def test_a_worker_does_not_outlive_a_proxy_that_was_killed(start_tailgate: StartTailgate, upstream: Upstream) -> None:
    """Scenario: kill -9 while the processor loops for ever. Guarantees: its process ends soon after its deadline."""
    path = os.pathsep.join(sys.path)
    tailgate = start_tailgate(CONFIG, UPSTREAM=str(upstream.port), ON_ERROR="drop", PYTHONPATH=path)
    assert send(tailgate.grpc_port, "loop") == "OK"
    workers = psutil.Process(tailgate.process.pid).children(recursive=True)
    tailgate.process.kill()
    tailgate.process.wait()
    assert workers
    _, alive = psutil.wait_procs(workers, timeout=6)
    assert not alive
