"""The sender in virtual time, over a transport that follows a script: retries, stopping, crashes, and the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tailgate.exporters.base import ExportContext
from tailgate.exporters.batch import BatchBounds
from tailgate.exporters.queue import QueueLimits
from tailgate.exporters.retry import Answer, Delivered, Permanent, Retryable, RetryPolicy
from tailgate.exporters.sender import Sender, SenderOptions

ALONE = BatchBounds(1, 0, 1, 0, 0.0)
POLICY = RetryPolicy(initial=1.0, maximum=8.0, max_elapsed=20.0, multiplier=2.0, randomization=0.0)


@dataclass
class Script:
    """A transport: each attempt takes a time and ends as the script says; after its end everything is taken."""

    steps: list[tuple[float, Any]] = field(default_factory=list)
    attempts: list[tuple[float, bytes]] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    open_: bool = False

    async def open(self) -> None:
        self.open_ = True

    async def send(self, body: bytes, seconds: float | None) -> Answer:
        self.attempts.append((asyncio.get_running_loop().time(), body))
        takes, answer = self.steps.pop(0) if self.steps else (0.0, Delivered())
        await asyncio.sleep(takes)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Delivered):
            self.taken.append(body)
        return answer

    async def close(self) -> None:
        self.open_ = False


def sender(
    script: Script,
    on_room: Callable[[], None] = lambda: None,
    retry: RetryPolicy = POLICY,
    bounds: BatchBounds = ALONE,
    limit: int = 1000,
    **options: Any,
) -> Sender:
    made = SenderOptions(QueueLimits("bytes", limit, limit), bounds, retry, **options)
    return Sender(ExportContext("otlp", on_room), script, made, lambda: 0.5)


def times(script: Script) -> list[float]:
    # In seconds since the loop's start at 1000.
    return [round(at - 1000, 3) for at, _ in script.attempts]


def test_retries_with_backoff_until_it_is_taken(virtual, balanced) -> None:
    """An upstream that is away for a while loses nothing; the waits grow as the policy says."""

    async def main() -> None:
        script = Script([(0, Retryable("down"))] * 3)
        exporter = sender(script)
        await exporter.start()
        exporter.offer([(b"a", 3)])
        assert exporter.ledger.in_flight == 3
        await asyncio.sleep(3.5)
        assert exporter.ledger.in_flight == 3
        await asyncio.sleep(10)
        assert times(script) == [0, 1, 3, 7]
        assert (exporter.ledger.sent, exporter.held_bytes()) == (3, 0)
        balanced(exporter)
        await exporter.stop(asyncio.get_running_loop().time())

    virtual(main())


def test_waits_as_long_as_the_upstream_asks(virtual) -> None:
    """A wait that the upstream names is kept, even past max_interval."""

    async def main() -> None:
        script = Script([(0, Retryable("busy", after=9.5))])
        exporter = sender(script)
        await exporter.start()
        exporter.offer([(b"a", 1)])
        await asyncio.sleep(20)
        assert times(script) == [0, 9.5]
        await exporter.stop(asyncio.get_running_loop().time())

    virtual(main())


def test_gives_up_by_name(virtual, balanced) -> None:
    """A permanent answer is tried once; a passing one until max_elapsed_time; both are counted under their names."""

    async def main() -> None:
        script = Script([(0, Permanent("no")), *[(0, Retryable("down"))] * 50])
        exporter = sender(script)
        await exporter.start()
        exporter.offer([(b"a", 3)])
        await asyncio.sleep(100)
        assert exporter.ledger.failed == {"permanent": 3}
        exporter.offer([(b"b", 4)])
        await asyncio.sleep(100)
        assert exporter.ledger.failed == {"permanent": 3, "retries_exhausted": 4}
        assert times(script) == [0, 100, 101, 103, 107, 115]
        balanced(exporter)
        await exporter.stop(asyncio.get_running_loop().time())

    virtual(main())


def test_partial_success(virtual) -> None:
    """Rejected spans are counted as rejected, the rest as sent, and nothing is sent again."""

    async def main() -> None:
        script = Script([(0, Delivered(rejected=2, message="two were bad"))])
        exporter = sender(script)
        await exporter.start()
        exporter.offer([(b"a", 5)])
        await asyncio.sleep(60)
        assert (exporter.ledger.sent, exporter.ledger.failed) == (3, {"rejected": 2})
        assert len(script.attempts) == 1
        await exporter.stop(asyncio.get_running_loop().time())

    virtual(main())


def test_an_attempt_that_hangs_ends_with_its_timeout(virtual) -> None:
    """An upstream that never answers costs one timeout an attempt, then the request is tried again."""

    async def main() -> None:
        script = Script([(10_000, Delivered())])
        exporter = sender(script, timeout=5.0)
        await exporter.start()
        exporter.offer([(b"a", 1)])
        await asyncio.sleep(30)
        assert (times(script), exporter.ledger.sent) == ([0, 6], 1)
        await exporter.stop(asyncio.get_running_loop().time())

    virtual(main())


def test_a_crash_is_counted_and_the_next_request_goes(virtual) -> None:
    """An exception out of a transport loses that batch by name and nothing else."""

    async def main() -> None:
        script = Script([(0, RuntimeError("a bug"))])
        exporter = sender(script, consumers=1)
        await exporter.start()
        exporter.offer([(b"a", 3), (b"b", 4)])
        await asyncio.sleep(1)
        assert (exporter.ledger.failed, exporter.ledger.sent) == ({"permanent": 3}, 4)
        await exporter.stop(asyncio.get_running_loop().time())

    virtual(main())


def test_no_more_sends_at_a_time_than_consumers(virtual) -> None:
    """With two consumers the third request waits for a place."""

    async def main() -> None:
        script = Script([(1, Delivered())] * 3)
        exporter = sender(script, consumers=2)
        await exporter.start()
        exporter.offer([(b"a", 1), (b"b", 1), (b"c", 1)])
        assert (exporter.ledger.in_flight, exporter.ledger.queued) == (2, 1)
        await asyncio.sleep(10)
        assert times(script) == [0, 0, 1]
        await exporter.stop(asyncio.get_running_loop().time())

    virtual(main())


def test_a_small_batch_goes_at_its_timeout(virtual) -> None:
    """What is too little to go at once goes together after the batch's timeout, not later."""

    async def main() -> None:
        script = Script()
        exporter = sender(script, bounds=BatchBounds(100, 0, 0, 0, 0.2))
        await exporter.start()
        exporter.offer([(b"a", 1)])
        await asyncio.sleep(0.15)
        exporter.offer([(b"b", 1)])
        await asyncio.sleep(5)
        assert script.attempts == [(1000.2, b"ab")]
        await exporter.stop(asyncio.get_running_loop().time())

    virtual(main())


