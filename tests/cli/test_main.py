"""The command line as a whole: which command runs, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tailgate import __version__
from tailgate.cli import main, run, version

CONFIG = """\
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{grpc}"}}, http: {{endpoint: "127.0.0.1:{http}"}}}}}}}}
processors: {{tail_sampling: {{default: keep, decision_wait: 1h}}}}
exporters: {{debug: }}
extensions: {{health_check: {{endpoint: "127.0.0.1:{health}"}}}}
service:
  shutdown_grace: 10s
  extensions: [health_check]
  telemetry: {{metrics: {{address: "127.0.0.1:{metrics}"}}}}
  pipelines: {{traces: {{receivers: [otlp], processors: [tail_sampling], exporters: [debug]}}}}
"""
ANY = {"grpc": 0, "http": 0, "health": 0, "metrics": 0}
SPAN = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "GET /"}
REQUEST = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}
TAILGATE = [sys.executable, "-m", "tailgate"]


def spawn(words: list[str], **env: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "TAILGATE_KERNEL": "reference", **env}
    environment.pop("TAILGATE_REQUIRE_KERNEL", None)
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome(words: list[str], **env: str) -> tuple[int, str, str]:
    """Run to the end: exit code, stdout, stderr."""
    with spawn(words, **env) as process:
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tailgate.yaml"
    path.write_text(CONFIG.format(**ANY), encoding="utf-8")
    return path


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: version, Python and kernel in one line; with the reference kernel, why it is not the other one."""
    monkeypatch.setenv("TAILGATE_KERNEL", "reference")
    monkeypatch.delenv("TAILGATE_REQUIRE_KERNEL", raising=False)
    monkeypatch.setattr(version, "why_not_rust", lambda: "not built (no module named _native)")
    assert main(["version"]) == 0
    first = capsys.readouterr().out
    pattern = (
        rf"tailgate {__version__}, Python 3\.\d+\.\S+, kernel: reference \(the Rust kernel is not built \(no .*\)\)\n"
    )
    assert re.fullmatch(pattern, first)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == first


def test_version_when_the_reference_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guarantees: who has the Rust kernel and asked for the other one is told so; the Rust kernel needs no reason."""
    monkeypatch.setenv("TAILGATE_KERNEL", "reference")
    monkeypatch.delenv("TAILGATE_REQUIRE_KERNEL", raising=False)
    monkeypatch.setattr(version, "why_not_rust", lambda: None)
    assert version.kernel_line() == "reference (the Rust kernel is there, but TAILGATE_KERNEL asks for this one)"
    rust = type("Rust", (), {"name": "rust"})
    monkeypatch.setattr(version, "load", rust)
    assert version.kernel_line() == "rust"


def test_version_without_a_kernel(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: a kernel that does not exist is named, and version prints all the same."""
    monkeypatch.setenv("TAILGATE_KERNEL", "fast")
    assert main(["version"]) == 0
    assert capsys.readouterr().out.endswith("kernel: none: unknown kernel 'fast': expected reference or rust\n")


@pytest.mark.parametrize("words", [["--help"], ["-h"]])
def test_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: exit 0, and each command with a line about it."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    out = capsys.readouterr().out
    for name in ("run", "validate", "test", "explain", "plan", "diff", "scrub", "version", "demo"):
        assert re.search(rf"^ +{name} +\w+", out, re.MULTILINE)


@pytest.mark.parametrize("words", [["bogus"], ["--bogus"], ["run", "--bogus"], ["run", "file.yaml"], ["--config"]])
def test_what_is_not_understood(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: exit 2, the usage and what is wrong on stderr, nothing on stdout."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "usage: tailgate" in err
    assert words[-1] in err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["validate", "rules.yaml"], "a file is given as --config rules.yaml"),
        (["--conifg", "rules.yaml"], "did you mean '--config'?"),
        (["plan", "--lenint"], "did you mean '--lenient'?"),
    ],
)
def test_what_may_have_been_meant(words: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: the usage is that of the subcommand, and the message says what is near."""
    with pytest.raises(SystemExit):
        main(words)
    err = capsys.readouterr().err
    assert err.startswith(f"usage: tailgate {'run' if words[0].startswith('-') else words[0]} ")
    assert meant in err


def test_a_reader_that_goes_away() -> None:
    """Scenario: `tailgate plan` into a pipe that nobody reads any more. Guarantees: no traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "tailgate", "plan"]
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


COMMANDS: list[tuple[list[str], list[str], bool]] = [
    ([], [], False),
    (["run"], [], False),
    (["--config=a.yaml"], ["a.yaml"], False),
    (["--config", "a.yaml", "--config=b.yaml"], ["a.yaml", "b.yaml"], False),
    (["run", "--config", "a.yaml"], ["a.yaml"], False),
    (["--lenient", "--config", "a.yaml"], ["a.yaml"], True),
]


