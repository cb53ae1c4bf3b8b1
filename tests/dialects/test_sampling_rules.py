"""sampling-configmap.yaml: a ConfigMap with `sampling_rules`, asked in `policy_order` under a total."""

from __future__ import annotations

import pytest
from tailgate.cli import main
from tailgate.cli.tables import TABLES
from tailgate.config.errors import ConfigErrors
from tailgate.config.loader import load

from .conftest import ERROR, FILES, OK, SECOND, UNSET, Build, Planted, spread

FILE = "sampling-configmap.yaml"
CALM = Planted(status=OK)


@pytest.mark.parametrize(
    ("spans", "policy"),
    [
        ([Planted(status=ERROR)], "sample-errors"),
        ([CALM, Planted(status=ERROR)], "sample-errors"),
        ([CALM, Planted(status=UNSET)], "sample-errors"),
        ([Planted(ms=501)], "sample-slow"),
        ([Planted(ms=500), CALM], None),
        ([Planted(attributes={"agent.name": "payment-agent"})], "sample-critical-agents"),
        ([CALM, Planted(resource={"agent.name": "auth-agent"})], "sample-critical-agents"),
        ([Planted(attributes={"agent.name": "weather-agent"})], "rate-limit-weather"),
        ([Planted(attributes={"agent.name": "other-agent"})], None),
        ([Planted(ms=900, status=ERROR, attributes={"agent.name": "auth-agent"})], "sample-errors"),
        ([Planted(ms=900, attributes={"agent.name": "weather-agent"})], "sample-slow"),
    ],
)
def test_which_rule_keeps_a_trace(build: Build, spans: list[Planted], policy: str | None) -> None:
    """Scenario: traces that chance would drop. Guarantees: the first rule of `policy_order` that matches keeps it.

    `status_codes: [ERROR, UNSET]` is taken as it stands: a span without a status is enough.
    """
    assert build(FILE).policy(*spans) == policy


def test_the_fallback_keeps_one_percent(build: Build) -> None:
    """Guarantees: `sampling_percentage: 1.0` is one percent of what no other rule matched."""
    assert build(FILE).shares(1000, CALM) == {"probabilistic-fallback": 10}


def test_over_its_limit_a_rule_passes_to_the_next(build: Build) -> None:
    """Scenario: 400 traces of the weather agent at once. Guarantees: 200 spans pass, two seconds' worth, as in the
    collector; of the others the fallback keeps its one percent; and the limit is the weather agent's alone.
    """
    proxy = build(FILE)
    weather = Planted(attributes={"agent.name": "weather-agent"})
    assert proxy.shares(400, weather) == {"rate-limit-weather": 200, "probabilistic-fallback": 2}
    assert proxy.policy(Planted(attributes={"agent.name": "payment-agent"})) == "sample-critical-agents"


def test_the_total_holds(build: Build) -> None:
    """Scenario: 1,500 errors at once. Guarantees: 1,000 traces are kept, whoever wants them; then 1,000 a second."""
    proxy = build(FILE)
    assert proxy.shares(1500, Planted(status=ERROR)) == {"sample-errors": 1000}
    assert proxy.pipeline.dropped["total_limit"] == 500
    proxy.send(spread(0, 1), Planted(status=ERROR))
    assert proxy.judge()


def test_what_is_said_of_it(build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: a status list that keeps nearly everything is a warning at its line, and `plan` names the total."""
    said = [str(problem).partition(f"{FILE}:")[2] for problem in build(FILE).config.warnings]
    assert any(line.startswith("15:11 sampling_rules[0].status_code.status_codes: warning") for line in said)
    assert main(["plan", "--config", str(FILES / FILE)]) == 0
    assert "of all that is kept, at most 1,000 traces a second" in capsys.readouterr().out


def changed(tmp_path, *changes: tuple[str, str]):
    text = (FILES / FILE).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    return file


def errors(file) -> list[str]:
    with pytest.raises(ConfigErrors) as raised:
        load([file], TABLES, {})
    return [str(problem).replace(f"{file}:", "") for problem in raised.value.problems]


def test_the_order_is_that_of_policy_order(build: Build, tmp_path) -> None:
    """Scenario: `policy_order` differs from the order written. Guarantees: it counts; the others come last."""
    order = "policy_order:\n        - sample-slow\n        - sample-critical-agents"
    text = (FILES / FILE).read_text()
    head, _, _ = text.partition("policy_order:")
    file = tmp_path / "rules.yaml"
    file.write_text(f"{head}{order}\n")
    proxy = build(file)
    slow_error = Planted(ms=900, status=ERROR)
    assert proxy.policy(slow_error) == "sample-slow"
    assert proxy.policy(Planted(status=ERROR)) == "sample-errors"
    said = [str(problem) for problem in proxy.config.warnings]
    assert [line.partition("the rule ")[2].partition(" is")[0] for line in said if "policy_order" in line] == [
        "'sample-errors'",
        "'rate-limit-weather'",
        "'probabilistic-fallback'",
    ]


def test_a_rule_can_drop(build: Build, tmp_path) -> None:
    """Guarantees: `decision: DROP` drops what the rule matches, at its place in the order."""
    file = changed(
        tmp_path, ("threshold_ms: 500\n        decision: SAMPLE", "threshold_ms: 500\n        decision: drop")
    )
    proxy = build(file)
    assert proxy.policy(Planted(ms=900, attributes={"agent.name": "auth-agent"})) is None
    assert proxy.policy(Planted(ms=900, status=ERROR)) == "sample-errors"
    assert proxy.pipeline.dropped["policy_drop"] == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("- sample-slow\n", "- sample-slwo\n"),
         "54:11 composite.policy_order[1]: there is no rule 'sample-slwo', expected 'probabilistic-fallback', "),
        (("name: sample-slow", "nmae: sample-slow"), "19:9 sampling_rules[1]: the key 'name' is missing"),
        (("decision: SAMPLE", "decision: SMAPLE"), "16:19 sampling_rules[0].decision: expected 'DROP' or 'SAMPLE', "),
        (("threshold_ms: 500", "threshold: 500"), "22:11 sampling_rules[1].latency.threshold: unknown key 'threshold'"),
        (("type: latency", "type: latencies"),
         "20:15 sampling_rules[1].type: unknown policy type 'latencies': did you mean latency?"),
        (("max_traces_per_second: 1000", "max_traces_per_second: many"),
         "51:30 composite.max_traces_per_second: expected a number, found 'many'"),
        (("sampling_percentage: 1.0", "sampling_percentage: 1.0\n          : ]"),
         "47:11 this is no YAML"),
    ],
)  # fmt: skip
def test_errors_point_into_the_configmap(tmp_path, change: tuple[str, str], expected: str) -> None:
    """Guarantees: line and column are those of the file that is edited, the path is that inside the inner file."""
    assert any(line.startswith(expected) for line in errors(changed(tmp_path, change)))


def test_the_time_a_trace_is_held(build: Build) -> None:
    """Guarantees: nothing is judged before the collector's 30 s are over."""
    proxy = build(FILE)
    proxy.send(spread(0, 1), Planted(status=ERROR))
    assert proxy.judge(29.9) == {}
    assert len(proxy.judge(0.2)) == 1
    assert proxy.now > 1_030 * SECOND
