"""`span_metrics`: names, labels, buckets and units of its series, and its options."""

from __future__ import annotations

import json
import re
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from pydantic import ValidationError
from tailgate.connectors.span_metrics import SPEC, SpanMetricsConfig, plan
from tailgate.kernel import load as load_kernel
from tailgate.kernel.contract import ProgramSpec
from tailgate.telemetry.families import exposition

from .conftest import samples, value

MS = 1_000_000
EMPTY: ProgramSpec = {
    "stages": [],
    "facts": {"leaves": [], "numbers": [], "keys": [], "compare": []},
    "limits": {"max_bytes": 1 << 20, "max_spans": 1000, "max_attributes": 100, "max_depth": 10},
    "context": 0,
}
OTEL = "traces_span_metrics"
DASHBOARD = Path(__file__).parent / "dashboard.json"


class Counting:
    """A connector of these options, and a program that counts in it."""

    def __init__(self, **options: Any) -> None:
        self.now, kernel = 1_000 * MS, load_kernel()
        self.connector = SPEC.build(SpanMetricsConfig.model_validate(options), "span_metrics", kernel, lambda: self.now)
        stage = {"kind": "measure", "in": 0, "count": True, "exemplars": self.connector.exemplars}
        self.program = kernel.compile({**EMPTY, "stages": [stage]}, [], [self.connector.meter])
        self._ids = count(1)

    def __call__(self, *names: str, ms: float = 3, kind: int = 2, status: int = 0, resource: Any = None, **its: str):
        message = Request()
        block = message.resource_spans.add()
        for key, text in ({"service.name": "shop"} if resource is None else resource).items():
            block.resource.attributes.add(key=key).value.string_value = text
        spans = block.scope_spans.add().spans
        for name in names:
            number = next(self._ids)
            span = spans.add(trace_id=number.to_bytes(16, "big"), span_id=b"12345678", name=name, kind=kind)
            span.start_time_unix_nano, span.end_time_unix_nano = MS, MS + round(ms * MS)
            span.status.code = status
            for key, text in its.items():
                span.attributes.add(key=key.replace("__", ".")).value.string_value = text
        self.program.digest(message.SerializeToString()).measure(self.now)
        return self

    def samples(self):
        return samples(self.connector.families())


def test_calls_and_latency_by_service_name_kind_and_status() -> None:
    """Guarantees: the names and labels that dashboards ask for, durations in ms, buckets as the collector has them."""
    found = Counting()("GET /", "GET /", ms=3)("GET /", ms=20_000, status=2)("query", ms=0.5, kind=3).samples()
    ok = {
        "service": "shop",
        "service_name": "shop",
        "span_name": "GET /",
        "span_kind": "SPAN_KIND_SERVER",
        "status_code": "STATUS_CODE_UNSET",
    }
    assert found["traces_spanmetrics_calls_total", frozenset(ok.items())] == 2
    assert value(found, "traces_spanmetrics_calls_total", status_code="STATUS_CODE_ERROR") == 1
    assert value(found, "traces_spanmetrics_calls_total", span_kind="SPAN_KIND_CLIENT") == 1
    assert value(found, "traces_spanmetrics_latency_sum", **ok) == 6
    assert value(found, "traces_spanmetrics_latency_count", **ok) == 2
    buckets = {
        dict(labels)["le"]: number
        for (name, labels), number in found.items()
        if name == "traces_spanmetrics_latency_bucket" and set(ok.items()) <= labels
    }
    bounds = ["2.0", "4.0", "6.0", "8.0", "10.0", "50.0", "100.0", "200.0", "400.0", "800.0", "1000.0", "1400.0"]
    assert list(buckets) == [*bounds, "2000.0", "5000.0", "10000.0", "15000.0", "+Inf"]
    assert [buckets["2.0"], buckets["4.0"], buckets["+Inf"]] == [0, 2, 2]
    assert value(found, "traces_spanmetrics_latency_bucket", le="15000.0") == 3
    assert value(found, "traces_spanmetrics_latency_bucket", le="+Inf") == 4


