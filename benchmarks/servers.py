"""The processes around a benchmark: floors that only receive, or receive and forward, and the upstream."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import sys
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import zstandard
from aiohttp import ClientSession, web

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
EXPORT = f"/{SERVICE}/Export"
MESSAGE = 64 << 20
OPTIONS = [("grpc.max_receive_message_length", MESSAGE), ("grpc.max_send_message_length", MESSAGE)]
Take = Callable[[bytes], Awaitable[None]]


def inflated(body: bytes, encoding: str) -> bytes:
    """Undo a content encoding."""
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return zlib.decompress(body) if encoding == "deflate" else body


async def serve_grpc(port: int, take: Take, more: dict[str, Callable[[bytes], bytes]]) -> grpc.aio.Server:
    """Serve the trace service with raw bytes, and further calls under `/bench/NAME`."""

    async def export(request: bytes, _: grpc.aio.ServicerContext) -> bytes:
        await take(request)
        return b""

    def call(answer: Callable[[bytes], bytes]) -> Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]:
        async def handler(request: bytes, _: grpc.aio.ServicerContext) -> bytes:
            return answer(request)

        return handler

    server = grpc.aio.server(options=OPTIONS)
    handlers = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    bench = {name: grpc.unary_unary_rpc_method_handler(call(answer)) for name, answer in more.items()}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, handlers), grpc.method_handlers_generic_handler("bench", bench))
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server


async def serve_http(port: int, take: Take, inflate: bool) -> None:
    """Serve any POST with raw bytes; without `inflate` what is compressed stays so."""

    async def handle(request: web.BaseRequest) -> web.Response:
        body = await request.content.read()  # `request.read()` takes 1 MiB at most
        await take(inflated(body, request.headers.get("content-encoding", "")) if inflate else body)
        return web.Response(content_type="application/x-protobuf")

    runner = web.ServerRunner(web.Server(handle, auto_decompress=False, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()


class Upstream:
    """Keeps what arrives, as bytes, until it is asked: counting and checking wait until a proxy has been measured."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.counted = self.spans = 0

    async def take(self, body: bytes) -> None:
        """Keep one request."""
        self.bodies.append(body)

    def count(self, _: bytes) -> bytes:
        """Return how many spans have arrived since the last `dump`."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request

        for body in self.bodies[self.counted :]:
            blocks = Request.FromString(body).resource_spans
            self.spans += sum(len(scope.spans) for block in blocks for scope in block.scope_spans)
        self.counted = len(self.bodies)
        return str(self.spans).encode()

    def dump(self, path: bytes) -> bytes:
        """Write all requests to a file, each behind its length, and begin anew."""
        with Path(path.decode()).open("wb") as file:
            for body in self.bodies:
                file.write(struct.pack("<I", len(body)) + body)
        self.bodies, self.counted, self.spans = [], 0, 0
        return b"ok"


def read_dump(path: Path) -> list[bytes]:
    """Read what `Upstream.dump` wrote."""
    data, out, at = path.read_bytes(), [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        out.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return out


async def _ignore(_: bytes) -> None:
    return


async def run(kind: str, grpc_port: int, http_port: int, upstream_grpc: int, upstream_http: int) -> None:
    """Serve one of: `bare` (receives), `forward` (receives and forwards, raw), `upstream` (collects)."""
    if kind == "forward":
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{upstream_grpc}", options=OPTIONS)
        export, session = channel.unary_unary(EXPORT), ClientSession()
        url = f"http://127.0.0.1:{upstream_http}/v1/traces"

        async def by_grpc(body: bytes) -> None:
            await export(body)

        async def by_http(body: bytes) -> None:
            async with session.post(url, data=body) as answer:
                await answer.read()

        server = await serve_grpc(grpc_port, by_grpc, {})
        await serve_http(http_port, by_http, inflate=False)
    elif kind == "upstream":
        upstream = Upstream()
        server = await serve_grpc(grpc_port, upstream.take, {"Count": upstream.count, "Dump": upstream.dump})
        await serve_http(http_port, upstream.take, inflate=True)
    else:
        server = await serve_grpc(grpc_port, _ignore, {})
        await serve_http(http_port, _ignore, inflate=False)
    await server.wait_for_termination()


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(sys.argv[1], *map(int, sys.argv[2:6])))
