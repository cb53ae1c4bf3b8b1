"""`tailgate plan`: what a configuration does, in plain sentences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tailgate.cli import main

RULES = """\
decision_wait: 20s
decision_wait_after_root_received: 2s
policies:
  - {name: noise, when: root(name == "GET /healthz"), decision: drop}
  - {name: errors, when: error, limit: {spans_per_second: 500, per: service.name}, retention: 30d}
  - {name: idea, mode: shadow, when: span_count > 100}
  - {name: old, mode: "off", when: debug}
  - {name: slow, when: duration > 2s, rate: 50%, limit: {traces_per_second: 1, burst: 10}}
  - {name: agents, when: exists(gen_ai.operation.name), rate: 20%, otherwise: pass}
default: 1%
total: {traces_per_second: 1000}
num_traces: 50000
maximum_trace_size_bytes: 1000000
"""
OWN = """\
     holds the spans of a trace, and judges it 20s after the first, or 2s after its root if that is sooner
     with more than 50,000 traces held, the oldest are judged early
     policies are asked in this order, and the first that decides, decides:
       1. noise: where root(name == "GET /healthz"): drop
       2. errors: where error: keep
          at most 500 spans a second (43,200,000 a day), 500 at once, each value of service.name for itself; over that slow is asked next, and so on down the list
          10,000 values are kept apart; traces without service.name share one limit
          what it keeps is kept for 30d
       -. idea: where span_count > 100: keep; in shadow: it is counted, and has no effect
       3. slow: where duration > 2s: keep 50%, drop the rest
          at most 1 trace a second (86,400 a day), 10 at once; over that agents is asked next, then the default
       4. agents: where exists(gen_ai.operation.name): keep 20%, ask the next policy about the rest
       5. everything else: keep 1%, drop the rest
     switched off, and not asked: old
     of all that is kept, at most 1,000 traces a second (86,400,000 a day), 1,000 at once; over that a trace is dropped
     traces of more than 1,000,000 bytes are dropped, whatever policies say
"""  # noqa: E501
COLLECTOR = """\
policies:
  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
  - name: slow-some
    type: and
    and:
      and_sub_policy:
        - {name: slow, type: latency, latency: {threshold_ms: 500}}
        - {name: some, type: probabilistic, probabilistic: {sampling_percentage: 10}}
  - {name: few, type: rate_limiting, rate_limiting: {spans_per_second: 10}}
  - name: noise
    type: drop
    drop: {drop_sub_policy: [{name: n, type: string_attribute, string_attribute: {key: path, values: [/healthz]}}]}
"""
VOTES = """\
     these are asked first; where one of them matches, the trace is dropped:
       1. noise: path in ["/healthz"]
     these vote (all of them, so that every limiter spends); where one of them samples, the trace is kept:
       2. errors: status in [error]
       3. slow-some: duration > 500ms and 10% of all traces, by a hash of the trace id
       4. few: every trace, while there is room
          at most 10 spans a second (864,000 a day), 20 at once; over that it does not sample, and the others' votes count
     what nobody samples is dropped
"""  # noqa: E501
IN_ORDER = """\
     policies are asked in this order, and the first that decides, decides:
       1. errors: where status in [error]: keep
       2. slow-some: where duration > 500ms: keep 10%, ask the next policy about the rest
       3. few: every trace: keep
          at most 10 spans a second; over that noise is asked next
       4. noise: where path in ["/healthz"]: drop
       5. everything else: drop
"""
COMPOSITE = """\
policies:
  - name: c
    type: composite
    composite:
      max_total_spans_per_second: 100
      policy_order: [b, a]
      composite_sub_policy: [{name: a, type: always_sample}, {name: b, type: always_sample}]
      rate_allocation: [{policy: a, percent: 60}]
"""
Call = Callable[[str], str]


@pytest.fixture
def plan(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Rules -> the plan, on lines that are wide enough not to be broken."""
    monkeypatch.setattr("tailgate.cli.plan._WIDEST", 400)
    monkeypatch.setenv("COLUMNS", "400")

    def run(rules: str) -> str:
        (folder / "rules.yaml").write_text(rules)
        assert main(["plan", "--config", "rules.yaml"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out.replace("  4. tail_sampling holds", "     holds")

    return run


def test_our_own_rules(plan: Call) -> None:
    """Guarantees: the order, each limit with what it means a day, where a trace goes that is over it, the default."""
    assert OWN in plan(RULES)


def test_the_collectors_evaluation(plan: Call) -> None:
    """Guarantees: who votes, who drops, and that limiters spend on what others keep."""
    assert VOTES in plan(COLLECTOR)


def test_the_collectors_policies_in_order(plan: Call) -> None:
    """Guarantees: the same policies asked in order read as an order."""
    assert IN_ORDER in plan(COLLECTOR + "evaluation: ordered\n")


def test_a_composite(plan: Call) -> None:
    """Guarantees: what a composite really does, each policy with its allocation."""
    out = plan(COMPOSITE)
    assert "1. c: the first that matches of a (true), b (true)\n" in out
    assert "a: at most 60 spans a second (5,184,000 a day), in each second of the clock;" in out
    assert "over that the composite does not sample, and its other policies are not asked" in out
    ordered = plan(COMPOSITE + "evaluation: ordered\n")
    assert ordered.index("1. c.b: every trace: keep") < ordered.index("2. c.a: every trace: keep")


def test_everything_that_ships(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: without a file the shipped configuration, every processor in its place, lines that fit a terminal."""
    monkeypatch.setenv("TAILGATE_KERNEL", "reference")
    monkeypatch.delenv("TAILGATE_REQUIRE_KERNEL", raising=False)
    monkeypatch.delenv("TAILGATE_UPSTREAM", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["plan"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    names = ["memory_limiter", "enrich edits", "scrub replaces", "tail_sampling holds", "retention writes", "batch"]
    places = [out.index(f"  {number}. {name}") for number, name in enumerate(names, 1)]
    assert places == sorted(places)
    assert "upsert attribute tenant.id from context metadata.x-mcp-tenant-id" in out
    assert "standard: 3d for everything else" in out
    assert [line for line in out.splitlines() if not line.startswith(" ")] == [
        "traces: from otlp to debug and span_metrics",
        "logs: from otlp to debug",
        "metrics: from otlp to debug",
    ]


def test_a_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Guarantees: its errors and exit 1, no plan of half a configuration."""
    (tmp_path / "rules.yaml").write_text(RULES.replace("50%", "150%"))
    assert main(["plan", "--config", str(tmp_path / "rules.yaml")]) == 1
    assert capsys.readouterr().out == ""
