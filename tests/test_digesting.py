"""Requests walked in threads, without sockets: what happens between submitting and taking."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from services import HEAD, TABLES, Clock, balanced, names, nothing, pipelines, request
from tailgate.config.changes import NeedsRestart
from tailgate.config.loader import load
from tailgate.kernel import KernelUnavailable
from tailgate.kernel import load as load_kernel
from tailgate.kernel.contract import Malformed, Program, Records
from tailgate.pipeline import Intake, Service
from tailgate.processors.digesting import LEAST_BYTES, MOST_BYTES, Digesting
from tailgate.receivers.base import Refused

FILL = {"fill": "x" * LEAST_BYTES}
"""An attribute that makes a request large enough for a thread."""


class HeldBack:
    """Digesters whose threads are the test: work is done when it says so."""

    def __init__(self) -> None:
        self.heard, self.bell = os.pipe()
        self.work: dict[int, tuple[Program, bytes, Sequence[str | None]]] = {}
        self.done: list[tuple[int, Records | Exception]] = []
        self.tickets, self.closed = 0, False

    def fileno(self) -> int:
        return self.heard

    def submit(self, program: Program, data: bytes, context: Sequence[str | None] = ()) -> int:
        self.work[self.tickets] = program, data, context
        self.tickets += 1
        return self.tickets - 1

    def finish(self, ticket: int | None = None, failure: Exception | None = None) -> None:
        """Do some work; `failure` is what the kernel says instead."""
        number = min(self.work) if ticket is None else ticket
        program, data, context = self.work.pop(number)
        answer: Records | Exception
        try:
            answer = failure or program.digest(data, context)
        except Malformed as refusal:
            answer = refusal
        os.write(self.bell, b"\1")
        self.done.append((number, answer))

    def finished(self) -> list[tuple[int, Records | Exception]]:
        os.read(self.heard, len(self.done))
        done, self.done = self.done, []
        return done

    def close(self) -> None:
        self.closed = True
        os.close(self.heard)
        os.close(self.bell)


class KernelOf:
    """A kernel with digesters of our own."""

    def __init__(self, digesters: Any) -> None:
        self.made = digesters

    def digesters(self, threads: int) -> Any:
        assert threads == 1
        return self.made


class Eager(Digesting):
    """Hands over what comes alone, too."""

    async def alone(self) -> bool:
        return False


class Stand:
    """A service, and its threads in the test's hand."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file = folder / "tailgate.yaml"
        self.service = Service(self.read(text), load_kernel())
        self.service.clock = Clock()  # type: ignore[assignment]
        self.held = HeldBack()
        self.digesting = Eager(KernelOf(self.held), 1)  # type: ignore[arg-type]
        self.rows = list(self.service.pipelines.values())
        self.intake = Intake(self.rows, self.service.governor, Clock(), digesting=self.digesting)  # type: ignore[arg-type]

    def read(self, text: str) -> Any:
        self.file.write_text(HEAD + text, encoding="utf-8")
        return load([self.file], TABLES, {})

    def send(self, data: bytes, metadata: Callable[[str], str | None] = nothing) -> asyncio.Task[int]:
        async def wait(answer: Awaitable[int]) -> int:
            return await answer

        answer = self.intake.consume(data, metadata)
        assert not isinstance(answer, int)
        return asyncio.get_running_loop().create_task(wait(answer))


Run = Callable[[str, Callable[[Stand], Awaitable[None]]], None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def start(text: str, scenario: Callable[[Stand], Awaitable[None]]) -> None:
        async def main() -> None:
            stand = Stand(tmp_path, text)
            stand.digesting.open()
            try:
                await scenario(stand)
            finally:
                stand.digesting.close()
            assert all(map(balanced, stand.rows))

        asyncio.run(main())

    return start


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0.001)


ONE = "exporters: {memory: }\n" + pipelines("")
TWO = """
processors: {scrub: {packs: [pii]}}
exporters: {memory: , memory/full: {room: 5}, memory/other: }
service:
  pipelines:
    traces/a: {receivers: [otlp], processors: [scrub], exporters: [memory]}
    traces/b: {receivers: [otlp], exporters: [memory/other]}
"""


def test_a_large_request_waits_for_its_walk_and_small_ones_overtake_it(run: Run) -> None:
    async def scenario(stand: Stand) -> None:
        task = stand.send(request((1, "large", FILL)))
        await settle()
        assert (task.done(), stand.rows[0].accepted, len(stand.held.work)) == (False, 0, 1)
        assert stand.intake.consume(request((2, "small", {})), nothing) == 1
        stand.held.finish()
        assert await task == 1
        assert names(stand.service) == ["small", "large"]

    run(ONE, scenario)


