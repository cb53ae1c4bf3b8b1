"""OTLP over gRPC: listens, with a service for each signal that some pipeline takes; others are Unimplemented."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Any

import grpc

from ...telemetry.listening import cannot_listen
from ...telemetry.samples import Sample
from ...telemetry.signals import FACTS, Signal
from ..base import Consumer
from .config import GrpcConfig, KeepaliveConfig, split_endpoint
from .counters import Counters
from .grpc_service import GrpcService, Load
from .tls import grpc_credentials

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
    """Listens for OTLP/gRPC and hands every message to its signal's consumer."""

    def __init__(self, config: GrpcConfig, receiver: str, consumers: Mapping[Signal, Consumer]) -> None:
        """`receiver` is the receiver's id, for metrics and messages."""
        self._config = config
        self._where = f"receivers.{receiver}.protocols.grpc"
        self._counters = Counters(receiver, "grpc", consumers)
        load = Load(config)
        self._services = [
            GrpcService(config, signal, consumer, self._counters, load) for signal, consumer in consumers.items()
        ]
        self._server: Any = None
        self.endpoint = ""

    async def start(self) -> None:
        """Listen. Raises OSError when the address or the certificates cannot be used."""
        handlers = [
            grpc.method_handlers_generic_handler(
                FACTS[service.signal].service, {"Export": grpc.stream_unary_rpc_method_handler(service.export)}
            )
            for service in self._services
        ]
        self._server = grpc.aio.server(handlers=handlers, options=channel_options(self._config))
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
            raise cannot_listen(self._where, self._config.endpoint, _why_not(address)) from None

    async def stop(self, grace: float) -> None:
        """Take no new calls, let running ones end within `grace` seconds."""
        if self._server is not None:
            await self._server.stop(grace)

    def samples(self) -> Iterator[Sample]:
        """Yield the metrics."""
        return self._counters.samples()


def _why_not(address: str) -> OSError:
    """Return why an address cannot be bound: gRPC says so in its own log only."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((host.strip("[]"), int(port)))
    except (OSError, ValueError) as error:
        return error if isinstance(error, OSError) else OSError(str(error))
    return OSError("the address is in use, or is no address of this machine")
