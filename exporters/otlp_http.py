"""The `otlphttp` exporter: OTLP over HTTP with protobuf bodies."""

from __future__ import annotations

import asyncio
import gzip
import random
import ssl
import time
import zlib
from typing import Any

import aiohttp
import zstandard
from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from pydantic import Field, field_validator, model_validator
from yarl import URL

from ..rules.durations import Duration
from ..telemetry.signals import FACTS, SIGNALS, Signal, partial_success
from .base import ExportContext, ExporterSpec
from .retry import RETRYABLE_STATUSES, Answer, Delivered, Permanent, Retryable, retry_after
from .sender import Sender
from .settings import SECOND, SenderSettings, Settings, compression, sender_options
from .tls import TlsSettings, ssl_context

PROTOBUF = "application/x-protobuf"
COMPRESSIONS = ("none", "gzip", "zstd", "deflate")
MAX_ANSWER = 64 << 10
"""Bytes of an answer that are read."""
_OWN_HEADERS = {"content-type": PROTOBUF, "accept-encoding": "identity"}
_INLINE = 32 << 10
"""Bodies up to this size are compressed at once; larger ones in a thread, since they take milliseconds."""


class CompressionParams(Settings):
    """`compression_params`."""

    level: int | None = Field(None, ge=-1, le=22)
    """Left out: the algorithm's own default."""


