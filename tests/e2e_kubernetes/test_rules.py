"""`kubectl patch` of the rules under load: other decisions within seconds, no restart, nothing lost."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from harness import SERVICE, Scraper, Tailgate, Upstream, check_ledger, total, until
from kube_cluster import Cluster
from kube_node import Container
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SAMPLING = """
decision_wait: 500ms
policies:
  - {name: always, when: fate == "keep"}
  - {name: never, when: fate == "drop", decision: drop}
  - {name: turn, when: turn == %s}
default: drop
"""
SECONDS = 10.0
"""Within which a change has to have an effect."""


class Load(threading.Thread):
    """Sends traces of two spans at a steady pace; what becomes of each is known before."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.over, self.failure = port, threading.Event(), ""
        self.sent: dict[str, list[bytes]] = {"keep": [], "drop": [], "turn-0": [], "turn-1": []}
        self._random = random.Random(7)

    def run(self) -> None:
        """Send until it is over."""
        try:
            with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
                export = channel.unary_unary(f"/{SERVICE}/Export")
                while not self.over.wait(0.02):
                    traces = [(self._random.choice(list(self.sent)), self._random.randbytes(16)) for _ in range(8)]
                    export(request(traces), timeout=30)
                    for fate, trace in traces:
                        self.sent[fate].append(trace)
        except grpc.RpcError as error:
            self.failure = str(error)


def request(traces: list[tuple[str, bytes]]) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for fate, trace in traces:
        for number in (1, 2):
            span = scope.spans.add(trace_id=trace, span_id=number.to_bytes(8, "big"), name=fate)
            if fate.startswith("turn"):
                span.attributes.add(key="turn").value.int_value = int(fate[-1])
            else:
                span.attributes.add(key="fate").value.string_value = fate
    return message.SerializeToString()


@pytest.fixture(scope="module")
def container(release: Callable[..., Container]) -> Container:
    """A release with these rules, and no metadata: no token."""
    return release("rules", {"rules": {"sampling.yaml": SAMPLING % 0}})


@pytest.fixture
def tailgate(container: Container) -> Tailgate:
    """Tailgate as that release runs it."""
    assert container.tailgate
    return container.tailgate


@pytest.fixture
def load(tailgate: Tailgate) -> Iterator[Load]:
    """Traces, as long as the test takes."""
    sending = Load(tailgate.grpc_port)
    sending.start()
    yield sending
    sending.over.set()
    sending.join()


def patch(cluster: Cluster, sampling: str) -> None:
    """What `kubectl edit` does when the editor is closed."""
    body = json.dumps({"data": {"sampling.yaml": sampling}})
    cluster.kubectl("patch", "configmap", "rules-tailgate-rules", "-n", "rules", "--type", "merge", "-p", body)


def arrived(upstream: Upstream) -> Counter[tuple[str, bytes]]:
    """How many spans of each trace have arrived, by what they are called."""
    return Counter(
        (span.name, span.trace_id)
        for sent in upstream.parsed()
        for block in sent.resource_spans
        for scope in block.scope_spans
        for span in scope.spans
    )


def kinds(upstream: Upstream, since: int) -> set[str]:
    """What has arrived since then, by request."""
    new = [ExportTraceServiceRequest.FromString(raw) for raw in upstream.requests[since:]]
    return {s.name for sent in new for block in sent.resource_spans for scope in block.scope_spans for s in scope.spans}


def reloads(tailgate: Tailgate, result: str) -> float:
    return total(tailgate.metrics(), "tailgate_config_reloads_total", result=result)


def test_a_patched_config_map_changes_decisions(
    container: Container, tailgate: Tailgate, upstream: Upstream, cluster: Cluster, load: Load
) -> None:
    """Scenario: under load `kubectl patch` of `sampling.yaml`: another rule, then a mistake, then the first rule again.

    Guarantees: other decisions within ten seconds; a mistake changes nothing and is told; the process is the same; the
    ledger balances at every scrape, and every acknowledged trace is whole at the upstream, or dropped as the rules say.
    """
    scraper = Scraper(tailgate)
    scraper.start()
    started, good = tailgate.metrics()["process_start_time_seconds"], reloads(tailgate, "success")
    until("traces arrive", lambda: kinds(upstream, 0) == {"keep", "turn-0"})

    changes: list[float] = []
    for turn in (1, 0):
        patch(cluster, SAMPLING % turn)
        asked, before = time.monotonic(), len(upstream.requests)
        until("what was dropped is kept", lambda before=before, turn=turn: f"turn-{turn}" in kinds(upstream, before))
        changes.append(time.monotonic() - asked)
        time.sleep(1)  # what was judged before the change has arrived
        settled = len(upstream.requests)
        until("more arrives", lambda settled=settled: len(upstream.requests) > settled + 10)
        assert kinds(upstream, settled) == {"keep", f"turn-{turn}"}
        if turn:
            patch(cluster, SAMPLING.replace("fate", "fate == ") % 0)
            until("the mistake is told", lambda: reloads(tailgate, "failure") == 1, SECONDS)
            assert "sampling.yaml:4:" in tailgate.log.read_text(), "file and line of the mistake"
            settled = len(upstream.requests)
            until("more arrives", lambda settled=settled: len(upstream.requests) > settled + 10)
            assert kinds(upstream, settled) == {"keep", "turn-1"}
    assert max(changes) < SECONDS, changes
    print(f"seconds from `kubectl patch` to the first trace that the new rules keep: {changes}")

    load.over.set()
    load.join()
    assert not load.failure
    until("everything is judged", lambda: total(tailgate.metrics(), "tailgate_pipeline_held_spans") == 0)
    until("everything is sent", lambda: _waiting(tailgate) == 0)
    scraper.finish()
    assert tailgate.metrics()["process_start_time_seconds"] == started
    assert reloads(tailgate, "success") == good + 2
    assert container.volumes["config"].swaps == 4
    judge(load, arrived(upstream))


def _waiting(tailgate: Tailgate) -> float:
    metrics = tailgate.metrics()
    check_ledger(metrics)
    names = ("tailgate_exporter_queued_spans", "tailgate_exporter_in_flight_spans")
    return sum(total(metrics, name) for name in names)


def judge(load: Load, spans: Counter[tuple[str, bytes]]) -> None:
    """Every trace is there with both spans, or not at all; those whose rule never changed as it says."""
    assert set(spans.values()) == {2}, "whole, and no span twice"
    for fate, traces in load.sent.items():
        kept = sum((fate, trace) in spans for trace in traces)
        assert len(traces) > 100
        if fate in ("keep", "drop"):
            assert kept == (len(traces) if fate == "keep" else 0), fate
        else:
            assert 0 < kept < len(traces), fate
    assert len(spans) == sum((fate, trace) in spans for fate, traces in load.sent.items() for trace in traces)


def test_a_pod_without_metadata_has_no_token(container: Container, cluster: Cluster) -> None:
    """Guarantees: nothing of the API server is mounted, and its account has never asked for anything."""
    assert list(container.volumes) == ["config"]
    assert cluster.audited("system:serviceaccount:rules:rules-tailgate") == []


def test_the_same_pod(container: Container, cluster: Cluster) -> None:
    """Guarantees: rules roll no pod: the API server has the one that was there in the beginning."""
    pod: dict[str, Any] = container.pod["metadata"]
    path = f"/api/v1/namespaces/rules/pods/{pod['name']}"
    assert cluster.api.get(path)["metadata"]["uid"] == pod["uid"]