def test_room_is_announced_after_a_full_queue(virtual) -> None:
    """A queue that was full calls `on_room` when it has room again; the callee may offer at once."""

    async def main() -> None:
        script = Script([(1, Delivered())] * 2)
        called: list[float] = []

        def on_room() -> None:
            called.append(asyncio.get_running_loop().time() - 1000)
            exporter.offer([(b"c", 1)])

        exporter = sender(script, on_room, limit=160)
        await exporter.start()
        exporter.offer([(b"a" * 80, 1), (b"b" * 70, 1), (b"x" * 80, 7)])
        assert exporter.ledger.failed == {"queue_full": 7}
        assert exporter.room() == 0
        await asyncio.sleep(10)
        assert (called, exporter.ledger.sent) == ([1.0], 3)
        await exporter.stop(asyncio.get_running_loop().time())

    virtual(main())


def test_offers_before_the_start_wait(virtual) -> None:
    """What is offered before `start` is queued and sent then."""

    async def main() -> None:
        script = Script()
        exporter = sender(script)
        exporter.offer([(b"a", 1)])
        await asyncio.sleep(5)
        assert (exporter.ledger.queued, script.attempts) == (1, [])
        await exporter.start()
        await exporter.stop(asyncio.get_running_loop().time() + 1)
        assert exporter.ledger.sent == 1

    virtual(main())


def test_stop_flushes_and_returns_early(virtual) -> None:
    """A batch that waits for company goes at once; stopping takes no longer than sending."""

    async def main() -> None:
        script = Script([(2, Delivered())])
        exporter = sender(script, bounds=BatchBounds(100, 0, 0, 0, 60.0))
        await exporter.start()
        exporter.offer([(b"a", 1), (b"b", 1)])
        loop = asyncio.get_running_loop()
        await exporter.stop(loop.time() + 25)
        assert loop.time() == 1002
        assert (exporter.ledger.sent, script.open_) == (2, False)

    virtual(main())


def test_stop_cuts_a_wait_short(virtual) -> None:
    """A batch in the middle of a long wait gets an attempt at once."""

    async def main() -> None:
        script = Script([(0, Retryable("busy", after=15))])
        exporter = sender(script)
        await exporter.start()
        exporter.offer([(b"a", 1)])
        await asyncio.sleep(3)
        await exporter.stop(asyncio.get_running_loop().time() + 5)
        assert (times(script), exporter.ledger.sent) == ([0, 3], 1)

    virtual(main())


def test_stop_keeps_its_deadline(virtual) -> None:
    """What cannot be sent by the deadline (in flight or queued) is counted under shutdown, and so are late offers."""

    async def main() -> None:
        script = Script([(10_000, Delivered())] * 10)
        exporter = sender(script, consumers=2, timeout=None)
        await exporter.start()
        exporter.offer([(b"a", 1), (b"b", 2), (b"c", 3)])
        await asyncio.sleep(1)
        loop = asyncio.get_running_loop()
        await exporter.stop(loop.time() + 5)
        assert 1006 <= loop.time() < 1006.1
        exporter.offer([(b"d", 4)])
        assert exporter.ledger.failed == {"shutdown": 10}
        assert (exporter.held_bytes(), exporter.room()) == (0, 0)

    virtual(main())


