"""A receiver in a thread of its own with a scripted consumer behind it; clients are the real, blocking ones."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import uvloop
from certificates import certificate
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.receivers.base import Refused
from tailgate.receivers.otlp import SPEC, OtlpReceiver

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@dataclass
class FakeConsumer:
    """Keeps every request; refuses, fails and counts as a test tells it to."""

    refuse_admit: Refused | None = None
    fail: Exception | None = None
    budget: int = 1 << 40
    spans: int = 7
    keys: tuple[str, ...] = ()
    requests: list[bytes] = field(default_factory=list)
    metadata: list[dict[str, str | None]] = field(default_factory=list)
    admitted: list[int] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0

    def admit(self, size: int) -> None:
        self.admitted.append(size)
        if self.refuse_admit:
            raise self.refuse_admit

    def reserve(self, size: int) -> None:
        if self.in_flight + size > self.budget:
            raise Refused("byte_budget", 2.5)
        self.in_flight += size
        self.peak = max(self.peak, self.in_flight)

    def release(self, size: int) -> None:
        self.in_flight -= size

    def consume(self, request: bytes, metadata: Callable[[str], str | None]) -> int:
        self.metadata.append({key: metadata(key) for key in self.keys})
        if self.fail:
            raise self.fail
        self.requests.append(request)
        return self.spans


class Served:
    """A running receiver."""

    def __init__(
        self, config: dict[str, Any], consumers: dict[str, FakeConsumer], loop_factory: Callable[[], Any]
    ) -> None:
        self.consumers = consumers
        self.loop = loop_factory()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.receiver = self.call(self._make(config))
        self.grpc = self.receiver.endpoints.get("grpc", "")
        self.http = self.receiver.endpoints.get("http", "")

    async def _make(self, config: dict[str, Any]) -> OtlpReceiver:
        receiver = SPEC.build(SPEC.config.model_validate(config), "otlp", self.consumers)
        await receiver.start()
        assert isinstance(receiver, OtlpReceiver)
        return receiver

    def call(self, coroutine: Any, timeout: float = 20) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def close(self) -> None:
        if self.thread.is_alive():
            if hasattr(self, "receiver"):
                self.call(self.receiver.stop(1))
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(10)
        self.loop.close()

    def export(self, request: bytes, method: str = METHOD, **options: Any) -> bytes:
        with grpc.insecure_channel(self.grpc, options=[("grpc.max_send_message_length", -1)]) as channel:
            return bytes(channel.unary_unary(method)(request, **{"timeout": 10, **options}))

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.http, timeout=10)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def post(self, body: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        return self.request("POST", "/v1/traces", body, {**PROTOBUF, **(headers or {})})

    def raw(self, data: bytes, shut: bool = False, once: bool = False) -> bytes:
        """Send bytes as they are and return all that comes back, or the first of it; `shut`: close our half first."""
        host, _, port = self.http.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as sock:
            sock.sendall(data)
            if shut:
                sock.shutdown(socket.SHUT_WR)
            if once:
                return sock.recv(65536)
            out = b""
            while chunk := sock.recv(65536):
                out += chunk
            return out

    def count(self, name: str, **labels: str) -> float:
        wanted = labels.items()

        async def read() -> float:
            return sum(s.value for s in self.receiver.samples() if s.name == name and wanted <= s.labels.items())

        return float(self.call(read()))


Serve = Callable[..., Served]


@pytest.fixture
def consumer() -> FakeConsumer:
    return FakeConsumer()


@pytest.fixture
def taker() -> type[FakeConsumer]:
    """What makes more of them."""
    return FakeConsumer


@pytest.fixture
def serve(consumer: FakeConsumer) -> Iterator[Serve]:
    """Return a function that starts a receiver: keyword `grpc` and `http` are their configurations (None: off).

    `consumers` takes signals apart; without it traces go to `consumer`, and nothing else is taken.
    """
    running: list[Served] = []

    def start(
        grpc: dict[str, Any] | None = None,
        http: dict[str, Any] | None = None,
        loop: Callable[[], Any] = uvloop.new_event_loop,
        consumers: dict[str, FakeConsumer] | None = None,
    ) -> Served:
        protocols: dict[str, Any] = {}
        if grpc is not None or http is None:
            protocols["grpc"] = {"endpoint": "127.0.0.1:0", **(grpc or {})}
        if http is not None or grpc is None:
            protocols["http"] = {"endpoint": "127.0.0.1:0", **(http or {})}
        server = Served({"protocols": protocols}, consumers or {"traces": consumer}, loop)
        running.append(server)
        return server

    yield start
    for server in running:
        server.close()


@pytest.fixture(scope="session")
def request_bytes() -> bytes:
    """A small valid request."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = b"\1" * 16, b"\2" * 8, "GET /"
    return request.SerializeToString()


@dataclass
class Certificates:
    """PEM files: a CA with server and client, an expired pair of it, and another CA with its own client."""

    folder: Path

    def __getattr__(self, name: str) -> str:
        return str(self.folder / f"{name}.pem")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority = certificate(folder, "ca", None, (-30, 30))
    other = certificate(folder, "other_ca", None, (-30, 30))
    for name, issuer, days in (
        ("server", authority, (-1, 30)),
        ("client", authority, (-1, 30)),
        ("expired", authority, (-20, -1)),
        ("stranger", other, (-1, 30)),
    ):
        certificate(folder, name, issuer, days)
    return Certificates(folder)
