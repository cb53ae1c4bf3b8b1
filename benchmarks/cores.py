"""Throughput at saturation on one core and on two.

The load generator costs as little as it can: whole HTTP requests, built beforehand, written to plain sockets. Where a
machine has no third core it shares two with the proxy, as the upstream does, so their CPU time is told beside the
result, and what they leave: no proxy could do more than `attainable`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .client import Refusal, http_message
from .contest import Collecting, say
from .process import Process
from .proxies import Proxy
from .special import started, verify
from .traffic import Shape, build_load

CONNECTIONS = 16
WAIT = "300ms"
"""The decision wait: short, so that judging and sending are a part of what is measured."""


@dataclass(frozen=True)
class Saturated:
    """One round: spans a second, cores that the proxy used, and CPU µs a span of the proxy and of all others."""

    rate: float
    cores: float
    own_us: float
    others_us: float


def send_plain(port: int, messages: Sequence[bytes]) -> float:
    """Send whole HTTP requests over kept-alive connections; return the seconds until all were answered."""
    waiting, failures = iter(messages), list[str]()
    turn = threading.Lock()

    def work() -> None:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for message in _shared(waiting, turn):
                    connection.sendall(message)
                    _check(connection)
        except (OSError, Refusal) as error:
            failures.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begin
    if failures:
        raise Refusal(f"{len(failures)} of {CONNECTIONS} connections failed: {failures[0]}")
    return seconds


def _shared(messages: Iterator[bytes], turn: threading.Lock) -> Iterator[bytes]:
    while True:
        with turn:
            message = next(messages, None)
        if message is None:
            return
        yield message


def _check(connection: socket.socket) -> None:
    """Read an answer, whose body is small: empty, or it says that nothing was refused. Raises `Refusal`."""
    with connection.makefile("rb") as answer:
        status, length = answer.readline(), 0
        while line := answer.readline().strip():
            name, _, value = line.lower().partition(b":")
            length = int(value) if name == b"content-length" else length
        if not status or len(answer.read(length)) < length:
            raise Refusal("the connection was closed")
    if not status.startswith(b"HTTP/1.1 200"):
        raise Refusal(status.strip().decode(errors="replace"))


def saturate(proxy: Proxy, process: Process, collecting: Collecting, requests: int, seed: int) -> Saturated:
    """Send as fast as is answered, and check what comes out. Raises `Wrong` and `Refusal`."""
    load = build_load(requests, Shape(), seed)
    messages = [http_message(process.ports.http, body, "none") for body in load.requests]
    own, others = process.cpu(), time.process_time() + collecting.process.cpu()
    seconds = send_plain(process.ports.http, messages)
    own, others = process.cpu() - own, time.process_time() + collecting.process.cpu() - others
    verify(proxy, load, collecting)
    spans = load.plan.total
    return Saturated(spans / seconds, own / seconds, own / spans * 1e6, others / spans * 1e6)


@contextlib.contextmanager
def _kept_to(cores: set[int]) -> Iterator[None]:
    """Let all threads of this process, the load generator, run on these cores only."""
    before = os.sched_getaffinity(0)
    _move(cores)
    try:
        yield
    finally:
        _move(before)


def _move(cores: set[int]) -> None:
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cores)


def cores(proxy: Proxy, requests: int, rounds: int) -> dict[str, Any]:
    """Return throughput at saturation on one core and on two, in alternation; the other cores generate the load."""
    everything = os.sched_getaffinity(0)
    counts = {"one": frozenset(sorted(everything)[:1]), "two": frozenset(sorted(everything)[:2])}
    found: dict[str, list[Saturated]] = {name: [] for name in counts}
    for number in range(rounds):
        for name, allowed in counts.items():
            with (
                _kept_to(everything - allowed or everything),
                started(proxy, WAIT, cores=allowed) as (process, collecting),
            ):
                saturate(proxy, process, collecting, max(requests // 4, 8), seed=2 * number)
                found[name].append(saturate(proxy, process, collecting, requests, seed=2 * number + 1))
            say(f"  {proxy.name} on {name}: {found[name][-1].rate:,.0f} spans/s")
    return {
        "generator_shares_cores": len(everything) <= 2,
        "attainable": round(attainable(found["one"], found["two"], shared=len(everything) <= 2), 3),
        **{name: _told(rows) for name, rows in found.items()},
    }


def attainable(one: Sequence[Saturated], two: Sequence[Saturated], shared: bool) -> float:
    """Return the ratio of two cores to one if neither ever waited: two cores' time by the time that a span takes."""
    alone = statistics.median(row.own_us for row in one)
    return 2 * alone / statistics.median(row.own_us + (row.others_us if shared else 0) for row in two)


def _told(rows: Sequence[Saturated]) -> dict[str, Any]:
    return {
        "spans_per_s": [round(row.rate) for row in rows],
        "cores_used": round(statistics.median(row.cores for row in rows), 2),
        "own_us": round(statistics.median(row.own_us for row in rows), 3),
        "others_us": round(statistics.median(row.others_us for row in rows), 3),
    }
