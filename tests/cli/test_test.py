"""`tailgate test`: what is found, what is compared, how it is reported, how it ends."""

from __future__ import annotations

import json
import textwrap
import xml.etree.ElementTree as ET
from functools import partial
from pathlib import Path

import pytest
from recorded import line, span
from tailgate.cli import main

from .conftest import Call

RULES = """\
decision_wait: 10s
policies:
  - {name: noise, when: root(name == "GET /healthz"), decision: drop}
  - name: errors
    when: error
    limit: {traces_per_second: 2}
    retention: 30d
  - {name: slow, when: duration > 1s, rate: 50%}
  - {name: idea, mode: shadow, when: span_count > 1}
default: 25%
tests:
"""


@pytest.fixture
def call(folder: Path, tailgate: Call) -> Call:
    """(words) -> exit code, stdout, stderr, in a folder of its own."""
    return partial(tailgate, "test")


def case(trace: str, expect: str, more: str = "", name: str = "it") -> str:
    return f"  - name: {name}\n    trace: [{trace}]\n    expect: {{{expect}}}\n" + (f"    {more}\n" if more else "")


HOLDS = [
    # trace, expectation, further keys
    ("{status: error}", "verdict: keep, policy: errors, reason: matched, retention: 30d, probability: keep", ""),
    ("{name: GET /healthz}, {status: error}", "verdict: drop, policy: noise, reason: policy_drop, probability: 0", ""),
    ("{duration: 2s}", "policy: slow, probability: 50%", ""),
    ("{duration: 2s}", "verdict: keep, policy: slow", "randomness: 0.5"),
    ("{duration: 2s}", "verdict: drop, policy: slow, reason: not_sampled", "randomness: 0.49"),
    ("{duration: 2s}", "verdict: keep", "trace_id: 000000000000000000ffffffffffffff"),
    ("{}", "policy: default, probability: 0.25", ""),
    ("{}, {}", "policies: {idea: keep, noise: pass, errors: pass}", ""),
    ("{}", "policies: {idea: pass}", ""),
    ("{status: error}", "policies: {errors: pass}, policy: default", "copies: 3"),
    ("{status: error}", "policy: errors", "copies: 2"),
    ("{status: error, attributes: {user.email: a@example.org}}", "attributes: {user.email: '[EMAIL]'}", ""),
    ("{status: error, attributes: {a: 1, b: [x, y], c: true}}", "attributes: {a: 1, b: [x, y], c: true, d: null}", ""),
    ("{status: error, events: [{attributes: {k: v}}]}", "verdict: keep", ""),
    ("{status: error}, {name: db, attributes: {q: 1}}", "spans: [{name: db, attributes: {q: 1}}]", ""),
    ("{status: error, service: cart}", "resource: {service.name: cart, retention.policy: errors}", ""),
    ("{name: GET /healthz, root: false}", "policy: default", ""),
    ("{status: error, root: false}", "attributes: {tailgate.partial: true}", ""),
    ("{status: error}, {name: late, late: true}", "spans: [{name: late}]", ""),
    ("{status: error, scope: lib, kind: SERVER}", "verdict: keep", ""),
    ("{status: error}", "attributes: {tenant.id: acme}", "headers: {X-MCP-Tenant-ID: acme}"),
]
FAILS = [
    # trace, expectation, further keys, what differs, expected, got
    ("{status: error}", "verdict: drop", "", "verdict", "drop", "keep (by errors)"),
    ("{name: GET /healthz}", "verdict: keep", "", "verdict", "keep", "drop (policy_drop)"),
    ("{status: error}", "policy: slow", "", "policy", "slow", "errors"),
    ("{status: error}", "policy: none", "", "policy", "none", "errors"),
    ("{status: error}", "reason: default", "", "reason", "default", "matched"),
    ("{duration: 2s}", "probability: 51%", "", "probability", "51%", "50%"),
    ("{status: error}", "retention: 31d", "", "retention", "31d", "30d"),
    ("{status: error}", "retention: none", "", "retention", "none", "30d"),
    ("{status: error}", "name: GET /", "", "name", "GET /", "span"),
    ("{status: error, attributes: {a: 1}}", "attributes: {a: '1'}", "", "attributes.a", "'1'", "1"),
    ("{status: error, attributes: {a: true}}", "attributes: {a: 1}", "", "attributes.a", "1", "true"),
    ("{status: error, attributes: {a: 1}}", "attributes: {a: null}", "", "attributes.a", "absent", "1"),
    ("{status: error}", "attributes: {a: x}", "", "attributes.a", "'x'", "absent"),
    ("{status: error}", "resource: {service.name: x}", "", "resource.service.name", "'x'", "'test'"),
    ("{status: error}", "spans: [{name: db}]", "", "spans[0].name", "db", "no such span: there are span"),
    ("{}, {}", "policies: {idea: pass}", "", "policies.idea", "pass", "keep"),
    ("{name: GET /healthz}", "attributes: {a: 1}", "", "verdict", "keep", "drop (policy_drop)"),
    ("{status: error}", "policy: errors", "copies: 3", "policy", "errors", "default"),
]  # fmt: skip


