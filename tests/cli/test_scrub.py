"""`tailgate scrub`: what would be changed, by which rule, and nothing of what it was."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from recorded import line, span
from tailgate.cli.decoded import spans_of
from tailgate.cli.recordings import read_requests
from tailgate.cli.rehearsal import Rehearsal
from tailgate.cli.tables import TABLES
from tailgate.config.loader import load
from tailgate.kernel import load as load_kernel

from .conftest import Call

NOTHING = "the pipeline '{}' scrubs nothing: no scrub or redaction processor in it has a rule\n"
SECRETS = {
    "user.email": "jane@example.org",
    "note": "card 4111 1111 1111 1111 of jane@example.org",
    "password": "hunter2!",
    "peer": "8.8.4.4",
    "clean": "nothing here",
    "number": 5,
}


@pytest.fixture
def call(kernel_name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, tailgate: Call) -> Call:
    """(words) -> exit code, stdout, stderr, on each kernel."""
    monkeypatch.setenv("TAILGATE_KERNEL", kernel_name)
    (folder / "t.json").write_text(line(span(1, name="GET /jane@example.org", attributes=SECRETS), span(2)))

    return partial(tailgate, "scrub")


def test_by_which_rule(call: Call) -> None:
    """Guarantees: each change with its rule and its place; two rules on one string are two changes."""
    code, out, err = call("t.json", "--json")
    assert (code, err) == (0, "")
    found = {
        (change["rule"], change["where"]): (change["was"], change["becomes"]) for change in json.loads(out)["changes"]
    }
    note = "card **** **** **** 1111 of [EMAIL]"
    assert found == {
        ("email", "span 1 name"): ("aaaa@aaaaaaa.aaa", "GET /[EMAIL]"),
        ("email", "span 1 attributes.user.email"): ("aaaa@aaaaaaa.aaa", "[EMAIL]"),
        ("email", "span 1 attributes.note"): ("aaaa@aaaaaaa.aaa", note),
        ("payment_card", "span 1 attributes.note"): ("9999 9999 9999", note),
        ("key:password", "span 1 attributes.password"): ("aaaaaa9!", "[PASSWORD]"),
        ("ipv4", "span 1 attributes.peer"): ("9.9.9.9", "[IP]"),
    }


def test_for_people(call: Call) -> None:
    """Guarantees: a table with every change, and the rules with how often they struck."""
    code, out, _ = call("t.json")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "t.json: 2 spans; 6 changes by 4 rules"
    assert lines[2].split() == ["rule", "where", "was", "(masked)", "becomes"]
    assert "scrub  email         3 changes" in lines
    assert not [secret for secret in ("jane", "4111 1", "hunter2", "8.8.4.4") if secret in out]


def test_it_is_what_the_proxy_does(call: Call, tmp_path: Path) -> None:
    """Guarantees: `becomes` is what leaves the pipeline, for every string that is said to change."""
    changes = json.loads(call("t.json", "--json")[1])["changes"]
    (tmp_path / "all.yaml").write_text("default: keep\npolicies: []\n")
    config = load(["all.yaml"], TABLES, {})
    rehearsal = Rehearsal(config, config.pipelines["traces"], load_kernel())
    for request in read_requests("t.json"):
        rehearsal.offer(1, request)
    rehearsal.finish()
    first = next(iter(spans_of(rehearsal.left.requests)))
    leaves = {f"span 1 attributes.{key}": value for key, value in first.attributes.items()}
    leaves["span 1 name"] = first.span.name
    assert {change["where"]: change["becomes"] for change in changes} == {
        change["where"]: leaves[change["where"]] for change in changes
    }
    replaced = rehearsal.replaced()
    assert sum(replaced.values()) == len(changes)


def test_an_attribute_that_is_removed(call: Call, tmp_path: Path) -> None:
    """Guarantees: what is taken out as a whole is shown as removed; also where an array becomes shorter."""
    (tmp_path / "s.yaml").write_text("packs: []\npatterns: [{name: gone, pattern: jane, action: drop}]\n")
    code, out, _ = call("t.json", "--config", "s.yaml", "--json")
    assert code == 0
    found = [change for change in json.loads(out)["changes"] if change["rule"] == "gone"]
    assert {change["becomes"] for change in found} == {"(removed)"}
    assert len(found) == 3


def test_text(call: Call, tmp_path: Path) -> None:
    """Guarantees: plain text is scrubbed line by line."""
    (tmp_path / "log.txt").write_text("all is well\nmail to jane@example.org\n")
    code, out, _ = call("--text", "log.txt")
    assert code == 0
    assert "email  span 2 attributes.line  aaaa@aaaaaaa.aaa  mail to [EMAIL]" in out


def test_check(call: Call, tmp_path: Path) -> None:
    """Guarantees: --check fails where something would be changed, so that fixtures stay clean."""
    assert call("t.json", "--check")[0] == 1
    (tmp_path / "t.json").write_text(line(span(1)))
    code, out, _ = call("t.json", "--check")
    assert (code, out) == (0, "t.json: 1 span; nothing would be changed\n")


def test_redaction(call: Call, tmp_path: Path) -> None:
    """Guarantees: the collector's `redaction` is shown by its own keys."""
    (tmp_path / "c.yaml").write_text(
        "receivers: {otlp: {protocols: {grpc: }}}\n"
        "exporters: {debug: }\n"
        "processors: {redaction: {allow_all_keys: true, blocked_values: [jane]}, batch: }\n"
        "service: {pipelines: {traces/a: {receivers: [otlp], processors: [batch], exporters: [debug]},\n"
        "  traces: {receivers: [otlp], processors: [redaction], exporters: [debug]}}}\n"
    )
    _, out, _ = call("t.json", "--config", "c.yaml")
    assert "blocked_values[0]  span 1 attributes.user.email  aaaa          ****@example.org" in out
    code, _, err = call("t.json", "--config", "c.yaml", "--pipeline", "traces/a")
    assert (code, err) == (2, NOTHING.format("traces/a"))
    assert call("t.json", "--pipeline", "x")[2] == "there is no pipeline 'x': there are traces, logs, metrics\n"


