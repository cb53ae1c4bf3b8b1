"""Every dialect's file, unchanged, through `tailgate run`: a real process, a real upstream."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
from harness import StartTailgate, Upstream
from listening import LISTENING
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from tailgate.config.loader import shipped_paths

FILES = Path(__file__).parents[1] / "dialects" / "files"

SENDING = """
service: {pipelines: {traces: {exporters: [otlp]}}}
exporters: {otlp: {endpoint: "127.0.0.1:${env:UPSTREAM}", tls: {insecure: true}}}
"""
"""Only where to listen and where to send differ from the files as they are."""

RULES = ("sampling-configmap", "tracing", "retention", "preservation")


def words(file: str, folder: Path) -> list[str]:
    """`run` on the file, inside the shipped configuration where it holds only rules."""
    ours = [folder / "listening.yaml", folder / "sending.yaml"]
    for path, text in zip(ours, (LISTENING, SENDING), strict=True):
        path.write_text(text, encoding="utf-8")
    its = FILES / f"{file}.yaml"
    files = [shipped_paths({})[0], *ours, its] if file in RULES else [its, *ours]
    return ["run", "--lenient", *(f"--config={path}" for path in files)]


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


@pytest.mark.parametrize("file", [*RULES, "collector", "collector-helm-values"])
def test_a_dialect_runs(file: str, start_words: StartTailgate, upstream: Upstream, tmp_path: Path) -> None:
    """Scenario: an error is sent, then SIGTERM. Guarantees: the process comes up on the file as it is, what leaves is
    what the file's words say, and it ends with 0.
    """
    tailgate = start_words(*words(file, tmp_path), UPSTREAM=str(upstream.port))
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
