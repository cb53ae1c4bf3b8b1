"""A started process: what CPU and memory it has used, what its metrics say, how it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from .servers import free_port


@dataclass
class Ports:
    """Where a process listens."""

    grpc: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    metrics: int = field(default_factory=free_port)


class Process:
    """A process and its children. All times are in seconds, all sizes in bytes."""

    def __init__(self, command: list[str], environment: dict[str, str], ports: Ports, cores: set[int]) -> None:
        self.ports, self.log = ports, tempfile.NamedTemporaryFile(prefix="bench-")  # noqa: SIM115
        pinned = ["taskset", "-c", ",".join(map(str, sorted(cores)))] if cores != os.sched_getaffinity(0) else []
        begin = time.perf_counter()
        self.process = subprocess.Popen(
            [*pinned, *command], env={**os.environ, **environment}, stdout=self.log, stderr=self.log
        )
        self._wait_open(begin + 60)
        self.startup = time.perf_counter() - begin
        """From the start of the process until both of its ports take connections."""

    def _wait_open(self, deadline: float) -> None:
        for port in (self.ports.grpc, self.ports.http):
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if self.process.poll() is not None or time.perf_counter() > deadline:
                    self.stop()
                    raise RuntimeError(f"{self.process.args} did not start:\n{self.tail()}")
                time.sleep(0.002)

    @property
    def pid(self) -> int:
        """Of the process that we started."""
        return self.process.pid

    def _pids(self) -> list[int]:
        return [self.pid, *(child.pid for child in psutil.Process(self.pid).children(recursive=True))]

    def cpu(self) -> float:
        """CPU time so far, user and system, of all threads, those that have ended included, to the nanosecond.

        It is read from the clock of the process (CPUCLOCK_SCHED in the kernel's numbering), which sums what /proc
        says by thread in `schedstat`; `/proc/PID/stat` counts in steps of 10 ms.
        """
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in self._pids())

    def _status(self, name: str) -> int:
        total = 0
        for pid in self._pids():
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))
        return total

    def rss(self) -> int:
        """Resident memory now."""
        return self._status("VmRSS:")

    def peak(self) -> int:
        """The most that was ever resident."""
        return self._status("VmHWM:")

    def metric(self, *names: str) -> float:
        """Sum of the series of some metrics, from one scrape."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports.metrics}/metrics", timeout=60) as page:
            lines = page.read().decode().splitlines()
        starts = tuple(name + end for name in names for end in "{ ")
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(starts))

    def tail(self) -> str:
        """Return the end of what it printed."""
        file: IO[bytes] = self.log.file
        file.seek(0)
        return b"\n".join(file.read().splitlines()[-15:]).decode(errors="replace")

    def stop(self) -> None:
        """End the process that we started."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
