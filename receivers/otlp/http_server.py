"""OTLP over HTTP: protobuf or JSON bodies on a path for each signal, read only once the pipelines would take them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ...telemetry.listening import cannot_listen
from ...telemetry.samples import Sample
from ...telemetry.signals import SIGNALS, Signal
from ..base import Consumer, Refused
from .body import Body, Reservation
from .config import SECOND, HttpConfig, split_endpoint
from .cors import Cors
from .counters import Counters
from .gate import Gate
from .inflate import ENCODINGS
from .json import json_to_protobuf
from .metadata import Lookup, lookup
from .status import INVALID_ARGUMENT, JSON, NOT_FOUND, PROTOBUF, UNIMPLEMENTED, Answer, answer_for
from .tls import ssl_context

_LINGER = 5.0
"""Seconds in which the rest of a refused body is read and thrown away, so that its sender gets to see the answer."""
_HANDSHAKE = 10.0
_CUT = 0.1
"""Seconds that aiohttp waits for a request that outlived the grace, before it cancels it (0 would be: for ever)."""
_JSON_AT_ONCE = 16 << 10
"""Bytes of JSON that are converted on the event loop; more goes to the thread."""
_JSON_EXPANSION = 8
"""Bytes of Python objects, about, that a byte of JSON becomes while it is converted."""


class Rejected(Exception):
    """A request that is answered by what its head says."""

    def __init__(self, answer: Answer, headers: dict[str, str] | None = None) -> None:
        super().__init__(answer.message)
        self.answer = answer
        self.headers = headers or {}


class _AiohttpLog(logging.Logger):
    """Where aiohttp tells of what goes wrong around a request: counted, logged now and then, never quoted."""

    def __init__(self, counters: Counters) -> None:
        super().__init__("tailgate.receivers.otlp.aiohttp", logging.CRITICAL)
        self._counters = counters

    def debug(self, msg: object, *_args: object, exc_info: Any = None, **_kwargs: Any) -> None:
        """Take the exceptions only: a connection that speaks no HTTP from its first byte on comes this way."""
        if exc_info:
            self.exception(msg, exc_info=exc_info)

    def exception(self, msg: object, *_args: object, exc_info: Any = None, **_kwargs: Any) -> None:
        """Take one error; `exc_info` is the exception. A connection that goes away after its answer is no error."""
        if isinstance(exc_info, HttpProcessingError):
            answer = Answer(INVALID_ARGUMENT, 400, f"not HTTP: {type(exc_info).__name__}", "bad_http")
        elif isinstance(exc_info, Exception) and not isinstance(exc_info, (RuntimeError, ConnectionError)):
            answer = answer_for(exc_info)
        else:
            return
        self._counters.refused(answer.reason, 0, str(answer.http))
        self._counters.report(answer, exc_info)


class HttpServer:
    """Listens for OTLP/HTTP and hands every body to its signal's consumer."""

    def __init__(self, config: HttpConfig, receiver: str, consumers: Mapping[Signal, Consumer]) -> None:
        """`receiver` is the receiver's id, for metrics and messages."""
        self._config = config
        self._where = f"receivers.{receiver}.protocols.http"
        self._consumers = consumers
        self._signals: dict[str, Signal] = {config.path(signal): signal for signal in consumers}
        self._counters = Counters(receiver, "http", consumers)
        self._cors = Cors(config.cors)
        self._gate = Gate(config.max_concurrent_requests, config.read_timeout / SECOND or None)
        self._running: set[web.RequestHandler] = set()
        self._done = asyncio.Event()
        self._stopping = False
        self._server: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._json_thread = ThreadPoolExecutor(1, thread_name_prefix="otlp-json")
        self._json_turn = asyncio.Lock()
        self.endpoint = ""

    async def start(self) -> None:
        """Listen. Raises OSError when the address or the certificates cannot be used."""
        host, port = split_endpoint(self._config.endpoint)
        tls = ssl_context(self._config.tls, self._where) if self._config.tls else None
        self._server = web.Server(
            self._handle,
            access_log=None,
            logger=_AiohttpLog(self._counters),
            auto_decompress=False,
            keepalive_timeout=self._config.idle_seconds,
            lingering_time=_LINGER,
        )
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                self._server,
                host or None,
                port,
                ssl=tls,
                backlog=1024,
                ssl_handshake_timeout=_HANDSHAKE if tls else None,
            )
        except OSError as error:
            raise cannot_listen(self._where, self._config.endpoint, error) from None
        port = self._listener.sockets[0].getsockname()[1]
        self.endpoint = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def stop(self, grace: float) -> None:
        """Take no new connections or requests, let running requests end within `grace` seconds."""
        self._stopping = True
        if self._listener is not None:
            self._listener.close()
        if self._server is not None:
            await self._drain(self._server, grace)
            await self._server.shutdown(_CUT)
        self._json_thread.shutdown(wait=False, cancel_futures=True)

    async def _drain(self, server: web.Server, grace: float) -> None:
        """Close idle connections and wait for running requests; aiohttp's own way would drop what is left of bodies."""
        for connection in set(server.connections).difference(self._running):
            connection.force_close()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self._running:
                    self._done.clear()
                    await self._done.wait()

    def samples(self) -> Iterator[Sample]:
        """Yield the metrics."""
        return self._counters.samples()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._cors.is_preflight(request.method, request.headers):
            return self._response(204, b"", "", self._cors.preflight(request.headers))
        connection = request.protocol  # which has one request at a time
        self._running.add(connection)
        try:
            return await self._serve(request)
        finally:
            self._running.discard(connection)
            if self._stopping:
                self._done.set()

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        body = Body(self._config.max_body_bytes, self._gate, request.content_length)
        own = self._cors.headers(request.headers)
        signal: Signal | None = None
        try:
            signal = self._signal_of(request.path)
            spans = await self._take(request, body, signal)
        except Rejected as rejected:
            self._counters.refused(rejected.answer.reason, body.wire, str(rejected.answer.http))
            return self._failure(request, rejected.answer, own | rejected.headers)
        except Exception as error:
            answer = answer_for(error)
            size = body.wire or request.content_length or 0
            self._counters.refused(answer.reason, size, str(answer.http), signal, getattr(error, "spans", 0))
            self._counters.report(answer, error)
            return self._failure(request, answer, own)
        except asyncio.CancelledError:
            self._counters.refused("cancelled", body.wire, "499")
            raise
        self._counters.accepted(signal, spans, "200")
        return self._response(200, *_success(request.content_type), own)

    async def _take(self, request: web.BaseRequest, body: Body, signal: Signal) -> int:
        """Take a request into the pipelines and return its record count."""
        consumer = self._consumers[signal]
        encoding = self._check_head(request)
        body.check_length()
        if len(self._running) > self._config.max_concurrent_requests:
            raise Refused("too_many_requests", exhausted=False)
        consumer.admit(request.content_length or 0)
        if (expect := request.headers.get("Expect")) is not None and expect.lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        with Reservation(consumer) as reserved:
            message = await body.read(request.content, encoding, reserved)
            if request.content_type == JSON:
                message = await self._from_json(message, reserved, signal)
            spans = consumer.consume(message, self._metadata(request))
            return spans if isinstance(spans, int) else await spans

    def _check_head(self, request: web.BaseRequest) -> str:
        """Return the body's encoding. Raises `Rejected` for what no body could mend."""
        if request.method != "POST":
            text = "method not allowed, expected POST"
            raise Rejected(Answer(UNIMPLEMENTED, 405, text, "method_not_allowed"), {"Allow": "POST"})
        if request.content_type not in (PROTOBUF, JSON):
            text = f"unsupported content type, expected {PROTOBUF} or {JSON}"
            raise Rejected(Answer(INVALID_ARGUMENT, 415, text, "unsupported_type"))
        given = request.headers.get("Content-Encoding")
        if given is None:
            return "identity"
        encoding = given.strip().lower() or "identity"
        encoding = "gzip" if encoding == "x-gzip" else encoding
        if encoding not in ("identity", *ENCODINGS):
            text = f"unsupported content encoding, expected {', '.join(ENCODINGS)} or none"
            answer = Answer(INVALID_ARGUMENT, 415, text, "unsupported_encoding")
            raise Rejected(answer, {"Accept-Encoding": ", ".join(ENCODINGS)})
        return encoding

    def _signal_of(self, path: str) -> Signal:
        """Return what is taken at a path. Raises `Rejected`."""
        if path not in self._signals:
            raise Rejected(Answer(NOT_FOUND, 404, self._not_found(path), "not_found"))
        return self._signals[path]

    def _not_found(self, path: str) -> str:
        taken = " and ".join(f"{signal} at {path}" for path, signal in self._signals.items())
        missing = next((signal for signal in SIGNALS if path == self._config.path(signal)), None)
        return f"{f'{missing} are not taken here' if missing else 'no such path'}; taken are {taken}"

    async def _from_json(self, body: bytes, reserved: Reservation, signal: Signal) -> bytes:
        if len(body) <= _JSON_AT_ONCE:
            return json_to_protobuf(body, signal)
        async with self._json_turn:
            with Reservation(self._consumers[signal]) as working:
                working.add(_JSON_EXPANSION * len(body))
                loop = asyncio.get_running_loop()
                message = await loop.run_in_executor(self._json_thread, json_to_protobuf, body, signal)
        reserved.add(len(message))
        return message

    def _metadata(self, request: web.BaseRequest) -> Lookup:
        values: Callable[[str], list[str]] = lambda name: request.headers.getall(name, [])  # noqa: E731
        return lookup(values if self._config.include_metadata else lambda _: (), lambda: _address(request))

    def _failure(self, request: web.BaseRequest, answer: Answer, headers: dict[str, str]) -> web.Response:
        content_type = JSON if request.content_type == JSON else PROTOBUF
        return self._response(answer.http, answer.body(content_type), content_type, answer.headers() | headers)

    def _response(self, status: int, body: bytes, content_type: str, headers: dict[str, str]) -> web.Response:
        if content_type:
            headers = {"Content-Type": content_type, **headers}
        response = web.Response(status=status, body=body, headers=self._config.response_headers | headers)
        if self._stopping or not self._config.keep_alives_enabled:
            response.force_close()
        return response


def _success(content_type: str) -> tuple[bytes, str]:
    """Return body and type of the empty export response."""
    return (b"{}", JSON) if content_type == JSON else (b"", PROTOBUF)


def _address(request: web.BaseRequest) -> str | None:
    transport = request.transport
    peer = transport.get_extra_info("peername") if transport is not None else None
    return str(peer[0]) if isinstance(peer, tuple) else None
