"""Rules change under load, by a ConfigMap's symbolic links and by SIGHUP: nothing is lost, no verdict changes."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil
import pytest
from harness import SERVICE, Scraper, StartTailgate, Tailgate, Upstream, check_ledger, total, until_sent
from kube_volume import Volume
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

WAIT = 0.6
"""Seconds of `decision_wait`."""
LATE = 2.5
"""Seconds after its first spans at which a trace's late one is sent: it has been decided by then."""

CONFIG = """
processors:
  scrub: {rules: rules/scrubbing.yaml}
  tail_sampling: {rules: rules/sampling.yaml}
  retention: {rules: rules/retention.yaml}
  batch: {timeout: 50ms}
exporters:
  otlp: {endpoint: "127.0.0.1:${env:UPSTREAM}", tls: {insecure: true}, compression: none}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [scrub, tail_sampling, retention, batch], exporters: [otlp]}
"""
SCRUBBING = "packs: [pii%s]\nkeys: [{name: note, pattern: ^note$, action: redact}]\n"
SAMPLING = """
evaluation: ordered
decision_wait: %sms
policies:
  - {name: sure, when: fate == "keep"}
  - {name: never, when: fate == "drop", decision: drop}
  - {name: turn-%d, when: turn == %d, limit: {spans_per_second: 1000000}}
  - {name: shy, when: duration > %dms, mode: shadow}
default: drop
"""
RETENTION = "default: {name: version-%d, ttl: %dd}\n"


def good(version: int) -> dict[str, str]:
    """The rules of a version: traces of a turn are kept by every other one only."""
    packs = ", financial" if version % 3 else ""
    sampling = SAMPLING % (int(WAIT * 1000), version % 7, version % 2, version % 5)
    return {
        "scrubbing.yaml": SCRUBBING % packs,
        "sampling.yaml": sampling,
        "retention.yaml": RETENTION % (version % 4, version % 4 + 1),
    }


def bad(version: int) -> dict[str, str]:
    """The same with a mistake: of YAML, of the schema, of a condition, of a pattern, or a file that is not there."""
    files, which = good(version), version % 5
    if which == 0:
        files["sampling.yaml"] = "policies: [" + files["sampling.yaml"]
    elif which == 1:
        files["sampling.yaml"] = files["sampling.yaml"].replace("default: drop", "defualt: drop")
    elif which == 2:
        files["sampling.yaml"] = files["sampling.yaml"].replace('fate == "keep"', 'fate == == "keep"')
    elif which == 3:
        files["scrubbing.yaml"] = files["scrubbing.yaml"].replace("^note$", "(")
    else:
        del files["retention.yaml"]
    return files


@dataclass
class Fates:
    """What the generator knows of its traces."""

    sent: dict[bytes, list[bytes]] = field(default_factory=dict)
    """Span ids that were acknowledged."""
    fate: dict[bytes, str] = field(default_factory=dict)


class Load(threading.Thread):
    """Sends traces at a steady pace, each with a late span."""

    def __init__(self, tailgate: Tailgate, per_second: float = 40) -> None:
        super().__init__(daemon=True)
        self.port, self.every, self.fates = tailgate.grpc_port, 1 / per_second, Fates()
        self.over, self.failure = threading.Event(), ""
        self.rng = random.Random(11)

    def request(self, traces: list[bytes]) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        message, ids = ExportTraceServiceRequest(), []
        block = message.resource_spans.add()
        block.resource.attributes.add(key="owner").value.string_value = "owner@example.com"
        scope = block.scope_spans.add()
        for trace in traces:
            ids.append((trace, self.rng.randbytes(8)))
            span = scope.spans.add(trace_id=trace, span_id=ids[-1][1], name="for someone@example.com")
            span.attributes.add(key="note").value.string_value = "private"
            fate = self.fates.fate[trace]
            if fate.startswith("turn"):
                span.attributes.add(key="turn").value.int_value = int(fate[-1])
            else:
                span.attributes.add(key="fate").value.string_value = fate
        return message.SerializeToString(), ids

    def run(self) -> None:
        waiting: list[tuple[float, list[bytes]]] = []
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            export = channel.unary_unary(f"/{SERVICE}/Export")
            try:
                while not self.over.wait(self.every) or waiting:
                    batch: list[bytes] = []
                    if not self.over.is_set():
                        batch = [self.rng.randbytes(16) for _ in range(10)]
                        for trace in batch:
                            self.fates.fate[trace] = self.rng.choice(("keep", "drop", "turn-0", "turn-1"))
                            self.fates.sent[trace] = []
                        waiting.append((time.monotonic() + LATE, batch))
                        batch = [*batch, *batch]
                    while waiting and waiting[0][0] <= time.monotonic():
                        batch += waiting.pop(0)[1]
                    if batch:
                        data, ids = self.request(batch)
                        export(data, timeout=30)
                        for trace, span in ids:
                            self.fates.sent[trace].append(span)
            except grpc.RpcError as error:
                self.failure = str(error)


