"""Processors on logs and metrics, as they are configured for all signals at once, on each of the two kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tailgate import kernel as kernels
from tailgate.cli.tables import TABLES
from tailgate.config.loader import ConfigErrors, load
from tailgate.kernel.contract import Kernel
from tailgate.processors import PROCESSORS
from tailgate.processors.base import BuildContext
from tailgate.processors.building import build_row
from tailgate.rules.values import any_value

LIMITS = {"max_bytes": 1 << 20, "max_spans": 1000, "max_attributes": 100, "max_depth": 8}
MESSAGES: dict[str, Any] = {"logs": ExportLogsServiceRequest, "metrics": ExportMetricsServiceRequest}


def plain(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}


def logs(*records: dict[str, Any], service: str = "shop") -> bytes:
    """Log records: `body`, `severity_number`, ... and attributes."""
    message = ExportLogsServiceRequest()
    block = message.resource_logs.add()
    block.resource.attributes.add(key="service.name", value=any_value(service))
    scope = block.scope_logs.add()
    scope.scope.name = "lib"
    for given in records:
        record = scope.log_records.add()
        for key, value in given.items():
            if key == "body":
                record.body.CopyFrom(any_value(value))
            elif key in record.DESCRIPTOR.fields_by_name:
                setattr(record, key, value)
            else:
                record.attributes.add(key=key, value=any_value(value))
    return message.SerializeToString()


def metrics(**points: list[dict[str, Any]]) -> bytes:
    """Sums by name, with data points: `value` and attributes."""
    message = ExportMetricsServiceRequest()
    block = message.resource_metrics.add()
    block.resource.attributes.add(key="service.name", value=any_value("shop"))
    scope = block.scope_metrics.add()
    for name, listed in points.items():
        metric = scope.metrics.add(name=name)
        for given in listed:
            point = metric.sum.data_points.add(as_int=given.get("value", 1))
            for key, value in given.items():
                if key != "value":
                    point.attributes.add(key=key, value=any_value(value))
    return message.SerializeToString()


class Walked:
    def __init__(self, signal: str, body: bytes, dropped: dict[str, int]) -> None:
        self.message, self.dropped = MESSAGES[signal].FromString(body), dropped

    @property
    def logs(self) -> list[Any]:
        return [r for b in self.message.resource_logs for s in b.scope_logs for r in s.log_records]

    @property
    def metrics(self) -> dict[str, list[Any]]:
        return {
            m.name: list(m.sum.data_points)
            for b in self.message.resource_metrics
            for s in b.scope_metrics
            for m in s.metrics
        }


Walk = Callable[..., Walked]


@pytest.fixture
def walk(kernel: Kernel) -> Walk:
    """(signal, id, configuration, request, metadata) -> what is left, and what was dropped by reason."""

    def run(signal: str, id_: str, config: Any, data: bytes, metadata: dict[str, str] | None = None) -> Walked:
        spec = next(one for one in PROCESSORS if one.name == id_)
        checked = spec.config.model_validate(config)
        assert signal in spec.signals
        assert spec.unfit(checked, signal) is None  # type: ignore[arg-type]
        context = BuildContext(id_, signal, kernel, kernel.labels(), [], signal=signal)  # type: ignore[arg-type]
        part: Any = spec.build(checked, context)
        program = kernel.compile(
            {"signal": signal, "stages": part.stages, "limits": LIMITS, "context": len(context.context)},  # type: ignore
            [named.lookup for named in context.lookups],
        )
        records = program.digest(data, [(metadata or {}).get(name) for name in context.context])
        dropped = dict(zip(part.reasons, records.dropped, strict=True))
        return Walked(signal, records.request(), {why: count for why, count in dropped.items() if count})

    return run


LOUD = 'severity_number >= 17 or body contains "!"'
RULES = {
    "actions": [
        {"key": "cluster", "action": "insert", "value": "blue", "on": "resource"},
        {"key": "tenant", "action": "insert", "from_context": "metadata.x-tenant"},
        {"key": "service", "action": "insert", "from_resource": "service.name"},
        {"key": "traces", "action": "insert", "value": 1, "on": "span"},
        {"key": "slow", "action": "insert", "value": 1, "when": "duration > 1s"},
        {
            "key": "logs",
            "action": "insert",
            "value": 1,
            "on": "log",
            "when": 'severity_number >= 17 or body contains "!"',
        },
        {"key": "points", "action": "insert", "value": 1, "on": "datapoint", "when": 'metric.name == "a"'},
    ]
}


def test_enrich(walk: Walk) -> None:
    """Scenario: one list of actions for all signals. Guarantees: each acts where it is about what is there."""
    data = logs({"severity_number": 17}, {"severity_number": 9, "body": "oh!"}, {"severity_number": 9})
    seen = walk("logs", "enrich", RULES, data, {"metadata.x-tenant": "t1"})
    common = {"tenant": "t1", "service": "shop"}
    assert [plain(one.attributes) for one in seen.logs] == [{**common, "logs": 1}, {**common, "logs": 1}, common]
    assert plain(seen.message.resource_logs[0].resource.attributes)["cluster"] == "blue"
    points = walk("metrics", "enrich", RULES, metrics(a=[{}], b=[{}]), {"metadata.x-tenant": "t1"}).metrics
    assert plain(points["a"][0].attributes) == {**common, "points": 1}
    assert plain(points["b"][0].attributes) == common


def test_attributes_with_matchers(walk: Walk) -> None:
    """Guarantees: `log_bodies`, severities and `metric_names` select, all lists together."""
    mark = [{"key": "hit", "action": "insert", "value": True}]
    include = {"match_type": "regexp", "log_bodies": ["pay"], "log_severity_number": {"min": 13}}
    data = logs(
        {"body": "payment", "severity_number": 13},
        {"body": "payment", "severity_number": 9},
        {"body": "other", "severity_number": 17},
        {"body": "payment"},
    )
    found = walk("logs", "attributes", {"include": include, "actions": mark}, data).logs
    assert ["hit" in plain(one.attributes) for one in found] == [True, False, False, False]
    exclude = {"match_type": "strict", "metric_names": ["b"]}
    points = walk("metrics", "attributes", {"exclude": exclude, "actions": mark}, metrics(a=[{}], b=[{}])).metrics
    assert {name: plain(one[0].attributes) for name, one in points.items()} == {"a": {"hit": True}, "b": {}}


def test_lookup(walk: Walk) -> None:
    """Guarantees: a table's columns on the resource of every signal, and on log records."""
    table = {"table": {"shop": {"team": "web"}}, "key": "service.name"}
    block = walk("metrics", "lookup", table, metrics(a=[{}])).message.resource_metrics[0]
    assert plain(block.resource.attributes) == {"service.name": "shop", "team": "web"}
    assert plain(walk("logs", "lookup", {**table, "on": "record"}, logs({})).logs[0].attributes) == {"team": "web"}