@pytest.mark.parametrize(("trace", "expect", "more"), HOLDS)
def test_what_holds(trace: str, expect: str, more: str, call: Call, tmp_path: Path) -> None:
    """Guarantees: every key of a test reaches the real pipeline, and what is as expected passes."""
    (tmp_path / "sampling.yaml").write_text(RULES + case(trace, expect, more))
    code, out, err = call("sampling.yaml")
    assert (code, err) == (0, ""), out
    assert out.splitlines()[-1] == "1 test: 1 ok, 0 failed"


@pytest.mark.parametrize(("trace", "expect", "more", "what", "expected", "got"), FAILS)
def test_what_differs(
    trace: str, expect: str, more: str, what: str, expected: str, got: str, call: Call, tmp_path: Path
) -> None:
    """Guarantees: each expectation can fail, and the report says what was expected and what came, with its place."""
    (tmp_path / "sampling.yaml").write_text(RULES + case(trace, expect, more))
    code, out, _ = call("sampling.yaml", "--json")
    assert code == 1
    (result,) = json.loads(out)["results"]
    assert {"what": what, "expected": expected, "got": got, "line": 14} in result["differences"]
    assert (result["file"], result["line"], result["ok"]) == ("sampling.yaml", 12, False)


def test_a_verdict_that_is_chance(call: Call, tmp_path: Path) -> None:
    """Scenario: a verdict is expected where a rate decides. Guarantees: it fails and says what to write instead,
    so that no test depends on the trace id that its name happens to make."""
    (tmp_path / "sampling.yaml").write_text(RULES + case("{duration: 2s}", "verdict: keep"))
    code, out, _ = call("sampling.yaml")
    assert code == 1
    assert "chance: 50% of such traces are kept; expect `probability`, or choose a `randomness`" in out


def test_the_report(call: Call, tmp_path: Path) -> None:
    """Guarantees: what differs is shown as a diff with its place, and below it what the policies said and why."""
    good = case("{status: error}", "policy: errors", name="good")
    tests = good + case("{duration: 2s}", "policy: errors", "randomness: 0.7")
    (tmp_path / "sampling.yaml").write_text(RULES + tests)
    code, out, err = call("sampling.yaml")
    assert (code, err) == (1, "")
    assert out == (
        "sampling.yaml\n"
        "  ok    good\n"
        "  FAIL  it  (sampling.yaml:15)\n"
        "        policy  (sampling.yaml:17:14)\n"
        "          - expected  errors\n"
        "          + got       slow\n"
        "        the policies said:\n"
        '          noise   pass  its condition does not hold (root(name == "GET /healthz"): no)\n'
        "          errors  pass  its condition does not hold (error: no)\n"
        "          slow    keep  the trace is among the 50% that it keeps (duration > 1s: yes)\n"
        "2 tests: 1 ok, 1 failed\n"
    )


def test_beside_the_rules(call: Call, tmp_path: Path) -> None:
    """Guarantees: X_test.yaml and X.tests.yaml test X.yaml; `config` names another; the rules stay without tests."""
    (tmp_path / "sampling.yaml").write_text(RULES.replace("tests:\n", ""))
    (tmp_path / "other.yaml").write_text("default: keep\npolicies: []\n")
    test = "tests:\n" + case("{}", "policy: default, probability: {}")
    (tmp_path / "sampling_test.yaml").write_text(test.replace("probability: {}", "probability: 25%"))
    (tmp_path / "sampling.tests.yaml").write_text(test.replace("probability: {}", "probability: 25%"))
    (tmp_path / "third_test.yaml").write_text("config: other.yaml\n" + test.replace("probability: {}", "verdict: keep"))
    code, out, _ = call(".")
    assert (code, out.splitlines()[-1]) == (0, "3 tests: 3 ok, 0 failed")
    assert "third_test.yaml (other.yaml)" in out
    assert call("third_test.yaml", "--config", "sampling.yaml")[0] == 1


