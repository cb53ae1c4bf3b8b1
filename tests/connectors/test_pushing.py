"""What a connector tells pipelines of metrics: names, times, what is new, and what happens when nobody takes it."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tailgate.connectors.base import INSTANCE, Connector
from tailgate.connectors.pushing import SLICE
from tailgate.connectors.span_metrics import BUCKETS

from .conftest import samples, value
from .otlp_points import Point, points_of, scopes_of
from .test_service_graph import Graph, three_services
from .test_span_metrics import MS, Counting

SECOND = 1000 * MS
MINUTE = 60 * SECOND
CUMULATIVE, DELTA = 2, 1
CALLS, DURATION = "traces.span.metrics.calls", "traces.span.metrics.duration"
Deltas = {"aggregation_temporality": "AGGREGATION_TEMPORALITY_DELTA"}


def told(connector: Connector, now: int, *, take: bool = True, last: bool = False) -> list[bytes]:
    """Flush at `now`; return the requests."""
    flusher, requests = connector._flusher, []
    for flush in flusher.flushes(now, connector.meter.series(), last=last):
        requests.append(flush.request)
        if take:
            flusher.taken(flush)
    return requests


def by_name(requests: list[bytes]) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for point in points_of(requests):
        found.setdefault(point.name, []).append(point)
    return found


def only(points: list[Point], **its: str) -> Point:
    wanted = {(key.replace("__", "."), text) for key, text in its.items()}
    (point,) = [one for one in points if wanted <= set(one.attributes.items())]
    return point


def calls(requests: list[bytes]) -> dict[str, int]:
    """Calls by span name."""
    return {point.attributes["span.name"]: point.data.as_int for point in by_name(requests).get(CALLS, [])}


def test_names_units_and_attributes_are_the_collectors() -> None:
    """Guarantees: two metrics, the service on the resource and on the points, the bounds in milliseconds."""
    counting = Counting(dimensions=[{"name": "http.route"}])("GET /", ms=3, http__route="/a")("GET /", ms=3, status=2)
    requests = told(counting.connector, 2 * SECOND, last=True)
    assert scopes_of(requests) == {"spanmetricsconnector"}
    found = by_name(requests)
    assert set(found) == {CALLS, DURATION}
    point = only(found[CALLS], http__route="/a")
    assert (point.kind, point.unit, point.temporality, point.data.as_int) == ("sum", "", CUMULATIVE, 1)
    assert point.resource == {"service.name": "shop"}
    assert point.attributes == {
        "service.name": "shop",
        "span.name": "GET /",
        "span.kind": "SPAN_KIND_SERVER",
        "status.code": "STATUS_CODE_UNSET",
        "http.route": "/a",
        "collector.instance.id": INSTANCE,
    }
    (parsed,) = (ExportMetricsServiceRequest.FromString(request) for request in requests)
    assert parsed.resource_metrics[0].scope_metrics[0].metrics[0].sum.is_monotonic
    latency = only(found[DURATION], status__code="STATUS_CODE_ERROR")
    assert (latency.kind, latency.unit, latency.temporality) == ("histogram", "ms", CUMULATIVE)
    assert (latency.data.count, latency.data.sum) == (1, 3.0)
    assert list(latency.data.explicit_bounds) == [bound / MS for bound in BUCKETS]
    assert list(latency.data.bucket_counts) == [0, 1] + [0] * 15


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"namespace": "app"}, {"app.calls": "", "app.duration": "ms"}),
        ({"namespace": ""}, {"calls": "", "duration": "ms"}),
        ({"histogram": {"unit": "s"}}, {CALLS: "", DURATION: "s"}),
        ({"histogram": {"disable": True}}, {CALLS: ""}),
        ({"names": "collector"}, {CALLS: "", DURATION: "ms"}),
        ({"names": "tempo"}, {"traces_spanmetrics_calls": "", "traces_spanmetrics_latency": ""}),
    ],
)
def test_names_by_option(options: dict[str, Any], expected: dict[str, str]) -> None:
    requests = told(Counting(**options)("a").connector, 2 * SECOND)
    assert {name: points[0].unit for name, points in by_name(requests).items()} == expected


def test_keys_of_the_resource_stand_on_it() -> None:
    """Guarantees: `resource_metrics_key_attributes` tell resources apart; they are on no point."""
    counting = Counting(resource_metrics_key_attributes=["service.name", "pod"], exclude_dimensions=["service.name"])
    for pod in ("one", "two"):
        counting("a", resource={"service.name": "shop", "pod": pod})
    counting("a", resource={})
    found = by_name(told(counting.connector, 2 * SECOND))[CALLS]
    assert [point.resource for point in found] == [{"pod": "one"}, {"pod": "two"}, {}]
    assert all({"pod", "service.name"}.isdisjoint(point.attributes) for point in found)


def test_the_instance_can_be_left_out() -> None:
    """Guarantees: by the collector's key, and by the name of its feature gate."""
    for options in ({"exclude_dimensions": ["collector.instance.id"]}, {"include_collector_instance_id": False}):
        (point,) = by_name(told(Counting(**options)("a").connector, 2 * SECOND))[CALLS]
        assert "collector.instance.id" not in point.attributes


