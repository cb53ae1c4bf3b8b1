"""OTLP over HTTP with real clients: paths, what is refused and how, metadata."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from google.rpc import error_details_pb2
from otlp_clients import HEAD, JSON, status_of
from tailgate.kernel.contract import Malformed, OverLimit
from tailgate.receivers.base import Refused


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
