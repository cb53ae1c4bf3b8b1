"""OTLP over HTTP with real clients, and with raw sockets for what no client would send."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import socket
import threading
import time
import zlib
from typing import Any

import pytest
import zstandard
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel.contract import Malformed, OverLimit
from tailgate.receivers.base import Refused

JSON = {"Content-Type": "application/json"}
LIMITED = {"max_request_body_size": 1000}
HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"


def status_of(answer: tuple[int, dict[str, str], bytes]) -> status_pb2.Status:
    assert answer[1]["content-type"] == "application/x-protobuf"
    return status_pb2.Status.FromString(answer[2])


def wait_until(condition: Any, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_bytes_pass_untouched(serve: Any, consumer: Any, request_bytes: bytes) -> None:
    """Scenario: one request. Guarantees: the very bytes reach the pipelines, the answer is the empty response."""
    served = serve(http={})
    status, headers, body = served.post(request_bytes)
    assert (status, headers["content-type"], body) == (200, "application/x-protobuf", b"")
    assert consumer.requests == [request_bytes]
    assert consumer.admitted == [len(request_bytes)]
    assert (consumer.peak, consumer.in_flight) == (len(request_bytes), 0)
    assert served.count("otelcol_receiver_accepted_spans", transport="http", receiver="otlp") == 7
    assert served.count("tailgate_receiver_requests", code="200") == 1


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json(serve: Any, consumer: Any, content_type: str) -> None:
    """Guarantees: OTLP JSON arrives as protobuf, the answer is JSON."""
    data = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "01" * 16, "name": "x"}]}]}]})
    status, headers, body = serve(http={}).post(data, {"Content-Type": content_type})
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", {})
    request = ExportTraceServiceRequest.FromString(consumer.requests[0])
    assert request.resource_spans[0].scope_spans[0].spans[0].trace_id == b"\1" * 16


def test_large_json_goes_to_the_thread(serve: Any, consumer: Any) -> None:
    """Scenario: 2,000 spans as gzip JSON. Guarantees: all arrive, and all that was counted is given back."""
    span = {"traceId": "01" * 16, "spanId": "02" * 8, "name": "some name", "startTimeUnixNano": "5"}
    data = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span] * 2000}]}]}).encode()
    status, _, body = serve(http={}).post(gzip.compress(data), {**JSON, "Content-Encoding": "gzip"})
    assert (status, body) == (200, b"{}")
    request = ExportTraceServiceRequest.FromString(consumer.requests[0])
    assert len(request.resource_spans[0].scope_spans[0].spans) == 2000
    assert consumer.in_flight == 0
    assert consumer.peak > 8 * len(data)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("zstd", zstandard.ZstdCompressor().compress),
        ("identity", bytes),
        ("", bytes),
    ],
)
def test_encodings(serve: Any, consumer: Any, name: str, pack: Any) -> None:
    """Guarantees: every encoding that is promised arrives inflated."""
    data = os.urandom(5000) + bytes(300_000)
    assert serve(http={}).post(pack(data), {"Content-Encoding": name})[0] == 200
    assert consumer.requests == [data]
    assert consumer.in_flight == 0


@pytest.mark.parametrize("name", ["br", "snappy", "gzip, gzip", "lz4"])
def test_other_encodings(serve: Any, consumer: Any, name: str) -> None:
    status, headers, body = serve(http={}).post(b"x", {"Content-Encoding": name})
    assert (status, headers["accept-encoding"]) == (415, "gzip, deflate, zstd")
    assert "unsupported content encoding" in status_pb2.Status.FromString(body).message
    assert not consumer.requests


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {"Content-Type": ""}, {"Content-Type": "x/y;z"}])
def test_other_types(serve: Any, consumer: Any, headers: dict[str, str]) -> None:
    """Guarantees: 415 for a type that is neither protobuf nor JSON, or for none."""
    answer = serve(http={}).post(b"x", headers)
    assert answer[0] == 415
    assert "expected application/x-protobuf or application/json" in status_of(answer).message
    assert not consumer.admitted


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/v1/traces", 405, "expected POST"),
        ("PUT", "/v1/traces", 405, "expected POST"),
        ("OPTIONS", "/v1/traces", 405, "expected POST"),
        ("POST", "/v1/metrics", 404, "are not taken here; taken are traces at /v1/traces"),
        ("POST", "/v1/logs", 404, "are not taken here; taken are traces at /v1/traces"),
        ("POST", "/", 404, "no such path; taken are traces at /v1/traces"),
        ("POST", "/v1/traces/", 404, "no such path"),
        ("GET", "/v1/traces/../x", 404, "no such path"),
    ],
)
def test_elsewhere(serve: Any, consumer: Any, method: str, path: str, status: int, text: str) -> None:
    """Guarantees: a wrong path or method is told what would have been right."""
    served = serve(http={})
    answer = served.request(method, path, b"abc", {"Content-Type": "application/x-protobuf"})
    assert answer[0] == status
    assert text in status_of(answer).message
    assert ("allow" in answer[1]) == (status == 405)
    assert served.count("tailgate_receiver_requests", code=str(status)) == 1
    assert not consumer.requests


def test_own_path(serve: Any, consumer: Any) -> None:
    """Guarantees: `traces_url_path` moves the path; a query does not matter."""
    served = serve(http={"traces_url_path": "spans/in"})
    headers = {"Content-Type": "application/x-protobuf"}
    assert served.request("POST", "/spans/in?a=b", b"", headers)[0] == 200
    assert served.post(b"")[0] == 404


@pytest.mark.parametrize(
    ("refused", "status", "code"),
    [(Refused("memory_limit", 1.2), 429, 8), (Refused("draining", 3, exhausted=False), 503, 14)],
)
def test_refused_before_reading(serve: Any, consumer: Any, refused: Refused, status: int, code: int) -> None:
    """Scenario: no admission. Guarantees: Retry-After in whole seconds, RetryInfo in the body, nothing was counted."""
    served = serve(http={})
    consumer.refuse_admit = refused
    answer = served.post(b"x" * 100_000)
    assert answer[0] == status
    assert answer[1]["retry-after"] == ("2" if status == 429 else "3")
    info = error_details_pb2.RetryInfo()
    assert status_of(answer).code == code
    assert status_of(answer).details[0].Unpack(info)
    assert info.retry_delay.ToMilliseconds() == refused.retry_after * 1000
    assert consumer.peak == 0
    assert served.count("tailgate_receiver_refused_requests", reason=refused.reason) == 1
    assert served.count("tailgate_receiver_refused_bytes", reason=refused.reason) == 100_000
    as_json = json.loads(served.post(b"{}", JSON)[2])
    assert as_json["code"] == code
    assert refused.reason in as_json["message"]


def test_refused_by_the_budget(serve: Any, consumer: Any) -> None:
    """Scenario: the budget ends while the body comes in, or while it is inflated. Guarantees: 429, all given back."""
    served = serve(http={})
    consumer.budget = 100_000
    assert served.post(b"x" * 200_000)[0] == 429
    assert served.post(gzip.compress(bytes(200_000)), {"Content-Encoding": "gzip"})[0] == 429
    assert consumer.in_flight == 0
    assert 0 < consumer.peak <= 100_000
    assert served.post(b"x" * 90_000)[0] == 200


@pytest.mark.parametrize(
    ("problem", "status", "text"),
    [
        (Malformed("truncated field at byte 7"), 400, "truncated field at byte 7"),
        (OverLimit("more than 10 spans"), 413, "more than 10 spans"),
        (Refused("queue_full", 3.0), 429, "queue_full"),
        (RuntimeError("card 4111 1111 1111 1111"), 500, "internal error"),
    ],
)
def test_what_the_pipelines_say(
    serve: Any, consumer: Any, problem: Exception, status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Guarantees: the status fits the problem, an unforeseen error's text stays inside, and the server lives on."""
    served = serve(http={})
    consumer.fail = problem
    for _ in range(3):
        answer = served.post(b"abc")
        assert answer[0] == status
        assert text in status_of(answer).message
        assert b"4111" not in answer[2]
    consumer.fail = None
    assert served.post(b"")[0] == 200
    assert consumer.in_flight == 0
    output = "".join(capsys.readouterr())
    assert "4111" not in output
    assert output.count("receiver_internal_error") <= 1


