"""`follow_trace`: log records that are held with their trace and follow its verdict, without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from services import HEAD, SECOND, TABLES, Clock, names, nothing, request
from tailgate import kernel as kernels
from tailgate.config.changes import NeedsRestart
from tailgate.config.loader import ConfigErrors, load
from tailgate.pipeline import Intake, Pipeline, Service

CONFIG = """
processors:
  tail_sampling: {evaluation: ordered, decision_wait: 10s, policies: [{name: gold, when: tier == "gold"}], default: 0%%}
  tail_sampling/other: {evaluation: ordered, decision_wait: 10s, policies: [], default: 0%%}
  scrub: {packs: [%s]}
exporters: {memory: }
service:
  pipelines:
    traces: {receivers: [otlp], processors: [tail_sampling], exporters: [memory]}
    logs: {receivers: [otlp], processors: [scrub], exporters: [memory], follow_trace: %s}
"""


def logs(*records: tuple[int, str]) -> bytes:
    """Log records by the number of their trace (0: without one) and their body."""
    message = ExportLogsServiceRequest()
    scope = message.resource_logs.add().scope_logs.add()
    for trace, body in records:
        record = scope.log_records.add(trace_id=trace.to_bytes(16, "big") if trace else b"")
        record.body.string_value = body
    return message.SerializeToString()


class Running:
    """A service with a pipeline of traces and one of logs, a clock that is set by hand, and no sockets."""

    def __init__(self, folder: Path, kernel: str, follow: str, packs: str = "pii") -> None:
        self.file, self.follow = folder / "tailgate.yaml", follow
        self.service = Service(self.config(packs, follow), kernels.load(kernel))
        self.clock = Clock()
        self.service.clock = self.clock  # type: ignore[assignment]
        self.traces, self.logs = self.service.pipelines["traces"], self.service.pipelines["logs"]

    def config(self, packs: str, follow: str) -> object:
        self.file.write_text(HEAD + CONFIG % (packs, follow), encoding="utf-8")
        return load([self.file], TABLES, {})

    def send(self, pipeline: Pipeline, data: bytes) -> int:
        return Intake([pipeline], self.service.governor, self.clock).consume(data, nothing)  # type: ignore[return-value]

    def later(self, seconds: float) -> None:
        """Let time pass, and judge what is due, as the loop would."""
        self.clock.now += round(seconds * SECOND)
        for pipeline in (self.traces, self.logs):
            while (due := pipeline.next_deadline()) is not None and due <= self.clock.now:
                if not pipeline.judge(self.clock.now):
                    break

    def sent(self) -> list[str]:
        """The bodies of the log records that have arrived, in their order."""
        requests = self.service.exporters["logs:memory"].requests  # type: ignore[attr-defined]
        parsed = [ExportLogsServiceRequest.FromString(one) for one in requests]
        return [
            log.body.string_value
            for one in parsed
            for b in one.resource_logs
            for s in b.scope_logs
            for log in s.log_records
        ]

    def balanced(self) -> bool:
        return all(
            one.accepted + one.created == one.out + one.dropped.total() + one.holds_records()
            for one in (self.traces, self.logs)
        )


Start = Callable[..., Running]


@pytest.fixture
def start(kernel_name: str, tmp_path: Path) -> Start:
    def make(follow: str = "tail_sampling", packs: str = "pii") -> Running:
        return Running(tmp_path, kernel_name, follow, packs)

    return make


def test_logs_follow_their_trace(start: Start) -> None:
    """Scenario: logs of a kept trace, of a dropped one, and of none, before and after their spans.

    Guarantees: only those of the dropped one do not arrive; those without a trace id do not wait; late ones follow.
    """
    running = start()
    running.send(running.logs, logs((1, "kept, before its span"), (2, "dropped"), (0, "of no trace")))
    assert running.sent() == ["of no trace"]
    running.send(running.traces, request((1, "a", {"tier": "gold"}), (2, "b", {})))
    running.send(running.logs, logs((2, "dropped too"), (1, "kept, after its span")))
    assert running.logs.held()[1] == 4
    assert running.balanced()
    running.later(10)
    assert names(running.service) == ["a"]
    assert running.sent()[1:] == ["kept, before its span", "kept, after its span"]
    running.send(running.logs, logs((1, "late"), (2, "late and dropped")))
    assert running.sent()[3:] == ["late"]
    assert dict(running.logs.dropped) == {"not_sampled": 2, "late_not_sampled": 1}
    assert running.balanced()
    assert running.logs.holds_records() == running.traces.holds_records() == 0


@pytest.mark.parametrize(("unmatched", "arrive"), [("keep", ["lonely"]), ("drop", [])])
def test_a_trace_that_never_comes(start: Start, unmatched: str, arrive: list[str]) -> None:
    """Guarantees: after `decision_wait` such log records are sent, or dropped where the configuration says so."""
    running = start(f"{{sampler: tail_sampling, unmatched: {unmatched}}}")
    running.send(running.logs, logs((7, "lonely")))
    running.later(9.9)
    assert (running.sent(), running.logs.holds_records()) == ([], 1)
    running.later(0.2)
    assert (running.sent(), running.logs.holds_records()) == (arrive, 0)
    assert dict(running.logs.dropped) == ({} if arrive else {"unmatched": 1})
    assert running.balanced()


def test_the_byte_budget(start: Start) -> None:
    """Guarantees: what is held counts, with its trace and once; scrubbing was done before."""
    running = start()
    before = running.service._held_bytes()
    running.send(running.logs, logs((1, "x" * 10_000), (1, "mail to jane.roe@corp-mail.example")))
    assert 10_000 < running.service._held_bytes() - before < 11_000
    running.send(running.traces, request((1, "a", {"tier": "gold"})))
    running.later(10)
    assert running.service._held_bytes() == before
    assert running.sent() == ["x" * 10_000, "mail to [EMAIL]"]


def test_memory_is_short(start: Start) -> None:
    """Guarantees: relief lets go of what waits for a trace that has not come."""
    running = start()
    running.send(running.logs, logs((7, "lonely")))
    running.logs.judge(running.clock.now, "relieve", 1)
    assert (running.sent(), running.balanced()) == (["lonely"], True)


def test_the_end(start: Start) -> None:
    """Scenario: a stop while logs are held. Guarantees: traces are judged, then logs; all that may arrive does."""
    running = start()
    running.send(running.traces, request((1, "a", {"tier": "gold"}), (2, "b", {})))
    running.send(running.logs, logs((1, "kept"), (2, "dropped"), (3, "unmatched")))
    asyncio.run(running.service.stop(1))
    assert sorted(running.sent()) == ["kept", "unmatched"]
    assert (running.balanced(), running.logs.holds_records()) == (True, 0)


def test_rules_that_change_meanwhile(start: Start) -> None:
    """Scenario: a reload adds detectors while logs are held. Guarantees: what is held goes through them, too."""
    running = start(packs="financial")
    secrets = "jane.roe@corp-mail.example paid with 4111 1111 1111 1111"
    running.send(running.traces, request((1, "a", {"tier": "gold"})))
    running.send(running.logs, logs((1, secrets)))
    asyncio.run(running.service.reload(running.config("financial, pii", running.follow)))
    running.send(running.logs, logs((1, secrets)))
    for _ in range(3):  # these change nothing about scrubbing
        asyncio.run(running.service.reload(running.config("financial, pii", running.follow)))
    running.later(10)
    assert running.sent() == ["[EMAIL] paid with ************1111".replace("************", "**** **** **** ")] * 2
    assert running.balanced()


def test_following_somebody_else_needs_a_restart(start: Start) -> None:
    """Guarantees: a reload that would change whom logs follow is refused, and nothing changes."""
    running = start()
    with pytest.raises(NeedsRestart, match=r"service\.pipelines\.logs\.follow_trace changes"):
        asyncio.run(running.service.reload(running.config("pii", "{sampler: tail_sampling, unmatched: drop}")))


@pytest.mark.parametrize(
    ("follow", "more", "expected"),
    [
        ("scrub", "", "there is no sampler 'scrub' in a pipeline of traces, expected one of 'tail_sampling'"),
        ("tail_sampling/other", "", "there is no sampler 'tail_sampling/other' in a pipeline of traces"),
        (
            "tail_sampling",
            "    traces/b: {receivers: [otlp], processors: [tail_sampling], exporters: [memory]}\n",
            "stands in several pipelines, expected `pipeline:` 'traces' or 'traces/b'",
        ),
        (
            "tail_sampling",
            "    logs/b: {receivers: [otlp], exporters: [memory], follow_trace: tail_sampling}\n",
            "another pipeline follows the sampler 'tail_sampling' of 'traces' already",
        ),
        (
            "tail_sampling",
            "    metrics: {receivers: [otlp], exporters: [memory], follow_trace: tail_sampling}\n",
            "follow_trace is for pipelines of logs, this is one of metrics",
        ),
    ],
)
def test_mistakes(tmp_path: Path, follow: str, more: str, expected: str) -> None:
    """Guarantees: what cannot be followed is an error with its place."""
    file = tmp_path / "c.yaml"
    file.write_text(HEAD + CONFIG % ("pii", follow) + more, encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load([file], TABLES, {})
    assert "follow_trace: " in str(caught.value)
    assert expected in str(caught.value)
