"""Custom processors in a running service: the proxy serves on whatever they do, and every span is accounted for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from services import HEAD, SECOND, TABLES, Clock, arrived, balanced, names, nothing, pipelines, request
from tailgate.cli.rehearsal import Rehearsal
from tailgate.config.loader import ConfigErrors, load
from tailgate.kernel import load as load_kernel
from tailgate.pipeline import Intake, Pipeline, Service
from tailgate.receivers.base import Refused

EXPORT = "exporters: {memory: }\n"


JUDGE = """
  tail_sampling:
    evaluation: ordered
    decision_wait: 1s
    default: 0%
    policies: [{name: loud, when: 'name == "A!"'}]
"""


class Running:
    """A service on a clock of its own, with what a test needs of it."""

    def __init__(self, folder: Path, kernel: str = "reference") -> None:
        self.folder, self.kernel, self.clock = folder, kernel, Clock()

    def config(self, processors: str, row: str) -> Any:
        file = self.folder / "tailgate.yaml"
        file.write_text(HEAD + f"processors:\n{processors}\n" + EXPORT + pipelines(row), encoding="utf-8")
        return load([file], TABLES, {})

    async def start(self, processors: str, row: str = "custom") -> Intake:
        self.service = Service(self.config(processors, row), load_kernel(self.kernel))
        self.service.clock = self.clock  # type: ignore[assignment]
        await self.service.start()
        return Intake(list(self.service.pipelines.values()), self.service.governor, self.service.clock)

    @property
    def pipeline(self) -> Pipeline:
        return self.service.pipelines["traces"]

    async def rest(self) -> None:
        """Wait until nothing is held any more; the ledger balances all the while."""
        for _ in range(2000):
            assert balanced(self.pipeline)
            if not self.pipeline.row.held()[1]:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("the spans are still held")

    def value(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in self.service.samples()
            if sample.name == name and labels.items() <= dict(sample.labels).items()
        )


def block(options: str = "", module: str = "Moody") -> str:
    return f"  custom: {{module: 'custom_processors:{module}'{', ' + options if options else ''}}}"


def run(folder: Path, scenario: Callable[[Running], Awaitable[None]]) -> None:
    async def whole() -> None:
        running = Running(folder)
        try:
            await scenario(running)
        finally:
            await running.service.stop(0.5)

    asyncio.run(whole())


def one(name: str, trace: int = 1) -> bytes:
    return request((trace, name, {}))


FAILURES = [("raise", "error"), ("loop", "timeout"), ("exit", "crash"), ("hog", "memory"), ("garbage", "malformed")]


@pytest.mark.parametrize("on_error", ["drop", "pass"])
def test_the_proxy_serves_on_whatever_a_processor_does(tmp_path: Path, on_error: str) -> None:
    """Scenario: a processor raises, loops for ever, ends its process, takes 2 GiB, answers nonsense, and between these
    does its job. Guarantees: all good spans leave in order, bad ones are dropped or passed on, each by its name."""

    async def scenario(running: Running) -> None:
        intake = await running.start(block(f"on_error: {on_error}, timeout: 1s"))
        for name, _ in FAILURES:
            intake.consume(one(name), nothing)
            intake.consume(one("good"), nothing)
        assert running.pipeline.row.held()[1] == 10
        assert running.service._held_bytes() > 0
        await running.rest()
        assert running.service._held_bytes() == 0
        if on_error == "drop":
            assert names(running.service) == ["GOOD"] * 5
            assert running.pipeline.dropped == {f"custom:{outcome}": 1 for _, outcome in FAILURES}
        else:
            assert names(running.service) == [n for name, _ in FAILURES for n in (name, "GOOD")]
            assert not running.pipeline.dropped
        for _, outcome in FAILURES:
            assert running.value("tailgate_custom_spans", outcome=outcome) == 1
        assert running.value("tailgate_custom_calls", outcome="ok") == 5
        assert running.value("tailgate_custom_restarts") == 3

    run(tmp_path, scenario)


def test_refused_requests_are_the_senders_again(tmp_path: Path) -> None:
    """Scenario: `on_error: refuse`. Guarantees: a failure is UNAVAILABLE and leaves no trace in the ledger; a good
    request is answered only once the processor has."""

    async def scenario(running: Running) -> None:
        intake = await running.start(block("on_error: refuse, timeout: 1s"))
        for name, _ in FAILURES:
            answer = intake.consume(one(name), nothing)
            assert not isinstance(answer, int)
            with pytest.raises(Refused) as refused:
                await answer
            assert (refused.value.reason, refused.value.exhausted) == ("custom_failed", False)
            good = intake.consume(one("good"), nothing)
            assert not isinstance(good, int)
            assert await good == 1
        assert names(running.service) == ["GOOD"] * 5
        assert (running.pipeline.accepted, running.pipeline.dropped) == (5, {})
        assert balanced(running.pipeline)
        assert running.service._held_bytes() == 0

    run(tmp_path, scenario)


def test_around_a_sampler(tmp_path: Path, kernel_name: str) -> None:
    """Scenario: one processor before a sampler, one after retention. Guarantees: the first one's names are judged, the
    second sees what the sampler and retention wrote, late spans go the same way, and the ledger balances."""

    async def scenario(running: Running) -> None:
        running.kernel = kernel_name
        processors = "\n".join(
            [
                block("options: {end: '!'}", "Shout"),
                block("options: {end: '?'}", "Shout").replace("custom:", "custom/after:", 1),
                JUDGE,
                "  retention: {default: 3d}",
            ]
        )
        intake = await running.start(processors, "custom, tail_sampling, retention, custom/after")
        intake.consume(request((1, "a", {}), (2, "b", {})), nothing)
        for _ in range(500):
            if running.pipeline.row.samplers[0].held()[1]:
                break
            await asyncio.sleep(0.01)
        running.clock.now += 2 * SECOND
        await running.rest()
        assert names(running.service) == ["A!?"]
        (first,) = arrived(running.service)
        keys = {pair.key for pair in first.resource_spans[0].scope_spans[0].spans[0].attributes}
        assert "tailgate.policy" in keys
        intake.consume(one("late"), nothing)
        await running.rest()
        assert names(running.service) == ["A!?", "LATE!?"]
        late = arrived(running.service)[1].resource_spans[0].scope_spans[0].spans[0]
        assert {pair.key for pair in late.attributes} >= keys - {"tailgate.reason"}
        assert running.pipeline.dropped == {"not_sampled": 1}

    run(tmp_path, scenario)


def test_spans_that_come_and_go_are_counted(tmp_path: Path) -> None:
    """Guarantees: what a processor adds is created, what it removes is dropped under its id."""

    async def scenario(running: Running) -> None:
        intake = await running.start(block())
        for name in ("twins", "empty", "good"):
            intake.consume(one(name), nothing)
        await running.rest()
        assert names(running.service) == ["TWINS", "TWINS", "GOOD"]
        assert (running.pipeline.created, running.pipeline.dropped) == (1, {"custom": 1})

    run(tmp_path, scenario)


def test_the_queue_is_bounded(tmp_path: Path) -> None:
    """Scenario: more comes than the queue takes while the processor is slow. Guarantees: the first that does not fit is
    refused, all before it is answered, and then there is room again."""

    async def scenario(running: Running) -> None:
        intake = await running.start(block("queue_mib: 1, timeout: 5s"))
        filler = {"filler": "x" * 300_000}
        for _ in range(3):
            intake.consume(request((1, "slow", filler)), nothing)
        with pytest.raises(Refused, match="custom_queue_full"):
            intake.consume(request((1, "slow", filler)), nothing)
        await running.rest()
        assert names(running.service) == ["SLOW"] * 3
        intake.consume(one("good"), nothing)
        await running.rest()

    run(tmp_path, scenario)


def test_shutdown_waits_for_answers_and_counts_the_rest(tmp_path: Path) -> None:
    """Guarantees: within the grace what waits is answered; after it, it is dropped under `shutdown`."""

    async def scenario(running: Running) -> None:
        intake = await running.start(block("timeout: 60s"))
        for name in ("slow", "good", "loop", "never"):
            intake.consume(one(name), nothing)
        await running.service.stop(3)
        assert names(running.service) == ["SLOW", "GOOD"]
        assert running.pipeline.dropped == {"shutdown": 2}
        assert balanced(running.pipeline)

    run(tmp_path, scenario)


def test_a_reload_restarts_a_changed_processor_only(tmp_path: Path) -> None:
    """Scenario: reloads while spans wait, first without a change, then with one. Guarantees: nothing is lost; the
    worker goes on in the first case, and in the second what waits is done by the new one, a call under way included."""

    async def scenario(running: Running) -> None:
        intake = await running.start(block("timeout: 60s"))
        stage: Any = running.pipeline.row.remotes[0]
        intake.consume(one("good"), nothing)
        await running.rest()
        process = stage._worker._process
        await running.service.reload(running.config(block("timeout: 60s") + "\n  filter: {}", "custom, filter"))
        assert running.pipeline.row.remotes[0] is stage
        intake.consume(one("slow"), nothing)
        await running.rest()
        assert stage._worker._process is process
        assert running.value("tailgate_custom_calls", outcome="ok") == 2
        intake.consume(one("exit"), nothing)
        intake.consume(one("loop"), nothing)
        intake.consume(one("good"), nothing)
        await asyncio.sleep(0.5)
        await running.service.reload(running.config(block("options: {other: 1}, timeout: 1s"), "custom"))
        assert running.pipeline.row.remotes[0] is not stage
        await running.rest()
        assert names(running.service) == ["GOOD", "SLOW", "GOOD"]
        assert running.pipeline.dropped == {"custom:crash": 1, "custom:timeout": 1}
        assert running.value("tailgate_custom_calls", outcome="ok") == 3

    run(tmp_path, scenario)


def test_a_worker_that_keeps_failing_is_left_alone_longer_and_longer(tmp_path: Path) -> None:
    """Scenario: every call ends the process. Guarantees: once the pause is longer than a call may take, spans do not
    wait for it, and all of them are accounted for; an answer ends the row of pauses."""

    async def scenario(running: Running) -> None:
        intake = await running.start(block("timeout: 250ms"))
        for _ in range(8):
            intake.consume(one("exit"), nothing)
        await running.rest()
        dropped = running.pipeline.dropped
        assert set(dropped) == {"custom:crash", "custom:unavailable"}
        assert dropped.total() == 8
        assert dropped["custom:crash"] >= 2
        stage: Any = running.pipeline.row.remotes[0]
        await asyncio.sleep(stage._pause)
        intake.consume(one("good"), nothing)
        await running.rest()
        assert names(running.service) == ["GOOD"]
        assert stage._pause == 0

    run(tmp_path, scenario)


def test_a_sender_that_goes_leaves_nothing(tmp_path: Path) -> None:
    """Scenario: `on_error: refuse`; one sender gives up while its request is worked on, one while it waits. Guarantees:
    none of it is accepted or held, and the next request is served."""

    async def scenario(running: Running) -> None:
        intake = await running.start(block("on_error: refuse"))
        senders = [asyncio.ensure_future(intake.consume(one(name), nothing)) for name in ("slow", "good")]  # type: ignore
        await asyncio.sleep(0.1)
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
        last = intake.consume(one("last"), nothing)
        assert not isinstance(last, int)
        assert await last == 1
        assert names(running.service) == ["LAST"]
        assert (running.pipeline.accepted, running.pipeline.row.held(), running.service._held_bytes()) == (
            1,
            (0, 0, 0),
            0,
        )

    run(tmp_path, scenario)


def test_tools_run_it_too(tmp_path: Path) -> None:
    """Scenario: a rehearsal, without a loop, of a row with a processor that fails. Guarantees: the same spans leave,
    and what is shown to people has been through the processor; of what it fails on nothing is shown."""
    running = Running(tmp_path)
    for on_error in ("drop", "refuse"):
        config = running.config(block(f"on_error: {on_error}"), "custom")
        rehearsal = Rehearsal(config, config.pipelines["traces"], load_kernel("reference"))
        assert rehearsal.offer(SECOND, request((1, "a", {}), (2, "b", {}))) == 2
        rehearsal.offer(SECOND, one("raise"))
        rehearsal.finish()
        (left,) = [Request.FromString(body) for body in rehearsal.left.requests]
        assert [span.name for span in left.resource_spans[0].scope_spans[0].spans] == ["A", "B"]
        assert rehearsal.left.dropped == {"custom:error": 1}
        shown = rehearsal.scrubbed([one("a"), one("raise")])
        assert b"A" in b"".join(shown)
        assert b"RAISE" not in b"".join(shown).upper()


SAMPLER = "\n  tail_sampling: {evaluation: ordered, default: 1%, policies: [{name: e, when: error}]}"


@pytest.mark.parametrize(
    ("processors", "row", "words"),
    [
        (block("on_error: refuse") + SAMPLER, "tail_sampling, custom", "only before tail_sampling"),
        (
            block() + "\n" + block("on_error: refuse").replace("custom:", "custom/b:", 1),
            "custom, custom/b",
            "only before custom,",
        ),
        (
            block() + "\n" + SAMPLER + "\n  retention: {default: 1d}",
            "tail_sampling, custom, retention",
            "put it before",
        ),
        (block(module="Nobody"), "custom", "is no subclass of tailgate.processors.custom.Processor"),
    ],
)
def test_what_cannot_stand_says_so(tmp_path: Path, processors: str, row: str, words: str) -> None:
    """Guarantees: an order that cannot be, and a processor that cannot be made, are errors before anything runs."""
    with pytest.raises(ValueError, match=words):
        Service(Running(tmp_path).config(processors, row), load_kernel("reference"))


@pytest.mark.parametrize("module", ["nowhere", "no_such_module_here:X", "a b:C"])
def test_a_module_that_is_not_there(tmp_path: Path, module: str) -> None:
    """Guarantees: the place in the file is named."""
    with pytest.raises(ConfigErrors, match=r"tailgate\.yaml:\d+:\d+ processors\.custom\.module: .*expected"):
        Running(tmp_path).config(f"  custom: {{module: '{module}'}}", "custom")
