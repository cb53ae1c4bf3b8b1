"""The sending queue: its bounds in every unit, the reserve, and a ledger that is true after every step."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tailgate.exporters.batch import Batch, BatchBounds
from tailgate.exporters.queue import QueueLimits, SendQueue

AT_ONCE = BatchBounds(0, 0, 0, 0, 0.0)
ALONE = BatchBounds(1, 0, 1, 0, 0.0)


def queue(limits: QueueLimits, bounds: BatchBounds = ALONE) -> tuple[SendQueue, list[None]]:
    rooms: list[None] = []
    return SendQueue(limits, bounds, lambda: rooms.append(None)), rooms


def test_at_the_bound_in_bytes_and_just_past_it() -> None:
    """Exactly the bound fits; a byte more is counted as lost under queue_full and changes nothing else."""
    q, _ = queue(QueueLimits("bytes", 100, 100))
    assert q.offer(0, b"x" * 60, 6)
    assert not q.offer(0, b"x" * 41, 4)
    assert q.offer(0, b"x" * 40, 4)
    assert (q.ledger.out, q.ledger.queued, q.ledger.failed) == (14, 10, {"queue_full": 4})
    assert (q.bytes, q.size, q.room()) == (100, 100, 0)


def test_bounds_in_requests_and_spans() -> None:
    """A queue that is sized in requests or spans keeps that bound, and the one in bytes too."""
    q, _ = queue(QueueLimits("requests", 2, 1000))
    assert [q.offer(0, b"x", 5) for _ in range(3)] == [True, True, False]
    q, _ = queue(QueueLimits("items", 10, 1000))
    assert [q.offer(0, b"x", 5) for _ in range(3)] == [True, True, False]
    q, _ = queue(QueueLimits("requests", 100, 10))
    assert [q.offer(0, b"x" * 5, 5) for _ in range(3)] == [True, True, False]


def test_in_flight_counts_as_held() -> None:
    """Taking a batch frees nothing; only its end does."""
    q, _ = queue(QueueLimits("bytes", 100, 100))
    q.offer(0, b"x" * 100, 1)
    batch = q.take(0)
    assert batch is not None
    assert not q.offer(0, b"x", 1)
    q.delivered(batch)
    assert q.offer(0, b"x", 1)


def test_room_keeps_a_reserve_and_is_announced_once() -> None:
    """`room` is 0 before the bound is met, what comes all the same fits, and room is announced when it is back."""
    q, rooms = queue(QueueLimits("bytes", 80, 80))
    assert q.room() == 70
    for _ in range(7):
        q.offer(0, b"x" * 10, 1)
    assert q.room() == 0
    assert q.offer(0, b"x" * 10, 1)
    batches = [q.take(0) for _ in range(8)]
    q.delivered(batches[0])
    assert rooms == []
    q.delivered(batches[1])
    assert len(rooms) == 1
    q.delivered(batches[2])
    assert len(rooms) == 1


def test_room_in_requests() -> None:
    """A queue that is full in requests has no room in bytes, even one too small for a reserve."""
    q, rooms = queue(QueueLimits("requests", 1, 1000))
    assert q.room() > 0
    q.offer(0, b"x", 1)
    batch = q.take(0)
    assert q.room() == 0
    assert not q.offer(0, b"x", 1)
    q.delivered(batch)
    assert len(rooms) == 1


def test_room_is_announced_after_a_refusal() -> None:
    """Who was refused because a request was large hears of room as well, though the queue had a little all along."""
    q, rooms = queue(QueueLimits("bytes", 80, 80))
    q.offer(0, b"x" * 50, 1)
    assert not q.offer(0, b"x" * 40, 1)
    assert q.room() > 0
    q.delivered(q.take(0))
    assert len(rooms) == 1


def test_partial_success_and_settling_twice() -> None:
    """Rejected spans are counted as such, never more than the batch had; the second settlement does nothing."""
    q, _ = queue(QueueLimits("bytes", 100, 100))
    q.offer(0, b"x", 5)
    q.offer(0, b"x", 5)
    first, second = q.take(0), q.take(0)
    q.delivered(first, 2)
    q.lost(first, "permanent")
    q.delivered(second, 50)
    assert (q.ledger.sent, q.ledger.failed, q.ledger.in_flight) == (3, {"rejected": 7}, 0)


class QueueMachine(RuleBasedStateMachine):
    """Any order of offers, takes and endings: the ledger balances, bounds hold, and at the end nothing is missing."""

    @initialize(sizer=st.sampled_from(["requests", "items", "bytes"]), capacity=st.integers(1, 200))
    def make(self, sizer: str, capacity: int) -> None:
        limits = QueueLimits(sizer, capacity, capacity if sizer == "bytes" else 120)  # type: ignore[arg-type]
        self.q, self.rooms = queue(limits, BatchBounds(20, 0, 40, 60, 1.0))
        self.now = 0.0
        self.flying: list[Batch] = []

    @rule(size=st.integers(1, 60), spans=st.integers(0, 50))
    def offer(self, size: int, spans: int) -> None:
        self.q.offer(self.now, b"x" * size, spans)

    @rule(passed=st.sampled_from([0.0, 0.5, 2.0]), flush=st.booleans())
    def take(self, passed: float, flush: bool) -> None:
        self.now += passed
        if batch := self.q.take(self.now, flush):
            self.flying.append(batch)

    @precondition(lambda self: self.flying)
    @rule(index=st.integers(0, 100), rejected=st.integers(-1, 60))
    def deliver(self, index: int, rejected: int) -> None:
        self.q.delivered(self.flying.pop(index % len(self.flying)), rejected)

    @precondition(lambda self: self.flying)
    @rule(index=st.integers(0, 100), reason=st.sampled_from(["permanent", "retries_exhausted"]))
    def lose(self, index: int, reason: str) -> None:
        self.q.lost(self.flying.pop(index % len(self.flying)), reason)

    @invariant()
    def balances(self) -> None:
        if not hasattr(self, "q"):
            return
        ledger, q = self.q.ledger, self.q
        assert ledger.out == ledger.sent + sum(ledger.failed.values()) + ledger.queued + ledger.in_flight
        assert ledger.in_flight == sum(batch.spans for batch in self.flying)
        assert q.bytes == q.backlog.bytes + sum(len(batch.body) for batch in self.flying)
        assert 0 <= q.bytes <= q.limits.max_bytes
        assert 0 <= q.size <= q.limits.capacity

    def teardown(self) -> None:
        if hasattr(self, "q"):
            for batch in self.flying:
                self.q.lost(batch, "shutdown")
            self.q.abandon("shutdown")
            assert (self.q.bytes, self.q.requests, self.q.ledger.queued, self.q.ledger.in_flight) == (0, 0, 0, 0)
            assert self.q.room() > 0


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
