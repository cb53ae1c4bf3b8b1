"""Programs of metrics: edits, filters, conditions and scrubbing of metrics of every kind, on both kernels."""

from __future__ import annotations

import pytest
from kernel_helpers import any_value, attributes, edit, encoded, field, pairs, redact, rule, scrub
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from signal_helpers import KINDS, digested, metric, metrics, metrics_of, points, points_of, spec_of
from tailgate.kernel import BadProgram, OverLimit
from tailgate.kernel.stages import POSITIONS


def everywhere(*rules, **more):
    return scrub(*rules, positions=[*POSITIONS["metrics"]], **more)


def dropping(condition, on="datapoint"):
    return {"kind": "filter", "on": on, "if": condition}


def test_untouched(kernel):
    """Without a change the request is the very object that came; data points are counted, metrics weighed."""
    all_metrics = [metric(kind, {"k": "v"}, {}, name=kind) for kind in KINDS]
    data = metrics(*all_metrics, Metric(name="none"))
    records = digested(kernel, "metrics", data, everywhere(rule("nothing")))
    assert records.request() is data
    weight = sum(len(one.SerializeToString()) for one in (*all_metrics, Metric(name="none")))
    assert (records.spans, records.traces, records.bytes) == (10, 0, weight)


@pytest.mark.parametrize("kind", KINDS)
def test_edit_data_points(kernel, kind):
    """Attributes of the data points of every kind, each by its own condition, with what stands around it."""
    stage = edit(
        {"do": "insert", "key": "n", "value": encoded(1)},
        {"do": "convert", "key": "n", "to": "string"},
        {"do": "upsert", "key": "from", "from": ["metric", "m"]},
        {"do": "delete", "key": "k"},
        on="datapoint",
        when=["cmp", "==", ["attr", "datapoint", "k"], "v"],
    )
    one = metric(kind, {"k": "v", "x": 1}, {"k": "w"}, metadata=attributes({"m": 7}))
    assert points(digested(kernel, "metrics", metrics(one), stage).request()) == [
        [("x", 1), ("n", "1"), ("from", 7)],
        [("k", "w")],
    ]


def test_edit_metrics(kernel):
    """Metadata is a metric's attributes; its texts can be set and replaced."""
    stage = edit(
        {"do": "insert", "key": "n", "value": encoded(1)},
        {"do": "set", "field": "metric.unit", "of": ["lit", "By"]},
        {"do": "replace", "field": "metric.name", "pattern": r"\.", "with": ["_"]},
        {"do": "set", "field": "metric.description", "of": ["call", "upper", ["field", "metric.name"]]},
        on="metric",
    )
    data = metrics(metric("sum", {}, name="a.b"))
    [after] = metrics_of(digested(kernel, "metrics", data, stage).request())
    assert (after.name, after.description, after.unit, pairs(after.metadata)) == ("a_b", "A_B", "By", [("n", 1)])


def conditions():
    number = Metric(name="n", description="d", unit="By", metadata=attributes({"m": 1}))
    number.sum.data_points.add(as_int=3, flags=1, start_time_unix_nano=5, time_unix_nano=6)
    number.sum.aggregation_temporality = 2
    number.sum.is_monotonic = True
    histogram = Metric(name="h")
    histogram.histogram.data_points.add(count=4, sum=1.5, flags=1)
    histogram.histogram.aggregation_temporality = 1
    exponential = Metric(name="x")
    exponential.exponential_histogram.data_points.add(count=2, flags=1)
    summary = Metric(name="s")
    summary.summary.data_points.add(count=7, sum=0, flags=1)
    gauge = Metric(name="g")
    gauge.gauge.data_points.add(as_double=0.5)
    return metrics(number, histogram, exponential, summary, gauge, resource={"service.name": "a"})


CONDITIONS = [
    (["cmp", "==", ["field", "metric.name"], "n"], "n"),
    (["cmp", "==", ["field", "metric.description"], "d"], "n"),
    (["cmp", "==", ["field", "metric.unit"], "By"], "n"),
    (["cmp", "==", ["attr", "metric", "m"], 1], "n"),
    (["in", ["field", "metric.type"], [1, 3, 5]], "hsg"),
    (["cmp", "==", ["field", "metric.type"], 4], "x"),
    (["cmp", "==", ["field", "metric.aggregation_temporality"], 2], "n"),
    (["exists", ["field", "metric.aggregation_temporality"]], "nhx"),
    (["is", ["field", "metric.is_monotonic"], True], "n"),
    (["exists", ["field", "metric.is_monotonic"]], "n"),
    (["is", ["field", "datapoint.value"], 3], "n"),
    (["is", ["field", "datapoint.value"], 0.5], "g"),
    (["exists", ["field", "datapoint.value"]], "ng"),
    (["in", ["field", "datapoint.count"], [4, 7]], "hs"),
    (["exists", ["field", "datapoint.count"]], "hxs"),
    (["is", ["field", "datapoint.sum"], 1.5], "h"),
    (["exists", ["field", "datapoint.sum"]], "h"),
    (["bits", ["field", "datapoint.flags"], 1], "nhxs"),
    (["cmp", "==", ["field", "datapoint.start"], 5], "n"),
    (["cmp", "==", ["field", "datapoint.time"], 6], "n"),
    (["cmp", "==", ["attr", "any", "service.name"], "a"], "nhxsg"),
    (["ottl", ["cmp", "<", ["field", "datapoint.value"], ["lit", 1]]], "g"),
]