@pytest.mark.parametrize(
    ("options", "calls", "latency", "total"),
    [
        ({"namespace": "traces.span.metrics"}, f"{OTEL}_calls", f"{OTEL}_duration_milliseconds", 3),
        ({"namespace": ""}, "calls", "duration_milliseconds", 3),
        ({"names": "collector"}, f"{OTEL}_calls", f"{OTEL}_duration_milliseconds", 3),
        ({"names": "tempo", "namespace": "my.app"}, "my_app_calls", "my_app_latency", 3),
        ({"histogram": {"unit": "s"}}, "traces_spanmetrics_calls", "traces_spanmetrics_latency", 0.003),
        ({"histogram": {"unit": "s"}, "namespace": "x"}, "x_calls", "x_duration_seconds", 0.003),
    ],
)  # fmt: skip
def test_names_and_units(options: dict[str, Any], calls: str, latency: str, total: float) -> None:
    """Guarantees: a namespace gives the collector's names; without one they are Tempo's, unless said otherwise."""
    found = Counting(**options)("GET /").samples()
    assert value(found, f"{calls}_total") == 1
    assert value(found, f"{latency}_sum", service_name="shop") == total
    tempo = latency.endswith("_latency")
    assert any(("service", "shop") in labels for _, labels in found) is tempo


def test_dimensions_come_from_the_span_then_its_resource_then_the_default() -> None:
    """Guarantees: as in the collector; without any of them the label is left out."""
    counting = Counting(
        dimensions=[{"name": "http.route", "default": "none"}, {"name": "zone"}],
        histogram={"dimensions": [{"name": "1st"}]},
        resource_metrics_key_attributes=["service.name", "k8s.pod.name"],
    )
    counting("a", http__route="/x")(
        "b", resource={"service.name": "s", "zone": "eu", "k8s.pod.name": "p"}, **{"1st": "y"}
    )
    found = counting.samples()
    assert value(found, "traces_spanmetrics_calls_total", span_name="a", http_route="/x") == 1
    labels = {"span_name": "b", "http_route": "none", "zone": "eu", "k8s_pod_name": "p", "key_1st": "y"}
    assert value(found, "traces_spanmetrics_calls_total", **labels) == 1
    (plain,) = [its for (name, its) in found if name.endswith("calls_total") and ("span_name", "a") in its]
    assert not {"zone", "k8s_pod_name", "key_1st"} & {label for label, _ in plain}


def test_labels_that_are_left_out_and_histograms_that_are_off() -> None:
    """Guarantees: series are added up over what is left out."""
    counting = Counting(exclude_dimensions=["span.name", "status.code"], histogram={"disable": True})
    found = counting("a", "b", status=2)("c").samples()
    assert list(found.values()) == [3]
    ((name, labels),) = found
    assert {label for label, _ in labels} == {"service", "service_name", "span_kind"}
    assert name == "traces_spanmetrics_calls_total"


def test_the_number_of_series_is_bounded_and_no_span_is_lost() -> None:
    """Guarantees: what is beyond the limit is counted by its service, with the label of the specification."""
    counting = Counting(aggregation_cardinality_limit=2)
    found = counting(*[f"GET /{number}" for number in range(10)])("x", resource={"service.name": "other"}).samples()
    over = {"otel_metric_overflow": "true"}
    assert value(found, "traces_spanmetrics_calls_total") == 11
    assert value(found, "traces_spanmetrics_calls_total", service_name="shop", **over) == 8
    assert value(found, "traces_spanmetrics_calls_total", service_name="other", **over) == 1
    assert value(found, "traces_spanmetrics_latency_count") == 11
    said = {one.name: one.value for one in counting.connector.samples()}
    assert said == {"tailgate_connector_series": 4, "tailgate_connector_overflowed": 9}


def test_series_expire() -> None:
    """Guarantees: what was not counted for `metrics_expiration` is gone; without it nothing goes."""
    counting, other = Counting(metrics_expiration="5m"), Counting()
    for one in (counting, other):
        one("old")
        one.now += 200 * 1000 * MS
        one("new")
        one.now += 101 * 1000 * MS
    assert {dict(labels)["span_name"] for _, labels in counting.samples()} == {"new"}
    assert {dict(labels)["span_name"] for _, labels in other.samples()} == {"old", "new"}


def test_exemplars_stand_beside_their_bucket_in_openmetrics_only() -> None:
    """Guarantees: trace id, span id, value in the unit of the histogram, and when it was counted."""
    counting = Counting(exemplars={"enabled": True, "max_per_data_point": 2})
    counting("a", ms=3)("a", ms=7)("a", ms=300)
    families = list(counting.connector.families())
    assert "trace_id" not in exposition(families, False)
    shown = re.findall(r'le="([^"]*)"\} (\d+) # (.*)', exposition(families, True))
    assert shown == [
        ("8.0", "2", '{trace_id="' + f"{2:032x}" + '",span_id="3132333435363738"} 7.0 1.000'),
        ("400.0", "3", '{trace_id="' + f"{3:032x}" + '",span_id="3132333435363738"} 300.0 1.000'),
    ]


