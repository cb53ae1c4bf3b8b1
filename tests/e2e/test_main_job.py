"""The main job with real parts, judged by an oracle that knows only what was planted."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from harness import Scraper, StartTailgate, Upstream, check_ledger, total, until_sent
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from sdk import tracing

MS = 1_000_000
TRACES = 2000

CONFIG = """
processors:
  memory_limiter: {limit_mib: 1024, spike_limit_mib: 128, check_interval: 1s}
  attributes:
    actions:
      - {key: environment, value: production, action: upsert}
      - {key: tenant, from_context: metadata.x-mcp-tenant-id, action: insert}
  scrub: {packs: [pii, financial, credentials, network]}
  tail_sampling:
    evaluation: ordered
    decision_wait: 10s
    policies:
      - {name: forced, when: exists(http.request.header.x-force-trace)}
      - {name: noise, when: root(name == "GET /healthz"), decision: drop}
      - {name: errors, when: error}
      - {name: limited, when: kind_of_work == "bulk", limit: {traces_per_second: 1, burst: 10}}
      - {name: slow-checkout, when: root(service == "frontend" and duration > 500ms), rate: 50%}
      - {name: enterprise, when: user.tier == "enterprise", rate: 10%}
    default: 2%
  retention:
    default: {name: standard, ttl: 3d}
    policies:
      - {name: errors, when: error, ttl: 30d}
      - {name: slow, when: duration > 500ms, ttl: 7d}
  batch: {send_batch_size: 1000, timeout: 200ms}
exporters:
  otlp: {endpoint: "127.0.0.1:${env:UPSTREAM}", tls: {insecure: true}}
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, attributes, scrub, tail_sampling, retention, batch]
      exporters: [otlp]
"""

SECRETS = (
    "4111 1111 1111 1111",
    "4012888888881881",
    "jane.roe@corp-mail.example",
    "GB29 NWBK 6016 1331 9268 19",
    "536-90-4399",
    "AKIAQ3EGP7XNXY7WJZQD",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "+14155550132",
    "s3cr3t-passw0rd",
)


@dataclass
class Planted:
    """What the generator knows of a trace."""

    kinds: set[str]
    spans: set[bytes] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    slow: bool = False


def plant(span: trace.Span, rng: random.Random, *, named: bool) -> None:
    """Hide a secret in some string position of a span; `named`: a rule goes by its name, which stays."""
    secret = rng.choice(SECRETS[:-1])
    where = rng.choice([0, 1, 2, 3, 5] if named else [0, 1, 2, 3, 4, 5])
    if where == 0:
        span.set_attribute("note", f"paid with {secret} today")
    elif where == 1:
        span.set_attribute("notes", ["fine", f"see {secret}."])
    elif where == 2:
        span.add_event(f"used {secret}", {"detail": f"<{secret}>"})
    elif where == 3:
        span.record_exception(ValueError(f"bad value {secret}"))
    elif where == 4:
        span.update_name(f"lookup {secret}")
    else:
        span.set_attribute("db.password", SECRETS[-1])


class Shop:
    """Two services: `frontend` speaks gRPC, `backend` HTTP."""

    def __init__(self, grpc_port: int, http_port: int) -> None:
        headers = {"x-mcp-tenant-id": "tenant-7"}
        exporters = {
            "frontend": GrpcExporter(endpoint=f"127.0.0.1:{grpc_port}", insecure=True, headers=tuple(headers.items())),
            "backend": HttpExporter(endpoint=f"http://127.0.0.1:{http_port}/v1/traces", headers=headers),
        }
        self.providers = {}
        for name, exporter in exporters.items():
            self.providers[name] = tracing(name, exporter, owner=SECRETS[2])
        self.tracers = {name: p.get_tracer("shop", "1.0") for name, p in self.providers.items()}

    def make(self, planted: Planted, rng: random.Random) -> bytes:
        """Emit one trace; returns its id."""
        now = time.time_ns()
        planted.slow = "slow" in planted.kinds
        length = 900 * MS if planted.slow else rng.randrange(5, 300) * MS
        name = "GET /healthz" if "noise" in planted.kinds else "GET /checkout"
        root = self.tracers["frontend"].start_span(name, kind=SpanKind.SERVER, start_time=now - length)
        for kind, key, value in (
            ("forced", "http.request.header.x-force-trace", "1"),
            ("bulk", "kind_of_work", "bulk"),
            ("enterprise", "user.tier", "enterprise"),
        ):
            if kind in planted.kinds:
                root.set_attribute(key, value)
        spans = [("frontend", root)]
        for _ in range(rng.randrange(5)):
            service = rng.choice(("frontend", "backend"))
            context = trace.set_span_in_context(root)
            links = (
                [Link(SpanContext(7, 9, False, TraceFlags(1)), {"why": rng.choice(SECRETS[:-1])})]
                if "pii" in planted.kinds
                else []
            )
            child = self.tracers[service].start_span("work", context, links=links, start_time=now - length)
            spans.append((service, child))
        if "error" in planted.kinds:
            rng.choice(spans)[1].set_status(Status(StatusCode.ERROR, f"failed for {rng.choice(SECRETS[:-1])}"))
        for service, span in spans:
            if "pii" in planted.kinds:
                plant(span, rng, named=span is root)
            span.end(now if span is root else now - length // 3)
            planted.spans.add(span.get_span_context().span_id.to_bytes(8, "big"))
            planted.services.add(service)
        return root.get_span_context().trace_id.to_bytes(16, "big")

    def close(self) -> None:
        for provider in self.providers.values():
            provider.shutdown()


def passes(trace_id: bytes, rate: float) -> bool:
    """The specification's rule: the last 7 bytes of the id are not below the rejection threshold."""
    return int.from_bytes(trace_id[9:], "big") >= round((1 - rate) * 2**56)


