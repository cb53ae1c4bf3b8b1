"""`tailgate explain`: every policy's answer about a trace, for dropped traces too, and nothing that is secret."""

from __future__ import annotations

import io
import json
import re
import sys
from functools import partial
from pathlib import Path

import pytest
from recorded import line, span, trace_id

from .conftest import Call

RULES = """\
policies:
  - {name: noise, when: root(name == "GET /healthz"), decision: drop}
  - {name: errors, when: error and service == "shop", limit: {spans_per_second: 500}, retention: 30d}
  - {name: idea, mode: shadow, when: span_count > 1}
  - {name: slow, when: duration > 1s, rate: 50%}
default: drop
"""
COLLECTOR = """\
receivers: {otlp: {protocols: {grpc: }}}
exporters: {debug: }
processors:
  tail_sampling:
    policies:
      - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
      - name: slow-some
        type: and
        and:
          and_sub_policy:
            - {name: slow, type: latency, latency: {threshold_ms: 500}}
            - {name: some, type: probabilistic, probabilistic: {sampling_percentage: 100}}
            - {name: few, type: rate_limiting, rate_limiting: {spans_per_second: 10}}
      - name: noise
        type: drop
        drop: {drop_sub_policy: [{name: n, type: string_attribute, string_attribute: {key: path, values: [/healthz]}}]}
service: {pipelines: {traces: {receivers: [otlp], processors: [tail_sampling], exporters: [debug]}}}
"""


@pytest.fixture
def call(folder: Path, tailgate: Call) -> Call:
    """(words) -> exit code, stdout, stderr."""
    (folder / "sampling.yaml").write_text(RULES)
    (folder / "collector.yaml").write_text(COLLECTOR)
    return partial(tailgate, "explain")


def test_a_trace_that_is_kept(call: Call, tmp_path: Path) -> None:
    """Guarantees: the order, each answer with its reason and its conditions, and what is written on the trace."""
    (tmp_path / "t.json").write_text(line(span(1, status=2), span(1, id=2, parent=1, service="db")))
    code, out, err = call("t.json", "--config", "sampling.yaml")
    assert (code, err) == (0, "")
    assert (
        out
        == f"""\
trace {trace_id(1)}: 2 spans, 2 services, 10ms, root 'GET /' of shop, 1 error
pipeline traces: memory_limiter -> enrich -> scrub -> tail_sampling -> retention -> batch

tail_sampling: KEPT by errors (matched), for 30d; 100% of traces like this one are kept
  1.  noise    pass       its condition does not hold
         no   root(name == "GET /healthz")
  2.  errors   KEEP       within its limit of 500 spans a second
         yes  error
         yes  service == "shop"
  3.  idea     not asked  its condition would hold
  4.  slow     not asked  its condition would not hold
  5.  default  not asked  it keeps nothing

2 spans go on to debug
written on the root span and its resource:
  deployment.environment  "development"
  k8s.node.name           "unknown"
  retention.policy        "errors"
  retention.ttl           "30d"
  tailgate.policy         "errors"
  tailgate.reason         "matched"
"""
    )


def test_a_trace_that_is_dropped(call: Call, tmp_path: Path) -> None:
    """Guarantees: for a dropped trace too: all policies, why, which part of a condition failed."""
    (tmp_path / "t.json").write_text(line(span(1, status=2, service="cart"), span(1, id=2, parent=1, service="cart")))
    code, out, _ = call("t.json", "--config", "sampling.yaml")
    assert code == 0
    assert "tail_sampling: DROPPED by default (not_sampled); 0% of traces like this one are kept" in out
    assert '         yes  error\n         no   service == "shop"\n' in out
    assert "  3.  idea     shadow: keep  the trace" not in out
    assert re.search(r"3\.  idea +shadow: keep +it matches|3\.  idea +shadow: keep", out)
    assert out.endswith("nothing goes on: not_sampled\n")


def test_chance(call: Call, tmp_path: Path) -> None:
    """Guarantees: where chance decides, how large it is, and on which side of it the trace is."""
    lines = "".join(line(span(number, ms=2000)) for number in range(1, 9))
    (tmp_path / "t.json").write_text(lines)
    _, out, _ = call("t.json", "--config", "sampling.yaml", "--json")
    found = [json.loads(row)["judgements"][0] for row in out.splitlines()]
    assert {row["probability"] for row in found} == {0.5}
    assert {row["verdict"] for row in found} == {"keep", "drop"}
    for row in found:
        (slow,) = [policy for policy in row["policies"] if policy["policy"] == "slow"]
        is_not = "is" if row["verdict"] == "keep" else "is not"
        assert (slow["says"], slow["why"]) == (row["verdict"], f"the trace {is_not} among the 50% that it keeps")


