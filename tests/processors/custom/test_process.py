"""A worker process whatever its processor does: answers, deadlines, bounds and ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from tailgate.processors.custom.process import Settings, WorkerError, WorkerProcess, check_settings

SETTINGS = Settings("custom_processors:Moody", {}, timeout=5, start_timeout=20, memory_bytes=256 << 20)


def named(*names: str) -> bytes:
    message = Request()
    scope = message.resource_spans.add().scope_spans.add()
    for name in names:
        scope.spans.add(name=name, trace_id=b"t" * 16, span_id=b"s" * 8)
    return message.SerializeToString()


def spans(request: bytes) -> list[str]:
    return [s.name for b in Request.FromString(request).resource_spans for c in b.scope_spans for s in c.spans]


Start = Callable[[Settings], WorkerProcess]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[WorkerProcess] = []

    def make(settings: Settings) -> WorkerProcess:
        started.append(WorkerProcess(settings))
        started[-1].start()
        return started[-1]

    yield make
    for worker in started:
        worker.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pid(worker: WorkerProcess) -> int:
    assert worker._process is not None
    return worker._process.pid


def test_answers_come_one_after_the_other_and_what_it_raises_ends_nothing(start: Start) -> None:
    """Scenario: good calls, errors of each kind between them, a large one. Guarantees: one worker answers them all, and
    what was raised is known by type and line, never by its text."""
    worker = start(SETTINGS)
    first = pid(worker)
    assert spans(worker.call(named("a", "b"))) == ["A", "B"]
    for name, what in (("raise", "RuntimeError"), ("quit", "SystemExit"), ("returns", "TypeError")):
        with pytest.raises(WorkerError) as raised:
            worker.call(named(name))
        assert (raised.value.outcome, raised.value.what) == ("error", what)
        assert "4711" not in f"{raised.value} {raised.value.where}"
    assert spans(worker.call(named(*["x"] * 20_000))) == ["X"] * 20_000
    assert pid(worker) == first


@pytest.mark.parametrize(
    ("name", "outcome"), [("loop", "timeout"), ("stuck", "timeout"), ("exit", "crash"), ("hog", "memory")]
)
def test_a_worker_that_is_of_no_more_use_is_gone(start: Start, name: str, outcome: str) -> None:
    """Scenario: an endless loop, one that keeps the interpreter's lock, `os._exit`, 2 GiB. Guarantees: the call ends at
    the deadline at the latest, the process is gone, and the next start makes a new one that answers."""
    worker = start(replace(SETTINGS, timeout=0.5 if outcome == "timeout" else 5))
    first, began = pid(worker), time.monotonic()
    with pytest.raises(WorkerError) as raised:
        worker.call(named(name))
    assert raised.value.outcome == outcome
    assert time.monotonic() - began < 4
    assert not worker.running
    assert not alive(first)
    worker.start()
    assert spans(worker.call(named("a"))) == ["A"]


def test_kill_ends_a_call(start: Start) -> None:
    """Guarantees: `kill` from another thread ends a call long before its deadline."""
    import threading

    worker = start(SETTINGS)
    threading.Timer(0.2, worker.kill).start()
    with pytest.raises(WorkerError, match="crash"):
        worker.call(named("loop"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"module": "custom_processors:Nobody"}, "no subclass of tailgate.processors.custom.Processor"),
        ({"module": "custom_processors:NoProcessor"}, "no subclass"),
        ({"module": "custom_processors.sub:Nobody"}, "ModuleNotFoundError"),
        ({"options": {"wrong": True}}, "ValueError: wrong: expected nothing"),
        ({"start_timeout": 0.01}, r"start_timeout \(0.01s\)"),
    ],
)
def test_what_cannot_start_says_why(change: dict[str, object], words: str) -> None:
    """Guarantees: each mistake is told before anything runs, with the text of what was raised."""
    with pytest.raises(ValueError, match=words):
        check_settings(replace(SETTINGS, **change))


def test_what_can_start_passes() -> None:
    """Guarantees: the check leaves nothing behind and finds nothing."""
    check_settings(SETTINGS)
