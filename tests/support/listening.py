"""How the end-to-end tests start Tailgate, and where it listens: what their configurations need not say."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import StartTailgate, Tailgate, free_port

LISTENING = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${env:GRPC}"}
      http: {endpoint: "127.0.0.1:${env:HTTP}"}
extensions: {health_check: {endpoint: "127.0.0.1:${env:HEALTH}"}}
service:
  extensions: [health_check]
  telemetry: {metrics: {address: "127.0.0.1:${env:METRICS}"}}
"""
"""The first of the merged configurations; its ports come from the environment, as does that of a listening exporter
(`${env:SCRAPED}`)."""


def launch(words: list[str], log: Path, environment: dict[str, str]) -> Tailgate:
    """Start `tailgate` with these words on free ports; what it says goes to `log`."""
    ports = {name: free_port() for name in ("GRPC", "HTTP", "METRICS", "HEALTH", "SCRAPED")}
    env = {**os.environ, **{name: str(port) for name, port in ports.items()}, **environment}
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "-m", "tailgate", *words], env=env, stderr=sink, stdout=sink)
    return Tailgate(process, ports["GRPC"], ports["HTTP"], ports["METRICS"], ports["HEALTH"], log, ports["SCRAPED"])


def is_ready(tailgate: Tailgate) -> bool:
    """Wait for it: True when it is ready, False when somebody else took one of its ports meanwhile."""
    for _ in range(300):
        if tailgate.ready():
            return True
        if tailgate.process.poll() is not None:
            assert "in use" in tailgate.log.read_text(), tailgate.log.read_text()
            return False
        time.sleep(0.1)
    raise AssertionError(f"never ready: {tailgate.log.read_text()}")


@contextmanager
def starting(folder: Path) -> Iterator[StartTailgate]:
    """Yield a function that starts Tailgate with some words and variables; kills what still runs at the end."""
    started: list[Tailgate] = []

    def start(*words: str, **environment: str) -> Tailgate:
        for _ in range(5):
            started.append(launch([*words], folder / f"log-{len(started)}.txt", environment))
            if is_ready(started[-1]):
                return started[-1]
        raise AssertionError("every free port was taken by somebody else before Tailgate came to listen")

    try:
        yield start
    finally:
        for tailgate in started:
            if tailgate.process.poll() is None:
                tailgate.process.kill()
                tailgate.process.wait()