def test_all_pipelines_take_it_once_all_have_walked_it(run: Run) -> None:
    """Scenario: two rows, of which one scrubs. Guarantees: neither takes the request before both walks are done."""

    async def scenario(stand: Stand) -> None:
        task = stand.send(request((1, "mail bob@example.com", FILL)))
        await settle()
        assert len(stand.held.work) == 2, "both are submitted at once"
        stand.held.finish(1)
        await settle()
        assert [row.accepted for row in stand.rows] == [0, 0]
        stand.held.finish(0)
        assert await task == 1
        assert [row.accepted for row in stand.rows] == [1, 1]
        assert b"bob@" not in b"".join(stand.service.exporters["memory"].requests)  # type: ignore[attr-defined]
        assert names(stand.service, "memory/other") == ["mail bob@example.com"]

    run(TWO, scenario)


def test_none_takes_it_when_one_has_no_room_after_the_walk(run: Run) -> None:
    async def scenario(stand: Stand) -> None:
        task = stand.send(request((1, "a", FILL)))
        await settle()
        stand.held.finish(0)
        stand.held.finish(1)
        with pytest.raises(Refused, match="queue_full"):
            await task
        assert [row.accepted for row in stand.rows] == [0, 0]
        assert names(stand.service) == []

    run(TWO.replace("[memory/other]", "[memory/full]"), scenario)


def test_a_malformed_request_is_refused_and_none_takes_it(run: Run) -> None:
    async def scenario(stand: Stand) -> None:
        task = stand.send(request((1, "a", FILL)) + b"\x0a\x05")
        await settle()
        stand.held.finish(0)
        with pytest.raises(Malformed):
            await task
        stand.held.finish(1)
        await settle()
        assert [row.accepted for row in stand.rows] == [0, 0]

    run(TWO, scenario)


def test_what_the_kernel_fails_on_is_an_error_of_that_request_alone(run: Run) -> None:
    async def scenario(stand: Stand) -> None:
        broken, fine = stand.send(request((1, "broken", FILL))), stand.send(request((2, "fine", FILL)))
        await settle()
        stand.held.finish(0, RuntimeError("the kernel failed"))
        stand.held.finish(1)
        with pytest.raises(RuntimeError, match="kernel failed"):
            await broken
        assert await fine == 1
        assert names(stand.service) == ["fine"]

    run(ONE, scenario)


def test_rules_that_change_meanwhile_are_in_effect_when_it_is_taken(run: Run) -> None:
    """Scenario: scrubbing is switched on while a request waits. Guarantees: it is walked again and taken once."""
    before = "processors: {scrub: {packs: []}}\nexporters: {memory: }\n" + pipelines("scrub")

    async def scenario(stand: Stand) -> None:
        task = stand.send(request((1, "mail bob@example.com", FILL)))
        await settle()
        await stand.service.reload(stand.read(before.replace("packs: []", "packs: [pii]")))
        stand.held.finish(0)
        await settle()
        assert not task.done()
        assert list(stand.held.work) == [1]
        stand.held.finish(1)
        assert await task == 1
        assert stand.rows[0].accepted == 1
        (name,) = names(stand.service)
        assert name.startswith("mail ")
        assert "bob@" not in name

    run(before, scenario)


def test_who_gives_up_waiting_gets_nothing(run: Run) -> None:
    """Scenario: a call is cancelled while it waits. Guarantees: nothing is taken, what comes later is not disturbed."""

    async def scenario(stand: Stand) -> None:
        gone, stays = stand.send(request((1, "gone", FILL))), stand.send(request((2, "stays", FILL)))
        await settle()
        gone.cancel()
        await settle()
        stand.held.finish(0)
        stand.held.finish(1)
        assert await stays == 1
        assert gone.cancelled()
        assert names(stand.service) == ["stays"]

    run(ONE, scenario)


def test_what_comes_alone_is_walked_at_once(tmp_path: Path) -> None:
    """Scenario: one request, then three at once. Guarantees: threads get those behind which others have come."""

    async def main() -> None:
        stand = Stand(tmp_path, ONE)
        stand.intake.digesting = aside = Digesting(KernelOf(stand.held), 1)  # type: ignore[arg-type]
        aside.open()
        assert await stand.send(request((1, "alone", FILL))) == 1
        assert stand.held.tickets == 0
        tasks = [stand.send(request((number, f"n{number}", FILL))) for number in (2, 3, 4)]
        await settle()
        assert [task.done() for task in tasks] == [False, False, True]
        stand.held.finish(0)
        stand.held.finish(1)
        assert [await task for task in tasks] == [1, 1, 1]
        assert names(stand.service) == ["alone", "n4", "n2", "n3"]
        aside.close()

    asyncio.run(main())


