"""Fixtures: an upstream, and Tailgate as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import StartTailgate, Tailgate, Upstream, free_port


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def start_tailgate(tmp_path: Path) -> Iterator[StartTailgate]:
    """Start Tailgate on a configuration text; its ports come from the environment as `${env:GRPC}` and so on."""
    started: list[Tailgate] = []

    def start(config: str, **environment: str) -> Tailgate:
        file = tmp_path / f"tailgate-{len(started)}.yaml"
        file.write_text(config, encoding="utf-8")
        ports = {name: free_port() for name in ("GRPC", "HTTP", "METRICS", "HEALTH")}
        env = {**os.environ, **{k: str(v) for k, v in ports.items()}, **environment}
        log = tmp_path / f"log-{len(started)}.txt"
        with log.open("wb") as sink:
            command = [sys.executable, "-m", "tailgate", f"--config={file}"]
            process = subprocess.Popen(command, env=env, stderr=sink, stdout=sink)
        tailgate = Tailgate(process, ports["GRPC"], ports["HTTP"], ports["METRICS"], ports["HEALTH"], log)
        started.append(tailgate)
        for _ in range(300):
            if tailgate.ready():
                return tailgate
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        raise AssertionError(f"never ready: {log.read_text()}")

    yield start
    for tailgate in started:
        if tailgate.process.poll() is None:
            tailgate.process.kill()
            tailgate.process.wait()
