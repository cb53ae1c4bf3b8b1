"""One gRPC service, that of a signal: a message is read only once the pipelines would take it.

It is written as if requests were streams, so that its handler runs before the message has been read: a call that is
refused costs the headers and, while the sender has not noticed, one HTTP/2 window (64 KiB) of its message. How many
messages are being read at the same time is bounded by the `Gate`. gRPC's own decompression is off, because it inflates
a whole message before it looks at its size; `inflate_message` does that under the limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import grpc

from ...telemetry.signals import Signal
from ..base import Consumer, Refused
from .config import SECOND, GrpcConfig
from .counters import Counters
from .gate import Gate
from .inflate import inflate_message
from .metadata import Lookup, lookup, peer_address
from .status import Answer, NoMessage, answer_for

_CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


class Load:
    """What the services of one server share: how many calls run, and how many of them may be reading."""

    def __init__(self, config: GrpcConfig) -> None:
        self.running = 0
        self.gate = Gate(config.max_concurrent_reads, config.read_timeout / SECOND or None)


class GrpcService:
    """Serves `Export` of one signal."""

    def __init__(self, config: GrpcConfig, signal: Signal, consumer: Consumer, counters: Counters, load: Load) -> None:
        self._config, self.signal, self._consumer = config, signal, consumer
        self._counters, self._load = counters, load

    async def export(self, _requests: object, context: Any) -> bytes:
        """Serve one call; the answer is the empty export response."""
        self._load.running += 1
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
            self._counters.accepted(self.signal, spans, "OK")
            return b""
        finally:
            self._load.running -= 1
        await context.abort(_CODES[answer.code], answer.message, answer.metadata())
        raise AssertionError("abort returns never")

    def _admit(self) -> None:
        if self._load.running > self._config.max_concurrent_requests:
            raise Refused("too_many_requests")
        self._consumer.admit(0)

    async def _read(self, context: Any) -> bytes:
        waited = self._load.gate.full
        async with self._load.gate.enter():
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
        spans = getattr(error, "spans", 0)
        self._counters.refused(answer.reason, size, _CODES[answer.code].name, self.signal, spans)
        self._counters.report(answer, error)
        return answer

    def _metadata(self, context: Any) -> Lookup:
        def values(name: str) -> Iterator[str]:
            return (value for key, value in context.invocation_metadata() or () if key == name and type(value) is str)

        return lookup(values if self._config.include_metadata else lambda _: (), lambda: peer_address(context.peer()))