def test_bad_json(serve: Any, consumer: Any) -> None:
    """Guarantees: 400 with the place, as JSON, without the value."""
    data = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "secret"}]}]}]}
    status, headers, body = serve(http={}).post(json.dumps(data), JSON)
    assert (status, headers["content-type"]) == (400, "application/json")
    assert json.loads(body) == {"code": 3, "message": "resourceSpans[0].scopeSpans[0].spans[0].traceId is not hex"}


def test_size_at_the_limit_and_past_it(serve: Any, consumer: Any) -> None:
    """Guarantees: the limit itself passes; past it 413, announced or chunked, as it comes or inflated."""
    served = serve(http=LIMITED)
    assert served.post(b"x" * 1000)[0] == 200
    assert served.post(iter([b"x" * 500, b"x" * 500]))[0] == 200
    too_large = served.post(b"x" * 1001)
    assert too_large[0] == 413
    assert "larger than 1000 bytes" in status_of(too_large).message
    assert served.post(iter([b"x" * 500, b"x" * 501]))[0] == 413
    for name, pack in (("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)):
        assert served.post(pack(bytes(1000)), {"Content-Encoding": name})[0] == 200
        assert served.post(pack(bytes(1001)), {"Content-Encoding": name})[0] == 413
    assert served.count("tailgate_receiver_refused_requests", reason="over_limit") == 5
    assert consumer.in_flight == 0
    assert served.post(b"")[0] == 200


def test_bomb_stops_while_inflating(serve: Any, consumer: Any) -> None:
    """Scenario: 100 MiB in 100 kB. Guarantees: 413, and never more than the limit (and a piece) in flight."""
    served = serve(http={"max_request_body_size": 2 << 20})
    answer = served.post(gzip.compress(bytes(100 << 20)), {"Content-Encoding": "gzip"})
    assert answer[0] == 413
    assert "inflates to more than" in status_of(answer).message
    assert consumer.peak < 3 << 20
    assert consumer.in_flight == 0


def test_announced_too_large_is_refused_unread(serve: Any, consumer: Any) -> None:
    """Scenario: a length of 1 GB, no body. Guarantees: 413 at once, also for who asks before sending."""
    served = serve(http=LIMITED)
    for expect in (b"", b"Expect: 100-continue\r\n"):
        answer = served.raw(HEAD + expect + b"Content-Length: 1000000000\r\n\r\n", once=True)
        assert answer.startswith(b"HTTP/1.1 413 ")
    assert not consumer.admitted


def test_expect_continue(serve: Any, consumer: Any) -> None:
    """Scenario: the client asks first. Guarantees: the interim answer comes, then the body is taken."""
    served = serve(http={})
    host, _, port = served.http.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as sock:
        sock.sendall(HEAD + b"Content-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"abc")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")
    assert consumer.requests == [b"abc"]


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Content-Length: 10\r\n\r\nabc", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", 400),
        (b"Content-Length: -1\r\n\r\n", 400),
        (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (b"X: " + b"a" * 20000 + b"\r\nContent-Length: 0\r\n\r\n", 400),
        (b"\xff\xfe: \0\r\n\r\n", 400),
    ],
)
def test_lies_about_the_body(serve: Any, consumer: Any, rest: bytes, status: int) -> None:
    """Scenario: announced and sent differ, or the head is no HTTP. Guarantees: 400 or closed, nothing taken."""
    served = serve(http={})
    answer = served.raw(HEAD + rest, shut=True)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 %d " % status, b"HTTP/1.0 %d " % status))
    assert not consumer.requests
    wait_until(lambda: consumer.in_flight == 0)
    assert served.post(b"")[0] == 200


