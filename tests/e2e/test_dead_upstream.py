"""An upstream that dies under load and comes back: nothing acknowledged is lost within the bounds, memory stays."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

import grpc
import psutil
import pytest
from harness import SERVICE, Scraper, StartTailgate, Tailgate, Upstream, check_ledger, total, until_sent
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DEAD_SECONDS = 30

CONFIG = """
processors:
  memory_limiter:
    limit_mib: 512
    spike_limit_mib: 64
    budget_mib: ${env:BUDGET}
    check_interval: 200ms
  tail_sampling: {evaluation: ordered, decision_wait: 1s, policies: [], default: 100%}
exporters:
  otlp:
    endpoint: "127.0.0.1:${env:UPSTREAM}"
    tls: {insecure: true}
    compression: none
    retry_on_failure: {initial_interval: 200ms, max_interval: 1s}
    sending_queue:
      sizer: bytes
      queue_size: ${env:QUEUE}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter, tail_sampling], exporters: [otlp]}
"""


def request(rng: random.Random, spans: int = 100) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for _ in range(spans):
        span = scope.spans.add(trace_id=rng.randbytes(16), span_id=rng.randbytes(8), name="work")
        span.attributes.add(key="padding").value.string_value = rng.randbytes(150).hex()
    return message.SerializeToString()


@dataclass
class Load(threading.Thread):
    """Sends requests at a steady pace; counts what was acknowledged and what was refused, by status."""

    tailgate: Tailgate
    per_second: float
    acknowledged: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        rng = random.Random(3)
        with grpc.insecure_channel(f"127.0.0.1:{self.tailgate.grpc_port}") as channel:
            export = channel.unary_unary(f"/{SERVICE}/Export")
            while not self.over.wait(1 / self.per_second):
                try:
                    export(request(rng), timeout=30)
                    self.acknowledged += 100
                except grpc.RpcError as error:
                    name = error.code().name
                    self.refused[name] = self.refused.get(name, 0) + 100


def play(tailgate: Tailgate, upstream: Upstream, load: Load) -> int:
    """Kill the upstream under load, bring it back, wait until all is sent; returns the peak RSS in bytes."""
    scraper = Scraper(tailgate)
    load.start()
    scraper.start()
    process, peak = psutil.Process(tailgate.process.pid), 0
    time.sleep(2)
    port = upstream.port
    upstream.stop()
    for _ in range(DEAD_SECONDS * 2):
        time.sleep(0.5)
        peak = max(peak, process.memory_info().rss)
    upstream.start(port)
    time.sleep(1)
    load.over.set()
    load.join(60)
    until_sent(tailgate)
    scraper.finish()
    check_ledger(tailgate.metrics())
    return max(peak, process.memory_info().rss)


@pytest.mark.slow
def test_within_the_bounds_nothing_is_lost(start_tailgate: StartTailgate, upstream: Upstream) -> None:
    """Scenario: 30 s without an upstream, the queue and the budget large enough. Guarantees: every span arrives."""
    tailgate = start_tailgate(CONFIG, UPSTREAM=str(upstream.port), BUDGET="200", QUEUE="100000000")
    load = Load(tailgate, per_second=10)
    play(tailgate, upstream, load)
    assert not load.refused
    assert load.acknowledged > 20_000
    assert upstream.spans() == load.acknowledged
    assert tailgate.stop() == 0


@pytest.mark.slow
def test_beyond_the_bounds_every_loss_has_a_name(start_tailgate: StartTailgate, upstream: Upstream) -> None:
    """Scenario: the same with a queue of 1 MB and a budget of 6 MiB.

    Guarantees: senders are refused with a retryable status, what was acknowledged arrives or is counted by name, and
    the resident memory stays under the limit.
    """
    tailgate = start_tailgate(CONFIG, UPSTREAM=str(upstream.port), BUDGET="6", QUEUE="1000000")
    load = Load(tailgate, per_second=20)
    peak = play(tailgate, upstream, load)
    metrics = tailgate.metrics()
    dropped = total(metrics, "tailgate_pipeline_dropped_spans_total") + total(
        metrics, "tailgate_exporter_failed_spans_total"
    )
    assert load.refused
    assert set(load.refused) <= {"RESOURCE_EXHAUSTED", "UNAVAILABLE"}
    assert total(metrics, "tailgate_receiver_refused_requests_total") * 100 == sum(load.refused.values())
    assert upstream.spans() + dropped == load.acknowledged
    assert peak < 512 << 20
    assert tailgate.stop() == 0