def test_the_collectors_evaluation(call: Call, tmp_path: Path) -> None:
    """Guarantees: votes, what a compound policy is made of, and the drop policy that ends the asking."""
    (tmp_path / "t.json").write_text(
        line(span(1, ms=600)) + line(span(2, ms=600, status=2, attributes={"path": "/healthz"}))
    )
    code, out, _ = call("t.json", "--config", "collector.yaml")
    assert code == 0
    first, second = out.split("\n\ntrace ")
    assert "tail_sampling: KEPT by slow-some (matched); 100% of traces like this one are kept" in first
    assert re.search(r"1\.  errors +pass +it does not match\n +no   status in \[error\]", first)
    assert re.search(
        r"2\.  slow-some +KEEP +it matches\n +yes  duration > 500ms\n"
        r" +-    100% of all traces, by a hash of the trace id\n +-    at most 10 spans a second, 20 at once",
        first,
    )
    assert "tail_sampling: DROPPED by noise (policy_drop); 0% of" in second
    assert re.search(r"1\.  errors +not asked", second)
    assert re.search(r"3\.  noise +DROP", second)


def test_no_secret_is_shown(call: Call, tmp_path: Path) -> None:
    """Scenario: a dropped and a kept trace with secrets in every text. Guarantees: none of them is printed."""
    secrets = ["jane@example.org", "4111 1111 1111 1111", "AKIAIOSFODNN7EXAMPLE"]
    attributes = {f"a{at}": secret for at, secret in enumerate(secrets)}
    texts = [
        span(1, status=2, name=" ".join(secrets), attributes=attributes),
        span(2, name=" ".join(secrets), service=secrets[0]),
    ]
    (tmp_path / "t.json").write_text(line(*texts))
    for words in ((), ("--json",)):
        code, out, err = call("t.json", "--config", "sampling.yaml", *words)
        assert code == 0
        assert not [secret for secret in secrets if secret in out + err]
        assert "EMAIL" in out or words


def test_which_trace(call: Call, tmp_path: Path) -> None:
    """Guarantees: one trace of many by the first digits of its id; spans of one trace from several requests."""
    (tmp_path / "t.json").write_text(line(span(1), span(2)) + line(span(2, id=2, parent=1)) + line(span(3)))
    code, out, _ = call("t.json", "--trace-id", trace_id(2)[:30].upper())
    assert code == 0
    assert out.startswith(f"trace {trace_id(2)}: 2 spans, 1 service")
    assert out.count("\ntrace ") == 0
    code, out, err = call("t.json", "--trace-id", "ff")
    assert (code, out, err) == (1, "", "t.json: no such trace in it\n")


def test_headers(call: Call, tmp_path: Path) -> None:
    """Guarantees: what a request brings with it can be given."""
    (tmp_path / "t.json").write_text(line(span(1, status=2)))
    _, out, _ = call("t.json", "--header", "X-MCP-Tenant-ID=acme")
    assert '  tenant.id               "acme"\n' in out
    assert call("t.json", "--header", "oops") == (1, "", "--header oops: expected NAME=VALUE\n")


def test_stdin(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guarantees: `-` reads a trace from a pipe."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line(span(1)).encode())))
    assert call("-")[1].startswith(f"trace {trace_id(1)}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "t.json: no spans in it"),
        ('{"resourceSpans": []}', "t.json: no spans in it"),
        ("{oops", "t.json: this is no JSON: at column 2"),
        (
            '{"a": 1}',
            "t.json:1: this is no OTLP: expected an object with resourceSpans, resourceLogs or resourceMetrics",
        ),
        (line(span(1)) + "{oops\n", "t.json:2: this is no JSON: at column 2"),
        ('{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}', "t.json:1: resourceSpans[0]"),
        ("plain text", "t.json: this is neither OTLP JSON nor OTLP protobuf"),
    ],
)
def test_files_that_are_none(text: str, said: str, call: Call, tmp_path: Path) -> None:
    """Guarantees: exit 1, the file and the line, and nothing of what it holds."""
    (tmp_path / "t.json").write_text(text)
    code, out, err = call("t.json")
    assert (code, out) == (1, "")
    assert err.startswith(said)


def test_a_wrong_configuration(call: Call, tmp_path: Path) -> None:
    """Guarantees: its errors, and exit 1."""
    (tmp_path / "t.json").write_text(line(span(1)))
    (tmp_path / "sampling.yaml").write_text(RULES.replace("50%", "500%"))
    code, _, err = call("t.json", "--config", "sampling.yaml")
    assert code == 1
    assert err.startswith("sampling.yaml:5:")