FILTER = {
    "traces": {"span": ["true"]},
    "logs": {
        "resource": ['attributes["service.name"] == "load"'],
        "log_record": ["severity_number < SEVERITY_NUMBER_INFO", 'body["user"] == "bot"', 'IsMatch(body, "^noise")'],
    },
    "metrics": {"metric": ['name == "noise"'], "datapoint": ['attributes["route"] == "/healthz"', "value_int == 0"]},
}


def test_filter(walk: Walk) -> None:
    """Guarantees: only what is written for the pipeline's signal drops; a metric goes with its last data point."""
    data = logs(
        {"severity_number": 9, "body": "stays"},
        {"severity_number": 5, "body": "debug"},
        {"severity_number": 9, "body": {"user": "bot"}},
        {"severity_number": 9, "body": "noise of it"},
    )
    seen = walk("logs", "filter", FILTER, data)
    assert ([one.body.string_value for one in seen.logs], seen.dropped) == (["stays"], {"filter": 3})
    assert walk("logs", "filter", FILTER, logs({"severity_number": 9}, service="load")).logs == []
    points = metrics(noise=[{}, {}], kept=[{"route": "/"}, {"route": "/healthz"}], gone=[{"value": 0}])
    found = walk("metrics", "filter", FILTER, points)
    assert {name: len(left) for name, left in found.metrics.items()} == {"kept": 1}