@pytest.mark.parametrize(("words", "files", "lenient"), COMMANDS)
def test_run_is_what_runs(words: list[str], files: list[str], lenient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario: with and without the word `run`. Guarantees: the same command, with the files in their order."""
    asked: list[tuple[list[str], bool]] = []
    monkeypatch.setattr(run, "load_configuration", lambda *given: asked.append(given))
    assert main(words) == 1
    assert asked == [(files, lenient)]


def test_arguments_come_from_the_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: as a script it reads its own arguments."""
    monkeypatch.setattr(sys, "argv", ["tailgate", "version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("tailgate ")


@pytest.mark.parametrize("words", [["--watch=0"], ["--watch=soon"], ["--watch=inf"], ["--watch=nan"]])
def test_what_is_no_interval(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: files are looked at every so many seconds, above 0."""
    with pytest.raises(SystemExit):
        main(words)
    assert "is no number of seconds above 0" in capsys.readouterr().err


def test_control_c_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guarantees: an interrupted command ends with 130, as shells expect, and without a traceback."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "load_configuration", interrupt)
    assert main(["run"]) == 130


def test_a_bad_configuration(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Scenario: two mistakes. Guarantees: exit 1, both on stderr with their places, and nothing is even built."""
    monkeypatch.setattr(run, "Service", None)
    monkeypatch.setattr(run, "serve", None)
    file.write_text(CONFIG.format(**ANY).replace("10s", "soon").replace("default: keep", "default: kep"))
    assert main([f"--config={file}"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith(f"{file}:2:39 processors.tail_sampling.default: 'kep' is no rate: expected a rate such as")
    assert second.startswith(f"{file}:6:19 service.shutdown_grace: ")


def test_a_key_of_the_other_form(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scenario: a policy with our `when` and the collector's `type`. Guarantees: it is not suggested for itself."""
    policies = "default: keep, policies: [{{name: a, when: error, type: latency}}]"
    file.write_text(CONFIG.replace("default: keep", policies).format(**ANY))
    assert main([f"--config={file}"]) == 1
    keys = "adaptive_percentage adaptive_throughput custom decision enabled essential limit mode name otherwise rate"
    expected = f"{', '.join(map(repr, keys.split()))}, 'retention', 'share' or 'when'"
    assert capsys.readouterr().err.endswith(f"policies[0].type: unknown key 'type', expected {expected}\n")


def test_a_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: exit 1, the file and the reason in one line."""
    assert main(["--config=/no/such.yaml"]) == 1
    assert capsys.readouterr() == ("", "/no/such.yaml: the file cannot be read: No such file or directory\n")


def test_no_usable_kernel(file: Path) -> None:
    """Guarantees: exit 1 and one line when the kernel that is asked for is not there."""
    code, out, err = outcome([*TAILGATE, f"--config={file}"], TAILGATE_KERNEL="fast")
    assert (code, out) == (1, "")
    assert err == "tailgate cannot start: unknown kernel 'fast': expected reference or rust\n"


@pytest.mark.parametrize("what", ANY)
def test_an_address_in_use(what: str, file: Path, taken: int) -> None:
    """Guarantees: whoever's address is taken, exit 1 and a last line that names the address, without a traceback."""
    file.write_text(CONFIG.format(**{**ANY, what: taken}))
    code, out, err = outcome([*TAILGATE, f"--config={file}"])
    assert (code, out) == (1, "")
    last = err.splitlines()[-1]
    assert last.startswith("tailgate cannot start: ")
    assert "127.0.0.1" in last
    assert str(taken) in last
    assert "Traceback" not in err
    assert '"started"' not in err


def started(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for the line that says that it runs."""
    assert process.stderr is not None
    for line in process.stderr:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "started":
            return event
    raise AssertionError("it never started")


def status(address: str, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


def send(address: str) -> None:
    headers = {"Content-Type": "application/json"}
    post = urllib.request.Request(f"http://{address}/v1/traces", json.dumps(REQUEST).encode(), headers)
    with urllib.request.urlopen(post, timeout=5) as answer:
        assert answer.status == 200


# With no arguments the shipped files run; here a file with free ports stands in their place.
NO_ARGUMENTS = """
import sys
from tailgate.cli import main, run
shipped = [sys.argv.pop()]
run.shipped_paths = lambda env: shipped
raise SystemExit(main())
"""


@pytest.mark.parametrize(
    ("how", "number"), [("no arguments", signal.SIGTERM), ("--config", signal.SIGINT)], ids=["no arguments", "--config"]
)
def test_a_run_from_start_to_stop(how: str, number: int, file: Path) -> None:
    """Scenario: a span is held, for an hour if nobody stops it, and then comes the signal.

    Guarantees: ready once it runs; the span is judged and leaves; the log is JSON lines; exit 0 within the grace.
    """
    without = [sys.executable, "-c", NO_ARGUMENTS, str(file)]
    words = without if how == "no arguments" else [*TAILGATE, f"--config={file}"]
    with spawn(words) as process:
        killer = threading.Timer(30, process.kill)
        killer.start()
        try:
            event = started(process)
            assert (event["kernel"], event["version"]) == ("reference", __version__)
            health, metrics = event["telemetry"]["health"], event["telemetry"]["metrics"]
            assert [status(health, path) for path in ("/", "/ready", "/live")] == [200] * 3
            assert status(metrics, "/metrics") == 200
            send(event["receivers"]["otlp"]["http"])
            since = time.monotonic()
            process.send_signal(number)
            out, err = process.communicate(timeout=20)
        finally:
            killer.cancel()
    assert (process.returncode, out) == (0, "")
    assert time.monotonic() - since < 10, "longer than the grace"
    events = [json.loads(line) for line in err.splitlines()]
    assert [e["event"] for e in events] == ["stopping", "debug_exporter", "stopped"]
    assert events[0]["grace_seconds"] == 10
    assert events[1]["spans"] == 1
