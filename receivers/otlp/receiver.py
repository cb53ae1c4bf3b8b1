"""The `otlp` receiver: one or two servers, started and stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from ...telemetry.samples import Sample
from ...telemetry.signals import Signal
from ..base import Consumer, Receiver, ReceiverSpec
from .config import OtlpReceiverConfig
from .grpc_server import GrpcServer
from .http_server import HttpServer

Consumers = Mapping[Signal, Consumer]


class OtlpReceiver:
    """Listens on the protocols that the configuration names."""

    def __init__(
        self,
        config: OtlpReceiverConfig,
        id: str,  # noqa: A002 - as in Receiver
        consumers: Consumers,
    ) -> None:
        """`id` is the component's id, `otlp` or `otlp/name`; signals without a consumer are not served."""
        self.id = id
        self._servers: dict[str, GrpcServer | HttpServer] = {}
        if config.protocols.grpc is not None:
            self._servers["grpc"] = GrpcServer(config.protocols.grpc, id, consumers)
        if config.protocols.http is not None:
            self._servers["http"] = HttpServer(config.protocols.http, id, consumers)

    async def start(self) -> None:
        """Listen on all protocols, or on none: OSError names the one that could not and why."""
        try:
            for server in self._servers.values():
                await server.start()
        except BaseException:
            await self.stop(0)
            raise

    async def stop(self, grace: float) -> None:
        """Stop accepting at once, let running calls end within `grace` seconds."""
        await asyncio.gather(*(server.stop(grace) for server in self._servers.values()))

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Bound addresses by protocol, with the real port where 0 was asked for."""
        return {name: server.endpoint for name, server in self._servers.items() if server.endpoint}

    def samples(self) -> Iterator[Sample]:
        """Yield the metrics of all protocols."""
        for server in self._servers.values():
            yield from server.samples()


def _build(config: OtlpReceiverConfig, id: str, consumers: Consumers) -> Receiver:  # noqa: A002 - as in ReceiverSpec
    return OtlpReceiver(config, id, consumers)


SPEC = ReceiverSpec("otlp", OtlpReceiverConfig, _build)
