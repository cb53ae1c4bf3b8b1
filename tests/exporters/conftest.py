"""Upstreams, certificates, requests and a loop with a clock of its own, for the exporters' tests."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import grpc.aio
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.exporters.base import ExportContext, Exporter


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Instead of waiting it moves the loop's clock on; every round of the loop comes through here."""

    def __init__(self) -> None:
        super().__init__()
        self.advance: Callable[[float], None] = lambda _seconds: None
        self.between: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[Any]:
        self.between()
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everything waits, and nothing ever happens")
            self.advance(max(timeout, 0))
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on which waiting takes no time."""

    def __init__(self) -> None:
        self._virtual = 1000.0
        selector = _Selector()
        super().__init__(selector)
        selector.advance = self._advance
        self.chooser = selector

    def time(self) -> float:
        return self._virtual

    def _advance(self, seconds: float) -> None:
        self._virtual += seconds


@pytest.fixture
def virtual() -> Callable[..., Any]:
    """Run a coroutine in virtual time; `between` is called at every round of the loop."""

    def run(main: Coroutine[Any, Any, Any], between: Callable[[], None] = lambda: None) -> Any:
        def factory() -> asyncio.AbstractEventLoop:
            loop = VirtualLoop()
            loop.chooser.between = between
            return loop

        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main)

    return run


@pytest.fixture
def balanced() -> Callable[[Exporter], None]:
    """Assert the ledger's equation, and that nothing in it is negative."""

    def check(exporter: Exporter) -> None:
        ledger = exporter.ledger
        assert ledger.out == ledger.sent + sum(ledger.failed.values()) + ledger.queued + ledger.in_flight, ledger
        assert min(ledger.sent, ledger.queued, ledger.in_flight, *ledger.failed.values(), 0) == 0, ledger

    return check


@pytest.fixture
def make_request() -> Callable[..., bytes]:
    """Return a serialized request of `spans` spans of one service."""

    def make(spans: int = 1, service: str = "shop", padding: int = 0, name: str = "op") -> bytes:
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        group.resource.attributes.add(key="service.name").value.string_value = service
        scope = group.scope_spans.add()
        for number in range(spans):
            span = scope.spans.add(name=name, trace_id=number.to_bytes(16, "big"), span_id=b"12345678")
            span.attributes.add(key="pad").value.string_value = "x" * padding
        return request.SerializeToString()

    return make


