"""A running proxy tells nobody a secret that went through it: not in logs, metrics, answers or what it sends on."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

from harness import StartTailgate, Tailgate
from hypothesis import given, settings
from hypothesis import strategies as st
from peer_collector import capture
from planted_secrets import PLACES, SIGNALS, secrets, seen
from planting import planted

CONFIG = """
processors: {memory_limiter: {limit_mib: 512, check_interval: 1s}, scrub: , batch: {timeout: 100ms}}
exporters:
  otlphttp: {endpoint: "http://127.0.0.1:${env:UPSTREAM}", compression: none}
  debug: {verbosity: detailed}
service:
  telemetry: {logs: {level: debug}}
  pipelines:
"""
PIPELINE = "    %s: {receivers: [otlp], processors: [memory_limiter, scrub, batch], exporters: [otlphttp, debug]}\n"


def post(port: int, signal: str, body: bytes, kind: str) -> bytes:
    """Send a request; returns whatever is answered."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/{signal}", body, {"Content-Type": kind}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        return bytes(error.read()) + str(error.headers).encode()


def broken(body: bytes, text: str, how: int) -> tuple[bytes, str]:
    """Return a request that cannot be read (or can), with what it says it is."""
    if how == 1:
        return body[:-3], "application/x-protobuf"
    if how == 2:
        return json.dumps({"resourceSpans": text, "resourceLogs": text}).encode(), "application/json"
    if how == 3:
        return f'{{"{text}": '.encode(), "application/json"
    if how == 4:
        return b"\xff" + text.encode(), "application/x-protobuf"
    return (text.encode(), f"text/{len(text)}") if how == 5 else (body, "application/x-protobuf")


def show_one(tailgate: Tailgate) -> None:
    """Send a span until the exporter that prints has printed its name, so that it is known to print."""
    body = planted("span_name", "GET /jane.roe@mail.example.com").SerializeToString()
    for _ in range(100):
        post(tailgate.http_port, "traces", body, "application/x-protobuf")
        if b"GET /[EMAIL]" in tailgate.log.read_bytes():
            return
        time.sleep(0.1)
    raise AssertionError("nothing was printed")


def test_nothing_is_told(start_tailgate: StartTailgate) -> None:
    """Guarantees: neither logs (at debug, with what is printed), metrics, answers nor upstream ever have a secret."""
    with capture() as sink:
        config = CONFIG + "".join(PIPELINE % signal for signal in SIGNALS)
        tailgate = start_tailgate(config, UPSTREAM=str(sink.port))
        planted_so_far: list[str] = []

        @settings(max_examples=80, deadline=None)
        @given(place=PLACES, secret=secrets(), how=st.integers(0, 9))
        def send(place: tuple[str, str], secret: tuple[str, str], how: int) -> None:
            signal, position = place
            whole = planted(position, secret[0], signal=signal).SerializeToString()
            body, kind = broken(whole, secret[0], how)
            planted_so_far.append(secret[1])
            assert not seen([secret[1]], post(tailgate.http_port, signal, body, kind))

        send()
        show_one(tailgate)
        page = tailgate.page().encode()
        assert tailgate.stop() == 0
        left = b"".join(body for requests in sink.requests.values() for _, body in requests)
        log = tailgate.log.read_bytes()
        assert b"[EMAIL]" in left
        for where in (page, log, left):
            assert not seen(planted_so_far, where)
