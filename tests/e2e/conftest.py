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


def launch(folder: Path, number: int, config: str, options: tuple[str, ...], environment: dict[str, str]) -> Tailgate:
    file, log = folder / f"tailgate-{number}.yaml", folder / f"log-{number}.txt"
    file.write_text(config, encoding="utf-8")
    ports = {name: free_port() for name in ("GRPC", "HTTP", "METRICS", "HEALTH")}
    env = {**os.environ, **{k: str(v) for k, v in ports.items()}, **environment}
    with log.open("wb") as sink:
        command = [sys.executable, "-m", "tailgate", f"--config={file}", *options]
        process = subprocess.Popen(command, env=env, stderr=sink, stdout=sink)
    return Tailgate(process, ports["GRPC"], ports["HTTP"], ports["METRICS"], ports["HEALTH"], log)


def wait_ready(tailgate: Tailgate) -> bool:
    """True when it is ready, False when somebody else took one of its ports meanwhile."""
    for _ in range(300):
        if tailgate.ready():
            return True
        if tailgate.process.poll() is not None:
            assert "in use" in tailgate.log.read_text(), tailgate.log.read_text()
            return False
        time.sleep(0.1)
    raise AssertionError(f"never ready: {tailgate.log.read_text()}")


@pytest.fixture
def start_tailgate(tmp_path: Path) -> Iterator[StartTailgate]:
    """Start Tailgate on a configuration text; its ports come from the environment as `${env:GRPC}` and so on."""
    started: list[Tailgate] = []

    def start(config: str, *options: str, **environment: str) -> Tailgate:
        for _ in range(5):
            started.append(launch(tmp_path, len(started), config, options, environment))
            if wait_ready(started[-1]):
                return started[-1]
        raise AssertionError("every free port was taken by somebody else before Tailgate came to listen")

    yield start
    for tailgate in started:
        if tailgate.process.poll() is None:
            tailgate.process.kill()
            tailgate.process.wait()
