"""The `otlphttp` exporter against a real HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import zlib
from contextlib import asynccontextmanager
from typing import Any

import pytest
import zstandard
from aiohttp import web
from google.protobuf.json_format import MessageToJson
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from tailgate.exporters.otlp_http import MAX_ANSWER, SPEC, OtlpHttpSettings, judge
from tailgate.exporters.retry import Delivered, Permanent, Retryable

FAST = {"initial_interval": "50ms", "max_interval": "100ms", "max_elapsed_time": "20s"}
PROTOBUF = "application/x-protobuf"


@asynccontextmanager
async def running(port: int, context: Any, **keys: Any):
    """Start the exporter for a plain-text upstream; stop it with little grace."""
    config = {"endpoint": f"http://localhost:{port}", "retry_on_failure": FAST, **keys}
    exporter = SPEC.build(OtlpHttpSettings.model_validate(config), context)
    await exporter.start()
    try:
        yield exporter
    finally:
        await exporter.stop(asyncio.get_running_loop().time() + 1)


def unpack(body: bytes, encoding: str | None) -> bytes:
    """Undo a Content-Encoding."""
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "deflate":
        return zlib.decompress(body)
    return zstandard.ZstdDecompressor().decompress(body) if encoding == "zstd" else body


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd", "deflate"])
@pytest.mark.parametrize("padding", [0, 1000])
def test_bytes_arrive_as_they_are(http_upstream, context, make_request, until, compression: str, padding: int) -> None:
    """Small and large bodies, each compression: really compressed on the wire, and byte for byte the same inside."""

    async def main() -> None:
        body = make_request(100, padding=padding)
        async with (
            http_upstream() as upstream,
            running(upstream.port, context(), compression=compression, headers={"X-Tenant": "shop"}) as exporter,
        ):
            exporter.offer([(body, 100)])
            await until(lambda: exporter.ledger.sent == 100)
            headers = upstream.headers[0]
            assert headers["content-type"] == PROTOBUF
            assert headers["x-tenant"] == "shop"
            assert headers.get("content-encoding") == (None if compression == "none" else compression)
            assert unpack(upstream.bodies[0], headers.get("content-encoding")) == body
            assert (len(upstream.bodies[0]) < len(body)) is (compression != "none")

    asyncio.run(main())


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_passing_failures_are_retried(http_upstream, context, make_request, until, status: int) -> None:
    """The statuses that OTLP calls retryable lose nothing."""

    async def main() -> None:
        async with (
            http_upstream(answers=[lambda: web.Response(status=status)] * 2) as upstream,
            running(upstream.port, context()) as exporter,
        ):
            exporter.offer([(make_request(2), 2)])
            await until(lambda: exporter.ledger.sent == 2)
            assert len(upstream.bodies) == 1

    asyncio.run(main())


@pytest.mark.parametrize("status", [302, 307, 400, 401, 404, 413, 500])
def test_permanent_failures_are_not(http_upstream, context, make_request, until, status: int) -> None:
    """The others (a redirect among them) are tried once and counted as permanent."""

    def answer() -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async def main() -> None:
        async with (
            http_upstream(answers=[answer]) as upstream,
            running(upstream.port, context()) as exporter,
        ):
            exporter.offer([(make_request(2), 2)])
            await until(lambda: exporter.ledger.failed["permanent"] == 2)
            await asyncio.sleep(0.15)
            assert upstream.bodies == []

    asyncio.run(main())


def test_retry_after_is_honoured(http_upstream, context, make_request, until) -> None:
    """A 503 with Retry-After is not tried again before."""

    async def main() -> None:
        async with (
            http_upstream(answers=[lambda: web.Response(status=503, headers={"Retry-After": "1"})]) as upstream,
            running(upstream.port, context()) as exporter,
        ):
            began = asyncio.get_running_loop().time()
            exporter.offer([(make_request(2), 2)])
            await until(lambda: exporter.ledger.sent == 2)
            assert 1.0 <= asyncio.get_running_loop().time() - began < 5

    asyncio.run(main())


def test_dead_upstream_that_comes_back(http_upstream, context, make_request, until, balanced) -> None:
    """While nobody listens requests wait up to the queue's bound; beyond it they are counted; then all arrives."""

    async def main() -> None:
        async with http_upstream() as upstream:
            port = upstream.port
        body = make_request(4)
        async with running(
            port, context(), sending_queue={"queue_bytes": 10 * len(body)}, compression="none"
        ) as exporter:
            for _ in range(15):
                exporter.offer([(body, 4)])
                balanced(exporter)
                await asyncio.sleep(0.01)
            assert exporter.ledger.failed == {"queue_full": 20}
            async with http_upstream(port=port) as back:
                await until(lambda: exporter.ledger.sent == 40)
                assert back.bodies == [body] * 10
            balanced(exporter)

    asyncio.run(main())


