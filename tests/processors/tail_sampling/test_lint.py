"""Warnings about valid configurations: each code where it belongs, and nowhere else."""

import pytest
import yaml
from tailgate.processors.tail_sampling import SPEC
from tailgate.processors.tail_sampling.lint import fragments, lint

COMPOSITE = """
policies:
  - name: c
    type: composite
    composite:
      max_total_spans_per_second: 100
      policy_order: [b, a]
      composite_sub_policy: [{name: a, type: always_sample}, {name: b, type: always_sample}]
      rate_allocation: [{policy: a, percent: 60}, {policy: b, percent: 60}]
"""
AT = ("policies", 0, "composite")
DIFFERENCE = "collector-difference"
ALL = "{policies: [{name: a, type: always_sample}], "
BAND = "{name: b, type: latency, latency: {threshold_ms: 1, upper_threshold_ms: 2}}"
BANDS = f"""{{policies: [
  {BAND},
  {{name: c, type: not, not: {{not_sub_policy: {BAND}}}}},
  {{name: d, type: and, and: {{and_sub_policy: [{{name: e, type: always_sample}}, {BAND}]}}}}]}}
"""
INGEST = """{sampling_strategy: span-ingest, policies: [
  {name: a, type: status_code, status_code: {status_codes: [ERROR]}},
  {name: b, type: not, not: {not_sub_policy: {name: c, type: always_sample}}},
  {name: d, type: string_attribute, string_attribute: {key: k, values: [v], invert_match: true}}]}
"""
UPPER = ("latency", "upper_threshold_ms")
DIFFERENCES = [
    # configuration, places of the warnings
    (ALL + "decision_wait: 1s}", []),
    (ALL + "decision_wait: 30}", [("decision_wait",)]),
    (ALL + "num_traces: 100}", [("num_traces",)]),
    (ALL + "num_traces: 100, block_on_overflow: true}", []),
    (ALL + "decision_cache: {sampled_cache_size: 50000, non_sampled_cache_size: 9}}",
     [("decision_cache", "non_sampled_cache_size")]),
    (ALL + "num_shards: 4, expected_new_traces_per_sec: 9}", [("num_shards",), ("expected_new_traces_per_sec",)]),
    (BANDS, [("policies", 0, *UPPER), ("policies", 1, "not", "not_sub_policy", *UPPER),
             ("policies", 2, "and", "and_sub_policy", 1, *UPPER)]),
    (INGEST, [("sampling_strategy",), ("policies", 1), ("policies", 2)]),
]  # fmt: skip


ORDER, SHARES = ((*AT, "policy_order"), "composite-order"), ((*AT, "rate_allocation"), "shares-over-100")
OVERFLOW = ((*AT, "composite_sub_policy"), "composite-overflow")
NEVER = (("policies", 1), "never-decides")
ERROR = "{name: e, type: status_code, status_code: {status_codes: [ERROR]}}"
LIMITER = "{name: l, type: rate_limiting, rate_limiting: {spans_per_second: 5}}"


def own(policies: str, more: str = "") -> str:
    return f"{{policies: [{policies}], default: 1%{more}}}"


def both(policies: str, more: str = "") -> str:
    return f"{{policies: [{policies}]{more}}}"


def within(kind: str, *policies: str) -> str:
    return f"{{name: x, type: {kind}, {kind}: {{{kind}_sub_policy: [{', '.join(policies)}]}}}}"


