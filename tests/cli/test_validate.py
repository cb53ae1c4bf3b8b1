"""`tailgate validate` says OK with a summary, or every problem, and exits accordingly."""

import ast
import re
from pathlib import Path

import pytest
from tailgate.cli.validate import add_parser

GOOD = """\
receivers: {otlp: {protocols: {grpc: }}}
processors: {batch: }
exporters: {debug: , debug/b: }
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [debug, debug/b]}
    traces/plain: {receivers: [otlp], exporters: [debug]}
"""


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """(arguments) -> exit code, what was printed, and what was printed to stderr."""
    import argparse

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAILGATE_KERNEL", "reference")
    monkeypatch.delenv("TAILGATE_REQUIRE_KERNEL", raising=False)
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(GOOD.replace("debug/b: }", "debgu: }"))
    (tmp_path / "warn.yaml").write_text("exporters: {debug/c: }\n")
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())

    def run(*words):
        parsed = parser.parse_args(["validate", *words])
        code = parsed.function(parsed)
        return code, *capsys.readouterr()

    return run


def test_a_good_file(call):
    """Exit 0, and a line for each pipeline."""
    assert call("--config", "good.yaml") == (
        0,
        "good.yaml: OK\n  traces: otlp -> batch -> debug, debug/b\n  traces/plain: otlp -> debug\n",
        "",
    )


def test_a_bad_file(call):
    """Exit 1, nothing on stdout, every problem on stderr."""
    code, out, err = call("--config=bad.yaml")
    assert (code, out) == (1, "")
    first, second = err.splitlines()
    assert first.startswith("bad.yaml:3:22 exporters.debgu: unknown exporter type 'debgu', expected 'debug', ")
    assert first.endswith("; did you mean 'debug'?")
    assert second.startswith(
        "bad.yaml:6:73 service.pipelines.traces.exporters[1]: the exporter 'debug/b' is not defined"
    )


def test_warnings_are_no_failure(call):
    """Exit 0 with the warning on stderr; several files are merged."""
    code, out, err = call("--config", "good.yaml", "--config", "warn.yaml")
    assert (code, out.splitlines()[0]) == (0, "good.yaml, warn.yaml: OK")
    assert err == "warn.yaml:1:13 exporters.debug/c: warning: no pipeline uses the exporter 'debug/c'\n"


def test_without_a_file_the_shipped_configuration_is_checked(call, monkeypatch):
    """As `tailgate run` would start it."""
    monkeypatch.delenv("TAILGATE_UPSTREAM", raising=False)
    code, out, _ = call()
    assert code == 0
    assert "traces: otlp -> memory_limiter -> enrich -> scrub -> tail_sampling -> retention -> batch -> debug" in out


RETAINING = GOOD.replace("{batch: }", "{batch: {policies: [{name: a, when: error, ttl: 1d}]}}").replace(
    "batch", "retention"
)


def test_processors_that_cannot_stand_in_this_order(call, tmp_path):
    """What only shows when the pipelines are built fails here and not at the start: retention without a sampler."""
    (tmp_path / "row.yaml").write_text(RETAINING)
    code, out, err = call("--config", "row.yaml")
    assert (code, out) == (1, "")
    place = "row.yaml:6:46 service.pipelines.traces.processors[0]: "
    assert err.startswith(f"{place}'retention' cannot stand here: retention policies are about whole traces")


def test_holding_before_scrubbing_is_a_warning(call, tmp_path):
    """Spans that wait for a verdict should not hold what the scrubber takes out."""
    row = "{scrub: , tail_sampling: {default: 10%}}"
    text = GOOD.replace("{batch: }", row).replace("[batch]", "[tail_sampling, scrub]")
    (tmp_path / "late.yaml").write_text(text)
    code, _, err = call("--config", "late.yaml")
    assert code == 0
    assert "service.pipelines.traces: warning[held-unscrubbed]: tail_sampling stands before the scrubber" in err
    (tmp_path / "late.yaml").write_text(text.replace("[tail_sampling, scrub]", "[scrub, tail_sampling]"))
    assert call("--config", "late.yaml")[2] == ""


def test_a_custom_processor_before_the_scrubber(call, tmp_path):
    """Scenario: a processor in Python stands before the scrubber, then behind. Guarantees: a warning, and none."""
    text = (
        "receivers: {otlp: {protocols: {grpc: }}}\nexporters: {debug: }\n"
        "processors: {scrub: , custom: {module: 'custom_processors:Shout'}}\n"
        "service: {pipelines: {traces: {receivers: [otlp], processors: [custom, scrub], exporters: [debug]}}}\n"
    )
    (tmp_path / "early.yaml").write_text(text)
    code, _, err = call("--config", "early.yaml")
    assert code == 0
    assert "service.pipelines.traces: warning[custom-unscrubbed]: custom stands before the scrubber" in err
    (tmp_path / "early.yaml").write_text(text.replace("[custom, scrub]", "[scrub, custom]"))
    assert call("--config", "early.yaml")[2] == ""


ODD = "default: 1%\npolicies:\n  - {name: a, when: duration > 1s}\n  - {name: b, when: duration > 2s, retention: 1d}\n"


