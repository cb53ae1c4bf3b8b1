"""`tailgate diff`: verdicts that change, by policy and service, and what a day amounts to."""

from __future__ import annotations

import json
import os
import textwrap
from functools import partial
from pathlib import Path

import pytest
from recorded import line, span, trace_id
from tailgate.cli.decoded import spans_of
from tailgate.cli.recordings import read_requests
from tailgate.cli.rehearsal import Rehearsal
from tailgate.cli.tables import TABLES
from tailgate.config.loader import load
from tailgate.kernel import load as load_kernel

from .conftest import Call

OLD = """\
policies:
  - {name: errors, when: error}
  - {name: slow, when: duration > 2s}
default: drop
"""
NEW = (
    OLD.replace("2s", "1s").replace("when: error}", "when: error and service == shop}").replace("== shop", '== "shop"')
)


def recording(count: int = 40) -> str:
    """A trace a second: every fourth fails, every fourth takes 1.5 s, from three services in turn."""
    lines = []
    for number in range(count):
        service, at = ("shop", "cart", "search")[number % 3], number * 1000
        kind = {0: {"status": 2}, 1: {"ms": 1500}}.get(number % 4, {})
        root = span(number + 1, service=service, at=at, **kind)
        lines.append(line(root, span(number + 1, id=2, parent=1, service="db", at=at)))
    return "".join(lines)


@pytest.fixture
def call(folder: Path, tailgate: Call) -> Call:
    """(words) -> exit code, stdout, stderr, in a folder with both rules and a recording."""
    (folder / "old.yaml").write_text(OLD)
    (folder / "new.yaml").write_text(NEW)
    (folder / "traces.jsonl").write_text(recording())
    return partial(tailgate, "diff")


