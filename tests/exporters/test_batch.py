"""Merging on the way out: when a batch goes, what is in it, and that bytes are only ever put side by side."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.exporters.batch import Backlog, BatchBounds


def fill(bounds: BatchBounds, *requests: tuple[bytes, int], at: float = 0.0) -> Backlog:
    backlog = Backlog(bounds)
    for data, spans in requests:
        backlog.push(at, data, spans)
    return backlog


def test_waits_for_size_or_time() -> None:
    """Fewer spans than the minimum wait for the timeout, and not longer; the minimum goes at once."""
    backlog = fill(BatchBounds(min_spans=10, min_bytes=0, max_spans=0, max_bytes=0, timeout=0.2), (b"a", 9), at=5.0)
    assert not backlog.ready(5.1)
    assert backlog.next_deadline() == 5.2
    assert backlog.ready(5.2)
    backlog.push(5.1, b"b", 1)
    assert backlog.ready(5.1)


def test_bytes_are_enough_as_well() -> None:
    """A minimum in bytes sends a batch that has few spans."""
    bounds = BatchBounds(min_spans=1000, min_bytes=100, max_spans=0, max_bytes=0, timeout=60)
    assert not fill(bounds, (b"x" * 99, 1)).ready(0)
    assert fill(bounds, (b"x" * 100, 1)).ready(0)


def test_without_minimum_goes_at_once() -> None:
    """A minimum of 0 (`send_batch_size: 0`) never delays, whatever the timeout."""
    backlog = fill(BatchBounds(0, 0, 0, 0, timeout=60), (b"a", 1), (b"b", 2))
    assert backlog.ready(0)
    batch = backlog.take()
    assert (batch.body, batch.spans, batch.requests) == (b"ab", 3, 2)
    assert not backlog.ready(100)
    assert backlog.next_deadline() is None


def test_at_the_maximum_and_just_past_it() -> None:
    """A batch may reach its maximum, in spans and in bytes, and never exceeds it."""
    bounds = BatchBounds(min_spans=100, min_bytes=0, max_spans=100, max_bytes=0, timeout=60)
    assert fill(bounds, (b"a", 60), (b"b", 40)).take().spans == 100
    past = fill(bounds, (b"a", 60), (b"b", 41))
    assert past.ready(0)
    assert past.take().spans == 60
    assert past.spans == 41
    sized = BatchBounds(min_spans=0, min_bytes=10, max_spans=0, max_bytes=10, timeout=60)
    assert fill(sized, (b"12345", 1), (b"67890", 1)).take().body == b"1234567890"
    assert fill(sized, (b"12345", 1), (b"678901", 1)).take().body == b"12345"


def test_an_oversized_request_goes_alone() -> None:
    """A request that alone exceeds the maximum is neither split nor merged nor lost."""
    backlog = fill(BatchBounds(10, 0, 10, 0, 60), (b"a", 11), (b"b", 1))
    assert backlog.take().spans == 11
    assert backlog.take().spans == 1


def test_a_lone_request_is_the_object_that_came() -> None:
    """What is not merged is not copied either."""
    data = bytes(bytearray(b"abc" * 100))
    assert fill(BatchBounds(0, 0), (data, 1)).take().body is data


def test_merged_requests_are_one_request(make_request) -> None:
    """Requests side by side decode as one request with all their spans, in order."""
    backlog = fill(BatchBounds(0, 0), (make_request(2, "a"), 2), (make_request(3, "b"), 3))
    decoded = ExportTraceServiceRequest.FromString(backlog.take().body)
    assert [len(group.scope_spans[0].spans) for group in decoded.resource_spans] == [2, 3]


@given(
    requests=st.lists(st.tuples(st.binary(min_size=1, max_size=30), st.integers(0, 40)), max_size=30),
    min_spans=st.integers(0, 60),
    max_spans=st.integers(0, 60),
    max_bytes=st.integers(0, 60),
)
def test_nothing_is_lost_or_reordered(
    requests: list[tuple[bytes, int]], min_spans: int, max_spans: int, max_bytes: int
) -> None:
    """Whatever the bounds: the batches hold all bytes in order, and only a lone request exceeds a maximum."""
    backlog = fill(BatchBounds(min_spans, 0, max_spans, max_bytes, 1.0), *requests)
    batches = []
    while backlog:
        batches.append(backlog.take())
    assert b"".join(batch.body for batch in batches) == b"".join(data for data, _ in requests)
    assert sum(batch.spans for batch in batches) == sum(spans for _, spans in requests)
    assert sum(batch.requests for batch in batches) == len(requests)
    assert (backlog.spans, backlog.bytes) == (0, 0)
    for batch in batches:
        within = not 0 < max_spans < batch.spans and not 0 < max_bytes < len(batch.body)
        assert within or batch.requests == 1
