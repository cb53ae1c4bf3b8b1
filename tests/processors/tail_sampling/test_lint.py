"""Warnings about valid configurations."""

import pytest
import yaml
from tailgate.processors.tail_sampling import SPEC
from tailgate.processors.tail_sampling.lint import lint

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
CASES = [
    # configuration, places of the warnings
    (COMPOSITE, [(*AT, "policy_order"), (*AT, "rate_allocation"), (*AT, "composite_sub_policy")]),
    (COMPOSITE + "evaluation: ordered", []),
    (COMPOSITE.replace("[b, a]", "[a, b]").replace("60", "50"), [(*AT, "composite_sub_policy")]),
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
    ("{policies: [{name: a}, {name: b, when: error}], default: 1%}", [("policies", 1)]),
    ("{policies: [{name: a, rate: 50%}, {name: b, when: error}], default: 1%}", [("policies", 1)]),
    ("{policies: [{name: a, rate: 50%, otherwise: pass}, {name: b, when: error}], default: 1%}", []),
    ("{policies: [{name: a, limit: {traces_per_second: 1}}, {name: b, when: error}], default: 1%}", []),
    ("{policies: [{name: a, mode: shadow}, {name: b, when: error}], default: 1%}", []),
    ("{policies: [{name: a}, {name: b, mode: 'off'}], default: 1%}", []),
    ("{policies: [{name: a}, {name: b, enabled: false}], default: 1%}", []),
    ("{policies: [{name: a, enabled: false}, {name: b}], default: 1%}", []),
    ("{policies: [{name: a, share: 10%}, {name: b}], total: {traces_per_second: 1}, default: 1%}", []),
    ("{policies: [{name: a, adaptive_throughput: {goal_throughput: 1}}, {name: b}], default: 1%}", [("policies", 1)]),
    ("{policies: [{name: a}, {name: b}], budget: {per_hour: 1, cost_per_span: 1}, default: 1%}", []),
    ("{policies: [{name: a, decision: drop}, {name: b}], default: 1%}", [("policies", 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "places"), CASES)
def test_warnings(text, places):
    """What differs from the collector, or from what its keys promise, is warned about where it does; so are dead
    policies."""
    assert [place for place, _ in lint(SPEC.config.model_validate(yaml.safe_load(text)))] == places