def test_a_connection_that_breaks_off(context, make_request, until) -> None:
    """An upstream that hangs up in the middle, or answers nonsense, is a passing failure."""
    replies = [b"", b"HTTP/1.1 2", b"garbage\r\n\r\n"]

    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(replies.pop(0) if replies else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

        server = await asyncio.start_server(serve, "localhost", 0)
        async with server, running(server.sockets[0].getsockname()[1], context()) as exporter:
            exporter.offer([(make_request(1), 1)])
            await until(lambda: exporter.ledger.sent == 1)
            assert replies == []

    asyncio.run(main())


def test_stop_flushes(http_upstream, context, make_request) -> None:
    """What waits for a batch when the end comes is sent before it."""

    async def main() -> None:
        async with http_upstream() as upstream:
            async with running(upstream.port, context(batch=(1000, 0, 60.0)), compression="none") as exporter:
                exporter.offer([(make_request(7), 7)])
            assert exporter.ledger.sent == 7
            assert upstream.spans() == 7

    asyncio.run(main())


def test_an_endless_answer(http_upstream, context, make_request, until) -> None:
    """An answer that is far too long is not read (not even what it rejects); its status said that it was taken."""
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = 1
    response.partial_success.error_message = "x" * MAX_ANSWER

    async def main() -> None:
        answer = web.Response(body=response.SerializeToString(), content_type=PROTOBUF)
        async with (
            http_upstream(answers=[lambda: answer]) as upstream,
            running(upstream.port, context()) as exporter,
        ):
            exporter.offer([(make_request(1), 1)])
            await until(lambda: exporter.ledger.sent == 1)
            exporter.offer([(make_request(1), 1)])
            await until(lambda: exporter.ledger.sent == 2)

    asyncio.run(main())


def test_answers_are_judged() -> None:
    """Partial success in protobuf and in JSON, messages of errors, and answers that cannot be read."""
    partial = ExportTraceServiceResponse()
    partial.partial_success.rejected_spans = 3
    partial.partial_success.error_message = "old"
    json = MessageToJson(partial).encode()
    assert judge(200, PROTOBUF, partial.SerializeToString(), None) == Delivered(3, "old")
    assert judge(200, "application/json", json, None) == Delivered(3, "old")
    assert judge(202, "text/html", b"<p>thanks", None) == Delivered()
    assert judge(200, PROTOBUF, b"\xff\xff", None) == Delivered()
    assert judge(200, "application/json", b"{", None) == Delivered()
    assert judge(200, "application/json", b"\xff", None) == Delivered()
    status = Status(code=3, message="bad span").SerializeToString()
    assert judge(400, PROTOBUF, status, None) == Permanent("HTTP 400: bad span")
    assert judge(400, "application/json", b'{"code": 3, "message": "bad"}', None) == Permanent("HTTP 400: bad")
    assert judge(503, "text/plain", b"x" * 999, 2.0) == Retryable("HTTP 503: " + "x" * 200, 2.0)
    assert judge(503, PROTOBUF, b"\xff\xff", None) == Retryable("HTTP 503: an answer that cannot be read")
