"""`tailgate validate` says OK with a summary, or every problem, and exits accordingly."""

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
