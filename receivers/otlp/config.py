"""The configuration of the `otlp` receiver, with the collector's keys (`configgrpc` and `confighttp` servers)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from ...rules.durations import Duration
from ...telemetry.signals import SIGNALS, Signal

SECOND = 1_000_000_000
MIB = 1 << 20
_PORT = re.compile(r"[0-9]{1,5}")


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Return host (`""`: every interface) and port of `host:port`, `:port` or `[v6]:port`. Raises ValueError."""
    host, colon, port = endpoint.rpartition(":")
    if not colon or "/" in endpoint or not _PORT.fullmatch(port) or int(port) > 65535:
        raise ValueError(f"expected host:port such as 0.0.0.0:4317, found {endpoint!r}")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], int(port)
    if ":" in host:
        raise ValueError(f"an IPv6 address is written in brackets, [::1]:{port}, found {endpoint!r}")
    return host, int(port)


def _endpoint(value: str) -> str:
    split_endpoint(value)
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TlsConfig(_Strict):
    """Certificates of a server, from files or inline; `client_ca_file` makes client certificates compulsory (mTLS)."""

    cert_file: str | None = None
    """The server's certificate; this or `cert_pem` is needed."""
    key_file: str | None = None
    """Its key; this or `key_pem` is needed."""
    cert_pem: str | None = None
    key_pem: SecretStr | None = None
    client_ca_file: str | None = None
    """For mTLS: clients must show a certificate of this authority."""
    min_version: Literal["1.2", "1.3"] = "1.2"
    """`1.3` is for HTTP only."""

    @model_validator(mode="after")
    def _complete(self) -> TlsConfig:
        for part in ("cert", "key"):
            given = [name for name in (f"{part}_file", f"{part}_pem") if getattr(self, name) is not None]
            if len(given) != 1:
                raise ValueError(f"a TLS server needs exactly one of {part}_file and {part}_pem")
        return self


class KeepaliveServerParameters(_Strict):
    """When the server closes or probes a connection; 0 or absent: gRPC's own default."""

    max_connection_idle: Duration = 0
    """When a connection is closed; 0: never."""
    max_connection_age: Duration = 0
    """When a connection is closed; 0: never."""
    max_connection_age_grace: Duration = 0
    """When a connection is closed; 0: never."""
    time: Duration = 0
    """Of the server's pings; 0: gRPC's own default."""
    timeout: Duration = 0
    """Of the server's pings; 0: gRPC's own default."""


class KeepaliveEnforcementPolicy(_Strict):
    """How often clients may ping."""

    min_time: Duration = 0
    """How often clients may ping; 0: gRPC's own default."""
    permit_without_stream: bool = False
    """Whether clients may ping while no call runs."""


class KeepaliveConfig(_Strict):
    """gRPC keepalive of a server."""

    server_parameters: KeepaliveServerParameters = KeepaliveServerParameters()
    enforcement_policy: KeepaliveEnforcementPolicy = KeepaliveEnforcementPolicy()


class GrpcConfig(_Strict):
    """OTLP over gRPC."""

    endpoint: str = "localhost:4317"
    """`host:port`, `:port`, `[::1]:port`."""
    transport: Literal["tcp"] = "tcp"
    """The only one."""
    tls: TlsConfig | None = None
    max_recv_msg_size_mib: Annotated[int, Field(ge=0, le=1024)] = 4
    """Of one message, as it comes and inflated; 0 is the default as well."""
    max_concurrent_streams: Annotated[int, Field(ge=0, le=2**31 - 1)] = 100
    """Per connection; 0 is the default as well."""
    max_concurrent_requests: Annotated[int, Field(ge=1, le=65536)] = 256
    """Over all connections, ours: one more is refused, to be retried."""
    max_concurrent_reads: Annotated[int, Field(ge=1, le=65536)] = 16
    """Messages read at the same time, ours: this many times `max_recv_msg_size_mib` bounds what is not yet counted."""
    read_timeout: Duration = 30 * SECOND
    """For one message, ours; 0: none."""
    read_buffer_size: Annotated[int, Field(ge=0)] = 0
    """Accepted, without effect: gRPC here chooses its buffers itself."""
    write_buffer_size: Annotated[int, Field(ge=0)] = 0
    """Accepted, without effect."""
    keepalive: KeepaliveConfig = KeepaliveConfig()
    include_metadata: bool = True
    """False: processors see no request metadata."""

    _check_endpoint = field_validator("endpoint")(_endpoint)

    @field_validator("tls")
    @classmethod
    def _no_tls_floor(cls, tls: TlsConfig | None) -> TlsConfig | None:
        if tls is not None and tls.min_version != "1.2":
            raise ValueError("gRPC speaks TLS 1.2 and 1.3 here; min_version 1.3 can be required of http only")
        return tls

    @property
    def max_message_bytes(self) -> int:
        """The limit of one message in bytes."""
        return (self.max_recv_msg_size_mib or 4) * MIB


