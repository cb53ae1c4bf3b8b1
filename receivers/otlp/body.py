"""The body of an HTTP request: read chunk by chunk and inflated under limits, every byte counted as in flight."""

from __future__ import annotations

import asyncio
from types import TracebackType

from aiohttp import ClientPayloadError, StreamReader
from aiohttp.http_exceptions import HttpProcessingError

from ...kernel.contract import Malformed
from ..base import Consumer
from .gate import Gate
from .inflate import PIECE, inflate
from .status import TooLarge


class Reservation:
    """Bytes in flight of one request; all are given back on leaving the `with`."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.size = 0

    def add(self, size: int) -> None:
        """Count `size` more bytes. Raises `Refused`."""
        self._consumer.reserve(size)
        self.size += size

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None) -> None:
        if self.size:
            self._consumer.release(self.size)


class Body:
    """One request's body; `wire` is how many bytes of it have come."""

    def __init__(self, limit: int, gate: Gate, length: int | None) -> None:
        """`limit` in bytes, as it comes and inflated; `gate` bounds the time for all of it; `length` as announced."""
        self.wire = 0
        self._limit = limit
        self._gate = gate
        self._length = length

    def check_length(self) -> None:
        """Raise `TooLarge` for a body whose announced length is past the limit."""
        if self._length is not None and self._length > self._limit:
            raise self._too_large()

    async def read(self, content: StreamReader, encoding: str, reserved: Reservation) -> bytes:
        """Return the body, inflated. Raises `TooLarge`, `TooSlow`, `Malformed`, `Refused`."""
        if content.is_eof() and content.exception() is None:  # it has come with its head: there is nothing to wait for
            parts = [self._took(content.read_nowait(), reserved)]
        else:
            parts = await self._wire_chunks(content, reserved)
        if encoding == "identity":
            return b"".join(parts)
        inflated, since_pause = [], 0
        for piece in inflate(parts, encoding, self._limit):
            reserved.add(len(piece))
            inflated.append(piece)
            since_pause += len(piece)
            if since_pause >= PIECE:
                since_pause = 0
                await asyncio.sleep(0)
        return b"".join(inflated)

    async def _wire_chunks(self, content: StreamReader, reserved: Reservation) -> list[bytes]:
        """Read all of it. aiohttp's RuntimeError says that the connection is gone."""
        parts = []
        async with self._gate.enter():
            while chunk := await self._next(content):
                parts.append(self._took(chunk, reserved))
                if content.at_eof():
                    break
        return parts

    def _took(self, chunk: bytes, reserved: Reservation) -> bytes:
        self.wire += len(chunk)
        if self.wire > self._limit:
            raise self._too_large()
        if chunk:
            reserved.add(len(chunk))
        return chunk

    async def _next(self, content: StreamReader) -> bytes:
        try:
            return await content.readany()
        except (ClientPayloadError, HttpProcessingError, ConnectionError, RuntimeError):
            raise Malformed("the body is shorter than announced, or its chunks are malformed") from None

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body is larger than {self._limit} bytes")