def test_filter_in_its_newer_form(walk: Walk) -> None:
    """Guarantees: `log_conditions` and `metric_conditions`, with a context and without."""
    newer = {
        "log_conditions": ['log.attributes["a"] == 1', {"context": "resource", "conditions": ['attributes["x"] == 1']}],
        "metric_conditions": ['metric.name == "a" and datapoint.attributes["k"] == "v"'],
    }
    assert len(walk("logs", "filter", newer, logs({"a": 1}, {"a": 2})).logs) == 1
    points = walk("metrics", "filter", newer, metrics(a=[{"k": "v"}, {}], b=[{"k": "v"}])).metrics
    assert {name: len(left) for name, left in points.items()} == {"a": 1, "b": 1}


def test_filter_in_its_older_form(walk: Walk) -> None:
    """Guarantees: `include` and `exclude` of logs and metrics."""
    older = {
        "logs": {
            "include": {"match_type": "strict", "severity_number": {"min": "warn", "match_undefined": True}},
            "exclude": {"match_type": "regexp", "bodies": ["secret"]},
        },
        "metrics": {"exclude": {"match_type": "regexp", "metric_names": ["^go_"]}},
    }
    data = logs({"severity_number": 13}, {"severity_number": 9}, {}, {"severity_number": 17, "body": "a secret"})
    assert [one.severity_number for one in walk("logs", "filter", older, data).logs] == [13, 0]
    assert list(walk("metrics", "filter", older, metrics(go_gc=[{}], a=[{}])).metrics) == ["a"]


TRANSFORM = {
    "log_statements": [
        {
            "context": "log",
            "statements": [
                'replace_pattern(body, "[0-9]{4,}", "#")',
                'set(severity_text, "WARN") where severity_number == 13',
            ],
        },
        'set(log.attributes["kind"], log.body["kind"]) where IsMap(log.body)',
        'set(resource.attributes["team"], "web")',
    ],
    "metric_statements": [
        'set(metric.name, Concat(["app", metric.name], ".")) where metric.type == METRIC_DATA_TYPE_SUM',
        {
            "context": "datapoint",
            "statements": ['delete_key(attributes, "user")', 'set(attributes["of"], metric.name)'],
        },
    ],
}


def test_transform(walk: Walk) -> None:
    """Guarantees: statements over log records, metrics and data points, in order."""
    first, second = walk(
        "logs", "transform", TRANSFORM, logs({"body": "card 12345", "severity_number": 13}, {"body": {"kind": "x"}})
    ).logs
    assert (first.body.string_value, first.severity_text) == ("card #", "WARN")
    assert plain(second.attributes) == {"kind": "x"}
    points = walk("metrics", "transform", TRANSFORM, metrics(a=[{"user": "u", "k": "v"}])).metrics
    assert {name: plain(one[0].attributes) for name, one in points.items()} == {"app.a": {"k": "v", "of": "app.a"}}


def test_what_fails_is_dropped_where_errors_propagate(walk: Walk) -> None:
    """Guarantees: `error_mode: propagate` drops the log record, and the data point, for which it has no answer."""
    failing = {"error_mode": "propagate"}
    statements = {**failing, "log_statements": [{"context": "log", "statements": ['set(attributes["n"], 1 + body)']}]}
    seen = walk("logs", "transform", statements, logs({"body": 1}, {"body": "text"}))
    assert (len(seen.logs), seen.dropped) == (1, {"transform:error": 1})
    conditions = {**failing, "metrics": {"datapoint": ['1 + attributes["a"] == 2']}}
    found = walk("metrics", "filter", conditions, metrics(m=[{"a": 1}, {"a": "x"}, {"a": 5}]))
    assert [plain(one.attributes) for one in found.metrics["m"]] == [{"a": 5}]


