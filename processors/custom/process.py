"""A worker process as its owner sees it: started, called with a deadline, ended. It blocks: threads call it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .frames import ANSWER, CALL, EXHAUSTED, FAILED, HEAD, HELLO, MAX_FRAME, READY, frame

Outcome = Literal["ok", "error", "timeout", "crash", "memory", "malformed", "unavailable", "queue_full"]
"""What became of a call: the processor raised, took too long, ended its process, was out of memory; its answer is no
request; its worker was down; there was no room to wait."""

_ABOVE = __package__.rpartition(".")[0]
_RUN = f"""
import sys, types
sys.path[:] = sys.argv[2:]
above = sys.modules["{_ABOVE}"] = types.ModuleType("{_ABOVE}")
above.__path__ = [sys.argv[1]]
from {__package__}.worker import main
main()
"""
"""The worker imports from where its owner does, but none of the other processors: most of the time and memory."""
_CHUNK = 1 << 16
_GROWTH, _LEAST = 4, 16 << 20
"""An answer may be so many times as large as its request, or so many bytes."""


class WorkerError(Exception):
    """A call that has no answer."""

    def __init__(self, outcome: Outcome, what: str = "", where: str = "", text: str = "") -> None:
        super().__init__(f"{what or outcome}{f': {text}' if text else ''}")
        self.outcome: Outcome = outcome
        self.what, self.where = what or outcome, where

    @property
    def fatal(self) -> bool:
        """Whether the worker is of no more use."""
        return self.outcome != "error"


@dataclass(frozen=True)
class Settings:
    """What a worker is told."""

    module: str
    """`package.module:Class`."""
    options: dict[str, Any]
    timeout: float
    """Seconds of a call."""
    start_timeout: float
    """Seconds until the processor is made."""
    memory_bytes: int
    """What it may take beyond what an idle worker has."""


class WorkerProcess:
    """One worker. `kill` may be called from any thread, the rest from one at a time."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    @property
    def running(self) -> bool:
        """Whether it has been started and nobody has seen it end."""
        return self._process is not None

    def start(self) -> None:
        """Start it and wait until its processor is made. Raises `WorkerError`, with the error's text."""
        command = [sys.executable, "-P", "-c", _RUN, str(Path(__file__).parents[1]), *sys.path]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=pipe, stdout=pipe, stderr=nothing, bufsize=0, start_new_session=True
        )
        for file in (self._process.stdin, self._process.stdout):
            os.set_blocking(file.fileno(), False)  # type: ignore[union-attr]
        if self._killed:
            self.kill()
        said = self.settings
        hello = {"module": said.module, "options": said.options, "timeout": said.timeout}
        body = json.dumps({**hello, "memory_bytes": said.memory_bytes}).encode()
        try:
            self._exchange(frame(HELLO, body), READY, said.start_timeout, _LEAST)
        except WorkerError:
            self.close()
            raise

    def call(self, request: bytes) -> bytes:
        """Return the request as the processor leaves it. Raises `WorkerError`; after a fatal one it has ended."""
        most = min(MAX_FRAME, max(_LEAST, _GROWTH * len(request)))
        return self._exchange(frame(CALL, request), ANSWER, self.settings.timeout, most)

    def kill(self) -> None:
        """End it and its children, and nothing more comes of a call that is running."""
        self._killed = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it and wait for its end."""
        self.kill()
        process, self._process, self._killed = self._process, None, False
        if process is not None:
            with process:
                pass

    def _exchange(self, data: bytes, wanted: bytes, seconds: float, most: int) -> bytes:
        try:
            return self._answered(data, wanted, time.monotonic() + seconds, most)
        except WorkerError as error:
            if error.fatal:
                self.close()
            raise

    def _answered(self, data: bytes, wanted: bytes, deadline: float, most: int) -> bytes:
        self._send(data, deadline)
        kind, size = HEAD.unpack(self._receive(HEAD.size, deadline))
        if size > most:
            raise WorkerError("malformed", f"an answer of {size} bytes")
        body = self._receive(size, deadline)
        if kind == wanted:
            return body
        if kind == FAILED:
            said = json.loads(body)
            raise WorkerError("error", said["type"], said["where"], said.get("text", ""))
        raise WorkerError("memory" if kind == EXHAUSTED else "malformed")

    def _send(self, data: bytes, deadline: float) -> None:
        left = memoryview(data)
        while left:
            self._wait(deadline, write=True)
            try:
                left = left[os.write(self._fd(write=True), left[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise WorkerError("crash") from None

    def _receive(self, size: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            self._wait(deadline, write=False)
            try:
                part = os.read(self._fd(write=False), min(_CHUNK, size - len(parts)))
            except BlockingIOError:
                continue
            if not part:
                raise WorkerError("crash")
            parts += part
        return bytes(parts)

    def _wait(self, deadline: float, *, write: bool) -> None:
        fd, poll = self._fd(write=write), select.poll()
        poll.register(fd, select.POLLOUT if write else select.POLLIN)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise WorkerError("timeout")

    def _fd(self, *, write: bool) -> int:
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            raise WorkerError("crash")
        return (self._process.stdin if write else self._process.stdout).fileno()


def check_settings(settings: Settings) -> None:
    """Start a worker with these settings and end it. Raises ValueError when the processor cannot be made."""
    worker = WorkerProcess(settings)
    try:
        worker.start()
    except WorkerError as error:
        raise ValueError(_why(error, settings)) from None
    finally:
        worker.close()


def _why(error: WorkerError, settings: Settings) -> str:
    reasons = {
        "timeout": f"was not ready within start_timeout ({settings.start_timeout:g}s)",
        "crash": "ended its process while it was being imported",
        "memory": "had no memory to start in: expected a larger memory_limit_mib",
    }
    said = reasons.get(error.outcome, f"cannot be used: {error}{f' ({error.where})' if error.where else ''}")
    return f"{settings.module} {said}"
