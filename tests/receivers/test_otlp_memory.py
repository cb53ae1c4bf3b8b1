"""Memory of a real receiver process while many large calls come in at once."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
MIB = 1 << 20
BODY = b"\x0a" * (4 * MIB - 64)

SERVER = """
import asyncio, sys
import uvloop
from tailgate.processors.memory_limiter import MemoryGovernor, MemoryLimiterConfig, limits
from tailgate.receivers.base import Refused
from tailgate.receivers.otlp import SPEC

class Pipelines:
    def __init__(self, limit_mib):
        config = MemoryLimiterConfig(limit_mib=limit_mib)
        self.governor = MemoryGovernor(limits(config, 0), lambda: 0, Refused)
        self.admit, self.reserve, self.release = self.governor.admit, self.governor.reserve, self.governor.release
        self.taken = 0
    def consume(self, request, metadata):
        self.taken += len(request)
        return 1

async def main():
    pipelines = Pipelines(int(sys.argv[1]))
    level = pipelines.governor.check(0)
    protocols = {name: {"endpoint": "127.0.0.1:0"} for name in ("grpc", "http")}
    config = SPEC.config.model_validate({"protocols": protocols})
    receiver = SPEC.build(config, "otlp", {"traces": pipelines})
    await receiver.start()
    print(receiver.endpoints["grpc"], receiver.endpoints["http"], level, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print(pipelines.taken, pipelines.governor.in_flight, flush=True)
    await receiver.stop(1)

uvloop.run(main())
"""


class Process:
    """The receiver's process."""

    def __init__(self, limit_mib: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(limit_mib)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.endpoint, self.http, self.level = self.process.stdout.readline().split()

    def peak(self) -> int:
        """Return the largest resident set so far, in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")

    def finish(self) -> tuple[int, int]:
        """Return the bytes taken and those in flight at the end."""
        out, _ = self.process.communicate("\n", timeout=20)
        taken, in_flight = out.splitlines()[-1].split()  # before it: log lines
        return int(taken), int(in_flight)


@contextmanager
def receiver(limit_mib: int) -> Iterator[Process]:
    process = Process(limit_mib)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.communicate()


def burst(endpoint: str, calls: int, channels: int) -> Counter[str]:
    """Make all calls at the same time, spread over connections; return how often each status came back."""
    options = [("grpc.max_send_message_length", -1)]
    open_channels = [grpc.insecure_channel(endpoint, options=[*options, ("own", i)]) for i in range(channels)]

    def one(index: int) -> str:
        try:
            open_channels[index % channels].unary_unary(METHOD)(BODY, timeout=60)
        except grpc.RpcError as error:
            details = dict(error.trailing_metadata() or ())
            return f"{error.code().name}{' with retry' if 'grpc-status-details-bin' in details else ''}"
        return "OK"

    with ThreadPoolExecutor(calls) as pool:
        found = Counter(pool.map(one, range(calls)))
    for channel in open_channels:
        channel.close()
    return found


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("channels", [1, 20])
def test_hard_level(channels: int) -> None:
    """Scenario: 200 concurrent calls of 4 MiB (800 MiB) to a process at its hard level.

    Guarantees: every one is refused, to be retried, and the process grows by less than 40 MiB.
    """
    with receiver(limit_mib=8) as process:
        assert process.level == "hard"
        before = process.peak()
        assert burst(process.endpoint, 200, channels) == {"RESOURCE_EXHAUSTED with retry": 200}
        assert process.peak() - before < 40 * MIB
        assert process.finish() == (0, 0)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_hard_level_over_http() -> None:
    """Scenario: 200 concurrent bodies of 4 MiB, some without a length, to a process at its hard level.

    Guarantees: every one is told to retry, and the process grows by less than 60 MiB.
    """

    def one(index: int) -> tuple[int, str | None]:
        connection = http.client.HTTPConnection(process.http, timeout=60)
        body = BODY if index % 2 else iter([BODY[: len(BODY) // 2], BODY[len(BODY) // 2 :]])
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.getheader("Retry-After")

    with receiver(limit_mib=8) as process, ThreadPoolExecutor(200) as pool:
        before = process.peak()
        assert Counter(pool.map(one, range(200))) == {(429, "1"): 200}
        assert process.peak() - before < 60 * MIB
        assert process.finish() == (0, 0)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_normal_level() -> None:
    """Scenario: the same calls while they are welcome. Guarantees: all are taken, few at a time."""
    with receiver(limit_mib=4000) as process:
        assert process.level == "normal"
        before = process.peak()
        assert burst(process.endpoint, 200, 8) == {"OK": 200}
        assert process.peak() - before < 220 * MIB
        assert process.finish() == (200 * len(BODY), 0)