def test_cumulative_points() -> None:
    """Scenario: three flushes; a series comes at the first, another at the second.

    Guarantees: all that was ever counted each time, since the flush before the series came; its first `calls` is 0.
    """
    counting = Counting()
    begin = counting.now
    requests = told(counting("a", "a", ms=5).connector, begin + MINUTE)
    assert calls(requests) == {"a": 0}
    (latency,) = by_name(requests)[DURATION]
    assert (latency.data.count, latency.data.sum) == (2, 10)
    requests = told(counting("a", "b", ms=5).connector, begin + 2 * MINUTE)
    assert calls(requests) == {"a": 3, "b": 0}
    requests = told(counting.connector, begin + 3 * MINUTE)
    assert calls(requests) == {"a": 3, "b": 1}
    for points in by_name(requests).values():
        starts = {point.attributes["span.name"]: point.data.start_time_unix_nano for point in points}
        assert starts == {"a": begin, "b": begin + MINUTE}
        assert {point.data.time_unix_nano for point in points} == {begin + 3 * MINUTE}


def test_the_last_flush_tells_everything() -> None:
    """Guarantees: no first 0 when no other flush will follow."""
    assert calls(told(Counting()("a", "a").connector, MINUTE, last=True)) == {"a": 2}


def test_deltas_are_what_is_new() -> None:
    """Scenario: two series, of which one rests for a while. Guarantees: each interval is told once, without a gap."""
    counting = Counting(**Deltas)
    begin = counting.now
    flushes = []
    for names in (["a", "a", "b"], ["a"], [], ["b"]):
        counting(*names, ms=5)
        flushes.append(told(counting.connector, begin + (len(flushes) + 1) * MINUTE))
    assert [calls(one) for one in flushes] == [{"a": 2, "b": 1}, {"a": 1}, {}, {"b": 1}]
    assert flushes[2] == []
    points = by_name(flushes[1])
    assert {point.temporality for some in points.values() for point in some} == {DELTA}
    assert (points[DURATION][0].data.count, points[DURATION][0].data.sum) == (1, 5)
    for name in (CALLS, DURATION):
        times = [
            (one.data.start_time_unix_nano - begin, one.data.time_unix_nano - begin)
            for flush in flushes
            for one in by_name(flush).get(name, [])
            if one.attributes["span.name"] == "b"
        ]
        assert times == [(0, MINUTE), (MINUTE, 4 * MINUTE)]


def test_what_was_not_taken_is_told_again() -> None:
    """Scenario: a pipeline refuses a flush. Guarantees: the next one has it all, since the flush before that."""
    counting = Counting(**Deltas)
    begin = counting.now
    told(counting("a").connector, begin + MINUTE)
    assert calls(told(counting("a", "a").connector, begin + 2 * MINUTE, take=False)) == {"a": 2}
    requests = told(counting("a").connector, begin + 3 * MINUTE)
    assert calls(requests) == {"a": 3}
    (point,) = by_name(requests)[CALLS]
    assert point.data.start_time_unix_nano == begin + MINUTE
    assert told(counting.connector, begin + 4 * MINUTE) == []


def test_a_refused_slice_does_not_take_the_others_with_it() -> None:
    """Scenario: more series than a request has; the second request is refused. Guarantees: only it is told again."""
    names = [f"n{number}" for number in range(SLICE + 7)]
    counting = Counting(**Deltas)(*names)
    flusher = counting.connector._flusher
    flushes = list(flusher.flushes(2 * SECOND, counting.connector.meter.series()))
    assert [len(flush.rows) for flush in flushes] == [SLICE, 7]
    flusher.taken(flushes[0])
    assert set(calls(told(counting.connector, 3 * SECOND))) == set(names[SLICE:])