def reloads(tailgate: Tailgate) -> dict[str, float]:
    found = tailgate.metrics().get("tailgate_config_reloads_total", {})
    return {dict(labels)["result"]: value for labels, value in found.items()}


def settled(tailgate: Tailgate, before: dict[str, float]) -> dict[str, float]:
    """Wait until another reload is over."""
    for _ in range(1000):
        now = reloads(tailgate)
        if sum(now.values()) > sum(before.values()):
            return now
        time.sleep(0.01)
    raise AssertionError("no reload happened")


def judge(upstream: Upstream, fates: Fates) -> None:
    """Every trace is whole or gone, as the rules that never change say; one policy and one retention a trace."""
    spans: dict[bytes, list[bytes]] = defaultdict(list)
    labels: dict[bytes, set[tuple[str, str]]] = defaultdict(set)
    for request in upstream.parsed():
        for block in request.resource_spans:
            retention = next(a.value.string_value for a in block.resource.attributes if a.key == "retention.policy")
            for span in (s for scope in block.scope_spans for s in scope.spans):
                policy = next(a.value.string_value for a in span.attributes if a.key == "tailgate.policy")
                spans[span.trace_id].append(span.span_id)
                labels[span.trace_id].add((policy, retention))
    kept = 0
    for trace, fate in fates.fate.items():
        if fate == "keep" or (fate != "drop" and trace in spans):
            assert sorted(spans[trace]) == sorted(fates.sent[trace]), "a kept trace is whole, no span twice"
            assert len(labels[trace]) == 1, f"late spans follow the verdict: {labels[trace]}"
            kept += fate != "keep"
        else:
            assert trace not in spans
    turns = sum(fate.startswith("turn") for fate in fates.fate.values())
    assert 0 < kept < turns, "the changing rules did change verdicts of traces that were not decided yet"


def changes(count: int) -> Iterator[tuple[dict[str, str], str]]:
    """Good and bad versions in turn; what a reload must come to."""
    for number in range(1, count + 1):
        yield (bad(number), "failure") if number % 3 == 0 else (good(number), "success")


def run_reloads(start_tailgate: StartTailgate, upstream: Upstream, folder: Path, count: int) -> None:
    config_map = Volume(folder / "rules", good(0))
    tailgate = start_tailgate(CONFIG, "--watch=0.02", UPSTREAM=str(upstream.port))
    process, seen = psutil.Process(tailgate.process.pid), reloads(tailgate)
    scraper, load = Scraper(tailgate), Load(tailgate)
    scraper.start()
    load.start()
    memory = []
    for number, (files, result) in enumerate(changes(count)):
        config_map.update(files)
        if number % 4 == 3:
            tailgate.process.send_signal(signal.SIGHUP)
        after = settled(tailgate, seen)
        while after[result] == seen[result]:  # SIGHUP and the files may both have asked
            seen, after = after, settled(tailgate, after)
        seen = after
        if number % 50 == 10:
            memory.append(process.memory_info().rss)
    load.over.set()
    load.join(30)
    config_map.update(good(0))
    until_sent(tailgate)
    scraper.finish()
    metrics = tailgate.metrics()
    check_ledger(metrics)
    assert load.failure == ""
    sent = sum(len(spans) for spans in load.fates.sent.values())
    assert total(metrics, "tailgate_pipeline_accepted_spans_total") == sent
    assert total(metrics, "tailgate_exporter_failed_spans_total") == 0
    assert total(metrics, "tailgate_config_reloads_total", result="failure") >= count // 3
    assert total(metrics, "tailgate_config_reloads_total", result="success") >= count - count // 3
    assert tailgate.process.poll() is None
    assert tailgate.log.read_text().count('"event": "started"') == 1, "no restart"
    assert max(memory, default=0) < memory[0] + (150 << 20), memory
    assert tailgate.stop() == 0
    judge(upstream, load.fates)
    everything = b"".join(upstream.requests)
    for secret in (b"owner@example", b"someone@example", b"private"):
        assert secret not in everything


@pytest.mark.slow
def test_reloads_under_load(start_tailgate: StartTailgate, upstream: Upstream, tmp_path: Path) -> None:
    """Scenario: 50 changes of a ConfigMap, every third one bad, some with SIGHUP, under load with late spans.

    Guarantees: every acknowledged span is accounted for at every scrape; kept traces arrive whole, their late spans
    under the policy and retention of the verdict; dropped ones stay dropped; no secret leaves; one process all along.
    """
    run_reloads(start_tailgate, upstream, tmp_path, 50)


@pytest.mark.soak
def test_a_thousand_reloads_under_load(start_tailgate: StartTailgate, upstream: Upstream, tmp_path: Path) -> None:
    """The same with 1,000 changes."""
    run_reloads(start_tailgate, upstream, tmp_path, 1000)


