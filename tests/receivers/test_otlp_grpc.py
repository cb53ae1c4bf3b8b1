"""OTLP over gRPC with real channels."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from otlp_clients import wait_until
from tailgate.kernel.contract import Malformed, OverLimit
from tailgate.receivers.base import Refused

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
MIB = 1 << 20


def failure(served: Any, request: bytes, **options: Any) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        served.export(request, **options)
    return caught.value


def retry_delay(error: Any) -> float:
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(details)
    assert status.code == error.code().value[0]
    info = error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    return float(info.retry_delay.ToMilliseconds() / 1000)


def test_bytes_pass_untouched(serve: Any, consumer: Any, request_bytes: bytes) -> None:
    """Scenario: one call. Guarantees: the very bytes reach the pipelines, the answer is the empty response."""
    served = serve(grpc={})
    assert served.export(request_bytes) == b""
    assert consumer.requests == [request_bytes]
    assert consumer.admitted[0] == 0
    assert consumer.peak == len(request_bytes)
    assert consumer.in_flight == 0
    assert served.count("otelcol_receiver_accepted_spans", transport="grpc", receiver="otlp") == 7
    assert served.count("tailgate_receiver_requests", code="OK") == 1


def test_empty_message_is_a_request(serve: Any, consumer: Any) -> None:
    """Guarantees: zero bytes are a valid, empty request, not a missing one."""
    assert serve(grpc={}).export(b"") == b""
    assert consumer.requests == [b""]


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed(serve: Any, consumer: Any, request_bytes: bytes, compression: grpc.Compression) -> None:
    """Guarantees: gzip and deflate calls arrive inflated."""
    big = request_bytes + b"\xfa\x01\x90\x4e" + b"x" * 10000
    assert serve(grpc={}).export(big, compression=compression) == b""
    assert consumer.requests == [big]
    assert consumer.in_flight == 0
    assert len(big) < consumer.peak < len(big) + 2000, "both the message as it came and inflated count"


def test_what_only_looks_like_zlib(serve: Any, consumer: Any) -> None:
    """Scenario: an uncompressed request that begins with an unknown field 15, the bytes of a zlib header.

    Guarantees: it is taken as it is.
    """
    request = b"\x78\x01" + b"\x0a\x00"
    serve(grpc={}).export(request)
    assert consumer.requests == [request]


def test_bomb_stops_while_inflating(serve: Any, consumer: Any) -> None:
    """Scenario: 100 MiB of zeros in a small gzip message. Guarantees: refused for good at the limit, counted."""
    served = serve(grpc={"max_recv_msg_size_mib": 2})
    error = failure(served, bytes(100 * MIB), compression=grpc.Compression.Gzip)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "inflates to more than 2097152 bytes" in error.details()
    assert consumer.peak < MIB
    assert consumer.in_flight == 0
    assert served.count("tailgate_receiver_refused_requests", reason="over_limit") == 1
    assert served.count("tailgate_receiver_refused_bytes", reason="over_limit") > 50_000


def test_size_at_the_limit_and_past_it(serve: Any, consumer: Any) -> None:
    """Guarantees: exactly the limit passes, one byte more is RESOURCE_EXHAUSTED without a retry."""
    served = serve(grpc={"max_recv_msg_size_mib": 1})
    served.export(b"x" * MIB)
    error = failure(served, b"x" * (MIB + 1))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(error.trailing_metadata())
    assert served.count("tailgate_receiver_refused_requests", reason="no_message") == 1
    assert len(consumer.requests) == 1


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (Refused("memory_limit", 1.5), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Refused("draining", 1.5, exhausted=False), grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_refused_before_reading(serve: Any, consumer: Any, refused: Refused, code: grpc.StatusCode) -> None:
    """Scenario: no admission. Guarantees: retryable status with RetryInfo, nothing was read or counted in flight."""
    served = serve(grpc={})
    consumer.refuse_admit = refused
    error = failure(served, b"x" * MIB)
    assert error.code() is code
    assert retry_delay(error) == 1.5
    assert consumer.peak == 0
    assert served.count("tailgate_receiver_refused_requests", reason=refused.reason) == 1
    assert served.count("tailgate_receiver_refused_bytes") == 0
    consumer.refuse_admit = None
    assert served.export(b"") == b""


def test_refused_by_the_budget(serve: Any, consumer: Any) -> None:
    """Scenario: the byte budget is short once the size is known. Guarantees: refused, its bytes counted as refused."""
    served = serve(grpc={})
    consumer.budget = 1000
    error = failure(served, b"x" * 2000)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_delay(error) == 2.5
    assert served.count("tailgate_receiver_refused_bytes", reason="byte_budget") == 2000
    assert failure(served, b"\0" * 2000, compression=grpc.Compression.Gzip).code() is error.code()
    assert consumer.in_flight == 0


@pytest.mark.parametrize(
    ("problem", "code", "text"),
    [
        (Malformed("truncated field at byte 7"), grpc.StatusCode.INVALID_ARGUMENT, "truncated field at byte 7"),
        (OverLimit("more than 10 spans"), grpc.StatusCode.INVALID_ARGUMENT, "more than 10 spans"),
        (Refused("queue_full", 3.0), grpc.StatusCode.RESOURCE_EXHAUSTED, "queue_full"),
        (RuntimeError("card 4111 1111 1111 1111"), grpc.StatusCode.INTERNAL, "internal error"),
    ],
)
def test_what_the_pipelines_say(
    serve: Any, consumer: Any, problem: Exception, code: grpc.StatusCode, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Guarantees: the status fits the problem, an unforeseen error's text stays inside, and the server lives on."""
    served = serve(grpc={})
    consumer.fail = problem
    for _ in range(3):
        error = failure(served, b"abc")
        assert error.code() is code
        assert text in error.details()
        assert "4111" not in str(error)
    consumer.fail = None
    assert served.export(b"") == b""
    assert consumer.in_flight == 0
    output = "".join(capsys.readouterr())
    assert "4111" not in output
    assert output.count("receiver_internal_error") <= 1