@pytest.mark.parametrize("options", [{}, Deltas])
def test_a_series_that_went_begins_anew(options: dict[str, Any]) -> None:
    """Scenario: a series expires and comes again between two flushes, counted more than before.

    Guarantees: it starts after it went, at nothing: no count is negative, none is told twice.
    """
    counting = Counting(**options)
    connector, begin = counting.connector, counting.now
    told(counting("a").connector, begin + MINUTE)
    connector.meter.forget(begin + 1)
    connector._flusher.see(begin + 90 * SECOND, connector.meter.series())
    requests = told(counting("a", "a", "a").connector, begin + 2 * MINUTE, last=True)
    assert calls(requests) == {"a": 3}
    (point,) = by_name(requests)[CALLS]
    assert point.data.start_time_unix_nano == begin + 90 * SECOND


def test_exemplars_are_told_once() -> None:
    """Guarantees: those that have come since the flush before, with ids, value and time."""
    counting = Counting(exemplars={"enabled": True})
    begin = counting.now
    (point,) = by_name(told(counting("a", ms=5).connector, begin + MINUTE))[DURATION]
    (exemplar,) = point.data.exemplars
    assert (exemplar.trace_id, exemplar.span_id) == ((1).to_bytes(16, "big"), b"12345678")
    assert (exemplar.as_double, exemplar.time_unix_nano) == (5, begin)
    (point,) = by_name(told(counting.connector, begin + 2 * MINUTE))[DURATION]
    assert not point.data.exemplars
    counting.now = begin + 2 * MINUTE + 1
    (point,) = by_name(told(counting("a", ms=50).connector, begin + 3 * MINUTE))[DURATION]
    assert [one.as_double for one in point.data.exemplars] == [50]


def test_exemplars_come_when_traces_are_kept() -> None:
    """Scenario: deltas; a trace is kept after its spans were told. Guarantees: its exemplar comes, nothing twice."""
    counting = Counting(exemplars={"enabled": True}, **Deltas)
    connector, begin = counting.connector, counting.now
    row = told(counting("a", ms=5).connector, begin + MINUTE)
    assert calls(row) == {"a": 1}
    series = connector.meter.series()
    later = series._replace(exemplars=[series.exemplars[0]._replace(time=begin + 61 * SECOND)])
    (flush,) = connector._flusher.flushes(begin + 2 * MINUTE, later)
    found = by_name([flush.request])
    assert found[CALLS][0].data.as_int == 0  # no interval is missing from either
    assert (found[DURATION][0].data.count, len(found[DURATION][0].data.exemplars)) == (0, 1)


def test_exponential_histograms() -> None:
    """Guarantees: points of that kind, of at most so many buckets; what is scraped keeps its explicit buckets."""
    counting = Counting(histogram={"exponential": {"max_size": 4}}, exemplars={"enabled": True})
    for ms in (0, 1, 3, 3, 1000):
        counting("a", ms=ms)
    (point,) = by_name(told(counting.connector, MINUTE))[DURATION]
    assert (point.kind, point.data.count, point.data.sum, point.data.zero_count) == (
        "exponential_histogram",
        5,
        1007,
        1,
    )
    # At scale -2 a bucket is 16 times as wide as the one before: (1/16, 1], (1, 16], (16, 256], (256, 4096] ms.
    assert (point.data.scale, point.data.positive.offset) == (-2, -1)
    assert list(point.data.positive.bucket_counts) == [1, 2, 0, 1]
    assert 0 < point.data.zero_threshold <= 0.001
    assert {one.as_double for one in point.data.exemplars} == {0, 1, 3, 1000}
    scraped = counting.samples()
    assert value(scraped, "traces_spanmetrics_latency_bucket", le="2.0") == 2
    assert value(scraped, "traces_spanmetrics_latency_bucket", le="4.0") == 4
    assert value(scraped, "traces_spanmetrics_latency_bucket", le="800.0") == 4
    assert value(scraped, "traces_spanmetrics_latency_count") == 5


def test_overflowing_series_say_so() -> None:
    """Guarantees: they keep their service, and have the collector's attribute."""
    counting = Counting(aggregation_cardinality_limit=1)("a", "b", "c")
    found = by_name(told(counting.connector, MINUTE, last=True))[CALLS]
    (over,) = [point for point in found if "otel.metric.overflow" in point.attributes]
    assert over.attributes["otel.metric.overflow"] is True
    assert (over.attributes["service.name"], over.data.as_int) == ("shop", 2)


