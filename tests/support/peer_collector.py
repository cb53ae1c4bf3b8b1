"""A real OpenTelemetry Collector (its binary is built by `make peers`), and conformance cases taken through it."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from conformance import Case, Headers, Result, failures
from otlp_words import Words, nanoseconds

SECOND = 1_000_000_000


def free_ports(count: int) -> list[int]:
    """Return ports that are free now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


@dataclass
class Capture:
    """An OTLP/HTTP upstream that keeps the requests of each path with the time at which they came."""

    requests: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                requests.setdefault(self.path, []).append((time.time_ns(), body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        class Server(ThreadingHTTPServer):
            request_queue_size = 1024  # a decision tick sends hundreds of requests at once
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def capture() -> Iterator[Capture]:
    server = Capture()
    try:
        yield server
    finally:
        server.close()


@dataclass
class Process:
    """A proxy that runs as a process of its own."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, ports: Sequence[int], seconds: float = 60) -> None:
        """Return when all ports listen. Raises `Ended` when the process ends before."""
        deadline = time.monotonic() + seconds
        for port in ports:
            while not _listens(port):
                if self.process.poll() is not None:
                    raise Ended(self.log.read_text(errors="replace"))
                assert time.monotonic() < deadline, self.log.read_text(errors="replace")
                time.sleep(0.05)

    def stop(self) -> None:
        """Ask it to end, and see that it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Ended(Exception):
    """The process ended before it listened; the text is its log."""


def start(command: Sequence[str | Path], log: Path, environment: dict[str, str] | None = None) -> Process:
    with log.open("wb") as sink:
        return Process(subprocess.Popen([str(c) for c in command], stdout=sink, stderr=sink, env=environment), log)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def post(port: int, body: bytes, headers: Headers | None = None) -> None:
    """Send one OTLP/HTTP request; headers may have several values."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest("POST", "/v1/traces")
        for name, values in {"Content-Type": ["application/x-protobuf"], **(headers or {})}.items():
            for value in values:
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        assert answer.status == 200, (answer.status, answer.read())
        answer.read()
    finally:
        connection.close()


def whole(rows: dict[str, Words]) -> Words:
    """Return one configuration with a pipeline for each row of processors, by name.

    Ports come from the environment (`PORT_<name>`, `UPSTREAM`, `METRICS`, `HEALTH`), so that one file does for several
    processes; what a row lets out goes to the path `/<name>` of the upstream.
    """
    out: Words = {
        "extensions": {"health_check": {"endpoint": "127.0.0.1:${env:HEALTH}"}},
        "receivers": {},
        "processors": {},
        "exporters": {},
        "service": {"extensions": ["health_check"], "telemetry": _telemetry(), "pipelines": {}},
    }
    for name, row in rows.items():
        ids = {key: f"{key.partition('/')[0]}/{name}_{at}" for at, key in enumerate(row)}
        http_ = {"endpoint": f"127.0.0.1:${{env:PORT_{name}}}", "include_metadata": True}
        out["receivers"][f"otlp/{name}"] = {"protocols": {"http": http_}}
        out["processors"] |= {ids[key]: options for key, options in row.items()}
        out["exporters"][f"otlp_http/{name}"] = {
            "traces_endpoint": f"http://127.0.0.1:${{env:UPSTREAM}}/{name}",
            "compression": "none",
            "retry_on_failure": {"initial_interval": "100ms"},
        }
        out["service"]["pipelines"][f"traces/{name}"] = {
            "receivers": [f"otlp/{name}"],
            "processors": list(ids.values()),
            "exporters": [f"otlp_http/{name}"],
        }
    return out


def _telemetry() -> Words:
    prometheus = {"host": "127.0.0.1", "port": "${env:METRICS}"}
    return {"metrics": {"readers": [{"pull": {"exporter": {"prometheus": prometheus}}}]}}


def launch(
    command: Sequence[str | Path], names: Sequence[str], upstream: int, log: Path
) -> tuple[Process, dict[str, int]]:
    """Start a proxy on such a configuration; return it and its ports by name once they listen. Raises `Ended`."""
    metrics, health, *ports = free_ports(2 + len(names))
    by_name = dict(zip(names, ports, strict=True))
    given = {"UPSTREAM": upstream, "METRICS": metrics, "HEALTH": health} | {f"PORT_{n}": p for n, p in by_name.items()}
    process = start(command, log, {**os.environ, **{key: str(value) for key, value in given.items()}})
    process.wait_for(ports)
    return process, by_name


class CollectorRun:
    """Many cases at once in one collector: each has a receiver, a row of processors and an exporter of its own."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.binary, self.folder = binary, folder

    def run(self, cases: Sequence[Case]) -> dict[str, Result]:
        """Return what comes of each case, in real time."""
        results = {case.id: Result(in_order=False) for case in cases}
        with capture() as upstream:
            left = {f"case_{number}": case for number, case in enumerate(cases) if not case.panics}
            process, ports = self._start(left, results, upstream.port)
            try:
                base = self._play(left, ports)
            finally:
                process.stop()
            for name, case in left.items():
                came = upstream.requests.get(f"/{name}", [])
                results[case.id].out = [(at - base, body) for at, body in came]
                results[case.id].base = base
        return results

    def _start(
        self, left: dict[str, Case], results: dict[str, Result], upstream: int
    ) -> tuple[Process, dict[str, int]]:
        """Start; cases that the collector refuses are taken out of `left`, one after the other."""
        while True:
            file = self.folder / "collector.yaml"
            rows = {name: case.words["processors"] for name, case in left.items()}
            file.write_text(yaml.safe_dump(whole(rows), sort_keys=False), encoding="utf-8")
            command = [self.binary, f"--config={file}"]
            try:
                return launch(command, list(left), upstream, self.folder / "collector.log")
            except Ended as ended:
                why = re.split(r"(?m)^Error: ", str(ended))[-1]
                refused = set(re.findall(r"case_\d+", why)) & set(left)
                if not refused:
                    raise
                for name in refused:
                    results[left.pop(name).id].error = why

    def _play(self, left: dict[str, Case], ports: dict[str, int]) -> int:
        """Send every request at its time, then wait until all is over; return when it began."""
        base = (time.time_ns() // SECOND + 1) * SECOND
        plan = sorted(
            ((at, name, order, body, headers)
             for name, case in left.items()
             for order, (at, body, headers) in enumerate(case.requests(base))),
            key=lambda item: item[:3],
        )  # fmt: skip
        for at, name, _, body, headers in plan:
            time.sleep(max(0.0, (base + at - time.time_ns()) / SECOND))
            post(ports[name], body, headers)
        time.sleep(max(0.0, (base + max(map(_over, left.values())) - time.time_ns()) / SECOND))
        return base


def _over(case: Case) -> int:
    """When everything of a case has left, ns from its beginning."""
    last = max((nanoseconds(step.get("at", 0)) for step in case.steps), default=0)
    if case.words.get("end") == "shutdown":
        return last
    samplers = [v or {} for k, v in case.words["processors"].items() if k.partition("/")[0] == "tail_sampling"]
    waits = [nanoseconds(sampler.get("decision_wait", "15s")) for sampler in samplers]
    groups = [3 * SECOND for k in case.words["processors"] if k.partition("/")[0] == "groupbytrace"]
    return last + 2 * sum(waits) + sum(groups) + (3 * SECOND if waits else 0)


def differences(case: Case, result: Result) -> list[str]:
    """Return where the collector is not what the case says of it; its messages and warnings are its own."""
    if case.panics:
        return []
    expected = dict(case.words.get("collector", case.words["expect"]))
    expected.pop("warns", None)
    if "error" in expected:
        return [] if result.error else ["the collector takes this configuration"]
    times = expected.pop("kept_at", None)
    wrong = failures(result, expected)
    if times is not None and not wrong:
        got, wanted = result.kept_at(), {trace: nanoseconds(at) for trace, at in times.items()}
        near = got.keys() == wanted.keys() and all(-0.3 <= (got[t] - wanted[t]) / SECOND <= 1.5 for t in wanted)
        wrong += [] if near else [f"left at {got}, expected about {wanted}"]
    return wrong
