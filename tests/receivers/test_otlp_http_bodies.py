"""Bodies over HTTP: types, encodings, sizes, and what is broken, cut or lied about."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from typing import Any

import pytest
import zstandard
from google.rpc import status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_clients import HEAD, JSON, status_of, wait_until

LIMITED = {"max_request_body_size": 1000}


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