def test_more_than_announced(
    serve: Any, consumer: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Scenario: the body is longer than its length says. Guarantees: what was not announced is not taken."""
    served = serve(http={})
    assert b" 400 " in served.raw(HEAD + b"Content-Length: 3\r\n\r\nabc4111 1111 1111 1111\r\n\r\n")
    assert consumer.requests in ([], [b"abc"])
    assert served.count("tailgate_receiver_refused_requests", reason="bad_http") == 1
    printed: list[str] = []

    def logged() -> str:
        printed.extend(capsys.readouterr())  # where nobody has configured the log; in the log's records otherwise
        return "".join(printed) + caplog.text

    wait_until(lambda: "bad_http" in logged())
    assert "1111 1111" not in logged()


@pytest.mark.parametrize("cut", [1, 10, 30])
def test_truncated_gzip(serve: Any, consumer: Any, cut: int) -> None:
    packed = gzip.compress(os.urandom(50))
    answer = serve(http={}).post(packed[:-cut], {"Content-Encoding": "gzip"})
    assert answer[0] == 400
    assert "truncated" in status_of(answer).message
    assert serve(http={}).post(packed + b"more", {"Content-Encoding": "gzip"})[0] == 400


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "zstd"])
def test_empty_body(serve: Any, consumer: Any, encoding: str) -> None:
    """Guarantees: no bytes are an empty request under every encoding."""
    assert serve(http={}).post(b"", {"Content-Encoding": encoding})[0] == 200
    assert consumer.requests == [b""]


def test_slow_body(serve: Any, consumer: Any) -> None:
    """Scenario: a body that never ends. Guarantees: 408 after `read_timeout`, its bytes given back."""
    served = serve(http={"read_timeout": "300ms"})
    started = time.monotonic()
    answer = served.raw(HEAD + b"Content-Length: 10\r\nConnection: close\r\n\r\nabc", once=True)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert 0.2 < time.monotonic() - started < 5
    assert consumer.in_flight == 0
    assert served.count("tailgate_receiver_refused_bytes", reason="too_slow") == 3


@pytest.mark.parametrize("data", [b"", b"POST /v1/tra", HEAD])
def test_slow_head(serve: Any, data: bytes) -> None:
    """Scenario: a connection that sends no whole head. Guarantees: closed after `read_header_timeout`."""
    served = serve(http={"read_header_timeout": "300ms"})
    started = time.monotonic()
    assert served.raw(data) == b""
    assert 0.2 < time.monotonic() - started < 5


def test_concurrency_is_bounded(serve: Any, consumer: Any) -> None:
    """Scenario: two bodies on their way, with room for two. Guarantees: the third is refused, to be retried."""
    served = serve(http={"max_concurrent_requests": 2})
    host, _, port = served.http.rpartition(":")
    sockets = [socket.create_connection((host, int(port)), timeout=5) for _ in range(2)]
    for sock in sockets:
        sock.sendall(HEAD + b"Content-Length: 3\r\nConnection: close\r\n\r\na")
    wait_until(lambda: consumer.in_flight == 2)
    status, headers, _ = served.post(b"abc")
    assert (status, headers["retry-after"]) == (503, "1")
    for sock in sockets:
        sock.sendall(b"bc")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")
        sock.close()
    assert served.post(b"abc")[0] == 200


def test_clients_that_go_away(serve: Any, consumer: Any) -> None:
    """Scenario: connections end in the middle of a body. Guarantees: their bytes and places are free again."""
    served = serve(http={"max_concurrent_requests": 2})
    host, _, port = served.http.rpartition(":")
    for _ in range(5):
        with socket.create_connection((host, int(port)), timeout=5) as sock:
            sock.sendall(HEAD + b"Content-Length: 100\r\n\r\nabc")
            wait_until(lambda: consumer.in_flight == 3)
        wait_until(lambda: consumer.in_flight == 0)
    assert served.post(b"abc")[0] == 200
    assert consumer.requests == [b"abc"]


def test_keep_alive(serve: Any, consumer: Any) -> None:
    """Guarantees: several requests share a connection, refused ones in between do not break it."""
    served = serve(http=LIMITED)
    good = HEAD + b"Content-Length: 1\r\n\r\na"
    bad = HEAD + b"Content-Length: 2000\r\n\r\n" + b"b" * 2000
    last = HEAD + b"Content-Length: 1\r\nConnection: close\r\n\r\nc"
    answer = served.raw(good + bad + last)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"413", b"200"]
    assert consumer.requests == [b"a", b"c"]


def test_metadata(serve: Any, consumer: Any) -> None:
    """Guarantees: headers in any case, several values joined by `;`, absent ones None, the peer's IP without port."""
    consumer.keys = ("metadata.X-Tenant", "metadata.none", "client.address", "other")
    served = serve(http={})
    served.raw(HEAD + b"x-TENANT: a\r\nX-Tenant: b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    assert consumer.metadata == [
        {"metadata.X-Tenant": "a;b", "metadata.none": None, "client.address": "127.0.0.1", "other": None}
    ]


def test_metadata_can_be_left_out(serve: Any, consumer: Any) -> None:
    consumer.keys = ("metadata.x-tenant", "client.address")
    serve(http={"include_metadata": False}).post(b"", {"x-tenant": "a"})
    assert consumer.metadata == [{"metadata.x-tenant": None, "client.address": "127.0.0.1"}]


def test_response_headers(serve: Any) -> None:
    """Guarantees: `response_headers` are on every answer; without keep-alives the connection closes."""
    served = serve(http={"response_headers": {"X-Frame-Options": "DENY"}, "keep_alives_enabled": False})
    for status, headers, _ in (served.post(b""), served.post(b"", {"Content-Type": "x/y"})):
        assert headers["x-frame-options"] == "DENY", status
        assert headers["connection"] == "close"


CORS = {"allowed_origins": ["https://*.example.com"], "allowed_headers": ["X-Api"], "max_age": 600}


def preflight(served: Any, origin: str, headers: str = "", method: str = "POST") -> dict[str, str]:
    sent = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    status, answer, body = served.request("OPTIONS", "/v1/traces", None, sent)
    assert (status, body) == (204, b"")
    return {name: value for name, value in answer.items() if name.startswith("access-control")}


def test_cors(serve: Any, consumer: Any) -> None:
    """Guarantees: pages of allowed origins get permission, others none; real requests carry the origin back."""
    served = serve(http={"cors": CORS})
    assert preflight(served, "https://shop.example.com", "content-type, x-api") == {
        "access-control-allow-origin": "https://shop.example.com",
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "content-type, x-api",
        "access-control-max-age": "600",
    }
    assert preflight(served, "https://shop.example.com.evil.net") == {}
    assert preflight(served, "https://shop.example.com", "x-other") == {}
    assert preflight(served, "https://shop.example.com", method="DELETE") == {}
    assert not consumer.admitted
    headers = served.post(b"", {"Origin": "https://shop.example.com"})[1]
    assert headers["access-control-allow-origin"] == "https://shop.example.com"
    assert "access-control-allow-origin" not in served.post(b"", {"Origin": "https://evil.net"})[1]


def test_any_header_by_cors(serve: Any) -> None:
    served = serve(http={"cors": {"allowed_origins": ["*"], "allowed_headers": ["*"]}})
    assert preflight(served, "http://a", "x-y")["access-control-allow-headers"] == "x-y"


def test_many_at_once(serve: Any, consumer: Any) -> None:
    """Scenario: 40 requests from 8 clients. Guarantees: all are taken, all bytes are given back."""
    served = serve(http={})
    body, answers = os.urandom(300_000), []
    threads = [
        threading.Thread(target=lambda: answers.extend(served.post(body)[0] for _ in range(5))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [200] * 40
    assert consumer.requests == [body] * 40
    assert consumer.in_flight == 0


def test_stop_lets_running_requests_end(serve: Any, consumer: Any) -> None:
    """Scenario: stop with one request under way and one idle connection. Guarantees: the first is answered."""
    served = serve(http={})
    host, _, port = served.http.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as busy,
        socket.create_connection((host, int(port)), timeout=10) as idle,
    ):
        busy.sendall(HEAD + b"Content-Length: 3\r\n\r\na")
        wait_until(lambda: consumer.in_flight == 1)
        stopping = asyncio.run_coroutine_threadsafe(served.receiver.stop(8), served.loop)
        assert idle.recv(100) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=2)
        busy.sendall(b"bc")
        answer = busy.recv(1000)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"Connection: close" in answer
        assert busy.recv(1000) == b""
        stopping.result(10)
    assert consumer.requests == [b"abc"]


def test_stop_cuts_after_the_grace(serve: Any, consumer: Any) -> None:
    served = serve(http={})
    host, _, port = served.http.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as busy:
        busy.sendall(HEAD + b"Content-Length: 3\r\n\r\na")
        wait_until(lambda: consumer.in_flight == 1)
        started = time.monotonic()
        served.call(served.receiver.stop(0.3))
        assert time.monotonic() - started < 3
    wait_until(lambda: consumer.in_flight == 0)


def test_on_plain_asyncio(serve: Any, request_bytes: bytes) -> None:
    """Guarantees: the standard library's loop works as well as uvloop."""
    assert serve(http={}, loop=asyncio.new_event_loop).post(request_bytes)[0] == 200


def test_port_in_use(serve: Any) -> None:
    """Scenario: the HTTP address is taken. Guarantees: an error that names it, and gRPC does not stay behind."""
    served = serve(http={})
    with pytest.raises(OSError, match=rf"receivers::otlp::protocols::http: cannot listen on {served.http}"):
        serve(grpc={}, http={"endpoint": served.http})