def test_values_of_the_request_go_with_it(run: Run) -> None:
    text = """
processors: {attributes: {actions: [{key: tenant, action: insert, from_context: metadata.x-tenant}]}}
exporters: {memory: }
"""

    async def scenario(stand: Stand) -> None:
        task = stand.send(request((1, "a", FILL)), {"metadata.x-tenant": "acme"}.get)
        await settle()
        stand.held.finish()
        await task
        assert b"acme" in stand.service.exporters["memory"].requests[0]  # type: ignore[attr-defined]

    run(text + pipelines("attributes"), scenario)


def test_when_much_waits_the_event_loop_walks_too(run: Run) -> None:
    """Guarantees: what waits is bounded, whether its senders still wait or not."""

    async def scenario(stand: Stand) -> None:
        half = request((1, "a", {"fill": "x" * (MOST_BYTES // 2)}))
        tasks = [stand.send(half), stand.send(half)]
        await settle()
        for task in tasks:
            task.cancel()
        await settle()
        assert await stand.send(half) == 1
        stand.held.finish(0)
        stand.held.finish(1)
        await settle()
        last = stand.send(half)
        await settle()
        stand.held.finish(2)
        assert await last == 1

    run(ONE, scenario)


def test_closed_while_busy(run: Run) -> None:
    """Guarantees: whoever still waits is let go, and requests are walked on the event loop from then on."""

    async def scenario(stand: Stand) -> None:
        task = stand.send(request((1, "a", FILL)))
        await settle()
        stand.digesting.close()
        await settle()
        assert task.cancelled()
        assert stand.held.closed
        assert stand.intake.consume(request((2, "b", FILL)), nothing) == 1

    run(ONE, scenario)


def test_metrics_say_how_many_there_are_and_what_waits(run: Run) -> None:
    async def scenario(stand: Stand) -> None:
        task = stand.send(request((1, "a", FILL)))
        await settle()
        found = {sample.name: sample.value for sample in stand.digesting.samples()}
        assert found == {
            "tailgate_worker_threads": 1,
            "tailgate_worker_walks": 1,
            "tailgate_worker_waiting_walks": 1,
        }
        stand.held.finish()
        await task
        assert {sample.name: sample.value for sample in stand.digesting.samples()}["tailgate_worker_waiting_walks"] == 0

    run(ONE, scenario)
    assert list(Digesting(load_kernel(), 0).samples()) == []


@pytest.mark.parametrize("kernel", ["reference", "rust"])
def test_with_real_threads_everything_is_taken_once(kernel: str, tmp_path: Path) -> None:
    """Scenario: requests of all sizes at once, rules that change in between. Guarantees: each comes out once."""
    text = "processors: {scrub: {packs: []}}\nexporters: {memory: }\n" + pipelines("scrub")
    try:
        loaded = load_kernel(kernel)
    except KernelUnavailable as missing:
        pytest.skip(str(missing))

    async def main() -> None:
        stand, aside = Stand(tmp_path, text), Digesting(loaded, 3)
        service = Service(stand.read(text), loaded)
        intake = Intake(list(service.pipelines.values()), service.governor, Clock(), digesting=aside)  # type: ignore[arg-type]
        aside.open()

        async def send(number: int) -> int:
            answer = intake.consume(request((number + 1, f"n{number}", FILL if number % 3 else {})), nothing)
            return answer if isinstance(answer, int) else await answer

        async with asyncio.TaskGroup() as group:
            for number in range(300):
                group.create_task(send(number))
                if number % 100 == 50:
                    await service.reload(stand.read(text.replace("[]", "[pii]" if number < 100 else "[financial]")))
        aside.close()
        assert sorted(names(service)) == sorted(f"n{number}" for number in range(300))
        assert service.pipelines["traces"].accepted == 300

    asyncio.run(main())


def test_changing_the_number_of_threads_needs_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        stand = Stand(tmp_path, ONE)
        with pytest.raises(NeedsRestart, match="worker_threads"):
            await stand.service.reload(stand.read(ONE.replace("service: {", "service: {worker_threads: 3, ")))

    asyncio.run(main())