def test_label_values_are_escaped() -> None:
    """Guarantees: whatever a span is called, the page can be parsed and says it."""
    found = Counting()('a "quoted" \\ name\nof two lines é').samples()
    (labels,) = {labels for name, labels in found if name == "traces_spanmetrics_calls_total"}
    assert dict(labels)["span_name"] == 'a "quoted" \\ name\nof two lines é'


def test_spans_without_a_service_and_numbers_without_a_meaning() -> None:
    """Guarantees: all spans are counted, those too that the collector passes over."""
    found = Counting()("a", kind=77, status=9, resource={}).samples()
    labels = {"service_name": "unknown_service", "span_kind": "", "status_code": ""}
    assert value(found, "traces_spanmetrics_calls_total", **labels) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dimensions": [{"name": "http.route"}, {"name": "http_route"}]}, "http_route"),
        ({"dimensions": [{"name": "service.name"}]}, "service_name"),
        ({"dimensions": [{"name": "service"}]}, "label service"),
        ({"histogram": {"explicit": {"buckets": ["2ms", "1ms"]}}}, "ascending"),
        ({"histogram": {"explicit": {"buckets": []}, "exponential": {}}}, "explicit and exponential"),
        ({"exclude_dimensions": ["http.route"]}, "service.name"),
        ({"aggregation_cardinality_limit": 100_001}, "100000"),
        ({"dimension": []}, "dimension"),
    ],
)
def test_what_is_refused(options: dict[str, Any], said: str) -> None:
    """Guarantees: options that cannot be meant are named."""
    with pytest.raises(ValidationError, match=said):
        SpanMetricsConfig.model_validate(options)


def test_a_label_service_is_free_where_the_names_are_the_collectors() -> None:
    """Guarantees: an attribute `service` may be a dimension there."""
    found = Counting(namespace="x", dimensions=[{"name": "service"}])("a", service="mine").samples()
    assert value(found, "x_calls_total", service="mine", service_name="shop") == 1


def test_what_has_no_effect_is_said() -> None:
    """Guarantees: a warning for each option that does nothing, or nothing where no pipeline of metrics receives."""
    options = {
        "aggregation_temporality": "AGGREGATION_TEMPORALITY_DELTA",
        "histogram": {"exponential": {"max_size": 80}},
        "events": {"enabled": True, "dimensions": [{"name": "exception.type"}]},
    }
    assert SPEC.lint is not None
    assert SPEC.unsent is not None
    config = SpanMetricsConfig.model_validate(options)
    assert [place for place, *_ in SPEC.lint(config)] == [("events", "enabled")]
    assert [place for place, *_ in SPEC.unsent(config)] == [("aggregation_temporality",), ("histogram", "exponential")]
    assert list(SPEC.lint(SpanMetricsConfig())) == list(SPEC.unsent(SpanMetricsConfig())) == []
    (place, text) = next(iter(SPEC.lint(SpanMetricsConfig(aggregation_temporality="delta"))))
    assert place == ("aggregation_temporality",)
    assert text.endswith("or AGGREGATION_TEMPORALITY_DELTA")
    (line,) = plan(SpanMetricsConfig())
    assert "before any are sampled" in line


def queries(node: Any) -> list[str]:
    """Return every `expr` of a dashboard."""
    if isinstance(node, dict):
        return (
            [node["expr"]] if isinstance(node.get("expr"), str) else [q for one in node.values() for q in queries(one)]
        )
    return [q for one in node for q in queries(one)] if isinstance(node, list) else []


def test_a_dashboard_that_people_have_finds_its_series() -> None:
    """Scenario: the queries of a dashboard written for these metrics. Guarantees: every series and label is there."""
    found = Counting()("a")("b", status=2).samples()
    asked = queries(json.loads(DASHBOARD.read_text(encoding="utf-8")))
    assert len(asked) == 5
    for query in asked:
        for name, matchers in re.findall(r"(traces_\w+)(?:\{([^}]*)\})?", query):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', matchers))
            assert value(found, name, **labels) > 0
            for grouped in re.findall(r"by \(([^)]*)\)", query):
                wanted = {label.strip() for label in grouped.split(",")}
                assert any(wanted <= {label for label, _ in labels_} for sample, labels_ in found if sample == name)
