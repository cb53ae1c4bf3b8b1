"""The load generator: sends pre-built requests, as fast as they are answered or on a schedule, and times answers."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import grpc
import zstandard

from .servers import EXPORT, OPTIONS

CONCURRENCY = 8
_GRPC_COMPRESSION = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}


@dataclass(frozen=True)
class Sent:
    """Seconds until each request was answered, and until all were, from the first on."""

    times: list[float]
    seconds: float


class Refusal(RuntimeError):
    """A request was not answered OK."""


def send_grpc(
    port: int, requests: Sequence[bytes], compression: str = "none", rate: float = 0, concurrency: int = CONCURRENCY
) -> Sent:
    """Send every request once over gRPC.

    Without a `rate` so many calls are under way at a time as `concurrency` says. With one (requests a second), calls
    start on a fixed schedule, whatever has been answered, and times count from when a call was due.
    """
    times = [0.0] * len(requests)
    failures: list[str] = []
    slots = threading.Semaphore(concurrency if not rate else len(requests))

    def done(number: int, begin: float) -> Callable[[grpc.Future], None]:
        def finish(call: grpc.Future) -> None:
            times[number] = time.perf_counter() - begin
            if call.code() is not grpc.StatusCode.OK:
                failures.append(f"{call.code().name}: {call.details()}")
            slots.release()

        return finish

    options = [*OPTIONS, ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(
        f"127.0.0.1:{port}", options=options, compression=_GRPC_COMPRESSION[compression]
    ) as channel:
        grpc.channel_ready_future(channel).result(60)
        export = channel.unary_unary(EXPORT)
        start, calls = time.perf_counter(), []
        for number, request in enumerate(requests):
            due = start + number / rate if rate else 0.0
            if rate and (wait := due - time.perf_counter()) > 0:
                time.sleep(wait)
            slots.acquire()
            call = export.future(request, timeout=120)
            call.add_done_callback(done(number, due or time.perf_counter()))
            calls.append(call)
            if len(calls) > 64:
                calls = [call for call in calls if not call.done()]
        _join(lambda: all(times))
        seconds = time.perf_counter() - start
    if failures:
        raise Refusal(f"{len(failures)} of {len(requests)} requests were refused: {failures[0]}")
    return Sent(times, seconds)


def _join(finished: Callable[[], bool]) -> None:
    """Wait until every callback has run; calls have a deadline of their own."""
    while not finished():
        time.sleep(0.001)


def http_message(port: int, body: bytes, encoding: str) -> bytes:
    """Return a whole HTTP request as bytes."""
    line = "" if encoding == "none" else f"Content-Encoding: {encoding}\r\n"
    head = (
        f"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/x-protobuf\r\n{line}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def compressed(requests: Sequence[bytes], encoding: str) -> list[bytes]:
    """Compress bodies before anything is measured."""
    if encoding == "gzip":
        return [gzip.compress(body, 1, mtime=0) for body in requests]
    if encoding == "zstd":
        return [zstandard.ZstdCompressor(level=1).compress(body) for body in requests]
    return list(requests)


async def _post(port: int, messages: Iterator[tuple[int, bytes]], times: list[float]) -> None:
    """Take messages, one after the other, over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number, message in messages:
        begin = time.perf_counter()
        writer.write(message)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].split(b"\r\n")[0].strip()
        answer = await reader.readexactly(int(length or 0))
        times[number] = time.perf_counter() - begin
        if not head.startswith(b"http/1.1 200"):
            raise Refusal(f"{head.splitlines()[0].decode()}: {answer[:200]!r}")
    writer.close()


def send_http(port: int, requests: Sequence[bytes], compression: str = "none") -> Sent:
    """Send every request once over HTTP, over `CONCURRENCY` kept-alive connections.

    `requests` are bodies that are compressed already.
    """
    times = [0.0] * len(requests)
    messages = iter([(n, http_message(port, body, compression)) for n, body in enumerate(requests)])

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENCY):
                group.create_task(_post(port, messages, times))

    begin = time.perf_counter()
    asyncio.run(work())
    return Sent(times, time.perf_counter() - begin)
