"""The comparison of connectors with a real collector (`make e2e-connectors`): what can be said of it without one."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from scripts import script
from tailgate.cli.tables import TABLES
from tailgate.config.loader import load

HERE = Path(__file__).parent
SCRIPT = script(HERE / "connectors.py")


def test_tailgate_takes_what_is_compared(tmp_path: Path) -> None:
    """Guarantees: every scenario and mutation loads, each pipeline of metrics receives from its connector."""
    file = tmp_path / "config.yaml"
    seen = set()
    for rows in SCRIPT.rounds(SCRIPT.SCENARIOS):
        file.write_text(yaml.safe_dump(SCRIPT.whole(rows)), encoding="utf-8")
        environment = {"UPSTREAM": "1", **{f"PORT_{name}": "4" for name in rows}}
        config = load([file], TABLES, environment)
        seen |= set(rows)
        assert all(len(config.pipelines[f"metrics/{name}"].sources) == 1 for name in rows)
    assert seen == set(SCRIPT.SCENARIOS)
    assert sum("of" in row for row in SCRIPT.SCENARIOS.values()) >= 10
    assert all(row["of"] in SCRIPT.SCENARIOS for row in SCRIPT.SCENARIOS.values() if "of" in row)


def test_the_traffic_has_every_case() -> None:
    """Guarantees: the same each time; all kinds, a missing service, ends before starts, and lost parents."""
    steps = SCRIPT.traffic()
    assert steps == SCRIPT.traffic()
    spans, ids, nameless = [], set(), 0
    for step in steps:
        for block in ExportTraceServiceRequest.FromString(step).resource_spans:
            nameless += not block.resource.attributes
            spans += [span for scope in block.scope_spans for span in scope.spans]
    ids = {span.span_id for span in spans}
    assert len(ids) == len(spans)
    assert nameless
    assert {span.kind for span in spans} == {1, 2, 3, 4, 5}
    assert any(span.end_time_unix_nano < span.start_time_unix_nano for span in spans)
    assert any(span.parent_span_id and span.parent_span_id not in ids for span in spans)


def flush(value: int, time: int, *, start: int = 1, delta: bool = False, buckets: tuple[int, ...] = (1, 0)) -> bytes:
    message = ExportMetricsServiceRequest()
    metrics = message.resource_metrics.add().scope_metrics.add().metrics
    calls, latency = metrics.add(name="a.calls"), metrics.add(name="a.duration", unit="ms")
    point = calls.sum.data_points.add(as_int=value, time_unix_nano=time, start_time_unix_nano=start)
    point.attributes.add(key="service.name").value.string_value = "shop"
    where = {"time_unix_nano": time, "start_time_unix_nano": start}
    latency.histogram.data_points.add(count=sum(buckets), bucket_counts=buckets, explicit_bounds=[1], **where)
    calls.sum.aggregation_temporality = latency.histogram.aggregation_temporality = 1 if delta else 2
    return message.SerializeToString()


def test_series_at_the_end() -> None:
    """Guarantees: the last cumulative point holds, deltas add up; times that do not fit are noticed."""
    cumulative = SCRIPT.series([flush(1, 5), flush(4, 9)], "a.")
    assert {key[1]: value.count for key, value in cumulative.items()} == {"calls": 4, "duration": 1}
    deltas = SCRIPT.series([flush(1, 5, delta=True), flush(4, 9, start=5, delta=True)], "a.")
    assert {key[1]: value.count for key, value in deltas.items()} == {"calls": 5, "duration": 2}
    with pytest.raises(AssertionError, match="back in time"):
        SCRIPT.series([flush(1, 5), flush(4, 5)])
    with pytest.raises(AssertionError, match="an interval"):
        SCRIPT.series([flush(1, 5, delta=True), flush(4, 9, start=6, delta=True)])


@pytest.mark.parametrize("other", [flush(2, 5), flush(1, 5, buckets=(0, 1)), flush(1, 5, delta=True)])
def test_what_is_unlike_is_wrong(other: bytes) -> None:
    """Guarantees: another count, another bucket, another temporality; equal outputs are not."""
    one = SCRIPT.series([flush(1, 5)])
    assert SCRIPT.compare(one, copy.deepcopy(one)) == ([], set())
    assert SCRIPT.compare(one, SCRIPT.series([other]))[0]


def test_exponential_histograms_are_compared_at_the_coarser_scale() -> None:
    """Guarantees: the same values at different scales are equal, others are not."""
    fine = SCRIPT.Value(3, 9.0, (), {160: 1, 161: 1, 170: 1}, 5)
    coarse = SCRIPT.Value(3, 9.0, (), {40: 2, 42: 1}, 3)
    assert not SCRIPT._unlike(fine, coarse, 1e-3, set())
    assert SCRIPT._unlike(fine, SCRIPT.Value(3, 9.0, (), {40: 1, 42: 2}, 3), 1e-3, set())
    met: set[str] = set()
    short = SCRIPT.Value(1, 0.0, (), {-90: 1}, 3)
    assert not SCRIPT._unlike(short, SCRIPT.Value(1, 0.0, (), {SCRIPT.ZEROS: 1}, 3), 1e-3, met)
    assert met == {"short"}
