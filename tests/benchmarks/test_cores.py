"""Saturation on one core and two: the plain sender, and what could be had at most."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.client import Refusal, http_message
from benchmarks.cores import Saturated, attainable, send_plain


class Sink(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.bodies = status, list[bytes]()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sink

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(params=[200])
def sink(request: pytest.FixtureRequest) -> Iterator[Sink]:
    server = Sink(request.param)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_message_is_sent_once(sink: Sink) -> None:
    bodies = [bytes([number]) * (number * 5000 + 1) for number in range(40)]
    port = sink.server_address[1]
    assert send_plain(port, [http_message(port, body, "none") for body in bodies]) > 0
    assert sorted(sink.bodies) == sorted(bodies)


@pytest.mark.parametrize("sink", [503], indirect=True)
def test_a_refusal_is_told(sink: Sink) -> None:
    port = sink.server_address[1]
    with pytest.raises(Refusal, match="503"):
        send_plain(port, [http_message(port, b"a", "none")])


def test_what_generator_and_upstream_take_is_not_attainable() -> None:
    """Guarantees: with cores of their own the bound is two; sharing, it is what their time leaves."""
    one, two = [Saturated(500_000, 1.0, 2.0, 0.5)], [Saturated(800_000, 1.8, 2.0, 0.5)]
    assert attainable(one, two, shared=False) == pytest.approx(2.0)
    assert attainable(one, two, shared=True) == pytest.approx(1.6)
