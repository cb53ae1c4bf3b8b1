"""Requests digested by threads: the same answers as `digest`, each once, told by a file descriptor."""

from __future__ import annotations

import gc
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_helpers import edit, request, span, spec
from tailgate.kernel import KernelUnavailable, load
from tailgate.kernel.contract import Digesters, Kernel, Malformed, OverLimit, Program, Records

RENAME = edit({"do": "upsert", "key": "from", "context": 0})


@contextmanager
def digesters(kernel: Kernel, threads: int = 2) -> Iterator[Digesters]:
    made = kernel.digesters(threads)
    try:
        yield made
    finally:
        made.close()


def readable(made: Digesters, seconds: float = 0) -> bool:
    return bool(select.select([made], [], [], seconds)[0])


def collect(made: Digesters, count: int) -> dict[int, Records | Exception]:
    """All answers, fetched only when the file descriptor says that there are some."""
    found: dict[int, Records | Exception] = {}
    while len(found) < count:
        assert readable(made, 30), f"only {len(found)} of {count} came"
        new = made.finished()
        assert new
        assert not found.keys() & dict(new).keys()
        found.update(new)
    return found


def one(name: str) -> bytes:
    return request(span(name=name))


def trace(number: int) -> bytes:
    return number.to_bytes(16, "big")


def digested(program: Program, data: bytes, context: list[str | None]) -> Records | Exception:
    try:
        return program.digest(data, context)
    except Malformed as refusal:
        return refusal


def told(answer: Records | Exception) -> tuple[object, ...]:
    if isinstance(answer, Exception):
        return type(answer), str(answer)
    return answer.request(), answer.spans, answer.traces, answer.dropped


def test_answers_are_those_of_digest(kernel: Kernel) -> None:
    """Scenario: many requests, two programs, values of the request, some refused. Guarantees: by ticket, counted from 0
    in the order of submission, what `digest` gives or raises."""
    edits, few = kernel.compile(spec([RENAME], context=1)), kernel.compile(spec(max_spans=1))
    jobs: list[tuple[Any, bytes, list[str | None]]] = []
    for number in range(60):
        jobs.append((edits, one(f"a{number}"), [f"c{number}" if number % 2 else None]))
        jobs.append((few, one("b") * (1 + number % 2), []))
        jobs.append((few, b"\x0a\x05" + bytes(number % 5), []))
    with digesters(kernel) as made:
        assert [made.submit(*job) for job in jobs] == list(range(len(jobs)))
        found = collect(made, len(jobs))
        assert made.finished() == []
        assert not readable(made)
    for ticket, job in enumerate(jobs):
        assert told(found[ticket]) == told(digested(*job))
    assert {type(answer) for answer in found.values()} >= {Malformed, OverLimit}


def test_an_untouched_request_is_the_same_object(kernel: Kernel) -> None:
    data = one("a")
    with digesters(kernel) as made:
        made.submit(kernel.compile(spec()), data)
        (answer,) = collect(made, 1).values()
    assert not isinstance(answer, Exception)
    assert answer.request() is data


def test_records_can_be_filed(kernel: Kernel) -> None:
    """Guarantees: what threads have digested is filed in a table of the program as anything else."""
    program = kernel.compile(spec(leaves=[["root"]]))
    table = kernel.table(program, kernel.labels(), 10, 10)
    with digesters(kernel) as made:
        for number in range(20):
            made.submit(program, request(span(trace_id=trace(number + 1))))
        for answer in collect(made, 20).values():
            assert not isinstance(answer, Exception)
            assert table.file(answer, 1).held_spans == 1
    assert table.stats().traces == 20


def test_the_descriptor_is_readable_as_long_as_there_is_something(kernel: Kernel) -> None:
    with digesters(kernel) as made:
        program = kernel.compile(spec())
        assert not readable(made)
        for _ in range(3):
            made.submit(program, one("a"))
            assert readable(made, 30)
            assert readable(made), "it is not read by looking"
            assert len(made.finished()) == 1
            assert not readable(made)