def test_a_folder_with_a_configuration(call: Call, tmp_path: Path) -> None:
    """Guarantees: rules that a configuration names are tested inside it, once, and those of its blocks too."""
    (tmp_path / "sampling.yaml").write_text(RULES + case("{duration: 2s}", "policy: slow"))
    (tmp_path / "tailgate.yaml").write_text(
        "receivers: {otlp: {protocols: {grpc: }}}\n"
        "exporters: {debug: }\n"
        "processors:\n"
        "  tail_sampling: {rules: sampling.yaml}\n"
        "  tail_sampling/all: {default: keep, tests: [{name: in a block, trace: [{}], pipeline: traces/all,\n"
        "    expect: {verdict: keep}}]}\n"
        "service:\n"
        "  pipelines:\n"
        "    traces: {receivers: [otlp], processors: [tail_sampling], exporters: [debug]}\n"
        "    traces/all: {receivers: [otlp], processors: [tail_sampling/all], exporters: [debug]}\n"
    )
    code, out, err = call(".")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["tailgate.yaml", "  ok    in a block", "  ok    it", "2 tests: 2 ok, 0 failed"]


@pytest.mark.parametrize(
    ("file", "rules"),
    [
        ("scrubbing.yaml", "packs: [pii]\n"),
        ("enrichment.yaml", "actions: [{key: a, action: insert, value: b}]\n"),
        ("retention.yaml", "default: {name: standard, ttl: 72h}\n"),
    ],
)
def test_tests_in_every_kind_of_rule_file(file: str, rules: str, call: Call, tmp_path: Path) -> None:
    """Guarantees: `tests` may stand at the top of any rule file, and `validate` and `run` load it all the same."""
    expect = {
        "scrubbing.yaml": "attributes: {e: '[EMAIL]'}",
        "enrichment.yaml": "attributes: {a: b}",
        "retention.yaml": "retention: 3d",
    }[file]
    trace = "{status: error, attributes: {e: a@example.org}}"
    (tmp_path / file).write_text(rules + "tests:\n" + case(trace, expect))
    code, out, _ = call(file)
    assert code == 0, out
    assert main(["validate", "--config", file]) == 0


def test_a_collectors_block(call: Call, tmp_path: Path) -> None:
    """Guarantees: the collector's evaluation is tested as it runs: votes, its hash, drop before all."""
    (tmp_path / "block.yaml").write_text(
        "policies:\n"
        "  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}\n"
        "  - {name: some, type: probabilistic, probabilistic: {sampling_percentage: 20}}\n"
        "  - {name: more, type: probabilistic, probabilistic: {sampling_percentage: 50, hash_salt: x}}\n"
        "tests:\n"
        + case("{status: error}", "verdict: keep, policy: errors, probability: keep", name="a")
        + case("{}", "probability: 60%, policies: {errors: pass}", name="b")
    )
    code, out, _ = call("block.yaml")
    assert code == 0, out


WRONG = [
    ("  - {name: a, trace: [], expect: {verdict: keep}}\n", "trace"),
    ("  - {name: a, trace: [{}], expect: {}}\n", "nothing is expected"),
    ("  - {name: a, trace: [{stauts: error}], expect: {verdict: keep}}\n", "did you mean 'status'?"),
    ("  - {name: a, trace: [{duration: 5}], expect: {verdict: keep}}\n", "5 has no unit"),
    ("  - {name: a, trace: [{}], expect: {verdict: maybe}}\n", "verdict"),
    ("  - {name: a, trace: [{root: true, parent: x}], expect: {verdict: keep}}\n", "a root has no parent"),
]


