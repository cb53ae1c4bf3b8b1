"""The process in which a custom processor runs: `main` is all that it does, frames in and out.

It bounds its own memory, and has the kernel end it when a call takes much longer than allowed: so it does not outlive
the proxy even when its processor never returns. What the processor prints goes nowhere.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from .api import Processor, find_processor, run_once
from .frames import ANSWER, EXHAUSTED, FAILED, HEAD, READY, frame

LEEWAY = 1.0
"""Seconds by which a call may exceed its deadline before the worker ends by itself; its owner ends it sooner."""


def main() -> None:
    """Serve until the pipe is closed."""
    source, sink = _take_pipes()
    hello = _read(source)
    if hello is None:
        return
    settings = json.loads(hello)
    bound_memory(settings["memory_bytes"])
    try:
        processor = find_processor(settings["module"])(settings["options"])
    except BaseException as error:
        _write(sink, FAILED, _described(error, text=True))
        return
    _write(sink, READY, b"")
    while (request := _read(source)) is not None:
        signal.setitimer(signal.ITIMER_REAL, settings["timeout"] + LEEWAY)
        kind, body = _answer(processor, request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(sink, kind, body)


def bound_memory(extra: int) -> None:
    """Let this process take `extra` bytes of address space more than it has now, and leave no core behind."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        pages = 0
    limit = extra + pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return standard input and output; what reads or prints from now on gets and reaches nothing."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    return source, sink


def _answer(processor: Processor, request: bytes) -> tuple[bytes, bytes]:
    try:
        return ANSWER, run_once(processor, request)
    except MemoryError:
        return EXHAUSTED, b""
    except BaseException as error:  # SystemExit too: it is the processor's, not ours
        return FAILED, _described(error, text=False)


def _described(error: BaseException, *, text: bool) -> bytes:
    """Return what was raised and where; its text only when no span can be in it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    said: dict[str, Any] = {"type": type(error).__name__, "where": where}
    return json.dumps({**said, "text": str(error)} if text else said).encode()


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    body = source.read(size := HEAD.unpack(head)[1])
    return body if len(body) == size else None


def _write(sink: BinaryIO, kind: bytes, body: bytes) -> None:
    sink.write(frame(kind, body))
    sink.flush()