def test_lints(call, tmp_path):
    """Each warning with file, line, column, path and code; --ignore leaves a kind out, --strict makes it a failure."""
    (tmp_path / "sampling.yaml").write_text(ODD)
    code, out, err = call("--config", "sampling.yaml")
    assert code == 0
    assert out.startswith("sampling.yaml: OK\n")
    never, retention = err.splitlines()
    assert never == (
        "sampling.yaml:4:5 policies[1]: warning[never-decides]: can never decide: a decides about every trace that "
        "satisfies its condition"
    )
    assert retention == (
        "sampling.yaml:4:36 policies[1].retention: warning[retention-unreachable]: is never given: the policy can "
        "never decide"
    )
    code, out, err = call("--config", "sampling.yaml", "--strict")
    assert (code, out) == (1, "")
    assert err.endswith("sampling.yaml: 2 warnings, which --strict does not let pass\n")
    words = ["--ignore", "never-decides", "--ignore", "retention-unreachable"]
    assert call("--config", "sampling.yaml", "--strict", *words)[0] == 0


def test_rules_for_a_node(call, tmp_path):
    """--node warns of what needs whole traces; without it nobody who runs a gateway is bothered."""
    (tmp_path / "sampling.yaml").write_text("default: 1%\npolicies: [{name: a, when: duration > 1s}]\n")
    assert call("--config", "sampling.yaml")[2] == ""
    code, _, err = call("--config", "sampling.yaml", "--node")
    assert code == 0
    assert err.startswith("sampling.yaml:2:22 policies[0].when: warning[fragments]: needs the whole duration;")


def test_retentions_that_nothing_reaches(call, tmp_path):
    """Of two retentions the one that never wins is named."""
    first, last = "{name: a, when: error, ttl: 30d}", "{name: c, when: debug, ttl: 1d}"
    policies = f"{first}, {{name: b, when: error and debug, ttl: 7d}}, {last}"
    (tmp_path / "retention.yaml").write_text(f"default: 1d\npolicies: [{policies}]\n")
    _, _, err = call("--config", "retention.yaml")
    assert [row.partition(" warning")[0] for row in err.splitlines()] == ["retention.yaml:2:46 policies[1]:"]
    assert "b applies" not in err
    assert "a applies wherever it does, and is for 30d" in err
    (tmp_path / "retention.yaml").write_text(
        f"default: 1d\nchoose: first\npolicies: [{policies.replace('30d', '3d')}]\n"
    )
    assert "a applies wherever it does, and comes first" in call("--config", "retention.yaml")[2]


def test_tests_are_checked_too(call, tmp_path):
    """A test in a rule file that is wrong is found here, not when it is run."""
    (tmp_path / "sampling.yaml").write_text(
        "default: 1%\npolicies: []\ntests: [{name: a, trace: [{}], expect: {verdit: keep}}]\n"
    )
    code, _, err = call("--config", "sampling.yaml")
    assert code == 1
    assert err.startswith("sampling.yaml:3:41 tests[0].expect.verdit: unknown key 'verdit'")


MOUNTS = """\
22 1 0:21 / / rw,relatime - overlay overlay rw
30 22 8:1 /pods/x/volumes/kubernetes.io~configmap/rules/..data {folder}/whole ro - ext4 /dev/sda1 rw
31 22 8:1 /pods/x/volume-subpaths/rules/proxy/0 {folder}/with\\040blank/sampling.yaml ro - ext4 /dev/sda1 rw
"""


def test_a_file_that_is_mounted_by_itself(tmp_path):
    """A rule file under a subPath mount never changes; one in a folder that is mounted does."""
    from tailgate.cli.lint import mount_points, never_updated

    class Config:
        sources = (str(tmp_path / "with blank/sampling.yaml"), str(tmp_path / "whole/sampling.yaml"), "absent.yaml")

    for folder in ("with blank", "whole"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "sampling.yaml").write_text("default: keep\n")
    (tmp_path / "mountinfo").write_text(MOUNTS.format(folder=tmp_path))
    (warning,) = never_updated(Config(), tmp_path / "mountinfo")
    assert (warning.file, warning.code) == (Config.sources[0], "never-updates")
    assert mount_points(tmp_path / "absent") == set()


def codes(tree):
    """The codes of a module: the third of what a lint yields, the second argument of a warning."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 3:
            last = node.value.elts[2]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "warning" and len(node.args) == 2:
            last = node.args[1]
        else:
            continue
        if isinstance(last, ast.Constant):
            yield last.value


def test_every_code_is_documented():
    """The page has the codes that there are, and no other."""
    root = Path(__file__).resolve().parents[2]
    sources = [root / "cli" / "lint.py", *(root / "processors").rglob("*.py")]
    there = {code for path in sources for code in codes(ast.parse(path.read_text(encoding="utf-8")))}
    page = (root / "docs" / "lints.md").read_text(encoding="utf-8")
    cells = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]
    assert {code for cell in cells for code in re.findall(r"`([a-z0-9-]+)`", cell)} == there
    assert len(there) == 16