CASES = [
    # configuration, (place, code) of the warnings
    (COMPOSITE, [ORDER, SHARES, OVERFLOW]),
    (COMPOSITE + "evaluation: ordered", [SHARES]),
    (COMPOSITE.replace("[b, a]", "[a, b]").replace("60", "50"), [OVERFLOW]),
    # a policy that can never decide
    (own("{name: a}, {name: b, when: error}"), [NEVER]),
    (own("{name: a, rate: 50%}, {name: b, when: error}"), [NEVER]),
    (own("{name: a, rate: 50%, otherwise: pass}, {name: b, when: error}"), []),
    (own("{name: a, limit: {traces_per_second: 1}}, {name: b, when: error}"), []),
    (own("{name: a, mode: shadow}, {name: b, when: error}"), []),
    (own("{name: a}, {name: b, mode: 'off'}"), []),
    (own("{name: a, when: error}, {name: b, when: error}"), [NEVER]),
    (own("{name: a, when: error}, {name: b, when: error and duration > 1s}"), [NEVER]),
    (own("{name: a, when: error or debug}, {name: b, when: error}"), [NEVER]),
    (own("{name: a, when: duration > 1s}, {name: b, when: duration > 2s}"), [NEVER]),
    (own("{name: a, when: duration > 2s}, {name: b, when: duration > 1s}"), []),
    (own("{name: a, when: error, decision: drop}, {name: b, when: span(error and debug)}"), [NEVER]),
    (own("{name: a, when: error and debug}, {name: b, when: error}"), []),
    (own("{name: a, when: error and debug}, {name: b, when: span(error and debug)}"), [NEVER]),
    (own("{name: a, when: span(error and debug)}, {name: b, when: error and debug}"), []),
    (own("{name: a}, {name: b, when: duration > 2s and duration < 1s}"), [NEVER]),
    (own("{name: a, when: error}, {name: b, when: duration > 2s and duration < 1s}"), [NEVER]),
    (own("{name: a, when: error}, {name: b, when: duration > 1s and duration < 2s}"), []),
    (own("{name: a, when: error}, {name: b, when: 'false'}"), [NEVER]),
    (
        own("{name: a, when: error}, {name: b, when: debug, rate: 0, otherwise: pass}"),
        [(("policies", 1, "rate"), "never-decides")],
    ),
    (both(f"{ERROR}, {ERROR.replace('{name: e', '{name: f')}", ", evaluation: ordered"), [NEVER]),
    (both(f"{ERROR}, {ERROR.replace('{name: e', '{name: f')}"), []),
    (own("{name: a}, {name: b, enabled: false}"), []),
    (own("{name: a, enabled: false}, {name: b}"), []),
    (own("{name: a, share: 10%}, {name: b}", ", total: {traces_per_second: 1}"), []),
    (own("{name: a, adaptive_throughput: {goal_throughput: 1}}, {name: b}"), [NEVER]),
    (own("{name: a}, {name: b}", ", budget: {per_hour: 1, cost_per_span: 1}"), []),
    (own("{name: a, decision: drop}, {name: b}"), [NEVER]),
    # everything is kept
    (both(f"{{name: a, type: always_sample}}, {ERROR}"), [(("policies", 0), "keeps-everything")]),
    (both("{name: a, type: always_sample}"), []),
    # a limiter before a filter
    (both(within("and", LIMITER, ERROR)), [(("policies", 0, "and", "and_sub_policy", 0), "limiter-before-filter")]),
    (both(within("and", ERROR, LIMITER)), []),
    (both(within("and", LIMITER, ERROR), ", evaluation: ordered"), []),
    # UNSET
    (
        both("{name: e, type: status_code, status_code: {status_codes: [ERROR, UNSET]}}"),
        [(("policies", 0, "status_code", "status_codes"), "status-unset")],
    ),
    (
        both(within("and", ERROR.replace("ERROR", "UNSET"), LIMITER)),
        [(("policies", 0, "and", "and_sub_policy", 0, "status_code", "status_codes"), "status-unset")],
    ),
    (own("{name: a, when: status == unset}"), [(("policies", 0, "when"), "status-unset")]),
    (own("{name: a, when: 'status in [unset, error]'}"), [(("policies", 0, "when"), "status-unset")]),
    (own("{name: a, when: status == error}"), []),
    (own("{name: a, when: status == unset and debug}"), []),
    (own("{name: a, when: status == unset, decision: drop}"), []),
    # longer than the wait
    (own("{name: a, when: duration > 10s}"), [(("policies", 0, "when"), "latency-beyond-wait")]),
    (own("{name: a, when: duration > 10s}", ", decision_wait: 20s"), []),
    (own("{name: a, when: duration < 10s}"), []),
    (
        both("{name: a, type: latency, latency: {threshold_ms: 30000}}"),
        [(("policies", 0, "latency", "threshold_ms"), "latency-beyond-wait")],
    ),
    (both("{name: a, type: latency, latency: {threshold_ms: 29999}}"), []),
    # a retention that nothing gets
    (own("{name: a, mode: shadow, retention: 1d}"), [(("policies", 0, "retention"), "retention-unreachable")]),
    (own("{name: a, rate: drop, retention: 1d}"), [(("policies", 0, "retention"), "retention-unreachable")]),
    (
        own("{name: a}, {name: b, when: error, retention: 1d}"),
        [NEVER, (("policies", 1, "retention"), "retention-unreachable")],
    ),
    (own("{name: a, when: error, retention: 1d}"), []),
]  # fmt: skip


def config(text):
    return SPEC.config.model_validate(yaml.safe_load(text))


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_warnings(text, expected):
    """Each configuration has the warnings that it deserves, at their places, and no other."""
    said = [(place, code) for place, _, code in lint(config(text)) if code != DIFFERENCE]
    assert said == expected


@pytest.mark.parametrize(("text", "places"), DIFFERENCES)
def test_differences(text, places):
    """What a collector's block does otherwise here is warned about where it does."""
    assert [place for place, _, code in lint(config(text)) if code == DIFFERENCE] == places


WHOLE = [
    (own("{name: a, when: error}"), []),
    (own("{name: a, when: span(duration > 1s)}"), []),
    (own("{name: a, when: duration > 1s}"), ["the whole duration"]),
    (own("{name: a, when: root(error)}"), ["the root span"]),
    (own("{name: a, when: every(error)}"), ["all spans"]),
    (own("{name: a, when: sum(x) > 1 and duration > 1s}"), ["all spans and the whole duration"]),
    (own("{name: a, when: duration > 1s, mode: 'off'}"), []),
    (both("{name: a, type: latency, latency: {threshold_ms: 5}}"), ["the whole duration"]),
    (both("{name: a, type: span_count, span_count: {min_spans: 5}}"), ["all spans"]),
    (both(ERROR), []),
]


@pytest.mark.parametrize(("text", "needs"), WHOLE)
def test_rules_that_need_whole_traces(text, needs):
    """Rules that a node cannot judge by its part are named with what they need; the others are not."""
    said = [text for _, text, _ in fragments(config(text))]
    assert [text.partition("needs ")[2].partition(";")[0] for text in said] == needs
