"""The `otlp` exporter: OTLP over gRPC. Requests go out as the bytes they are; nothing is decoded but the answer."""

from __future__ import annotations

import random
import re
from typing import Any, Literal

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from pydantic import Field, field_validator, model_validator

from ..rules.durations import Duration
from ..telemetry.signals import FACTS, Signal, partial_success
from .base import ExportContext, ExporterSpec
from .retry import RETRYABLE_CODES, Answer, Delivered, Permanent, Retryable
from .sender import Sender
from .settings import SECOND, SenderSettings, Settings, compression, sender_options
from .tls import TlsSettings, read_material, ssl_context

COMPRESSIONS = ("none", "gzip")
_COMPRESSION = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}
_DETAILS = "grpc-status-details-bin"
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})")


class KeepaliveSettings(Settings):
    """`keepalive`: pings on an idle connection."""

    time: Duration = 10 * SECOND
    timeout: Duration = 10 * SECOND
    permit_without_stream: bool = False


class OtlpGrpcSettings(SenderSettings):
    """`exporters.otlp`."""

    endpoint: str
    """`host:port`, also after `http://` (plain text), `https://` (TLS) or `dns:///`; or `unix:` and a path."""
    tls: TlsSettings = Field(default_factory=TlsSettings)
    compression: str = "gzip"
    """Of requests: `none`, `gzip`."""
    keepalive: KeepaliveSettings | None = None
    """Pings on an idle connection."""
    wait_for_ready: bool = False
    """Wait for a connection instead of failing the attempt."""
    balancer_name: Literal["round_robin", "pick_first"] = "round_robin"
    """How one of several addresses is chosen."""
    authority: str | None = None
    """The `:authority` of requests."""
    read_buffer_size: int | None = None
    """Without effect."""
    write_buffer_size: int | None = None
    """Without effect."""

    @field_validator("endpoint")
    @classmethod
    def _reachable(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("endpoint is empty: expected host:port, such as collector:4317")
        if value.startswith("unix:"):
            return value
        match = _ADDRESS.fullmatch(_address(value))
        if match is None or not 0 < int(match["port"]) < 65536:
            raise ValueError(f"{value!r} is no endpoint: expected host:port, such as collector:4317")
        return value

    @field_validator("compression", mode="before")
    @classmethod
    def _compression(cls, value: Any) -> str:
        return compression(value, COMPRESSIONS)

    @model_validator(mode="after")
    def _possible(self) -> OtlpGrpcSettings:
        if self.tls.insecure_skip_verify and not self.plain:
            raise ValueError(
                "tls.insecure_skip_verify: gRPC for Python always verifies; give ca_file (and server_name_override), "
                "or use otlphttp"
            )
        if self.tls.min_version != "1.2" or self.tls.max_version is not None:
            raise ValueError("tls.min_version and max_version cannot be chosen for gRPC: it offers TLS 1.2 and 1.3")
        return self

    @property
    def plain(self) -> bool:
        """Whether the connection is plain text."""
        if self.endpoint.startswith("https://"):
            return False
        return self.tls.insecure or self.endpoint.startswith(("http://", "unix:"))

    @property
    def target(self) -> str:
        """The endpoint as gRPC takes it."""
        return re.sub(r"^https?://", "", self.endpoint).rstrip("/")


class GrpcTransport:
    """One channel to the upstream; it reconnects by itself."""

    def __init__(self, settings: OtlpGrpcSettings, signal: Signal = "traces") -> None:
        self._settings = settings
        self._signal: Signal = signal
        self._metadata = tuple(settings.plain_headers().items())
        self._channel: Any = None
        self._export: Any = None

    async def open(self) -> None:
        """Make the channel; it connects with the first request. Raises OSError for a file that cannot be read."""
        settings = self._settings
        options = _options(settings)
        if settings.plain:
            self._channel = grpc.aio.insecure_channel(settings.target, options)
        else:
            ssl_context(settings.tls)  # gRPC would say of a bad file only that it cannot connect
            ca, cert, key = read_material(settings.tls)
            credentials = grpc.ssl_channel_credentials(ca, key, cert)
            self._channel = grpc.aio.secure_channel(settings.target, credentials, options)
        # Without serializers gRPC takes and gives the bytes as they are.
        self._export = self._channel.unary_unary(f"/{FACTS[self._signal].service}/Export")

    async def send(self, body: bytes, seconds: float | None) -> Answer:
        """Call Export once; the server is told that it has `seconds`."""
        try:
            response = await self._export(
                body,
                timeout=seconds,
                metadata=self._metadata,
                wait_for_ready=self._settings.wait_for_ready,
                compression=_COMPRESSION[self._settings.compression],
            )
        except grpc.aio.AioRpcError as error:
            return failure(error.code(), error.details() or "", retry_info(error.trailing_metadata()))
        return success(response, self._signal)

    async def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            await self._channel.close()


def success(response: bytes, signal: Signal = "traces") -> Answer:
    """Read an export response; what cannot be read says nothing of a partial success."""
    if not response:
        return Delivered()
    try:
        return Delivered(*partial_success(signal, FACTS[signal].response.FromString(response)))
    except DecodeError:
        return Delivered()


def failure(code: grpc.StatusCode, details: str, after: float | None) -> Answer:
    """Judge a failed call as the OTLP specification does; `after` is the RetryInfo in seconds, if there was one."""
    reason = f"{code.name}: {details}"
    if code in RETRYABLE_CODES or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and after is not None):
        return Retryable(reason, after)
    return Permanent(reason)