def test_scrub_and_redaction(walk: Walk) -> None:
    """Guarantees: bodies of every shape and attributes; `redaction` takes the entries of a body for attributes."""
    card, email = "4111 1111 1111 1111", "jane.roe@corp-mail.example"
    data = logs({"body": f"to {email}"}, {"body": {"password": "hunter2hunter2", "l": [email]}, "note": card})
    text = walk("logs", "scrub", {}, data).message.SerializeToString()
    assert not any(secret.encode() in text for secret in (card, email, "hunter2hunter2"))
    only = {"positions": ["body", "span"]}
    assert card.encode() in walk("logs", "scrub", only, data).message.SerializeToString()
    allowed = {"allowed_keys": ["l"], "blocked_values": ["jane"]}
    second = walk("logs", "redaction", allowed, data).logs[1]
    assert [pair.key for pair in second.body.kvlist_value.values] == ["l"]
    assert (list(second.attributes), b"jane" in second.SerializeToString()) == ([], False)
    points = walk(
        "metrics", "redaction", {"allow_all_keys": True, "blocked_values": ["4111"]}, metrics(a=[{"k": card}])
    )
    assert plain(points.metrics["a"][0].attributes)["k"] == "**** 1111 1111 1111"


ROW = """\
receivers: {otlp: {protocols: {grpc: }}}
processors: {%s}
exporters: {debug: , otlphttp: {%s}}
service:
  pipelines: {%s: {receivers: [otlp], processors: [%s], exporters: [debug%s]}}
"""


@pytest.mark.parametrize(
    ("processor", "config", "signal", "expected"),
    [
        ("tail_sampling", "evaluation: ordered, policies: [], default: 0%", "logs",
         "takes 'traces' only, this is a pipeline of logs"),
        ("retention", "default: 1d", "metrics", "takes 'traces' only, this is a pipeline of metrics"),
        ("span", "status: {code: Ok}", "logs", "takes 'traces' only"),
        ("probabilistic_sampler", "sampling_percentage: 10", "logs", "takes 'traces' only"),
        ("cost", "prices: {}", "metrics", "takes 'traces' only"),
        ("lookup", "on: span, key: a, table: {}", "logs", "has nothing to do on logs: it is on a span"),
        ("lookup", "on: record, key: a, table: {}", "metrics", "has nothing to do on metrics: data points take"),
        ("scrub", "positions: [span, link]", "metrics", "looks at none of the positions that metrics have: span, link"),
        ("attributes", "include: {match_type: strict, span_names: [a]}, actions: [{key: a, action: delete}]", "logs",
         "cannot be used on logs: include: span_names mean nothing there, expected one of log_bodies"),
    ],
)  # fmt: skip
def test_what_a_signal_does_not_fit(tmp_path: Any, processor: str, config: str, signal: str, expected: str) -> None:
    """Guarantees: an error that names signal and processor, where the pipeline names it."""
    file = tmp_path / "c.yaml"
    file.write_text(ROW % (f"{processor}: {{{config}}}", "endpoint: http://a", signal, processor, ""))
    with pytest.raises(ConfigErrors) as caught:
        load([file], TABLES, {})
    (line,) = [str(one) for one in caught.value.problems if one.severity == "error"]
    assert f"service.pipelines.{signal}.processors[0]: the processor '{processor}' {expected}" in line


def test_an_exporter_without_an_endpoint_for_a_signal(tmp_path: Any) -> None:
    """Guarantees: `otlphttp` with only `traces_endpoint` cannot be named by a pipeline of logs."""
    file = tmp_path / "c.yaml"
    file.write_text(ROW % ("", "traces_endpoint: http://a/x", "logs", "", ", otlphttp"))
    with pytest.raises(ConfigErrors, match=r"exporters\[1\]: the exporter 'otlphttp' has neither endpoint nor logs"):
        load([file], TABLES, {})


def test_one_rule_file_fits_every_pipeline(tmp_path: Any) -> None:
    """Scenario: actions only for spans, in pipelines of all signals. Guarantees: the others pass everything on."""
    file = tmp_path / "c.yaml"
    actions = "enrich: {actions: [{key: a, action: insert, value: 1, when: error}]}"
    file.write_text(ROW % (actions, "endpoint: http://a", "logs", "enrich", ""))
    config = load([file], TABLES, {})
    row, _ = build_row(config.pipelines["logs"], config, kernels.load("reference"))
    data = logs({"body": "x"})
    assert row.digest(data, []).request() is data