@pytest.fixture
def context() -> Callable[..., ExportContext]:
    """Return an export context that counts calls of `on_room` in `.rooms`."""

    def make(name: str = "otlp", batch: tuple[int, int, float] | None = (0, 0, 0.0)) -> ExportContext:
        rooms: list[None] = []
        made = ExportContext(name, lambda: rooms.append(None), batch)
        made.rooms = rooms  # type: ignore[attr-defined]
        return made

    return make


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Wait in real time until a condition holds."""

    async def wait(condition: Callable[[], bool], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what it watches announces nothing
                await asyncio.sleep(0.005)

    return wait


@dataclass
class Upstream:
    """What an upstream got, and what it answers."""

    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    """Callables, used up one a request; afterwards everything is taken."""

    def spans(self) -> int:
        """Return the spans of all bodies."""
        decoded = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return sum(len(s.spans) for r in decoded for g in r.resource_spans for s in g.scope_spans)


@pytest.fixture
def grpc_upstream() -> Callable[..., Any]:
    """Return a factory of gRPC upstreams; an answer is a function of the servicer context."""

    @asynccontextmanager
    async def serve(
        port: int = 0, credentials: grpc.ServerCredentials | None = None, answers: list[Any] | None = None
    ) -> AsyncIterator[Upstream]:
        upstream = Upstream(answers=answers or [])

        async def export(body: bytes, call: grpc.aio.ServicerContext) -> bytes:
            if upstream.answers:
                result = upstream.answers.pop(0)(call)
                if asyncio.iscoroutine(result):
                    result = await result
            else:
                result = b""
            upstream.bodies.append(body)
            upstream.headers.append({key: str(value) for key, value in call.invocation_metadata()})
            return bytes(result)

        server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)])
        service = "opentelemetry.proto.collector.trace.v1.TraceService"
        handlers = {"Export": grpc.unary_unary_rpc_method_handler(export)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        address = f"localhost:{port}"
        upstream.port = (
            server.add_insecure_port(address) if credentials is None else server.add_secure_port(address, credentials)
        )
        await server.start()
        try:
            yield upstream
        finally:
            await server.stop(0)

    return serve


@pytest.fixture
def http_upstream() -> Callable[..., Any]:
    """Return a factory of HTTP upstreams; an answer is a function that returns an aiohttp response."""

    @asynccontextmanager
    async def serve(
        port: int = 0, ssl_context: Any = None, answers: list[Any] | None = None
    ) -> AsyncIterator[Upstream]:
        upstream = Upstream(answers=answers or [])

        async def export(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            answer = upstream.answers.pop(0)() if upstream.answers else None
            if answer is None or answer.status < 300:
                upstream.bodies.append(body)
                upstream.headers.append({key.lower(): value for key, value in request.headers.items()})
            return answer or web.Response(body=b"", content_type="application/x-protobuf")

        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/traces", export)
        app.router.add_post("/elsewhere", export)
        # The body stays as it was on the wire.
        runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "localhost", port, ssl_context=ssl_context)
        await site.start()
        upstream.port = runner.addresses[0][1]
        try:
            yield upstream
        finally:
            await runner.cleanup()

    return serve


@dataclass
class Wire:
    """What passes between an exporter and its upstream."""

    port: int = 0
    sent: int = 0
    """Bytes towards the upstream."""


@pytest.fixture
def wire() -> Callable[..., Any]:
    """Return a factory of relays to a port that count bytes."""

    @asynccontextmanager
    async def relay(upstream: int) -> AsyncIterator[Wire]:
        wire = Wire()
        serving: set[asyncio.Task[Any]] = set()
        writers: list[asyncio.StreamWriter] = []

        async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: bool) -> None:
            while data := await reader.read(1 << 16):
                wire.sent += len(data) if count else 0
                writer.write(data)
                await writer.drain()
            writer.close()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            serving.add(task)
            writers.append(writer)
            far_reader, far_writer = await asyncio.open_connection("localhost", upstream)
            writers.append(far_writer)
            await asyncio.gather(
                pump(reader, far_writer, True), pump(far_reader, writer, False), return_exceptions=True
            )

        async def hang_up() -> None:
            for writer in writers:
                writer.close()
            await asyncio.gather(*serving, return_exceptions=True)
            await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)

        server = await asyncio.start_server(serve, "localhost", 0)
        wire.port = server.sockets[0].getsockname()[1]
        async with server:
            try:
                yield wire
            finally:
                await hang_up()

    return relay


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return paths: `ca`, `other_ca`, and (certificate, key) of `server`, `client` and `stranger` (of the other CA)."""
    folder = tmp_path_factory.mktemp("certificates")
    ca, ca_key = _authority(folder / "ca.pem", "authority")
    other, other_key = _authority(folder / "other.pem", "other authority")
    return SimpleNamespace(
        ca=folder / "ca.pem",
        other_ca=folder / "other.pem",
        server=_leaf(folder, "server", ca, ca_key, ["localhost", "upstream.test"]),
        client=_leaf(folder, "client", ca, ca_key, ["client"]),
        stranger=_leaf(folder, "stranger", other, other_key, ["stranger"]),
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: str, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
    )


def _authority(path: Path, name: str) -> tuple[x509.Certificate, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, _name(name), key)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _leaf(folder: Path, name: str, ca: x509.Certificate, ca_key: Any, hosts: list[str]) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    builder = _builder(name, ca.subject, key).add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(ca_key, hashes.SHA256())
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
