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
CASES = [
    # configuration, places of the warnings
    (COMPOSITE, [(*AT, "policy_order"), (*AT, "rate_allocation"), (*AT, "composite_sub_policy")]),
    (COMPOSITE + "evaluation: ordered", []),
    (COMPOSITE.replace("[b, a]", "[a, b]").replace("60", "50"), [(*AT, "composite_sub_policy")]),
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
    """The collector's composite is warned about only where it runs as the collector runs it; so are dead policies."""
    assert [place for place, _ in lint(SPEC.config.model_validate(yaml.safe_load(text)))] == places