def test_metadata(serve: Any, consumer: Any) -> None:
    """Guarantees: headers in any case, several values joined by `;`, binary and absent ones None, the peer's IP."""
    consumer.keys = ("metadata.X-Tenant", "metadata.none", "metadata.b-bin", "client.address", "other")
    sent = (("x-tenant", "a"), ("x-tenant", "b"), ("b-bin", b"\xff"))
    serve(grpc={}).export(b"", metadata=sent)
    assert consumer.metadata == [
        {
            "metadata.X-Tenant": "a;b",
            "metadata.none": None,
            "metadata.b-bin": None,
            "client.address": "127.0.0.1",
            "other": None,
        }
    ]


def test_metadata_can_be_left_out(serve: Any, consumer: Any) -> None:
    consumer.keys = ("metadata.x-tenant", "client.address")
    serve(grpc={"include_metadata": False}).export(b"", metadata=(("x-tenant", "a"),))
    assert consumer.metadata == [{"metadata.x-tenant": None, "client.address": "127.0.0.1"}]


@pytest.mark.parametrize("method", [METHOD.replace("trace", "metrics").replace("Trace", "Metrics"), f"{METHOD}s"])
def test_other_services_are_unimplemented(serve: Any, method: str) -> None:
    served = serve(grpc={})
    with grpc.insecure_channel(served.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(method)(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def silent(channel: grpc.Channel, hold: threading.Event) -> Any:
    """Open a call that sends its headers and then nothing until `hold` is set."""

    def nothing() -> Any:
        hold.wait(20)
        yield from ()

    return channel.stream_unary(METHOD).future(nothing(), timeout=15)


def test_concurrency_is_bounded(serve: Any, consumer: Any) -> None:
    """Scenario: two calls that never send, with room for two. Guarantees: the third is refused, to be retried."""
    served = serve(grpc={"max_concurrent_requests": 2})
    hold = threading.Event()
    with grpc.insecure_channel(served.grpc) as channel:
        calls = [silent(channel, hold) for _ in range(2)]
        wait_until(lambda: len(consumer.admitted) >= 2)
        error = failure(served, b"")
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert retry_delay(error) == 1.0
        hold.set()
        for call in calls:
            assert call.exception(15).code() is grpc.StatusCode.INVALID_ARGUMENT
    assert served.export(b"") == b""


def test_slow_senders_do_not_lock_others_out(serve: Any, consumer: Any) -> None:
    """Scenario: all reading places are taken by calls that send nothing. Guarantees: a good call soon gets through."""
    served = serve(grpc={"max_concurrent_reads": 2})
    hold = threading.Event()
    with grpc.insecure_channel(served.grpc) as channel:
        calls = [silent(channel, hold) for _ in range(2)]
        wait_until(lambda: len(consumer.admitted) >= 2)
        started = time.monotonic()
        assert served.export(b"abc", timeout=12) == b""
        assert time.monotonic() - started < 6
        hold.set()
        wait_until(lambda: all(call.done() for call in calls))
        codes = {call.exception().code() for call in calls}
        assert grpc.StatusCode.UNAVAILABLE in codes
    assert served.count("tailgate_receiver_refused_requests", reason="too_slow") == 1


def test_read_timeout(serve: Any, consumer: Any) -> None:
    """Scenario: a call sends nothing. Guarantees: it ends after `read_timeout`, retryable."""
    served = serve(grpc={"read_timeout": "200ms"})
    hold = threading.Event()
    with grpc.insecure_channel(served.grpc) as channel:
        call = silent(channel, hold)
        assert call.exception(10).code() is grpc.StatusCode.UNAVAILABLE
        hold.set()


def test_cancelled_calls_leave_nothing_behind(serve: Any, consumer: Any) -> None:
    """Scenario: clients go away in the middle of a call. Guarantees: their places and bytes are free again."""
    served = serve(grpc={"max_concurrent_reads": 2, "max_concurrent_requests": 4})
    for _ in range(6):
        hold = threading.Event()
        with grpc.insecure_channel(served.grpc) as channel:
            call = silent(channel, hold)
            wait_until(lambda: consumer.admitted)
            consumer.admitted.clear()
            call.cancel()
            hold.set()
    wait_until(lambda: served.count("tailgate_receiver_refused_requests") == 6)
    gone = [served.count("tailgate_receiver_refused_requests", reason=reason) for reason in ("cancelled", "no_message")]
    assert sum(gone) == 6
    assert served.export(b"") == b""
    assert consumer.in_flight == 0


def test_many_calls_at_once(serve: Any, consumer: Any) -> None:
    """Scenario: 64 clients at the same time through four reading places. Guarantees: all are served."""
    served = serve(grpc={"max_concurrent_reads": 4})
    body = os.urandom(200_000)
    with ThreadPoolExecutor(16) as pool, grpc.insecure_channel(served.grpc) as channel:
        call = channel.unary_unary(METHOD)
        assert list(pool.map(lambda _: call(body, timeout=30), range(64))) == [b""] * 64
    assert consumer.requests == [body] * 64
    assert consumer.peak < 64 * len(body)


def test_stop_lets_running_calls_end(serve: Any, consumer: Any) -> None:
    """Scenario: stop while a call is under way. Guarantees: that call is answered, new ones are not taken."""
    served = serve(grpc={})
    hold = threading.Event()

    def slow() -> Any:
        hold.wait(10)
        yield b"late"

    with grpc.insecure_channel(served.grpc) as channel:
        call = channel.stream_unary(METHOD).future(slow(), timeout=15)
        wait_until(lambda: consumer.admitted)
        stopping = asyncio.run_coroutine_threadsafe(served.receiver.stop(8), served.loop)
        wait_until(lambda: refuses(served.grpc))
        before = list(consumer.requests)  # an early probe may still have been taken
        hold.set()
        assert call.result(10) == b""
        stopping.result(10)
    assert consumer.requests == [*before, b"late"]


def refuses(endpoint: str) -> bool:
    with grpc.insecure_channel(endpoint) as channel:
        try:
            channel.unary_unary(METHOD)(b"new", timeout=2)
        except grpc.RpcError as error:
            return error.code() is grpc.StatusCode.UNAVAILABLE
    return False


def test_stop_cuts_after_the_grace(serve: Any, consumer: Any) -> None:
    """Scenario: stop while a call never ends. Guarantees: stop returns within its grace."""
    served = serve(grpc={})
    hold = threading.Event()
    with grpc.insecure_channel(served.grpc) as channel:
        call = silent(channel, hold)
        wait_until(lambda: consumer.admitted)
        started = time.monotonic()
        served.call(served.receiver.stop(0.3))
        assert time.monotonic() - started < 3
        hold.set()
        assert call.exception(10) is not None


def test_on_plain_asyncio(serve: Any, consumer: Any, request_bytes: bytes) -> None:
    """Guarantees: the standard library's loop works as well as uvloop."""
    assert serve(grpc={}, loop=asyncio.new_event_loop).export(request_bytes) == b""


def test_port_in_use(serve: Any) -> None:
    """Guarantees: an address that is taken is an error that names receiver and address."""
    served = serve(grpc={})
    with pytest.raises(
        OSError,
        match=rf"^receivers\.otlp\.protocols\.grpc: cannot listen on {served.grpc}: Address already in use; another ",
    ):
        serve(grpc={"endpoint": served.grpc})