@pytest.mark.slow
def test_a_bad_file_is_told_and_mended(start_tailgate: StartTailgate, upstream: Upstream, tmp_path: Path) -> None:
    """Scenario: mistakes in two files, then one is mended, then both; a change that needs a restart; the hash.

    Guarantees: all errors in the log with their places, as `validate` has them; the gauge falls and rises; the metric
    has the hash of what is in effect.
    """
    config_map = Volume(tmp_path / "rules", good(0))
    tailgate = start_tailgate(CONFIG, "--watch=0.02", UPSTREAM=str(upstream.port))
    hashes = [running_hash(tailgate)]
    seen = reloads(tailgate)
    files = good(0) | {"sampling.yaml": good(0)["sampling.yaml"].replace("default:", "defualt:")}
    config_map.update(files | {"retention.yaml": "default: {nmae: x, ttl: 1d}\n"})
    seen = settled(tailgate, seen)
    assert seen["failure"] == 1
    assert healthy(tailgate) == 0
    log = tailgate.log.read_text()
    assert "rules/sampling.yaml:9:1 defualt: " in log
    assert "rules/retention.yaml:1:11 default.nmae: " in log
    config_map.update(files)
    seen = settled(tailgate, seen)
    assert (seen["failure"], healthy(tailgate)) == (2, 0)
    config_map.update(good(0))
    seen = settled(tailgate, seen)
    assert (seen["unchanged"], healthy(tailgate)) == (1, 1)
    assert running_hash(tailgate) == hashes[0]
    config_map.update(good(1))
    seen = settled(tailgate, seen)
    assert (seen["success"], healthy(tailgate)) == (1, 1)
    assert running_hash(tailgate) != hashes[0]
    main = tmp_path / "tailgate.yaml"
    main.write_text(CONFIG.replace("traces:", "traces/other:"), encoding="utf-8")
    seen = settled(tailgate, seen)
    assert (seen["needs_restart"], healthy(tailgate)) == (1, 0)
    assert tailgate.ready()
    tailgate.process.send_signal(signal.SIGHUP)
    assert settled(tailgate, seen)["needs_restart"] == 2
    assert tailgate.stop() == 0


def running_hash(tailgate: Tailgate) -> str:
    [labels] = tailgate.metrics()["tailgate_config_info"]
    return dict(labels)["hash"]


def healthy(tailgate: Tailgate) -> float:
    return total(tailgate.metrics(), "tailgate_config_last_reload_successful")


@pytest.mark.slow
def test_exporters_change_under_load(start_tailgate: StartTailgate, upstream: Upstream, tmp_path: Path) -> None:
    """Scenario: the upstream moves, three times, under load. Guarantees: nothing is lost, the sums go on."""
    Volume(tmp_path / "rules", good(0))
    other = Upstream()
    other.start()
    tailgate = start_tailgate(CONFIG, "--watch=0.02", UPSTREAM=str(upstream.port))
    scraper, load = Scraper(tailgate), Load(tailgate)
    scraper.start()
    load.start()
    seen = reloads(tailgate)
    for number in range(3):
        time.sleep(1.5)
        text = CONFIG if number % 2 else CONFIG.replace("127.0.0.1:${env:UPSTREAM}", f"127.0.0.1:{other.port}")
        (tmp_path / "tailgate.yaml").write_text(text, encoding="utf-8")
        seen = settled(tailgate, seen)
        assert seen["success"] == number + 1
    load.over.set()
    load.join(30)
    until_sent(tailgate)
    scraper.finish()
    metrics = tailgate.metrics()
    assert load.failure == ""
    assert tailgate.stop() == 0
    other.stop()
    out = total(metrics, "tailgate_pipeline_out_spans_total")
    assert upstream.spans() + other.spans() == out == total(metrics, "tailgate_exporter_out_spans_total")
    assert upstream.spans() > 0
    assert other.spans() > 0
    upstream.requests += other.requests
    kept = {trace for trace, fate in load.fates.fate.items() if fate == "keep"}
    sent = sorted(span for trace in kept for span in load.fates.sent[trace])
    assert sorted(s.span_id for s in upstream.arrived() if s.trace_id in kept) == sent


@pytest.mark.slow
def test_without_watching_sighup_reloads(start_tailgate: StartTailgate, upstream: Upstream, tmp_path: Path) -> None:
    """Scenario: `--no-watch`. Guarantees: files may change without effect until SIGHUP comes."""
    config_map = Volume(tmp_path / "rules", good(0))
    tailgate = start_tailgate(CONFIG, "--no-watch", UPSTREAM=str(upstream.port))
    seen = reloads(tailgate)
    config_map.update(good(1))
    time.sleep(1)
    assert reloads(tailgate) == seen
    tailgate.process.send_signal(signal.SIGHUP)
    assert settled(tailgate, seen)["success"] == 1
    assert tailgate.stop() == 0
