"""The gate before unread messages."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from tailgate.receivers.otlp.gate import Gate
from tailgate.receivers.otlp.status import TooSlow


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 10))


def test_places_are_bounded() -> None:
    """Scenario: 50 tasks, three places. Guarantees: never more than three inside, all get through."""

    async def main() -> None:
        gate, inside, peak = Gate(3, 5), 0, 0

        async def one() -> None:
            nonlocal inside, peak
            async with gate.enter():
                inside += 1
                peak = max(peak, inside)
                await asyncio.sleep(0.001)
                inside -= 1

        await asyncio.gather(*(one() for _ in range(50)))
        assert (inside, peak) == (0, 3)

    run(main())


def test_time_runs_out() -> None:
    """Guarantees: `TooSlow` after the seconds given; the place is free again."""

    async def main() -> None:
        gate = Gate(1, 0.02)
        with pytest.raises(TooSlow):
            async with gate.enter():
                await asyncio.sleep(5)
        async with gate.enter():
            pass

    run(main())


def test_one_timer_watches_all() -> None:
    """Scenario: stays one after the other, some over in time. Guarantees: each of the others ends when it is due."""

    async def main() -> None:
        gate, ends = Gate(9, 0.1), dict[float, float]()
        start = asyncio.get_running_loop().time()

        async def hold(after: float, seconds: float) -> None:
            await asyncio.sleep(after)
            try:
                async with gate.enter():
                    await asyncio.sleep(seconds)
            except TooSlow:
                ends[after] = asyncio.get_running_loop().time() - start

        await asyncio.gather(hold(0, 5), hold(0.02, 0.01), hold(0.05, 5), hold(0.3, 5))
        assert [round(end - after, 1) for after, end in sorted(ends.items())] == [0.1, 0.1, 0.1]

    run(main())


def test_own_timeouts_are_not_taken_for_ours() -> None:
    """Scenario: something inside times out by itself. Guarantees: that error passes as it is."""

    async def main() -> None:
        gate = Gate(1, 5)
        with pytest.raises(TimeoutError):
            async with gate.enter():
                raise TimeoutError
        async with gate.enter():
            pass

    run(main())


def test_the_slowest_makes_way() -> None:
    """Scenario: two places taken for long, a third waits. Guarantees: only the one that came first is sent away."""

    async def main() -> None:
        gate, fates = Gate(2, None, patience=0.05), {}

        async def hold(name: str) -> None:
            try:
                async with gate.enter():
                    await asyncio.sleep(0.25)
                fates[name] = "done"
            except TooSlow:
                fates[name] = "sent away"

        first = asyncio.ensure_future(hold("first"))
        await asyncio.sleep(0.01)
        second = asyncio.ensure_future(hold("second"))
        await asyncio.sleep(0.08)
        async with gate.enter():
            fates["third"] = "in"
            await first
            assert not second.done()
        await second
        assert fates == {"first": "sent away", "second": "done", "third": "in"}

    run(main())


def test_the_quick_are_not_sent_away() -> None:
    """Scenario: the one inside has not had its time yet. Guarantees: who waits keeps waiting."""

    async def main() -> None:
        gate, gone = Gate(1, None, patience=0.1), []

        async def hold(seconds: float) -> None:
            try:
                async with gate.enter():
                    await asyncio.sleep(seconds)
            except TooSlow:
                gone.append(seconds)

        await asyncio.gather(*(hold(0.06) for _ in range(5)))
        assert gone == []

    run(main())


def test_cancelled_waiters_leave_no_trace() -> None:
    """Scenario: a waiting task is cancelled, and one inside. Guarantees: the place is usable afterwards."""

    async def main() -> None:
        gate = Gate(1, 5)

        async def hold() -> None:
            async with gate.enter():
                await asyncio.sleep(5)

        tasks = [asyncio.ensure_future(hold()) for _ in range(3)]
        await asyncio.sleep(0.01)
        for task in reversed(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with gate.enter():
            pass

    run(main())