def retry_info(trailers: Any) -> float | None:
    """Return the seconds of the RetryInfo in a call's trailers, None when there is none that can be read."""
    for name, value in trailers or ():
        if name == _DETAILS:
            try:
                details = Status.FromString(value).details
                found = [RetryInfo.FromString(item.value) for item in details if item.Is(RetryInfo.DESCRIPTOR)]
            except DecodeError:
                return None
            return found[0].retry_delay.seconds + found[0].retry_delay.nanos / 1e9 if found else None
    return None


def _address(endpoint: str) -> str:
    """Return the `host:port` in an endpoint with or without its scheme."""
    return re.sub(r"^(https?://|dns:(//[^/]*/)?|ipv[46]:|passthrough:///)", "", endpoint).rstrip("/")


def _options(settings: OtlpGrpcSettings) -> list[tuple[str, Any]]:
    options: list[tuple[str, Any]] = [
        ("grpc.lb_policy_name", settings.balancer_name),
        ("grpc.max_send_message_length", -1),
        # Retrying is ours, and so is waiting: a channel that waits longer than we do would fail retries unsent.
        ("grpc.enable_retries", 0),
        ("grpc.initial_reconnect_backoff_ms", 500),
        ("grpc.min_reconnect_backoff_ms", 1_000),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        # Exporters of one process do not share a connection: each has its own limits and its own fate.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if settings.keepalive is not None:
        options += [
            ("grpc.keepalive_time_ms", settings.keepalive.time // 1_000_000),
            ("grpc.keepalive_timeout_ms", settings.keepalive.timeout // 1_000_000),
            ("grpc.keepalive_permit_without_calls", int(settings.keepalive.permit_without_stream)),
        ]
    if settings.tls.server_name_override is not None:
        options.append(("grpc.ssl_target_name_override", settings.tls.server_name_override))
    if settings.authority is not None:
        options.append(("grpc.default_authority", settings.authority))
    return options


def build(settings: OtlpGrpcSettings, context: ExportContext) -> Sender:
    """Return the exporter."""
    jitter = random.Random()  # noqa: S311 - it spreads retries, it guards nothing
    return Sender(context, GrpcTransport(settings, context.signal), sender_options(settings, context), jitter.random)


SPEC = ExporterSpec("otlp", OtlpGrpcSettings, build, ("otlp_grpc",))
