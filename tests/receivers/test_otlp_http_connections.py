"""Connections over HTTP: slow clients, those that go away, many at once, the end."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
import time
from typing import Any

import pytest
from otlp_clients import HEAD, wait_until

LIMITED = {"max_request_body_size": 1000}


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
    with pytest.raises(
        OSError,
        match=rf"^receivers\.otlp\.protocols\.http: cannot listen on {served.http}: Address already in use; another ",
    ):
        serve(grpc={}, http={"endpoint": served.http})
