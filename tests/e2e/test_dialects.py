"""Every dialect's file, unchanged, through `tailgate run`: a real process, a real upstream."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Tailgate, Upstream, free_port
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from tailgate.config.loader import shipped_paths

FILES = Path(__file__).parents[1] / "dialects" / "files"

PORTS = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${env:GRPC}"}
      http: {endpoint: "127.0.0.1:${env:HTTP}"}
exporters: {%s: {endpoint: "127.0.0.1:${env:UPSTREAM}", tls: {insecure: true}}}
extensions: {health_check: {endpoint: "127.0.0.1:${env:HEALTH}"}}
service:
  extensions: [health_check]
  telemetry: {metrics: {address: "127.0.0.1:${env:METRICS}"}}
  pipelines: {traces: {exporters: [%s]}}
"""
"""Only where to listen and where to send differ from the files as they are."""

RULES = ("sampling-configmap", "tracing", "retention", "preservation")


def command(file: str, folder: Path) -> list[str]:
    """`tailgate run` on the file, inside the shipped configuration where it holds only rules."""
    overlay = folder / "ports.yaml"
    overlay.write_text(PORTS % ("otlp", "otlp"), encoding="utf-8")
    before = [shipped_paths({})[0], overlay] if file in RULES else []
    after = [] if file in RULES else [overlay]
    files = [*before, FILES / f"{file}.yaml", *after]
    return [sys.executable, "-m", "tailgate", "run", "--lenient", *(f"--config={path}" for path in files)]


def launch(words: list[str], folder: Path, upstream: Upstream) -> Tailgate:
    ports = {name: free_port() for name in ("GRPC", "HTTP", "METRICS", "HEALTH")}
    env = {**os.environ, **{k: str(v) for k, v in ports.items()}, "UPSTREAM": str(upstream.port)}
    log = folder / "log.txt"
    with log.open("wb") as sink:
        process = subprocess.Popen(words, env=env, stderr=sink, stdout=sink)
    return Tailgate(process, ports["GRPC"], ports["HTTP"], ports["METRICS"], ports["HEALTH"], log)


@pytest.fixture(params=[*RULES, "collector", "collector-helm-values"])
def running(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[tuple[str, Tailgate]]:
    """A Tailgate on each file; started again when somebody else has taken one of its ports."""
    words = command(request.param, tmp_path)
    for _ in range(5):
        tailgate = launch(words, tmp_path, upstream)
        while not tailgate.ready() and tailgate.process.poll() is None:
            time.sleep(0.1)
        if tailgate.process.poll() is None:
            break
        assert "in use" in tailgate.log.read_text(), tailgate.log.read_text()
    yield request.param, tailgate
    if tailgate.process.poll() is None:
        tailgate.process.send_signal(signal.SIGKILL)
        tailgate.process.wait()


def failed_span() -> bytes:
    span = Span(
        trace_id=bytes(15) + b"\1", span_id=bytes(7) + b"\1", name="GET /api/v1/users/42", status=Status(code=2)
    )
    span.start_time_unix_nano, span.end_time_unix_nano = 1_000_000_000, 1_010_000_000
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])])
    return request.SerializeToString()


EXPECTED = {
    "sampling-configmap": ({"tailgate.policy": "sample-errors"}, {}),
    "tracing": ({"tailgate.policy": "errors"}, {}),
    "retention": ({"tailgate.policy": "errors"}, {"retention.policy": "errors", "retention.ttl": "7d"}),
    "preservation": ({"tailgate.policy": "errors"}, {"retention.policy": "errors", "retention.ttl": "30d"}),
    "collector": ({}, {"service.name": "my-app", "service.version": "1.0.0", "deployment.environment": "production"}),
    "collector-helm-values": ({"environment": "production", "service.namespace": "mcp-mesh"}, {}),
}


def test_a_dialect_runs(running: tuple[str, Tailgate], upstream: Upstream) -> None:
    """Scenario: an error is sent, then SIGTERM. Guarantees: the process comes up on the file as it is, what leaves is
    what the file's words say, and it ends with 0.
    """
    file, tailgate = running
    url = f"http://127.0.0.1:{tailgate.http_port}/v1/traces"
    request = urllib.request.Request(url, failed_span(), {"Content-Type": "application/x-protobuf"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
    assert tailgate.stop() == 0, tailgate.log.read_text()
    (block,) = [block for parsed in upstream.parsed() for block in parsed.resource_spans]
    (span,) = block.scope_spans[0].spans
    attributes, resource = EXPECTED[file]
    assert attributes.items() <= {pair.key: pair.value.string_value for pair in span.attributes}.items()
    assert resource.items() <= {pair.key: pair.value.string_value for pair in block.resource.attributes}.items()
