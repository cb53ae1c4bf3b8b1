"""The shipped files are valid with the real components, whatever the environment says."""

import json

import pytest
from tailgate.cli import main
from tailgate.cli.tables import TABLES
from tailgate.config.errors import ConfigErrors
from tailgate.config.loader import load, shipped_paths
from tailgate.config.schema import json_schema

NAMES = ("enrichment", "scrubbing", "sampling", "retention")


@pytest.mark.parametrize(
    ("env", "exporter"),
    [
        ({}, "debug"),
        ({"TAILGATE_UPSTREAM": "collector:4317"}, "otlp"),
        ({"TAILGATE_UPSTREAM": "https://collector:4317", "NODE_NAME": "n1", "TAILGATE_LOG_LEVEL": "debug"}, "otlp"),
    ],
)
def test_the_shipped_configuration(env, exporter):
    """It loads without a warning, scrubs before it holds, and sends where the environment says."""
    config = load([], TABLES, env)
    assert config.warnings == ()
    assert {pipeline.exporters for pipeline in config.pipelines.values()} == {(exporter,)}
    assert {pipeline.signal: pipeline.processors for pipeline in config.pipelines.values()} == {
        "traces": ("memory_limiter", "enrich", "scrub", "tail_sampling", "retention", "batch"),
        "logs": ("memory_limiter", "enrich", "scrub", "batch"),
        "metrics": ("memory_limiter", "enrich", "scrub", "batch"),
    }
    assert (config.metrics.port, config.health.port) == (8888, 13133)
    assert len(config.sources) == (5 if exporter == "debug" else 6)


@pytest.mark.parametrize(("upstream", "plain"), [("collector:4317", True), ("https://collector:4317", False)])
def test_the_upstream_is_plain_text_unless_it_says_https(upstream, plain):
    """TAILGATE_UPSTREAM alone decides about TLS."""
    config = load([], TABLES, {"TAILGATE_UPSTREAM": upstream})
    assert config.exporters["otlp"].config.plain is plain


@pytest.mark.parametrize("name", NAMES)
def test_each_shipped_rule_file_runs_alone(name):
    """A copy that somebody edits can be given to `--config`: it is recognised for what it is."""
    file = shipped_paths({})[0].with_name(f"{name}.yaml")
    assert load([file], TABLES, {}).hash == load([], TABLES, {}).hash


def test_the_real_schema():
    """A JSON Schema can be made of all real components."""
    assert json_schema(TABLES)["properties"]["processors"]["patternProperties"]


MISTAKES = [
    ("tail_sampling:\n    default: 1%\n    polices: []",
     "8:5 processors.tail_sampling.polices: unknown key", "did you mean 'policies'?"),
    ("tail_sampling:\n    default: 1%\n    policies:\n      - {name: a, wehn: error}",
     "9:19 processors.tail_sampling.policies[0].wehn: unknown key", "did you mean 'when'?"),
    ("tail_sampling:\n    default: 1%\n    policies:\n      - {name: a, limit: {spans_per_sec: 1}}",
     "9:27 processors.tail_sampling.policies[0].limit.spans_per_sec: unknown key", "did you mean 'spans_per_second'?"),
    ("tail_sampling:\n    policies:\n      - {name: a, type: latency, latency: {threshold_ms: fast}}",
     "8:58 processors.tail_sampling.policies[0].latency.threshold_ms: expected a", "found 'fast'"),
    ("tail_sampling:\n    default: 1%\n    policies:\n      - {name: a, when: eror and}",
     "9:25 processors.tail_sampling.policies[0].when: column 9: ", ""),
    ("enrich:\n    actions:\n      - {key: a, action: upsrt}",
     "8:26 processors.enrich.actions[0].action: expected", "did you mean 'upsert'?"),
    ("scrub:\n    hmac: {key: hunter2}", "7:5 processors.scrub.hmac: ", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "start", "end"), MISTAKES)
def test_mistakes_in_real_rules(tmp_path, monkeypatch, text, start, end):
    """The places and the suggestions hold for models that choose between forms, and for nested ones."""
    monkeypatch.chdir(tmp_path)
    rest = "exporters: {debug: }\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}\n"
    whole = f"receivers:\n  otlp:\n    protocols:\n      grpc:\nprocessors:\n  {text}\n{rest}"
    (tmp_path / "c.yaml").write_text(whole)
    with pytest.raises(ConfigErrors) as raised:
        load(["c.yaml"], TABLES, {})
    (problem,) = [problem for problem in raised.value.problems if problem.severity == "error"]
    line = str(problem).replace("c.yaml:", "", 1)

    assert line.startswith(start)
    assert line.endswith(end)
    assert "hunter2" not in line


CHANGES = [
    ("span(debug\n", "span(never\n"),
    ("or exists(http.request.header.x-force-trace) ", ""),
    ('x-b3-flags == "1"', 'x-b3-flags == "0"'),
    ('"(^|-)d(-|$)"', '"d"'),
    ("when: error\n", "when: every(error)\n"),
    ("{spans_per_second: 500, per: service.name}", "{spans_per_second: 1000, per: service.name}"),
    ("duration > 2s", "duration >= 2s"),
    ("duration > 2s", "span(duration > 2s)"),
    ("rate: 50%", "rate: 40%"),
    ("mode: shadow", "mode: enforce"),
    ("output_tokens) > 10000", "output_tokens) > 11000"),
    ("default: 10% ", "default: 11% "),
]


def outcome(file, capsys):
    """(exit code, the names of the tests that fail)."""
    code = main(["test", str(file), "--json"])
    said = json.loads(capsys.readouterr().out)
    return code, [case["name"] for case in said["results"] if not case["ok"]]


def test_the_worked_rules_keep_their_promises(capsys):
    """The shipped sampling.yaml has five rules, the forced trace first, and its own tests pass."""
    file = shipped_paths({})[0].with_name("sampling.yaml")
    policies = load([file], TABLES, {}).processors["tail_sampling"].config.policies
    assert [policy.name for policy in policies] == ["forced", "errors", "slow", "agents", "costly-agents"]
    assert outcome(file, capsys) == (0, [])


@pytest.mark.parametrize(("old", "new"), CHANGES, ids=lambda text: text)
def test_their_tests_can_fail(tmp_path, capsys, monkeypatch, old, new):
    """Whatever of the rules is changed, one of their tests notices."""
    monkeypatch.setenv("TAILGATE_KERNEL", "reference")
    monkeypatch.delenv("TAILGATE_REQUIRE_KERNEL", raising=False)
    text = shipped_paths({})[0].with_name("sampling.yaml").read_text()
    assert text.count(old) == 1 or old.startswith("duration")
    (tmp_path / "sampling.yaml").write_text(text.replace(old, new, 1))
    code, failed = outcome(tmp_path / "sampling.yaml", capsys)
    assert code == 1
    assert failed