@pytest.mark.parametrize(("tests", "said"), WRONG)
def test_a_test_that_is_wrong(tests: str, said: str, call: Call, tmp_path: Path) -> None:
    """Guarantees: exit 2, and the mistake with its file, line and column, like any other mistake."""
    (tmp_path / "sampling.yaml").write_text(RULES + tests)
    code, out, err = call("sampling.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("sampling.yaml:12:")
    assert said in err


def test_a_parent_that_is_not_there(call: Call, tmp_path: Path) -> None:
    """Guarantees: the test fails and names the spans that there are; a parent may be named by id or by name."""
    (tmp_path / "sampling.yaml").write_text(RULES + case("{}, {name: b, parent: nobody}", "verdict: keep"))
    code, out, _ = call("sampling.yaml")
    assert code == 1
    assert "no other span has the id or name 'nobody': there are span, and remote" in out


def test_rules_that_are_wrong(call: Call, tmp_path: Path) -> None:
    """Guarantees: exit 2 with the errors of the rules; no test is said to have failed."""
    (tmp_path / "sampling.yaml").write_text(RULES.replace("25%", "250%") + case("{}", "verdict: keep"))
    code, out, err = call("sampling.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("sampling.yaml:10:10 default: 250% is not between")


def test_nothing_to_run(call: Call, tmp_path: Path) -> None:
    """Guarantees: exit 2 where there are no tests, so that a build does not pass for a misspelt path."""
    (tmp_path / "sampling.yaml").write_text(RULES.replace("tests:\n", ""))
    assert call("sampling.yaml") == (2, "", "no tests in sampling.yaml\n")
    assert call("absent.yaml")[0] == 2
    (tmp_path / "sampling.yaml").write_text(RULES + case("{}", "policy: default"))
    assert call("sampling.yaml", "-k", "other")[0] == 2
    assert call("sampling.yaml", "-k", "IT")[0] == 0


def test_junit(call: Call, tmp_path: Path) -> None:
    """Guarantees: a build server reads the same results."""
    tests = case("{status: error}", "policy: errors", name="good") + case("{}", "policy: '<x>'", name="bad & worse")
    (tmp_path / "sampling.yaml").write_text(RULES + tests)
    assert call("sampling.yaml", "--junit", "out.xml")[0] == 1
    (suite,) = ET.parse(tmp_path / "out.xml").getroot()
    assert suite.attrib == {"name": "sampling.yaml", "tests": "2", "failures": "1"}
    good, bad = suite
    assert (good.attrib["name"], len(good)) == ("good", 0)
    assert bad.attrib["name"] == "bad & worse"
    assert bad[0].attrib["message"] == "policy: expected <x>, got default"


def test_the_same_every_time(call: Call, tmp_path: Path) -> None:
    """Guarantees: no clock and no chance of the machine: two runs print the same, on both kernels."""
    tests = "".join(case("{duration: 2s}", "verdict: keep", name=f"t{at}") for at in range(5))
    (tmp_path / "sampling.yaml").write_text(RULES + tests)
    first = call("sampling.yaml", "--json")
    assert call("sampling.yaml", "--json") == first


PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing-rules.md"


def test_the_page(call: Call, tmp_path: Path) -> None:
    """Guarantees: the tests that the page shows pass, and with another rate they fail as the page shows it."""
    page = PAGE.read_text(encoding="utf-8")
    block = "# sampling.yaml\n" + page.split("```yaml\n# sampling.yaml\n")[1].split("```")[0]
    (tmp_path / "sampling.yaml").write_text(block)
    code, out, _ = call("sampling.yaml")
    assert (code, out.splitlines()[-1]) == (0, "3 tests: 3 ok, 0 failed")
    (tmp_path / "sampling.yaml").write_text(block.replace("rate: 50%", "rate: 10%"))
    code, out, _ = call("sampling.yaml")
    assert code == 1
    assert textwrap.indent(out, "    ") in page


def test_the_page_on_plan_and_explain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], call: Call
) -> None:
    """Guarantees: what the page shows of the same rules is what is printed."""
    page = PAGE.read_text(encoding="utf-8")
    (tmp_path / "sampling.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    monkeypatch.setenv("COLUMNS", "110")
    assert main(["plan", "--config", "sampling.yaml"]) == 0
    out = capsys.readouterr().out
    sampler = out[out.index("  4. tail_sampling") : out.index("  5. retention")]
    assert textwrap.indent(sampler, "    ") in page
    (tmp_path / "t.json").write_text(line(span(1, status=2), span(1, id=2, parent=1, service="db")))
    assert main(["explain", "--config", "sampling.yaml", "t.json"]) == 0
    out = capsys.readouterr().out
    assert textwrap.indent(out.partition("\n\n2 spans go on")[0], "    ") in page
