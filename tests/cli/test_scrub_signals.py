"""`tailgate scrub` on logs and metrics: every position named, each signal by its own pipeline, on both kernels."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from recorded import attribute, line, span
from tailgate.cli.recordings import read_signals
from tailgate.cli.rehearsal import Rehearsal
from tailgate.cli.tables import TABLES
from tailgate.config.loader import load
from tailgate.kernel import load as load_kernel
from tailgate.receivers.otlp.json import json_to_protobuf
from tailgate.telemetry.signals import FACTS, Signal

from .conftest import Call

MAIL = "jane@example.org"
TIME = "1700000000000000000"
MAPPED = {
    "kvlistValue": {
        "values": [
            attribute("password", "hunter2!"),
            {"key": "to", "value": {"arrayValue": {"values": [{"stringValue": "x"}, {"stringValue": MAIL}]}}},
        ]
    }
}
LOGS = {
    "resourceLogs": [
        {
            "resource": {"attributes": [attribute("owner", MAIL)]},
            "scopeLogs": [
                {
                    "scope": {"name": "lib"},
                    "logRecords": [
                        {"timeUnixNano": TIME, "severityNumber": 9, "body": {"stringValue": f"mail to {MAIL}"}},
                        {"severityText": MAIL, "eventName": f"to {MAIL}", "body": MAPPED},
                        {"body": {"stringValue": "clean"}, "attributes": [attribute("peer", "8.8.4.4")]},
                    ],
                }
            ],
        }
    ]
}
EXEMPLAR = {"timeUnixNano": TIME, "asInt": "5", "filteredAttributes": [attribute("who", MAIL)]}
METRICS = {
    "resourceMetrics": [
        {
            "scopeMetrics": [
                {
                    "schemaUrl": f"https://x.org/{MAIL}",
                    "metrics": [
                        {
                            "name": "requests",
                            "description": f"ask {MAIL}",
                            "metadata": [attribute("owner", MAIL)],
                            "sum": {
                                "dataPoints": [
                                    {"asInt": "1", "timeUnixNano": TIME, "attributes": [attribute("k", "clean")]},
                                    {"asInt": "2", "attributes": [attribute("k", MAIL)], "exemplars": [EXEMPLAR]},
                                ]
                            },
                        },
                        {
                            "name": "took",
                            "unit": MAIL,
                            "histogram": {
                                "dataPoints": [{"count": "1", "exemplars": [{"asInt": "1"}, EXEMPLAR]}],
                                "aggregationTemporality": 2,
                            },
                        },
                        {"name": "size", "summary": {"dataPoints": [{"attributes": [attribute("k", MAIL)]}]}},
                    ],
                }
            ]
        }
    ]
}
MASKED = "aaaa@aaaaaaa.aaa"
EXPECTED_LOGS = {
    "resource 1 attributes.owner": "[EMAIL]",
    "log record 1 body": "mail to [EMAIL]",
    "log record 2 severity_text": "[EMAIL]",
    "log record 2 event_name": "to [EMAIL]",
    "log record 2 body.password": "[PASSWORD]",
    "log record 2 body.to[1]": "[EMAIL]",
    "log record 3 attributes.peer": "[IP]",
}
EXPECTED_METRICS = {
    "resource 1 scope schema_url": "https://x.org/[EMAIL]",
    "metric 1 description": "ask [EMAIL]",
    "metric 1 metadata.owner": "[EMAIL]",
    "data point 2 attributes.k": "[EMAIL]",
    "data point 2 exemplars[0].who": "[EMAIL]",
    "metric 2 unit": "[EMAIL]",
    "data point 3 exemplars[1].who": "[EMAIL]",
    "data point 4 attributes.k": "[EMAIL]",
}


@pytest.fixture
def call(kernel_name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, tailgate: Call) -> Call:
    """(words) -> exit code, stdout, stderr, on each kernel; with a file of each signal and one of all three."""
    monkeypatch.setenv("TAILGATE_KERNEL", kernel_name)
    logs, metrics = json.dumps(LOGS), json.dumps(METRICS)
    (folder / "l.json").write_text(logs)
    (folder / "m.json").write_text(metrics)
    (folder / "l.pb").write_bytes(json_to_protobuf(logs.encode(), "logs"))
    (folder / "m.pb").write_bytes(json_to_protobuf(metrics.encode(), "metrics"))
    one = line(span(1, attributes={"user.email": MAIL}))
    (folder / "all.json").write_text(one + logs + "\n" + metrics + "\n" + one)
    return partial(tailgate, "scrub")


def shown(call: Call, *words: str) -> dict[str, str]:
    """Return what is shown, by place."""
    code, out, err = call(*words, "--json")
    assert (code, err) == (0, "")
    changes = json.loads(out)["changes"]
    assert len({change["where"] for change in changes}) == len(changes)
    return {change["where"]: change["becomes"] for change in changes}


@pytest.mark.parametrize("form", ["json", "pb"])
def test_every_position(call: Call, form: str) -> None:
    """Guarantees: each string of a log record and of a metric is shown by its place, out of JSON and protobuf."""
    assert shown(call, f"l.{form}") == EXPECTED_LOGS
    assert shown(call, f"m.{form}") == EXPECTED_METRICS


def test_for_people(call: Call) -> None:
    """Guarantees: rule, place, shape and result in a row as of spans; what there was, counted by signal."""
    code, out, err = call("l.json")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "l.json: 3 log records; 7 changes by 3 rules"
    assert [row.split() for row in lines if "1 body" in row] == [
        ["email", "log", "record", "1", "body", MASKED, "mail", "to", "[EMAIL]"]
    ]
    assert lines[-1] == "7 changes in 3 log records"
    assert not [secret for secret in ("jane", "hunter2", "8.8.4.4") if secret in out]


def test_mixed_lines(call: Call) -> None:
    """Guarantees: signals in one file, each by its pipeline; numbers go through the file, so each place is one."""
    found = shown(call, "all.json")
    places = {where.replace("resource 1", "resource 2") for where in EXPECTED_LOGS}
    places |= {where.replace("resource 1", "resource 3") for where in EXPECTED_METRICS}
    assert set(found) == places | {"span 1 attributes.user.email", "span 2 attributes.user.email"}
    code, out, _ = call("all.json")
    assert (code, out.splitlines()[0]) == (0, "all.json: 2 spans, 3 log records, 4 data points; 17 changes by 3 rules")
    assert out.splitlines()[-1] == "2 changes in 2 spans, 7 changes in 3 log records, 8 changes in 4 data points"
    said = json.loads(call("all.json", "--json")[1])
    assert said["records"] == {"spans": 2, "log_records": 3, "metric_points": 4}
    assert [change["signal"] for change in said["changes"]] == ["traces"] * 2 + ["logs"] * 7 + ["metrics"] * 8


@pytest.mark.parametrize(("file", "signal"), [("l.pb", "logs"), ("m.pb", "metrics")])
def test_it_is_what_the_proxy_does(call: Call, file: str, signal: Signal) -> None:
    """Guarantees: as many changes as the pipeline counts, and what leaves it needs none any more."""
    config, changes = load([], TABLES, {}), json.loads(call(file, "--json")[1])["changes"]
    rehearsal = Rehearsal(config, config.pipelines[signal], load_kernel())
    rehearsal.offer(1, Path(file).read_bytes())
    rehearsal.finish()
    assert sum(rehearsal.replaced().values()) == len(changes)
    (left,) = rehearsal.left.requests
    assert MAIL.encode() not in left
    Path("left.pb").write_bytes(left)
    code, out, _ = call("left.pb", "--check")
    number = FACTS[signal]
    assert (code, out) == (0, f"left.pb: {3 if signal == 'logs' else 4} {number.many}; nothing would be changed\n")


def test_check(call: Call, folder: Path) -> None:
    """Guarantees: --check fails where something would be changed in any of the signals."""
    assert [call(file, "--check")[0] for file in ("l.json", "m.json", "l.pb", "m.pb", "all.json")] == [1] * 5
    clean = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "all is well"}}]}]}]}
    (folder / "clean.json").write_text(json.dumps(clean))
    assert call("clean.json", "--check") == (0, "clean.json: 1 log record; nothing would be changed\n", "")


PIPELINE = "{{receivers: [otlp], processors: [{}], exporters: [debug]}}"


def configured(folder: Path, processors: str, **pipelines: str) -> None:
    """Write `c.yaml` with these pipelines, each with its processors."""
    rows = ", ".join(f"{name.replace('_', '/')}: {PIPELINE.format(row)}" for name, row in pipelines.items())
    (folder / "c.yaml").write_text(
        "receivers: {otlp: {protocols: {grpc: }}}\nexporters: {debug: }\n"
        f"processors: {processors}\nservice: {{pipelines: {{{rows}}}}}\n"
    )


def test_no_pipeline_of_the_signal(call: Call, folder: Path) -> None:
    """Guarantees: what no pipeline takes is said with its signal, and nothing is shown as if it were clean."""
    configured(folder, "{scrub: , batch: }", traces="scrub")
    assert call("l.json", "--config", "c.yaml", "--check") == (
        2, "", "l.json has 3 log records: there is no pipeline of logs\n",
    )  # fmt: skip
    assert call("m.pb", "--config", "c.yaml")[2] == "m.pb has 4 data points: there is no pipeline of metrics\n"
    assert call("all.json", "--config", "c.yaml")[0] == 2
    configured(folder, "{scrub: , batch: }", logs="scrub")
    assert call("all.json", "--config", "c.yaml")[2] == "all.json has 2 spans: there is no pipeline of traces\n"
    assert call("l.json", "--config", "c.yaml")[0] == 0


def test_which_pipeline(call: Call, folder: Path) -> None:
    """Guarantees: the first of the signal that scrubs; a named one for its signal; one that scrubs nothing is told."""
    hides = "{scrub: , redaction: {allow_all_keys: true, blocked_values: [jane]}, batch: }"
    configured(folder, hides, traces="batch", logs_a="batch", logs_b="scrub", logs_c="redaction")
    options = ("--config", "c.yaml")
    assert shown(call, "l.json", *options)["log record 1 body"] == "mail to [EMAIL]"
    chosen = shown(call, "l.json", *options, "--pipeline", "logs/c")
    assert chosen["log record 1 body"] == "mail to ****@example.org"
    says = "the pipeline '{}' scrubs nothing: no scrub or redaction processor in it has a rule\n"
    assert call("l.json", *options, "--pipeline", "logs/a") == (2, "", says.format("logs/a"))
    assert call("m.json", *options, "--pipeline", "logs/a")[2] == (
        "the pipeline 'logs/a' takes logs: m.json has only 4 data points\n"
    )
    (folder / "two.json").write_text(line(span(1, attributes={"m": MAIL})) + json.dumps(LOGS))
    code, out, err = call("two.json", *options, "--check")
    assert (code, err) == (1, says.format("traces"))
    assert out.splitlines()[-1] == "0 changes in 1 span, 7 changes in 3 log records"


def test_numbers_stay_where_something_is_dropped(call: Call, folder: Path) -> None:
    """Scenario: filters before and after scrubbing drop records. Guarantees: all others keep the numbers they have."""
    early = "{error_mode: propagate, logs: {log_record: ['severity_number == 9']}}"
    late = '{error_mode: propagate, metrics: {datapoint: [\'attributes["k"] == "clean"\']}}'
    configured(
        folder, f"{{filter: {early}, filter/late: {late}, scrub: }}", logs="filter, scrub", metrics="scrub, filter/late"
    )
    gone = {where: becomes for where, becomes in EXPECTED_LOGS.items() if "record 1" not in where}
    assert shown(call, "l.json", "--config", "c.yaml") == gone
    assert shown(call, "m.json", "--config", "c.yaml") == EXPECTED_METRICS


def test_what_goes_as_a_whole(call: Call, folder: Path) -> None:
    """Guarantees: a log record and a metric that would go are shown where they stand, and called what they are."""
    rules = "{packs: [], patterns: [{name: gone, pattern: jane, action: drop_span}]}"
    configured(folder, f"{{scrub: {rules}}}", logs="scrub", metrics="scrub")
    assert shown(call, "l.json", "--config", "c.yaml")["log record 1 body"] == "(the log record is dropped)"
    assert shown(call, "m.json", "--config", "c.yaml")["data point 2 exemplars[0].who"] == "(the metric is dropped)"


def test_keys_of_a_body(call: Call, folder: Path) -> None:
    """Guarantees: with `attribute_key` the keys in a body are shown as they leave, and never as they were."""
    body = {"kvlistValue": {"values": [attribute(MAIL, "8.8.8.8")]}}
    (folder / "k.json").write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": body}]}]}]}))
    configured(folder, "{scrub: {positions: [body, log, attribute_key]}}", logs="scrub")
    assert shown(call, "k.json", "--config", "c.yaml") == {
        "log record 1 body.[EMAIL] (key)": "[EMAIL]",
        "log record 1 body.[EMAIL]": "[IP]",
    }


def test_text_as_bodies(call: Call, folder: Path) -> None:
    """Guarantees: lines of text are bodies of log records where those are what the pipelines take."""
    (folder / "log.txt").write_text(f"all is well\nmail to {MAIL}\n")
    assert shown(call, "--text", "log.txt", "--pipeline", "logs") == {"log record 2 body": "mail to [EMAIL]"}
    configured(folder, "{scrub: }", logs="scrub")
    assert shown(call, "--text", "log.txt", "--config", "c.yaml") == {"log record 2 body": "mail to [EMAIL]"}


def test_several_scopes(call: Call, folder: Path) -> None:
    """Guarantees: scopes of one resource are told apart."""
    scopes = [{"scope": {"attributes": [attribute("who", one)]}} for one in (MAIL, "clean", MAIL)]
    (folder / "s.json").write_text(json.dumps({"resourceLogs": [{"scopeLogs": scopes}]}))
    assert set(shown(call, "s.json")) == {f"resource 1 scope {number} attributes.who" for number in (1, 3)}


def test_requests_keep_what_they_say(call: Call) -> None:
    """Guarantees: numbering adds nothing but numbers: without them a request says what it said."""
    from tailgate.cli.scrub import sample_of

    for signal, request in read_signals("all.json"):
        ((numbered,),) = sample_of([(signal, request)]).requests.values()
        message: Any = FACTS[signal].request.FromString(numbered)
        message.DiscardUnknownFields()
        assert message == FACTS[signal].request.FromString(request)
