"""The `otlp` exporter against a real gRPC server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from tailgate.exporters.otlp_grpc import SPEC, OtlpGrpcSettings, failure, retry_info, success
from tailgate.exporters.retry import Delivered, Permanent, Retryable

FAST = {"initial_interval": "50ms", "max_interval": "100ms", "max_elapsed_time": "20s"}


@asynccontextmanager
async def running(port: int, context: Any, **keys: Any):
    """Start the exporter for a plain-text upstream; stop it with little grace."""
    config = {"endpoint": f"localhost:{port}", "tls": {"insecure": True}, "retry_on_failure": FAST, **keys}
    exporter = SPEC.build(OtlpGrpcSettings.model_validate(config), context)
    await exporter.start()
    try:
        yield exporter
    finally:
        await exporter.stop(asyncio.get_running_loop().time() + 1)


def refuse(code: grpc.StatusCode, details: str = "", delay: float | None = None) -> Any:
    """Return an answer that fails the call, with RetryInfo when there is a delay."""

    async def answer(call: Any) -> None:
        trailers = ()
        if delay is not None:
            info = RetryInfo(retry_delay=Duration(nanos=int(delay * 1e9)))
            packed = AnyMessage()
            packed.Pack(info)
            status = Status(code=code.value[0], message=details, details=[packed])
            trailers = (("grpc-status-details-bin", status.SerializeToString()),)
        await call.abort(code, details, trailers)

    return answer


def test_bytes_arrive_as_they_are(grpc_upstream, context, make_request, until, balanced) -> None:
    """One request: the body is byte for byte the one that was offered, with the configured headers."""

    async def main() -> None:
        async with (
            grpc_upstream() as upstream,
            running(upstream.port, context(), headers={"X-Tenant": "shop", "authorization": "Bearer t"}) as exporter,
        ):
            body = make_request(3, padding=100)
            exporter.offer([(body, 3)])
            await until(lambda: exporter.ledger.sent == 3)
            assert upstream.bodies == [body]
            assert upstream.headers[0]["x-tenant"] == "shop"
            assert upstream.headers[0]["authorization"] == "Bearer t"
            balanced(exporter)

    asyncio.run(main())


def test_merged(grpc_upstream, context, make_request, until) -> None:
    """Requests that wait together go as one, and arrive as their concatenation."""

    async def main() -> None:
        async with (
            grpc_upstream() as upstream,
            running(upstream.port, context(batch=(100, 0, 0.05))) as exporter,
        ):
            bodies = [make_request(2, f"service-{n}") for n in range(5)]
            exporter.offer([(body, 2) for body in bodies])
            await until(lambda: exporter.ledger.sent == 10)
            assert upstream.bodies == [b"".join(bodies)]
            assert upstream.spans() == 10

    asyncio.run(main())


@pytest.mark.parametrize(
    "code", ["CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"]
)
def test_passing_failures_are_retried(grpc_upstream, context, make_request, until, code: str) -> None:
    """The codes that OTLP calls retryable lose nothing."""

    async def main() -> None:
        async with (
            grpc_upstream(answers=[refuse(grpc.StatusCode[code], "later")] * 2) as upstream,
            running(upstream.port, context()) as exporter,
        ):
            exporter.offer([(make_request(2), 2)])
            await until(lambda: exporter.ledger.sent == 2)
            assert len(upstream.bodies) == 1
            assert not +exporter.ledger.failed

    asyncio.run(main())


@pytest.mark.parametrize(
    "code", ["INVALID_ARGUMENT", "UNAUTHENTICATED", "UNIMPLEMENTED", "INTERNAL", "RESOURCE_EXHAUSTED"]
)
def test_permanent_failures_are_not(grpc_upstream, context, make_request, until, code: str) -> None:
    """The others (RESOURCE_EXHAUSTED without RetryInfo among them) are tried once and counted as permanent."""

    async def main() -> None:
        async with (
            grpc_upstream(answers=[refuse(grpc.StatusCode[code], "never")]) as upstream,
            running(upstream.port, context()) as exporter,
        ):
            exporter.offer([(make_request(2), 2)])
            await until(lambda: exporter.ledger.failed["permanent"] == 2)
            await asyncio.sleep(0.15)
            assert upstream.bodies == []
            assert (exporter.ledger.sent, exporter.held_bytes()) == (0, 0)

    asyncio.run(main())


def test_retry_info_is_honoured(grpc_upstream, context, make_request, until) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo is retried, and not before the time that it names."""

    async def main() -> None:
        async with (
            grpc_upstream(answers=[refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", 0.6)]) as upstream,
            running(upstream.port, context()) as exporter,
        ):
            began = asyncio.get_running_loop().time()
            exporter.offer([(make_request(2), 2)])
            await until(lambda: exporter.ledger.sent == 2)
            assert 0.6 <= asyncio.get_running_loop().time() - began < 5
            assert len(upstream.bodies) == 1

    asyncio.run(main())


def test_partial_success(grpc_upstream, context, make_request, until) -> None:
    """Spans that the upstream rejected are counted so; the request is not sent again."""
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = 3
    response.partial_success.error_message = "too old"

    async def main() -> None:
        async with (
            grpc_upstream(answers=[lambda _call: response.SerializeToString()]) as upstream,
            running(upstream.port, context()) as exporter,
        ):
            exporter.offer([(make_request(5), 5)])
            await until(lambda: exporter.ledger.sent == 2)
            assert exporter.ledger.failed == {"rejected": 3}
            assert len(upstream.bodies) == 1

    asyncio.run(main())


def test_dead_upstream_that_comes_back(grpc_upstream, context, make_request, until, balanced) -> None:
    """While nobody listens requests wait up to the queue's bound; beyond it they are counted; then all arrives."""

    async def main() -> None:
        async with grpc_upstream() as upstream:
            port = upstream.port
        body = make_request(4)
        queue = {"queue_bytes": 10 * len(body)}
        async with running(port, context(), sending_queue=queue) as exporter:
            for _ in range(15):
                exporter.offer([(body, 4)])
                balanced(exporter)
                await asyncio.sleep(0.02)
            assert exporter.ledger.failed == {"queue_full": 20}
            assert exporter.held_bytes() == 10 * len(body)
            assert exporter.room() == 0
            async with grpc_upstream(port=port) as back:
                await until(lambda: exporter.ledger.sent == 40)
                assert back.bodies == [body] * 10
            balanced(exporter)

    asyncio.run(main())


def test_an_upstream_that_hangs(grpc_upstream, context, make_request, until) -> None:
    """An attempt ends with its timeout (the server is told its deadline) and the next one goes through."""
    told: list[float] = []

    async def hang(call: Any) -> bytes:
        told.append(call.time_remaining())
        await asyncio.sleep(5)
        return b""

    async def main() -> None:
        async with (
            grpc_upstream(answers=[hang]) as upstream,
            running(upstream.port, context(), timeout="300ms") as exporter,
        ):
            exporter.offer([(make_request(1), 1)])
            await until(lambda: exporter.ledger.sent == 1, 3)
            assert 0 < told[0] <= 0.3

    asyncio.run(main())


def test_stop_flushes(grpc_upstream, context, make_request) -> None:
    """What waits for a batch when the end comes is sent before it."""

    async def main() -> None:
        async with grpc_upstream() as upstream:
            async with running(upstream.port, context(batch=(1000, 0, 60.0))) as exporter:
                exporter.offer([(make_request(7), 7)])
                assert exporter.ledger.queued == 7
            assert exporter.ledger.sent == 7
            assert upstream.spans() == 7

    asyncio.run(main())


@pytest.mark.parametrize(("compression", "shrinks"), [("gzip", True), ("none", False), ("", False)])
def test_compression_on_the_wire(
    grpc_upstream, context, make_request, until, wire, compression: str, shrinks: bool
) -> None:
    """Counted between the two: gzip shrinks a body of repetitions by far, none leaves it."""

    async def main() -> None:
        body = make_request(200, padding=1000)
        async with (
            grpc_upstream() as upstream,
            wire(upstream.port) as between,
            running(between.port, context(), compression=compression) as exporter,
        ):
            exporter.offer([(body, 200)])
            await until(lambda: exporter.ledger.sent == 200)
            assert upstream.bodies == [body]
            assert (between.sent < len(body) / 4) is shrinks

    asyncio.run(main())


def test_unreadable_answers_are_no_reason_to_send_again() -> None:
    """An OK with a body that is no response is delivered; broken details are as if there were none."""
    assert success(b"\xff\xff") == Delivered()
    assert retry_info((("grpc-status-details-bin", b"\xff\xff"),)) is None
    assert retry_info((("other", "x"),)) is None
    assert retry_info(None) is None
    assert isinstance(failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "", None), Permanent)
    assert failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "x", 1.5) == Retryable("RESOURCE_EXHAUSTED: x", 1.5)
