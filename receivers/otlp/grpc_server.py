"""OTLP over gRPC: requests are raw bytes; a message is read only once the pipelines would take it.

The service is written as if requests were streams, so that its handler runs before the message has been read: a call
that is refused costs the headers and, while the sender has not noticed, one HTTP/2 window (64 KiB) of its message.
How many messages are being read at the same time is bounded by the `Gate`. gRPC's own decompression is off, because
it inflates a whole message before it looks at its size; `inflate_message` does that under the limit.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import grpc

from ...telemetry.samples import Sample
from ..base import Consumer, Refused
from .config import SECOND, GrpcConfig, KeepaliveConfig, split_endpoint
from .counters import Counters
from .gate import Gate
from .inflate import inflate_message
from .metadata import Lookup, lookup, peer_address
from .status import Answer, NoMessage, answer_for
from .tls import grpc_credentials

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_MILLISECOND = 1_000_000
_MAX_METADATA = 16 << 10


def channel_options(config: GrpcConfig) -> list[tuple[str, int]]:
    """Return the options of the server.

    Without the bandwidth probe a stream's window stays at 64 KiB until its message is wanted; with it, calls that are
    refused would still be buffered by the megabyte.
    """
    return [
        ("grpc.max_receive_message_length", config.max_message_bytes),
        ("grpc.per_message_decompression", 0),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", 64 << 10),
        ("grpc.max_concurrent_streams", config.max_concurrent_streams or 100),
        ("grpc.max_metadata_size", _MAX_METADATA),
        ("grpc.absolute_max_metadata_size", _MAX_METADATA),
        ("grpc.so_reuseport", 0),
        *_keepalive(config.keepalive),
    ]


def _keepalive(config: KeepaliveConfig) -> Iterator[tuple[str, int]]:
    server, policy = config.server_parameters, config.enforcement_policy
    named = {
        "grpc.max_connection_idle_ms": server.max_connection_idle,
        "grpc.max_connection_age_ms": server.max_connection_age,
        "grpc.max_connection_age_grace_ms": server.max_connection_age_grace,
        "grpc.keepalive_time_ms": server.time,
        "grpc.keepalive_timeout_ms": server.timeout,
        "grpc.http2.min_recv_ping_interval_without_data_ms": policy.min_time,
    }
    for name, value in named.items():
        if value:
            yield name, max(1, value // _MILLISECOND)
    yield "grpc.keepalive_permit_without_calls", int(policy.permit_without_stream)


class GrpcServer:
    """Listens for OTLP/gRPC and hands every message to `consumer`."""

    def __init__(self, config: GrpcConfig, receiver: str, consumer: Consumer) -> None:
        """`receiver` is the receiver's id, for metrics and messages."""
        self._config = config
        self._where = f"receivers::{receiver}::protocols::grpc"
        self._consumer = consumer
        self._counters = Counters(receiver, "grpc")
        self._gate = Gate(config.max_concurrent_reads, config.read_timeout / SECOND or None)
        self._running = 0
        self._server: Any = None
        self.endpoint = ""

    async def start(self) -> None:
        """Listen. Raises OSError when the address or the certificates cannot be used."""
        handler = grpc.stream_unary_rpc_method_handler(self._export)
        self._server = grpc.aio.server(
            handlers=[grpc.method_handlers_generic_handler(SERVICE, {"Export": handler})],
            options=channel_options(self._config),
        )
        host, port = split_endpoint(self._config.endpoint)
        port = self._listen(f"[{host}]:{port}" if ":" in host else f"{host or '[::]'}:{port}")
        await self._server.start()
        self.endpoint = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _listen(self, address: str) -> int:
        tls = self._config.tls
        try:
            if tls is None:
                return int(self._server.add_insecure_port(address))
            return int(self._server.add_secure_port(address, grpc_credentials(tls, self._where)))
        except RuntimeError:
            raise OSError(f"{self._where}: cannot listen on {self._config.endpoint}: {_why_not(address)}") from None

    async def stop(self, grace: float) -> None:
        """Take no new calls, let running ones end within `grace` seconds."""
        if self._server is not None:
            await self._server.stop(grace)

    def samples(self) -> Iterator[Sample]:
        """Yield the metrics."""
        return self._counters.samples()

    async def _export(self, _requests: object, context: Any) -> bytes:
        """Serve one call; the answer is the empty ExportTraceServiceResponse."""
        self._running += 1
        message = b""
        try:
            self._admit()
            message = await self._read(context)
            spans = await self._take(message, context)
        except Exception as error:
            answer = self._refuse(error, len(message))
        except asyncio.CancelledError:
            self._counters.refused("cancelled", len(message), "CANCELLED")
            raise
        else:
            self._counters.accepted(spans, "OK")
            return b""
        finally:
            self._running -= 1
        await context.abort(_CODES[answer.code], answer.message, answer.metadata())
        raise AssertionError("abort returns never")

    def _admit(self) -> None:
        if self._running > self._config.max_concurrent_requests:
            raise Refused("too_many_requests")
        self._consumer.admit(0)

    async def _read(self, context: Any) -> bytes:
        waited = self._gate.full
        async with self._gate.enter():
            if waited:
                self._consumer.admit(0)
            message = await context.read()
        if message is grpc.aio.EOF:
            raise NoMessage(f"the call came without a message of at most {self._config.max_message_bytes} bytes")
        return bytes(message)

    async def _take(self, message: bytes, context: Any) -> int:
        size = len(message)
        self._consumer.reserve(size)
        try:
            request = inflate_message(message, self._config.max_message_bytes)
            if request is not message:
                self._consumer.reserve(len(request))
                size += len(request)
            spans = self._consumer.consume(request, self._metadata(context))
            return spans if isinstance(spans, int) else await spans
        finally:
            self._consumer.release(size)

    def _refuse(self, error: Exception, size: int) -> Answer:
        answer = answer_for(error)
        self._counters.refused(answer.reason, size, _CODES[answer.code].name, getattr(error, "spans", 0))
        self._counters.report(answer, error)
        return answer

    def _metadata(self, context: Any) -> Lookup:
        def values(name: str) -> Iterator[str]:
            return (value for key, value in context.invocation_metadata() or () if key == name and type(value) is str)

        return lookup(values if self._config.include_metadata else lambda _: (), lambda: peer_address(context.peer()))


def _why_not(address: str) -> str:
    """Return why an address cannot be bound: gRPC says so in its own log only."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((host.strip("[]"), int(port)))
    except (OSError, ValueError) as error:
        return str(error)
    return "the address is in use, or is no address of this machine"