def test_what_changes(call: Call) -> None:
    """Guarantees: every verdict that changes is counted once, by who decided before and after, and by service."""
    code, out, err = call("old.yaml", "new.yaml", "traces.jsonl", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    failing = [number for number in range(40) if number % 4 == 0]
    lost = [number for number in failing if number % 3]
    assert found["changed"] == 10 + len(lost)
    rows = {(row["old"], row["new"]): (row["traces"], row["spans"]) for row in found["by_policy"]}
    assert rows == {
        ("default (dropped)", "slow"): (10, 20),
        ("errors", "default (dropped)"): (len(lost), 2 * len(lost)),
    }
    services = {(row["service"], row["now"]): row["traces"] for row in found["by_service"]}
    expected = {}
    for number in range(40):
        name = ("shop", "cart", "search")[number % 3]
        if number % 4 == 1:
            expected[name, "kept"] = expected.get((name, "kept"), 0) + 1
        if number in lost:
            expected[name, "dropped"] = expected.get((name, "dropped"), 0) + 1
    assert services == expected
    assert (found["old"]["traces"], found["new"]["traces"]) == (10, 20 - len(lost))


def test_a_day(call: Call, tmp_path: Path) -> None:
    """Guarantees: what goes on in the recorded time, taken for a day; bytes are those that leave, of span messages."""
    found = json.loads(call("old.yaml", "new.yaml", "traces.jsonl", "--json")[1])
    assert found["seconds"] == pytest.approx(39.01)
    for name in ("old", "new"):
        config = load([tmp_path / f"{name}.yaml"], TABLES, os.environ)
        rehearsal = Rehearsal(config, config.pipelines["traces"], load_kernel("reference"))
        for at, request in enumerate(read_requests("traces.jsonl")):
            rehearsal.offer(at, request)
        rehearsal.finish()
        out = list(spans_of(rehearsal.left.requests))
        assert found[name]["spans"] == len(out)
        assert found[name]["bytes"] == sum(seen.bytes for seen in out)
        assert found[name]["spans_per_day"] == round(len(out) * 86_400 / 39.01)


def test_for_people(call: Call) -> None:
    """Guarantees: totals first, then what changes, with a trace to look at."""
    code, out, _ = call("old.yaml", "new.yaml", "traces.jsonl")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("40 traces, 80 spans, ")
    assert lines[0].endswith(" recorded in 39s")
    assert lines[2].split() == ["kept", "traces", "spans", "a", "day", "bytes", "a", "day"]
    assert lines[3].split()[:3] == ["old", "10", "25%"]
    assert lines[4].split()[:3] == ["new", "14", "35%"]
    assert lines[5] == "spans a day: +40.0%"
    assert "16 verdicts change: 10 now kept, 6 now dropped" in out
    assert f"default (dropped)  ->  slow               10  traces  20  spans  such as {trace_id(2)}" in out
    assert "cart    now kept" in out


def test_the_page(call: Call) -> None:
    """Guarantees: what the page shows is what is printed, but for the sizes of spans."""
    page = Path(__file__).resolve().parents[2] / "docs" / "testing-rules.md"
    _, out, _ = call("old.yaml", "new.yaml", "traces.jsonl")
    assert textwrap.indent(out.partition("\n\nby service")[0], "    ") in page.read_text(encoding="utf-8")


def test_nothing_changes(call: Call) -> None:
    """Guarantees: the same rules say so; --exit-code tells the difference."""
    code, out, _ = call("old.yaml", "old.yaml", "traces.jsonl", "--exit-code")
    assert code == 0
    assert out.endswith("spans a day: the same\n\nno verdict changes\n")
    assert call("old.yaml", "new.yaml", "traces.jsonl", "--exit-code")[0] == 1
    assert call("old.yaml", "new.yaml", "traces.jsonl")[0] == 0


def test_kept_by_another(call: Call, tmp_path: Path) -> None:
    """Guarantees: traces that another policy keeps are told apart from those whose verdict changes."""
    (tmp_path / "new.yaml").write_text(OLD.replace("name: errors", "name: failures"))
    _, out, _ = call("old.yaml", "new.yaml", "traces.jsonl")
    assert "no verdict changes" in out
    assert "10 traces kept by another policy\n  errors  ->  failures  10  traces" in out


def test_limits_go_by_recorded_time(call: Call, tmp_path: Path) -> None:
    """Scenario: a limit of one trace a second; a trace a second, then twenty in one second.

    Guarantees: limits refill as they would have, so the first pass and of the burst hardly any.
    """
    (tmp_path / "old.yaml").write_text("policies: [{name: all, limit: {traces_per_second: 1}}]\ndefault: drop\n")
    (tmp_path / "new.yaml").write_text("policies: []\ndefault: keep\n")
    slow = "".join(line(span(n, at=n * 1000)) for n in range(1, 21))
    burst = "".join(line(span(n, at=21_000)) for n in range(21, 41))
    (tmp_path / "traces.jsonl").write_text(slow + burst)
    found = json.loads(call("old.yaml", "new.yaml", "traces.jsonl", "--json")[1])
    assert found["old"]["traces"] == 21
    assert found["new"]["traces"] == 40


def test_late_spans_follow(call: Call, tmp_path: Path) -> None:
    """Scenario: a span comes after its trace was judged. Guarantees: it counts with its trace."""
    late = span(1, id=2, parent=1, at=60_000)
    (tmp_path / "traces.jsonl").write_text(line(span(1, status=2)) + line(span(2, at=30_000)) + line(late))
    found = json.loads(call("old.yaml", "old.yaml", "traces.jsonl", "--json")[1])
    assert (found["old"]["traces"], found["old"]["spans"]) == (1, 2)


def test_a_short_recording(call: Call, tmp_path: Path) -> None:
    """Guarantees: what was recorded in less than a second is not taken for a day."""
    (tmp_path / "traces.jsonl").write_text(line(span(1)))
    _, out, _ = call("old.yaml", "new.yaml", "traces.jsonl")
    assert "the recording is too short to say what this means a day" in out
    assert json.loads(call("old.yaml", "new.yaml", "traces.jsonl", "--json")[1])["old"]["spans_per_day"] is None


def test_several_files(call: Call, tmp_path: Path) -> None:
    """Guarantees: recordings are read one after the other, configurations with commas are merged."""
    (tmp_path / "more.jsonl").write_text(line(span(99, status=2, at=50_000)))
    (tmp_path / "over.yaml").write_text("processors: {tail_sampling: {default: keep}}\n")
    found = json.loads(call("old.yaml", "old.yaml", "traces.jsonl", "more.jsonl", "--json")[1])
    assert found["traces"] == 41


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("old.yaml", "absent.yaml", "traces.jsonl"), "absent.yaml: the file cannot be read"),
        (("old.yaml", "new.yaml", "absent.jsonl"), "absent.jsonl: cannot be read"),
        (("old.yaml", "new.yaml", "empty"), "empty: no spans in it"),
        (("old.yaml", "new.yaml", "traces.jsonl", "--pipeline", "traces/x"), "there is no pipeline 'traces/x'"),
    ],
)
def test_what_cannot_be_done(words: tuple[str, ...], said: str, call: Call, tmp_path: Path) -> None:
    """Guarantees: exit 2 and the reason, as `diff` does."""
    (tmp_path / "empty").write_text("")
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    assert err.startswith(said)