def test_stop_with_a_dead_upstream(virtual) -> None:
    """During the flush attempts go on while there is time for another one; the loss is named shutdown."""

    async def main() -> None:
        script = Script([(0, Retryable("down"))] * 100)
        exporter = sender(script)
        await exporter.start()
        loop = asyncio.get_running_loop()
        exporter.offer([(b"a", 1)])
        await exporter.stop(loop.time() + 5)
        assert (times(script), loop.time()) == ([0, 1, 3], 1003)
        assert exporter.ledger.failed == {"shutdown": 1}

    virtual(main())


def test_stop_without_start(virtual) -> None:
    """A service that failed to start may stop its exporters all the same."""

    async def main() -> None:
        exporter = sender(Script())
        exporter.offer([(b"a", 1)])
        await exporter.stop(asyncio.get_running_loop().time() + 5)
        assert exporter.ledger.failed == {"shutdown": 1}

    virtual(main())


def test_samples_are_the_ledger(virtual) -> None:
    """The metrics say what the ledger says, under the collector's names, every reason with its own series."""

    async def main() -> None:
        script = Script([(0, Permanent("no")), (50, Delivered())])
        exporter = sender(script, limit=10, consumers=1)
        await exporter.start()
        exporter.offer([(b"aa", 1)])
        await asyncio.sleep(1)
        exporter.offer([(b"bbb", 2), (b"cccc", 4), (b"dddd", 8)])
        found = {f"{s.name} {s.labels.get('reason', '')}".strip(): s.value for s in exporter.samples() if s.value}
        assert found == {
            "tailgate_exporter_out_spans": 15,
            "otelcol_exporter_send_failed_spans": 1,
            "otelcol_exporter_enqueue_failed_spans": 8,
            "tailgate_exporter_failed_spans queue_full": 8,
            "tailgate_exporter_failed_spans permanent": 1,
            "tailgate_exporter_in_flight_spans": 2,
            "tailgate_exporter_queued_spans": 4,
            **dict.fromkeys(("otelcol_exporter_queue_size", "tailgate_exporter_queue_bytes"), 7),
            "otelcol_exporter_queue_capacity": 10,
        }
        assert {s.labels["exporter"] for s in exporter.samples()} == {"otlp"}
        await exporter.stop(asyncio.get_running_loop().time())

    virtual(main())


ANSWERS = st.one_of(
    st.just(Delivered()),
    st.builds(Delivered, st.integers(0, 5)),
    st.just(Permanent("no")),
    st.builds(Retryable, st.just("down"), st.none() | st.floats(0, 30)),
    st.just(ValueError("a bug")),
)
STEPS = st.lists(st.tuples(st.sampled_from([0.0, 0.3, 2.0, 9.0]), ANSWERS), max_size=25)
REQUESTS = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), max_size=4)
OFFERS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 1.0, 7.0]), REQUESTS), max_size=12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, offers=OFFERS, consumers=st.integers(1, 3), stop_in=st.sampled_from([0.0, 1.0, 30.0]))
@pytest.mark.parametrize("bounds", [ALONE, BatchBounds(5, 0, 8, 100, 0.5)])
def test_every_span_is_accounted_for_at_every_moment(
    virtual, balanced, bounds: BatchBounds, steps: Any, offers: Any, consumers: int, stop_in: float
) -> None:
    """Whatever the upstream does and whenever requests come or the end comes.

    Between any two rounds of the loop the ledger balances and the bound holds; at the end nothing is held, and the
    requests that the upstream took are each taken once and are exactly those that are not counted as lost.
    """
    script = Script(list(steps))
    exporter = sender(script, bounds=bounds, limit=150, consumers=consumers, timeout=5.0)
    spans_of: dict[bytes, int] = {}

    def between() -> None:
        balanced(exporter)
        assert 0 <= exporter.held_bytes() <= 150

    async def main() -> None:
        await exporter.start()
        for wait, requests in offers:
            first = len(spans_of)
            made = [((first + n).to_bytes(2, "big") + bytes([size]) + bytes(size), spans)
                    for n, (size, spans) in enumerate(requests)]  # fmt: skip
            spans_of.update(made)
            exporter.offer(made)
            between()
            await asyncio.sleep(wait)
        await exporter.stop(asyncio.get_running_loop().time() + stop_in)

    virtual(main(), between)
    ledger = exporter.ledger
    assert (ledger.queued, ledger.in_flight, exporter.held_bytes()) == (0, 0, 0)
    assert ledger.out == sum(spans_of.values())
    arrived: list[bytes] = []
    for body in script.taken:
        while body:
            end = 3 + body[2]
            arrived.append(body[:end])
            body = body[end:]
    assert len(arrived) == len(set(arrived))
    assert ledger.sent + ledger.failed["rejected"] == sum(spans_of[data] for data in arrived)