def test_what_is_wrong_is_told_at_once(kernel: Kernel) -> None:
    with pytest.raises(ValueError, match="thread"):
        kernel.digesters(0)
    with digesters(kernel) as made:
        with pytest.raises(TypeError):
            made.submit(kernel.compile(spec()), bytearray(b""))  # type: ignore[arg-type]
        assert made.submit(kernel.compile(spec()), b"") == 0


def test_closed_they_take_nothing_and_close_twice(kernel: Kernel) -> None:
    """Scenario: closed while there is work. Guarantees: `close` returns, what was done is told, what was not begun is
    given up, nothing is taken afterwards."""
    made = kernel.digesters(2)
    program = kernel.compile(spec())
    for _ in range(50):
        made.submit(program, one("a") * 200)
    made.close()
    made.close()
    with pytest.raises(ValueError, match="closed"):
        made.submit(program, one("a"))
    done = [ticket for ticket, _ in made.finished()]
    assert len(set(done)) == len(done) <= 50
    assert made.finished() == []


def test_threads_and_descriptors_go_with_their_owner(kernel: Kernel) -> None:
    """Guarantees: one that was never closed leaves neither threads nor files behind, nor the requests it had."""

    def things() -> tuple[int, int]:
        return len(list(Path("/proc/self/task").iterdir())), len(list(Path("/proc/self/fd").iterdir()))

    gc.collect()
    before = things()
    made = kernel.digesters(3)
    made.submit(kernel.compile(spec()), one("a"))
    del made
    gc.collect()
    assert things() == before


def test_threads_walk_without_the_interpreter(rust: Kernel) -> None:
    """Scenario: this thread never gives the GIL away. Guarantees: requests are digested meanwhile."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)
    program, data = rust.compile(spec()), request(*(span(trace_id=trace(number + 1)) for number in range(50)))
    try:
        with digesters(rust, 1) as made:
            for _ in range(20):
                made.submit(program, data)
            done, deadline = 0, time.monotonic() + 30
            while done < 20 and time.monotonic() < deadline:  # `finished` keeps the GIL
                done += len(made.finished())
    finally:
        sys.setswitchinterval(before)
    assert done == 20


def test_many_may_submit(kernel: Kernel) -> None:
    """Scenario: four threads of Python submit. Guarantees: every ticket once, every answer that of its request."""
    program, given = kernel.compile(spec()), dict[int, bytes]()
    with digesters(kernel, 3) as made:

        def submit(who: int) -> None:
            for number in range(40):
                data = one(f"{who} {number}")
                given[made.submit(program, data)] = data

        threads = [threading.Thread(target=submit, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = collect(made, 160)
    assert {ticket: answer.request() for ticket, answer in found.items() if not isinstance(answer, Exception)} == given


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.builds(one, st.text(max_size=8)), max_size=12))
def test_both_kernels_answer_alike(requests: list[bytes]) -> None:
    """Guarantees: bytes of any kind get the same answer from the threads of either kernel."""
    answers = []
    for name in ("reference", "rust"):
        try:
            kernel = load(name)
        except KernelUnavailable as missing:
            pytest.skip(str(missing))
        with digesters(kernel) as made:
            for data in requests:
                made.submit(kernel.compile(spec()), data)
            found = collect(made, len(requests))
        answers.append([told(found[ticket])[:2] for ticket in range(len(requests))])
    kinds = [[a if isinstance(a[0], bytes) else a[0] for a in some] for some in answers]
    assert kinds[0] == kinds[1]


def test_nobody_blocks_when_nobody_looks(kernel: Kernel) -> None:
    """Guarantees: however much is finished before anybody looks, threads go on (a pipe has room for 64 KiB)."""
    program = kernel.compile(spec())
    with digesters(kernel, 2) as made:
        for _ in range(70_000):
            made.submit(program, b"")
        assert len(collect(made, 70_000)) == 70_000