def shown(call: Call, tmp_path: Path, rules: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Return what is shown under these rules, by rule and place."""
    (tmp_path / "s.yaml").write_text(rules)
    code, out, err = call("t.json", "--config", "s.yaml", "--json")
    assert (code, err) == (0, "")
    changes = json.loads(out)["changes"]
    return {(change["rule"], change["where"]): (change["was"], change["becomes"]) for change in changes}


def test_tags_and_spans_that_go(call: Call, tmp_path: Path) -> None:
    """Guarantees: what is only tagged is not shown either, and a span that would go is shown where it stands."""
    (tmp_path / "t.json").write_text(
        line(
            span(1, name="top secret", attributes={"a": "x"}), span(2, attributes={"note": "jane@example.org 8.8.8.8"})
        )
    )
    rules = (
        "packs: [network]\n"
        "detectors: [{name: email, action: tag}]\n"
        "patterns: [{name: gone, pattern: top secret, action: drop_span}]\n"
        "keys: [{name: watched, pattern: '^note$', action: tag}]\n"
    )
    assert shown(call, tmp_path, rules) == {
        ("gone", "span 1 name"): ("aaa aaaaaa", "(the span is dropped)"),
        ("key:watched", "span 2 attributes.note"): ("aaaa@aaaaaaa.aaa 9.9.9.9", "(tagged) <key:watched>"),
        ("email", "span 2 attributes.note"): ("aaaa@aaaaaaa.aaa", "(tagged) <key:watched>"),
        ("ipv4", "span 2 attributes.note"): ("9.9.9.9", "<key:watched>"),
    }


def test_keys_numbers_and_what_is_too_large(call: Call, tmp_path: Path) -> None:
    """Guarantees: keys are shown as they leave, numbers and what cannot be scrubbed by the rule or the reason."""
    attributes = {"jane@example.org": "8.8.8.8", "card": 4111111111111111, "large": "x" * 60}
    (tmp_path / "t.json").write_text(line(span(1, attributes=attributes)))
    rules = (
        "packs: [pii, financial, network]\nnumbers: true\nlimits: {value_bytes: 50}\non_error: drop\n"
        "positions: [span, log, datapoint, attribute_key]\ndefault_keys: false\n"
    )
    assert shown(call, tmp_path, rules) == {
        ("email", "span 1 attributes.[EMAIL] (key)"): ("aaaa@aaaaaaa.aaa", "[EMAIL]"),
        ("ipv4", "span 1 attributes.[EMAIL]"): ("9.9.9.9", "[IP]"),
        ("payment_card", "span 1 attributes.card"): ("999999999999", "************1111"),
        ("value_too_large", "span 1 attributes.large"): ("a" * 45 + "...", "(the span is dropped)"),
    }


def test_statements_and_allowed_keys(call: Call, tmp_path: Path) -> None:
    """Guarantees: known texts and removed attributes are shown by what does it."""
    attributes = {"db.statement": "SELECT 'Jane'", "url.path": "/users/12345", "other": "x"}
    (tmp_path / "t.json").write_text(line(span(1, attributes=attributes)))
    rules = "packs: []\nstatements: true\nurls: true\nallow_keys: [db.*, url.*]\npositions: [span, log, datapoint]\n"
    assert shown(call, tmp_path, rules) == {
        ("not_allowed", "span 1 attributes.other"): ("a", "(removed)"),
        ("statements", "span 1 attributes.db.statement"): ("'aaaa'", "SELECT ?"),
        ("urls", "span 1 attributes.url.path"): ("99999", "/users/*"),
    }
