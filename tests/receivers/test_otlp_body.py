"""Bodies of HTTP requests: what has come with its head is taken at once, counted and limited like any other."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from tailgate.receivers.otlp.body import Body, Reservation
from tailgate.receivers.otlp.gate import Gate
from tailgate.receivers.otlp.status import TooLarge


class Counting:
    """A consumer that only counts what is in flight."""

    def __init__(self) -> None:
        self.in_flight = self.most = 0

    def reserve(self, size: int) -> None:
        """Count up."""
        self.in_flight += size
        self.most = max(self.most, self.in_flight)

    def release(self, size: int) -> None:
        """Count down."""
        self.in_flight -= size


async def read(parts: list[bytes], consumer: Counting, limit: int = 100, later: bool = False) -> bytes:
    """Read a body of these parts through a gate whose only place is taken unless they come `later`."""
    loop = asyncio.get_running_loop()
    protocol, gate = BaseProtocol(loop), Gate(1, None)
    protocol.connection_made(asyncio.Transport())
    content = StreamReader(protocol, 2**16, loop=loop)
    body = Body(limit, gate, None)

    async def feed() -> None:
        for part in parts:
            content.feed_data(part)
            await asyncio.sleep(0)
        content.feed_eof()

    with Reservation(consumer) as reserved:  # type: ignore[arg-type]
        if later:
            _, message = await asyncio.gather(feed(), body.read(content, "identity", reserved))
            return message
        await feed()
        async with gate.enter():
            return await body.read(content, "identity", reserved)


@pytest.mark.parametrize("parts", [[], [b"one"], [b"one", b"two", b"three"]])
@pytest.mark.parametrize("later", [False, True])
def test_a_body_is_whole_and_counted_until_it_is_done_with(parts: list[bytes], later: bool) -> None:
    """Whether it was there before or comes part by part; what was there needs no place among those that wait."""
    consumer = Counting()
    assert asyncio.run(read(parts, consumer, later=later)) == b"".join(parts)
    assert (consumer.in_flight, consumer.most) == (0, sum(map(len, parts)))


@pytest.mark.parametrize("later", [False, True])
def test_a_body_past_the_limit_is_refused_and_nothing_stays_counted(later: bool) -> None:
    """Also when all of it has come already."""
    consumer = Counting()
    with pytest.raises(TooLarge):
        asyncio.run(read([b"x" * 60, b"y" * 60], consumer, later=later))
    assert consumer.in_flight == 0