@pytest.mark.parametrize(("condition", "which"), CONDITIONS)
def test_conditions(kernel, condition, which):
    """What a condition sees of a data point and its metric (a sum of 0 in a summary does not stand there)."""
    records = digested(kernel, "metrics", conditions(), dropping(["not", condition]))
    assert "".join(one.name for one in metrics_of(records.request())) == which
    assert records.dropped == [5 - len(which)]


def test_filtered_out(kernel):
    """Data points go, an emptied metric, scope and resource with them; one that came empty stays."""
    data = metrics(metric("gauge", {"k": 1}, {"k": 2}, name="a"), metric("sum", {"k": 1}, name="b"), metric("sum"))
    records = digested(kernel, "metrics", data, dropping(["cmp", "==", ["attr", "datapoint", "k"], 1]))
    assert [(one.name, len(points_of(one))) for one in metrics_of(records.request())] == [("a", 1), ("", 0)]
    assert (records.spans, records.dropped) == (1, [2])
    emptied = digested(kernel, "metrics", metrics(metric("sum", {}, {})), dropping(["true"]))
    assert (emptied.request(), emptied.spans, emptied.dropped) == (b"", 0, [2])


def test_whole_metrics_go(kernel):
    """Counted by their data points."""
    data = metrics(metric("sum", {}, {}, name="a"), metric("gauge", {}, name="b"))
    records = digested(kernel, "metrics", data, dropping(["cmp", "==", ["field", "metric.name"], "a"], "metric"))
    assert (records.spans, records.dropped) == (1, [2])


def test_drop_if(kernel):
    """On a data point the data point goes, on a metric the metric."""
    when = ["cmp", "==", ["attr", "datapoint", "k"], 1]
    data = metrics(metric("sum", {"k": 1}, {"k": 2}))
    stage = edit({"do": "delete", "key": "k", "drop_if": when}, on="datapoint")
    records = digested(kernel, "metrics", data, stage)
    assert (points(records.request()), records.dropped) == ([[]], [1])
    stage = edit({"do": "delete", "key": "k", "drop_if": ["true"]}, on="metric")
    assert digested(kernel, "metrics", data, stage).dropped == [2]


@pytest.mark.parametrize("kind", KINDS)
def test_scrubbed(kernel, kind):
    """Attributes of data points and the filtered ones of exemplars, of every kind."""
    one = metric(kind, {"k": "secret", "password": 1, "deep": [{"a": "secret"}]})
    if kind != "summary":
        points_of(one)[0].exemplars.add(filtered_attributes=attributes({"k": "secret", "password": "p"}))
    program = kernel.compile(spec_of("metrics", everywhere(rule("secret"), keys=[rule("password", redact("P"))])))
    data = program.digest(metrics(one)).request()
    assert points(data) == [[("k", "X"), ("password", "P"), ("deep", [{"a": "X"}])]]
    if kind != "summary":
        [exemplar] = points_of(metrics_of(data)[0])[0].exemplars
        assert pairs(exemplar.filtered_attributes) == [("k", "X"), ("password", "P")]
    more = [] if kind == "summary" else [(0, "exemplar", 1), (1, "exemplar", 1)]
    assert program.places() == sorted([(0, "datapoint", 1), (1, "datapoint", 2), *more])


def test_each_position_alone(kernel):
    """A position that is not named is left alone, each named one is scrubbed."""
    one = metric("gauge", {"k": "secret"}, name="secret", description="secret", unit="secret")
    one.metadata.extend(attributes({"k": "secret"}))
    one.gauge.data_points[0].exemplars.add(filtered_attributes=attributes({"k": "secret"}))
    seen = {
        "metric": lambda after: after.metadata[0].value.string_value,
        "datapoint": lambda after: points_of(after)[0].attributes[0].value.string_value,
        "exemplar": lambda after: points_of(after)[0].exemplars[0].filtered_attributes[0].value.string_value,
        "metric_name": lambda after: after.name,
        "metric_description": lambda after: after.description,
        "metric_unit": lambda after: after.unit,
    }
    for position in seen:
        program = kernel.compile(spec_of("metrics", scrub(rule("secret"), positions=[position])))
        [after] = metrics_of(program.digest(metrics(one)).request())
        assert {name for name, read in seen.items() if read(after) == "X"} == {position}
        assert program.places() == [(0, position, 1)]


