"""`tailgate demo`: its numbers add up, and no planted secret is seen in what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tailgate.cli import demo, main
from tailgate.cli.demo.summary import Summary
from tailgate.cli.demo.view import render_summary

SECRETS = (
    "4111 1111 1111 1111",
    "5555-5555-5555-4444",
    "378282246310005",
    "c2VjcmV0LXRva2Vu",
    "@example.com",
    "@example.org",
    "415 555 0132",
    "203.0.113.",
    "session=abc",
)


@pytest.fixture(scope="module")
def played() -> subprocess.CompletedProcess[str]:
    """Three seconds of the demo, as a user starts it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TAILGATE_UPSTREAM")}
    command = [sys.executable, "-m", "tailgate", "demo", "--seconds", "3", "--json"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def summary(played: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one JSON object that it prints."""
    assert played.returncode == 0, played.stderr
    read: dict[str, Any] = json.loads(played.stdout)
    return read


def test_its_keys(summary: dict[str, Any]) -> None:
    """Guarantees: what scripts read is there, with its type."""
    for key in ("received_spans", "exported_spans", "held_spans", "refused_spans", "kept_traces"):
        assert isinstance(summary[key], int), key
    for key in ("dropped_spans", "by_policy", "scrubbed", "retention"):
        assert isinstance(summary[key], dict), key
        assert all(isinstance(count, int) and count > 0 for count in summary[key].values()), key


def test_its_numbers_add_up(summary: dict[str, Any]) -> None:
    """Guarantees: received = exported + dropped + held, nothing refused, and each kept trace has one policy and ttl."""
    gone = summary["exported_spans"] + sum(summary["dropped_spans"].values()) + summary["held_spans"]
    assert summary["received_spans"] == gone > 100
    assert summary["held_spans"] == summary["refused_spans"] == summary["failed_spans"] == 0
    assert summary["adds_up"] is True
    assert sum(summary["by_policy"].values()) == sum(summary["retention"].values()) == summary["kept_traces"] > 0


def test_it_shows_the_main_job(summary: dict[str, Any]) -> None:
    """Guarantees: traffic of each kind was there: policies keep, chance drops, secrets are found, retentions differ."""
    assert "agents" in summary["by_policy"]
    assert "not_sampled" in summary["dropped_spans"]
    assert {"email", "payment_card", "phone", "key:authorization", "url_query_secret"} <= set(summary["scrubbed"])
    assert "standard (3d)" in summary["retention"]


def test_no_secret_is_seen(played: subprocess.CompletedProcess[str]) -> None:
    """Guarantees: none of what the shop plants stands on stdout or stderr, and nothing failed on the way."""
    for secret in SECRETS:
        assert secret not in played.stdout + played.stderr
    assert "Traceback" not in played.stderr


@pytest.mark.parametrize(("exported", "held", "adds_up"), [(5, 1, True), (6, 1, False), (4, 0, False)])
def test_a_lost_or_doubled_span_is_said(exported: int, held: int, adds_up: bool) -> None:
    """Guarantees: the summary does not say that numbers add up when they do not."""
    summary = Summary(received_spans=9, exported_spans=exported, held_spans=held, dropped_spans={"not_sampled": 3})
    assert summary.adds_up is adds_up
    assert ("every span is accounted for" in render_summary(summary)) is adds_up


def test_nothing_received_does_not_add_up() -> None:
    """Guarantees: a demo in which nothing happened is no success."""
    assert not Summary().adds_up


def test_without_the_sdk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: exit 1 and what to install."""
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda _: None)
    assert main(["demo"]) == 1
    assert "pip install 'tailgate[demo]'" in capsys.readouterr().err