class OtlpHttpSettings(SenderSettings):
    """`exporters.otlphttp`."""

    endpoint: str | None = None
    """`http://` or `https://` and the address; `/v1/traces`, `/v1/logs` or `/v1/metrics` is added."""
    traces_endpoint: str | None = None
    """The whole URL for traces, instead of `endpoint`."""
    metrics_endpoint: str | None = None
    """The whole URL for metrics, instead of `endpoint`."""
    logs_endpoint: str | None = None
    """The whole URL for logs, instead of `endpoint`."""
    profiles_endpoint: str | None = None
    """Without effect."""
    timeout: Duration = 30 * SECOND
    tls: TlsSettings = Field(default_factory=TlsSettings)
    compression: str = "gzip"
    """Of requests: `none`, `gzip`, `zstd`, `deflate`."""
    compression_params: CompressionParams = Field(default_factory=CompressionParams)
    encoding: str = "proto"
    """Of bodies; `proto` is the only one."""
    proxy_url: str | None = None
    max_conns_per_host: int = Field(0, ge=0)
    """Connections at the same time; 0: no bound."""
    idle_conn_timeout: Duration = 90 * SECOND
    disable_keep_alives: bool = False
    max_idle_conns: int | None = None
    """Without effect."""
    max_idle_conns_per_host: int | None = None
    """Without effect."""
    read_buffer_size: int | None = None
    """Without effect."""
    write_buffer_size: int | None = None
    """Without effect."""

    @field_validator("compression", mode="before")
    @classmethod
    def _compression(cls, value: Any) -> str:
        return compression(value, COMPRESSIONS)

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, value: str) -> str:
        if value != "proto":
            raise ValueError(f"encoding {value!r} is not supported: expected proto")
        return value

    @field_validator("endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            url = URL(value)
        except ValueError:
            url = URL()
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(f"{_without_user(value)!r} is no endpoint: expected a URL such as http://collector:4318")
        return value

    @model_validator(mode="after")
    def _somewhere(self) -> OtlpHttpSettings:
        if not any(self.own_endpoint(signal) for signal in SIGNALS) and not self.endpoint:
            raise ValueError("endpoint (or traces_endpoint) is required, such as http://collector:4318")
        return self

    def own_endpoint(self, signal: Signal) -> str | None:
        """Return the URL that is for this signal only."""
        own: str | None = getattr(self, f"{signal}_endpoint")
        return own

    def url(self, signal: Signal) -> URL:
        """Return where requests of this signal are posted."""
        return URL(self.own_endpoint(signal) or (self.endpoint or "").rstrip("/") + FACTS[signal].path)


class HttpTransport:
    """A pool of connections to one URL."""

    def __init__(self, settings: OtlpHttpSettings, signal: Signal = "traces") -> None:
        self._settings = settings
        self._signal: Signal = signal
        self._url = settings.url(signal)
        self._headers = {"user-agent": "tailgate", **settings.plain_headers(), **_OWN_HEADERS}
        if settings.compression != "none":
            self._headers["content-encoding"] = settings.compression
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool. Raises OSError for a file that cannot be read."""
        settings = self._settings
        tls: ssl.SSLContext | bool = ssl_context(settings.tls) if self._url.scheme == "https" else True
        idle = None if settings.disable_keep_alives else settings.idle_conn_timeout / SECOND
        connector = aiohttp.TCPConnector(
            ssl=tls,
            limit=0,
            limit_per_host=settings.max_conns_per_host,
            force_close=settings.disable_keep_alives,
            keepalive_timeout=idle,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )

    async def send(self, body: bytes, seconds: float | None) -> Answer:
        """Post once. The caller gives up after `seconds`."""
        if self._session is None:
            return Retryable("not open")
        payload = await self._compressed(body)
        try:
            async with self._session.post(
                self._url,
                data=payload,
                headers=self._headers,
                allow_redirects=False,
                proxy=self._settings.proxy_url,
                server_hostname=self._settings.tls.server_name_override,
            ) as response:
                answer = await _read_bounded(response)
                after = retry_after(response.headers.get("Retry-After"), time.time_ns() / 1e9)
                return judge(response.status, response.content_type, answer, after, self._signal)
        except (aiohttp.ClientError, OSError) as error:
            return Retryable(f"{type(error).__name__}: {error}")

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()

    async def _compressed(self, body: bytes) -> bytes:
        name, level = self._settings.compression, self._settings.compression_params.level
        if name == "none" or len(body) <= _INLINE:
            return compress(body, name, level)
        return await asyncio.to_thread(compress, body, name, level)


def compress(body: bytes, name: str, level: int | None = None) -> bytes:
    """Return the body under a Content-Encoding of `COMPRESSIONS`; the level is cut to what the algorithm knows."""
    if name == "gzip":
        return gzip.compress(body, 6 if level is None else min(level, 9), mtime=0)
    if name == "deflate":
        return zlib.compress(body, -1 if level is None else min(level, 9))
    if name == "zstd":
        return zstandard.ZstdCompressor(level=3 if level is None else level).compress(body)
    return body


def judge(status: int, content_type: str, body: bytes, after: float | None, signal: Signal = "traces") -> Answer:
    """Judge an answer as the OTLP specification does; `after` is its Retry-After in seconds."""
    if 200 <= status < 300:
        return _success(content_type, body, signal)
    reason = f"HTTP {status}: {_message(content_type, body)}"
    return Retryable(reason, after) if status in RETRYABLE_STATUSES else Permanent(reason)


def _success(content_type: str, body: bytes, signal: Signal) -> Answer:
    """Read an export response; what cannot be read says nothing of a partial success."""
    message = FACTS[signal].response
    try:
        if content_type == "application/json":
            response = Parse(body, message(), ignore_unknown_fields=True)
        else:
            response = message.FromString(body if content_type == PROTOBUF else b"")
    except (DecodeError, ParseError, UnicodeDecodeError):
        return Delivered()
    return Delivered(*partial_success(signal, response))


def _message(content_type: str, body: bytes) -> str:
    """Return the message of the google.rpc.Status that a server should send, else the beginning of its text."""
    try:
        if content_type == PROTOBUF:
            return str(Status.FromString(body).message)
        if content_type == "application/json":
            return str(Parse(body, Status(), ignore_unknown_fields=True).message)
    except (DecodeError, ParseError, UnicodeDecodeError):
        return "an answer that cannot be read"
    return body[:200].decode("utf-8", "replace") if content_type.startswith("text/") else ""


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    """Read an answer; one that is longer than `MAX_ANSWER` is taken as empty and its connection is not used again."""
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(MAX_ANSWER):
        size += len(chunk)
        if size > MAX_ANSWER:
            response.close()
            return b""
        parts.append(chunk)
    return b"".join(parts)


def _without_user(url: str) -> str:
    """Return a URL without what may be a password in it."""
    return url.rpartition("@")[2]


def build(settings: OtlpHttpSettings, context: ExportContext) -> Sender:
    """Return the exporter."""
    jitter = random.Random()  # noqa: S311 - it spreads retries, it guards nothing
    return Sender(context, HttpTransport(settings, context.signal), sender_options(settings, context), jitter.random)


def unfit(settings: OtlpHttpSettings, signal: Signal) -> str | None:
    """Say that there is nowhere to post a signal."""
    if settings.endpoint or settings.own_endpoint(signal):
        return None
    return f"has neither endpoint nor {signal}_endpoint"


SPEC = ExporterSpec("otlphttp", OtlpHttpSettings, build, ("otlp_http",), unfit)