def test_all_data_that_stands(kernel):
    """Data that a later member hides is scrubbed and counted, too; the last one says the type."""
    hidden, last = metric("gauge", {"k": "secret"}), metric("sum", {"k": "secret"})
    both = hidden.SerializeToString() + last.SerializeToString()
    data = field(1, field(2, field(2, both)))
    records = digested(kernel, "metrics", data, everywhere(rule("secret")))
    assert records.spans == 2
    assert b"secret" not in records.request()
    left = digested(kernel, "metrics", data, dropping(["cmp", "==", ["field", "metric.type"], 1]))
    assert left.spans == 2


def test_unknown_fields_and_order_stay(kernel):
    """What is not touched keeps its bytes and place, within data points, data and metrics."""
    pair = field(1, b"k") + field(2, any_value("secret").SerializeToString())
    point = field(99, b"a") + field(7, pair) + field(98, b"b")
    raw = field(97, b"c") + field(5, field(96, b"d") + field(1, point) + field(95, b"e")) + field(1, b"name")
    data = field(1, field(2, field(94, b"f") + field(2, raw)))
    expected = data.replace(b"secret", b"secreX")
    assert digested(kernel, "metrics", data, everywhere(rule("secret", redact("secreX")))).request() == expected


def test_tags_and_doom(kernel):
    """What rules that tag find in data points stands in the metadata; those that let go take the metric."""
    data = metrics(metric("sum", {"k": "secret"}, {}), metric("gauge", {}))
    tags = everywhere(rule("secret", {"do": "tag", "as": "found"}), tag="tags")
    first, second = metrics_of(digested(kernel, "metrics", data, tags).request())
    assert (pairs(first.metadata), pairs(second.metadata)) == ([("tags", "found")], [])
    records = digested(kernel, "metrics", data, everywhere(rule("secret", {"do": "drop_span"})))
    assert (records.spans, records.dropped) == (1, [2])


BAD = [
    edit({"do": "delete", "key": "k"}, on="span"),
    edit({"do": "delete", "key": "k"}, on="log"),
    edit({"do": "delete", "key": "k"}, on="metric", when=["exists", ["attr", "datapoint", "k"]]),
    edit({"do": "delete", "key": "k"}, on="metric", when=["exists", ["attr", "any", "k"]]),
    edit({"do": "delete", "key": "k"}, on="metric", when=["exists", ["field", "datapoint.value"]]),
    edit({"do": "delete", "key": "k"}, on="datapoint", when=["exists", ["field", "body"]]),
    edit({"do": "delete", "key": "k"}, on="datapoint", when=["root"]),
    edit({"do": "set", "field": "metric.name", "of": ["lit", ""]}, on="datapoint"),
    edit({"do": "set", "field": "metric.type", "of": ["lit", 1]}, on="metric"),
    edit({"do": "lookup", "in": 0, "by": [], "write": "nothing"}, on="datapoint"),
    {"kind": "filter", "on": "log", "if": ["true"]},
    {"kind": "sample", "mode": "hash_seed", "seed": 0, "buckets": 1, "ratio": 1, "precision": 4, "fail_closed": True},
    scrub(rule("x"), positions=["body"]),
]


@pytest.mark.parametrize("stage", BAD, ids=range(len(BAD)))
def test_stages_of_other_signals(kernel, stage):
    """What is not there for metrics does not compile."""
    with pytest.raises(BadProgram):
        kernel.compile(spec_of("metrics", stage))


def test_limits(kernel):
    """At the limit, and just past it; a metric without data points counts for one."""
    one = metric("gauge", {"a": 1, "b": [1]}, {})
    one.gauge.data_points[0].exemplars.add(filtered_attributes=attributes({"a": 1, "b": 2}))
    data = metrics(one, metric("sum"), Metric())
    exact = {"max_spans": 4, "max_attributes": 2, "max_depth": 1, "max_bytes": len(data)}
    assert kernel.compile(spec_of("metrics", **exact)).digest(data).spans == 2
    for name, value in exact.items():
        with pytest.raises(OverLimit, match=name):
            kernel.compile(spec_of("metrics", **exact | {name: value - 1})).digest(data)


def test_requests(kernel):
    """On the way out: cut between metrics, counted by data points; one that is too large goes alone."""
    sizes = [2, 3, 1, 5, 0, 1]
    data = metrics(*[metric("sum", *[{}] * size, name=str(size)) for size in sizes])
    records = digested(kernel, "metrics", data)
    cut = records.requests(4, 0)
    assert [count for _, count in cut] == [2, 4, 5, 1]
    assert [int(one.name) for part, _ in cut for one in metrics_of(part)] == sizes
    assert records.requests(0, 0) == [(data, 12)]


def test_refine(kernel):
    """Records of metrics can be walked again."""
    records = digested(kernel, "metrics", metrics(metric("sum", {"k": "secret"}, {"x": 1})))
    later = kernel.compile(
        spec_of("metrics", everywhere(rule("secret")), dropping(["exists", ["attr", "datapoint", "x"]]))
    )
    refined = later.refine(records)
    [(data, count)] = refined.requests(0, 0)
    assert (points(data), count, refined.dropped) == ([[("k", "X")]], 1, [1])