def test_all_of_it_is_what_is_scraped() -> None:
    """Guarantees: every count, sum and bucket of a flush is that of the page."""
    counting = Counting(dimensions=[{"name": "zone"}])
    for number in range(40):
        counting(f"n{number % 7}", ms=number * number, status=number % 3, zone=f"z{number % 2}")
    page = samples(counting.connector.families())
    for point in points_of(told(counting.connector, MINUTE, last=True)):
        its = {key.replace(".", "_"): text for key, text in point.attributes.items() if key != "collector.instance.id"}
        if point.name == CALLS:
            assert value(page, "traces_spanmetrics_calls_total", **its) == point.data.as_int
            continue
        assert value(page, "traces_spanmetrics_latency_sum", **its) == point.data.sum
        total = 0
        for bound, count in zip(point.data.explicit_bounds, point.data.bucket_counts, strict=False):
            total += count
            assert value(page, "traces_spanmetrics_latency_bucket", le=str(bound), **its) == total


def test_the_service_graph() -> None:
    """Guarantees: the collector's names, seconds, and attributes; no duration of a side that nobody saw."""
    graph = Graph(virtual_node_extra_label=True, dimensions=["zone"], metrics_timestamp_offset="5s")
    three_services(graph)
    requests = told(graph.connector, MINUTE)
    assert scopes_of(requests) == {"traces_service_graph"}
    found, begin = by_name(requests), "traces_service_graph_request"
    assert {name: points[0].unit for name, points in found.items()} == {
        f"{begin}_total": "",
        f"{begin}_failed_total": "",
        f"{begin}_server": "s",
        f"{begin}_client": "s",
    }
    assert all(point.temporality == CUMULATIVE and not point.resource for some in found.values() for point in some)
    asked = only(found[f"{begin}_total"], client="front", server="shop")
    assert asked.attributes == {
        "client": "front",
        "server": "shop",
        "connection_type": "",
        "failed": False,
        "virtual_node": "",
    }
    assert asked.data.as_int == 1
    assert asked.data.time_unix_nano == MINUTE - 5 * SECOND
    (failed,) = found[f"{begin}_failed_total"]
    assert (failed.attributes["server"], failed.attributes["failed"]) == ("bank", True)
    assert only(found[f"{begin}_server"], server="shop").data.sum == 0.06
    assert only(found[f"{begin}_client"], server="shop").data.sum == 0.08
    user = {point.attributes["client"] for point in found[f"{begin}_client"]}
    assert "user" not in user
    assert only(found[f"{begin}_server"], client="user").attributes["virtual_node"] == "client"


def test_an_exponential_service_graph() -> None:
    """Guarantees: both durations as exponential histograms, what is scraped as ever."""
    graph = Graph(exponential_histogram_max_size=20)
    three_services(graph)
    found = by_name(told(graph.connector, MINUTE))
    point = only(found["traces_service_graph_request_server"], server="shop")
    assert (point.kind, point.data.count, point.data.sum) == ("exponential_histogram", 1, 0.06)
    page = graph.samples()
    assert value(page, "traces_service_graph_request_server_seconds_bucket", server="shop", le="0.1") == 1
    assert value(page, "traces_service_graph_request_server_seconds_bucket", server="shop", le="0.05") == 0


def test_when_flushes_are_due() -> None:
    """Guarantees: in step with the first, however late one is; after a refusal when it says; 0: when there is more."""
    counting = Counting(metrics_flush_interval="10s")
    flusher, begin = counting.connector._flusher, counting.now
    assert not flusher.due(begin + 9 * SECOND)
    assert flusher.due(begin + 10 * SECOND)
    flusher.settled(begin + 10 * SECOND)
    assert not flusher.due(begin + 10 * SECOND)
    assert flusher.due(begin + 20 * SECOND)
    flusher.settled(begin + 47 * SECOND)
    assert not flusher.due(begin + 49 * SECOND)
    assert flusher.due(begin + 50 * SECOND)
    flusher.later(begin + 52 * SECOND)
    assert not flusher.due(begin + 51 * SECOND)
    graph = Graph(metrics_flush_interval=0)
    three_services(graph)
    assert graph.connector._flusher.due(graph.now)
    assert told(graph.connector, graph.now)
    assert told(graph.connector, graph.now + SECOND) == []
