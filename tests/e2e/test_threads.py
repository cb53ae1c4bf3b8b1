"""Requests walked in threads, with real parts: large and small, over gRPC and HTTP, cancelled, malformed, reloaded."""

from __future__ import annotations

import gzip
import http.client
import random
import signal
import socket
import threading
import time
from dataclasses import dataclass, field

import grpc
import pytest
from harness import SERVICE, Scraper, StartTailgate, Tailgate, Upstream, check_ledger, total, until
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SENDERS, REQUESTS, LARGE = 6, 40, 48 << 10

CONFIG = """
processors:
  scrub: {packs: [pii]}
  scrub/other: {packs: [PACKS]}
  tail_sampling:
    {evaluation: ordered, decision_wait: 300ms, policies: [{name: kept, when: fate == "keep"}], default: drop}
  batch: {timeout: 50ms}
exporters:
  otlp: {endpoint: "127.0.0.1:${env:UPSTREAM}", tls: {insecure: true}}
service:
  worker_threads: THREADS
  pipelines:
    traces: {receivers: [otlp], processors: [scrub, scrub/other, tail_sampling, batch], exporters: [otlp]}
    traces/all: {receivers: [otlp], processors: [scrub], exporters: [otlp]}
"""
SECRET = "jane.roe@corp-mail.example"


def request(rng: random.Random, kept: bool, size: int) -> bytes:
    """A trace of three spans with a secret in it, at least `size` bytes."""
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    trace = rng.getrandbits(128).to_bytes(16, "big")
    for number in range(3):
        span = scope.spans.add(trace_id=trace, span_id=rng.getrandbits(64).to_bytes(8, "big"), name=f"mail {SECRET}")
        span.attributes.add(key="fate").value.string_value = "keep" if kept else "drop"
        span.attributes.add(key="fill").value.string_value = "x" * (size // 3)
        span.start_time_unix_nano, span.end_time_unix_nano = 10**18, 10**18 + number
    return message.SerializeToString()


@dataclass
class Sent:
    """What was acknowledged: requests, and those whose trace is kept; and what was refused."""

    taken: int = 0
    kept: int = 0
    malformed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, kept: bool, malformed: bool) -> None:
        with self.lock:
            self.taken += not malformed
            self.kept += kept and not malformed
            self.malformed += malformed


def send(tailgate: Tailgate, seed: int, sent: Sent) -> None:
    """Send requests, every seventh malformed, over gRPC or HTTP."""
    rng = random.Random(seed)
    channel = grpc.insecure_channel(f"127.0.0.1:{tailgate.grpc_port}")
    export = channel.unary_unary(f"/{SERVICE}/Export")
    connection = http.client.HTTPConnection("127.0.0.1", tailgate.http_port, timeout=30)
    for number in range(REQUESTS):
        kept, malformed = bool(rng.randrange(2)), number % 7 == 6
        body = request(rng, kept, rng.choice((100, LARGE, 4 * LARGE))) + (b"\x0a\x05" if malformed else b"")
        if seed % 2:
            headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
            connection.request("POST", "/v1/traces", gzip.compress(body, 1), headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == (400 if malformed else 200)
        elif malformed:
            with pytest.raises(grpc.RpcError) as refused:
                export(body, timeout=30)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        else:
            export(body, timeout=30)
        sent.count(kept, malformed)
    channel.close()
    connection.close()


def give_up(tailgate: Tailgate, stop: threading.Event) -> None:
    """Send malformed requests and go away before they are answered."""
    body = request(random.Random(0), kept=True, size=8 * LARGE) + b"\x0a\x05"
    head = (
        f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    while not stop.wait(0.02):
        with socket.create_connection(("127.0.0.1", tailgate.http_port)) as connection:
            connection.sendall(head.encode() + body)


@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_acknowledged_comes_out_once(start_tailgate: StartTailgate, upstream: Upstream, threads: int) -> None:
    """Scenario: six senders on both protocols, requests of all sizes, some malformed, some whose sender goes away,
    rules that change meanwhile, a scraper. Guarantees: what was acknowledged comes out as the rules say, scrubbed, in
    both pipelines, once; the ledger adds up at every scrape and at the end."""
    text = CONFIG.replace("THREADS", str(threads))
    tailgate = start_tailgate(text.replace("PACKS", ""), "--watch=0.2", UPSTREAM=str(upstream.port))
    file = tailgate.log.parent / "tailgate.yaml"
    scraper, sent, stop = Scraper(tailgate, 0.1), Sent(), threading.Event()
    scraper.start()
    senders = [threading.Thread(target=send, args=(tailgate, seed, sent)) for seed in range(SENDERS)]
    senders.append(threading.Thread(target=give_up, args=(tailgate, stop)))
    for sender in senders:
        sender.start()
    for version in range(4):
        time.sleep(0.3)
        file.write_text(text.replace("PACKS", "financial" if version % 2 else "network"), encoding="utf-8")
        tailgate.process.send_signal(signal.SIGHUP)
    for sender in senders[:-1]:
        sender.join()
    stop.set()
    senders[-1].join()
    assert sent.taken + sent.malformed == SENDERS * REQUESTS, "a sender has failed"
    wanted = 3 * (sent.taken + sent.kept)
    until("what was acknowledged has arrived", lambda: upstream.spans() >= wanted)
    scraper.finish()
    metrics = tailgate.metrics()
    check_ledger(metrics)
    assert upstream.spans() == wanted
    assert not any(SECRET.encode() in body for body in upstream.requests)
    assert total(metrics, "tailgate_pipeline_accepted_spans_total", pipeline="traces/all") == 3 * sent.taken
    assert total(metrics, "tailgate_worker_threads") == threads
    assert total(metrics, "tailgate_worker_walks_total") > 0
    assert total(metrics, "tailgate_worker_waiting_walks") == 0
    assert total(metrics, "tailgate_memory_budget_used_bytes", kind="in_flight") == 0
    assert tailgate.stop() == 0
    assert upstream.spans() == wanted


def test_a_stop_waits_for_what_threads_walk(start_tailgate: StartTailgate, upstream: Upstream) -> None:
    """Scenario: SIGTERM while large requests come. Guarantees: what was acknowledged comes out, exit 0."""
    text = CONFIG.replace("THREADS", "1").replace("PACKS", "")
    tailgate = start_tailgate(text, UPSTREAM=str(upstream.port))
    channel, rng = grpc.insecure_channel(f"127.0.0.1:{tailgate.grpc_port}"), random.Random(5)
    export = channel.unary_unary(f"/{SERVICE}/Export")
    export(request(rng, True, 100), timeout=30)
    calls = [export.future(request(rng, True, 20 * LARGE), timeout=30) for _ in range(60)]
    calls[5].result()
    assert tailgate.stop() == 0
    taken = 1 + sum(call.exception() is None for call in calls)
    assert upstream.spans() >= 6 * taken
    channel.close()