class CorsConfig(_Strict):
    """Which web pages may send; an origin may have `*` in place of any characters."""

    allowed_origins: list[str] = []
    """Origins of pages that may send; `*` stands for any characters."""
    allowed_headers: list[str] = []
    """Headers that a page may send."""
    exposed_headers: list[str] = []
    """Headers of the answer that a page may read."""
    max_age: Annotated[int, Field(ge=0)] = 0
    """Seconds that a browser may remember the answer; 0: its default."""


class HttpConfig(_Strict):
    """OTLP over HTTP."""

    endpoint: str = "localhost:4318"
    transport: Literal["tcp"] = "tcp"
    """The only one."""
    tls: TlsConfig | None = None
    cors: CorsConfig | None = None
    """Which web pages may send."""
    traces_url_path: str = "/v1/traces"
    metrics_url_path: str = "/v1/metrics"
    """Each path is answered 404 where no pipeline takes its signal from this receiver."""
    logs_url_path: str = "/v1/logs"
    max_request_body_size: Annotated[int, Field(ge=0, le=1 << 30)] = 20 * MIB
    """Bytes of one body, on the wire and inflated; 0 is the default as well."""
    max_concurrent_requests: Annotated[int, Field(ge=1, le=65536)] = 256
    """Ours: one more is refused, to be retried."""
    read_timeout: Duration = 60 * SECOND
    """For one body; 0: none."""
    read_header_timeout: Duration = 60 * SECOND
    """Until the next request's headers are there; the smaller counts."""
    idle_timeout: Duration = 60 * SECOND
    """Between requests; the next one's headers have to be there by then, too. The smaller of the two counts."""
    write_timeout: Duration = 30 * SECOND
    """Accepted, without effect: answers are a few bytes."""
    keep_alives_enabled: bool = True
    """`false`: every request has a connection of its own."""
    response_headers: dict[str, str] = {}
    """On every answer."""
    include_metadata: bool = True
    """False: processors see no request metadata."""

    _check_endpoint = field_validator("endpoint")(_endpoint)

    @field_validator("traces_url_path", "metrics_url_path", "logs_url_path")
    @classmethod
    def _path(cls, value: str) -> str:
        if not value or any(c in value for c in "?# \r\n"):
            raise ValueError("expected a URL path such as /v1/traces")
        return value if value.startswith("/") else f"/{value}"

    @field_validator("response_headers")
    @classmethod
    def _header_text(cls, value: dict[str, str]) -> dict[str, str]:
        if any(c in text for pair in value.items() for text in pair for c in "\r\n\0"):
            raise ValueError("a header has no line breaks")
        return value

    @model_validator(mode="after")
    def _paths_apart(self) -> HttpConfig:
        if len({self.path(signal) for signal in SIGNALS}) < len(SIGNALS):
            raise ValueError("traces_url_path, metrics_url_path and logs_url_path must differ")
        return self

    def path(self, signal: Signal) -> str:
        """Return the path at which a signal is taken."""
        return {"traces": self.traces_url_path, "metrics": self.metrics_url_path, "logs": self.logs_url_path}[signal]

    @property
    def max_body_bytes(self) -> int:
        """The limit of one body in bytes."""
        return self.max_request_body_size or 20 * MIB

    @property
    def idle_seconds(self) -> float:
        """How long a connection may wait for its next request's headers; 0: for ever."""
        given = [value for value in (self.read_header_timeout, self.idle_timeout) if value]
        return min(given, default=0) / SECOND


class Protocols(_Strict):
    """The protocols that are on; one that is named without a value is on with its defaults."""

    grpc: GrpcConfig | None = None
    http: HttpConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _named_is_on(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: {} if given is None and name in cls.model_fields else given for name, given in value.items()}

    @model_validator(mode="after")
    def _some(self) -> Protocols:
        if self.grpc is None and self.http is None:
            raise ValueError("the otlp receiver needs at least one protocol: grpc or http")
        return self


class OtlpReceiverConfig(_Strict):
    """An `otlp` receiver."""

    protocols: Protocols