def expected(trace_id: bytes, planted: Planted) -> str | None:
    """The policy that must keep the trace, "" when it must be dropped, None when a limiter may decide either way."""
    kinds = planted.kinds
    if "forced" in kinds:
        return "forced"
    if "noise" in kinds:
        return ""
    if "error" in kinds:
        return "errors"
    if "bulk" in kinds:
        return None
    if planted.slow:
        return "slow-checkout" if passes(trace_id, 0.5) else ""
    if "enterprise" in kinds:
        return "enterprise" if passes(trace_id, 0.1) else ""
    return "default" if passes(trace_id, 0.02) else ""


def retention(planted: Planted) -> tuple[str, str]:
    if "error" in planted.kinds:
        return "errors", "30d"
    return ("slow", "7d") if planted.slow else ("standard", "3d")


KINDS = {"forced": 0.02, "noise": 0.05, "error": 0.08, "bulk": 0.15, "slow": 0.1, "enterprise": 0.15, "pii": 0.4}


def text(attributes: object, key: str) -> str:
    return next((a.value.string_value for a in attributes if a.key == key), "")  # type: ignore[attr-defined]


@pytest.mark.slow
def test_what_arrives_is_what_the_rules_say(start_tailgate: StartTailgate, upstream: Upstream) -> None:
    """Scenario: 2,000 traces of two services through the real SDK, gRPC and HTTP, secrets planted everywhere.

    Guarantees: exactly the traces that the rules keep arrive, whole, under the policy and retention that the rules say;
    no planted secret anywhere upstream, in the log or on the metrics page; the ledger balances at every scrape.
    """
    tailgate = start_tailgate(CONFIG, UPSTREAM=str(upstream.port))
    scraper = Scraper(tailgate)
    scraper.start()
    rng = random.Random(20)
    shop = Shop(tailgate.grpc_port, tailgate.http_port)
    traces: dict[bytes, Planted] = {}
    started = time.monotonic()
    for _ in range(TRACES):
        planted = Planted({kind for kind, share in KINDS.items() if rng.random() < share})
        traces[shop.make(planted, rng)] = planted
    shop.close()
    emitted = sum(len(p.spans) for p in traces.values())
    until_sent(tailgate)
    page, seconds = tailgate.page(), time.monotonic() - started
    scraper.finish()
    check_ledger(tailgate.metrics())
    assert total(tailgate.metrics(), "tailgate_pipeline_accepted_spans_total") == emitted
    assert tailgate.stop() == 0
    arrived = judge(upstream, traces)
    limited = [i for i, p in traces.items() if expected(i, p) is None]
    by_limiter = [i for i in limited if arrived.get(i) == "limited"]
    assert 10 <= len(by_limiter) <= 1 * seconds + 10 + 1
    assert len(by_limiter) < len(limited) / 2, "the limiter was never full"
    everything = b"".join(upstream.requests) + page.encode() + tailgate.log.read_bytes()
    for secret in SECRETS:
        assert secret.encode() not in everything, secret


def judge(upstream: Upstream, traces: dict[bytes, Planted]) -> dict[bytes, str]:
    """Compare what arrived with what the rules say, trace by trace; returns the policy of each trace that arrived."""
    spans: dict[bytes, list[bytes]] = defaultdict(list)
    policy: dict[bytes, str] = {}
    for request in upstream.parsed():
        for block in request.resource_spans:
            for span in (s for scope in block.scope_spans for s in scope.spans):
                planted = traces[span.trace_id]
                spans[span.trace_id].append(span.span_id)
                policy.setdefault(span.trace_id, text(span.attributes, "tailgate.policy"))
                assert policy[span.trace_id] == text(span.attributes, "tailgate.policy")
                assert text(span.attributes, "environment") == "production"
                assert text(span.attributes, "tenant") == "tenant-7"
                resource = block.resource.attributes
                assert (text(resource, "retention.policy"), text(resource, "retention.ttl")) == retention(planted)
    for trace_id, planted in traces.items():
        wanted = expected(trace_id, planted)
        if wanted is None and policy.get(trace_id) != "limited":  # over the limit the next policies are asked
            wanted = expected(trace_id, Planted(planted.kinds - {"bulk"}, slow=planted.slow))
        elif wanted is None:
            wanted = "limited"
        assert policy.get(trace_id, "") == wanted, (trace_id.hex(), planted.kinds)
        if wanted:
            assert sorted(spans[trace_id]) == sorted(planted.spans), "a kept trace is whole, no span twice"
    return policy
