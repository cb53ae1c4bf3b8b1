"""Both forms are read with their defaults, and mistakes are reported at their places."""

import pytest
import yaml
from pydantic import ValidationError
from tailgate.processors.tail_sampling import SPEC
from tailgate.processors.tail_sampling.config import CollectorForm, OrderedForm
from tailgate.processors.tail_sampling.policies import POLICIES
from tailgate.processors.tail_sampling.thresholds import NEVER

S = 1_000_000_000

OWN = """
decision_wait: 10s
policies:
  - name: forced
    when: span(debug or exists(http.request.header.x-force-trace))
  - name: errors
    when: error
    limit: {spans_per_second: 500, per: service.name}
    retention: 30d
  - name: slow-checkout
    when: root(service == "checkout" and duration > 500ms)
    rate: 50%
  - name: new-idea
    mode: shadow
    when: sum(cost.total) > 10
default: 1%
total: {traces_per_second: 1000}
tests:
  - name: an error is kept for thirty days
    trace: [{name: GET /, status: error}]
    expect: {verdict: keep, policy: errors, retention: 30d}
"""

COLLECTORS = """
decision_wait: 10s
num_traces: 100000
policies:
  - {name: errors-policy, type: status_code, status_code: {status_codes: [ERROR]}}
  - {name: slow-traces-policy, type: latency, latency: {threshold_ms: 1000}}
  - {name: probabilistic-policy, type: probabilistic, probabilistic: {sampling_percentage: 10}}
"""


def read(text):
    return SPEC.config.model_validate(yaml.safe_load(text))


def test_our_form():
    """The worked example of sampling.yaml is read, with its units."""
    config = read(OWN)
    assert isinstance(config, OrderedForm)
    assert config.decision_wait == 10 * S
    assert config.policies[1].retention == 30 * 24 * 3600 * S
    assert config.policies[1].limit.bucket() == ("spans", 500, 500)
    assert config.policies[2].rate == NEVER // 2
    assert (config.num_traces, config.max_keys, config.policies[3].mode) == (0, 10_000, "shadow")


def test_the_collectors_form():
    """A block as people run it is read with the collector's defaults."""
    config = read(COLLECTORS)
    assert isinstance(config, CollectorForm)
    assert (config.evaluation, config.num_traces) == ("collector", 100_000)
    other = read("policies: [{name: a, type: always_sample}]")
    assert (other.decision_wait, other.num_traces, other.sample_on_first_match) == (30 * S, 50_000, False)


EVERY_OPTION = """
decision_wait: 20s
decision_wait_after_root_received: 2s
num_traces: 10
block_on_overflow: true
expected_new_traces_per_sec: 10
decision_cache: {sampled_cache_size: 5, non_sampled_cache_size: 6}
sample_on_first_match: true
drop_pending_traces_on_shutdown: true
maximum_trace_size_bytes: 1000
sampling_strategy: trace-complete
num_shards: 4
policies:
  - {name: a, type: always_sample, always_sample: {}}
  - {name: b, type: latency, latency: {threshold_ms: 5, upper_threshold_ms: 10}}
  - {name: c, type: numeric_attribute, numeric_attribute: {key: k, min_value: 1, max_value: 2, invert_match: true}}
  - {name: d, type: probabilistic, probabilistic: {sampling_percentage: 1.5, hash_salt: s}}
  - {name: e, type: status_code, status_code: {status_codes: [OK, ERROR, UNSET]}}
  - name: f
    type: string_attribute
    string_attribute: {key: k, values: [a.*], enabled_regex_matching: true, cache_max_size: 10, invert_match: false}
  - {name: g, type: rate_limiting, rate_limiting: {spans_per_second: 35, burst_capacity: 100}}
  - {name: h, type: bytes_limiting, bytes_limiting: {bytes_per_second: 35, burst_capacity: 100}}
  - {name: i, type: span_count, span_count: {min_spans: 2, max_spans: 20}}
  - {name: j, type: boolean_attribute, boolean_attribute: {key: k, value: true, invert_match: true}}
  - {name: k, type: not, not: {not_sub_policy: {name: x, type: latency, latency: {threshold_ms: 1}}}}
  - {name: l, type: drop, drop: {drop_sub_policy: [{name: x, type: always_sample}]}}
  - name: m
    type: and
    and: {and_sub_policy: [{name: x, type: always_sample}, {name: y, type: not, not: {not_sub_policy:
      {name: z, type: status_code, status_code: {status_codes: [OK]}}}}]}
  - {name: o, type: trace_state, trace_state: {key: k, values: [v, w]}}
  - {name: p, type: trace_flags}
  - name: q
    type: ottl_condition
    ottl_condition: {error_mode: propagate, span: ['attributes["k"] == "v"'], spanevent: ['name == "exception"']}
  - name: n
    type: composite
    composite:
      max_total_spans_per_second: 1000
      policy_order: [x, y]
      composite_sub_policy:
        - {name: x, type: always_sample}
        - {name: y, type: and, and: {and_sub_policy: [{name: z, type: always_sample}]}}
      rate_allocation: [{policy: x, percent: 50}, {policy: y, percent: 25}]
"""


def test_every_option_of_the_collector():
    """Each key of the block and of the policy types is accepted as it stands."""
    config = read(EVERY_OPTION)
    assert {policy.type for policy in config.policies} == set(POLICIES)
    assert config.decision_wait_after_root_received == 2 * S


def test_blocks_of_other_types_are_passed_over():
    """The collector ignores the block of a type that the entry does not have; so do we."""
    text = (
        "policies: [{name: a, type: rate_limiting, rate_limiting: {spans_per_second: 1}, string_attribute: {key: a}}]"
    )
    assert read(text).policies[0].options.spans_per_second == 1


def own(*policies, more=""):
    """A file of ours with these policies."""
    return f"{{policies: [{', '.join(policies)}], default: 1%{more}}}"


def theirs(kind, options=None, more=""):
    """A block of the collector with one policy."""
    block = "" if options is None else f", {kind}: {options}"
    return f"{{policies: [{{name: a, type: {kind}{block}}}]{more}}}"


ORDERED = ", evaluation: ordered"
INGEST = ", sampling_strategy: span-ingest"
LIMIT = "{name: b, type: rate_limiting, rate_limiting: {spans_per_second: 1}}"
CHANCE = "{name: b, type: probabilistic, probabilistic: {}}"
AT = ("policies", 0)
THROUGHPUT, PERCENTAGE = (*AT, "adaptive_throughput"), (*AT, "adaptive_percentage")
SUB = (*AT, "and", "and_sub_policy")
TOTAL = ", total: {traces_per_second: 10}"
MISTAKES = [
    # what is written, where it is wrong, a part of the message
    (own('{name: a, when: "error ("}'), (*AT, "when"), "column 8"),
    (own("{name: a, rate: 150%}"), (*AT, "rate"), "between"),
    (own("{name: a}", "{name: a}"), ("policies", 1, "name"), "two policies"),
    (own("{name: default}"), (*AT, "name"), "choose another"),
    (own("{name: a, limit: {burst: 3}}"), (*AT, "limit"), "one of traces_per"),
    (own("{name: a, limit: {spans_per_second: 1, traces_per_second: 1}}"), (*AT, "limit"), "one of traces_per"),
    (own("{name: a, limit: {spans_per_second: 0}}"), (*AT, "limit", "spans_per_second"), "greater than 0"),
    (own("{name: a, rate: 5%, adaptive_percentage: {goal_percentage: 5}}"), AT, "both say what share"),
    (own("{name: a, adaptive_throughput: {goal_throughput: 0}}"), (*THROUGHPUT, "goal_throughput"), "greater than 0"),
    (
        own("{name: a, adaptive_throughput: {goal_throughput: 1, lookback_frequency: 9s}}"),
        THROUGHPUT,
        "other algorithm",
    ),
    (
        own("{name: a, adaptive_throughput: {goal_throughput: 1, adjustment_interval: 1ms}}"),
        THROUGHPUT,
        "100ms at most",
    ),
    (own("{name: a, adaptive_throughput: {goal_throughput: 1, max_keys: 99999}}"), (*THROUGHPUT, "max_keys"), "10000"),
    (own("{name: a, adaptive_percentage: {goal_percentage: 101}}"), (*PERCENTAGE, "goal_percentage"), "100"),
    (own("{name: a, decision: drop, adaptive_percentage: {goal_percentage: 1}}"), AT, "no adaptive_percentage"),
    (own("{name: a, share: 10%}"), (*AT, "share"), "there is no total"),
    (own("{name: a, share: 0%}", more=TOTAL), (*AT, "share"), "a share of nothing"),
    (own("{name: a, share: 70%}", "{name: b, share: 40%}", more=TOTAL), ("policies", 1, "share"), "add up to 110%"),
    (own("{name: a, essential: true}"), (*AT, "essential"), "there is no `budget`"),
    (own("{name: a}", more=", budget: {per_hour: 1}"), ("budget",), "cost_per_span or cost_per_gb"),
    (own("{name: a, custom: {module: nothing}}"), (*AT, "custom", "module"), "expected package.module:Class"),
    (own("{name: a, custom: {module: 'no.such:Thing'}}"), (*AT, "custom", "module"), "cannot be imported"),
    (own("{name: a, custom: {module: 'json:JSONDecoder'}}"), (*AT, "custom", "module"), "is no subclass of"),
    (theirs("always_sample", more=", enabled: 1"), ("enabled",), "Extra inputs"),
    (theirs("and", "{and_sub_policy: [{name: x, type: always_sample, enabled: false}]}"), SUB, "none of these"),
    (own("{name: a, limit: {spans_per_second: .inf}}"), (*AT, "limit", "spans_per_second"), "finite"),
    (own("{name: a, decision: drop, rate: 5%}"), AT, "no rate"),
    (own("{name: a, otherwise: pass}"), AT, "no rate"),
    (own("{name: a, retention: 0s}"), AT, "keeps nothing"),
    (own("{name: a, retention: 30}"), (*AT, "retention"), "no unit"),
    (own("{name: a, mode: dry-run}"), (*AT, "mode"), "shadow"),
    (own("3"), AT, "dictionary"),
    (own(more=", decison_wait: 1s"), ("decison_wait",), "Extra"),
    (own(more=", decision_wait: 10"), ("decision_wait",), "no unit"),
    ("{policies: []}", ("default",), "required"),
    ("{policies: [], default: maybe}", ("default",), "expected a rate"),
    ("{policies: 3, default: 1%}", ("policies",), "list"),
    ("[]", (), "dictionary"),
    (theirs("latensy"), (*AT, "type"), "did you mean latency"),
    (theirs("latency"), (*AT, "latency"), "required"),
    (theirs("latency", "{threshold: 3}"), (*AT, "latency", "threshold"), "Extra"),
    (theirs("latency", "{threshold_ms: 9, upper_threshold_ms: 9}"), (*AT, "latency"), "not above"),
    (theirs("numeric_attribute", "{key: k}"), (*AT, "numeric_attribute"), "min_value or"),
    (theirs("status_code", "{status_codes: []}"), (*AT, "status_code", "status_codes"), "at least 1"),
    (theirs("status_code", "{status_codes: [error]}"), (*AT, "status_code", "status_codes", 0), "ERROR"),
    (
        theirs("string_attribute", "{key: k, values: [a, '('], enabled_regex_matching: true}"),
        (*AT, "string_attribute", "values", 1),
        "RE2",
    ),
    (
        theirs("and", "{and_sub_policy: [{name: b, type: drop}]}"),
        (*AT, "and", "and_sub_policy", 0, "type"),
        "cannot stand inside and",
    ),
    (
        theirs("composite", "{composite_sub_policy: [{name: b, type: always_sample}], policy_order: [c]}"),
        (*AT, "composite"),
        "the name 'c'",
    ),
    (theirs("always_sample", more=", sampling_strategy: spans"), ("sampling_strategy",), "span-ingest"),
    (theirs("always_sample", more=", tail_storage: pebble"), ("tail_storage",), "held in memory"),
    (theirs("trace_state", "{key: k, values: []}"), (*AT, "trace_state", "values"), "at least 1"),
    (theirs("ottl_condition", "{error_mode: silent}"), (*AT, "ottl_condition"), "at least one condition"),
    (theirs("ottl_condition", "{span: ['name ==']}"), (*AT, "ottl_condition", "span", 0), "column"),
    (theirs("ottl_condition", "{span: ['Frob(name) == 1']}"), (*AT, "ottl_condition", "span", 0), "Frob"),
    (
        theirs("ottl_condition", "{error_mode: loud, span: [IsRootSpan()]}"),
        (*AT, "ottl_condition", "error_mode"),
        "propagate",
    ),
    (theirs("latency", f"{{threshold_ms: {2**63}}}"), (*AT, "latency", "threshold_ms"), "64 bits"),
    (theirs("rate_limiting", "{spans_per_second: 1}", INGEST), (*AT, "rate_limiting"), "needs the whole trace"),
    (theirs("bytes_limiting", "{bytes_per_second: 1}", INGEST), (*AT, "bytes_limiting"), "needs the whole trace"),
    (theirs("span_count", "{min_spans: 1, max_spans: 2}", INGEST), (*AT, "span_count"), "with max_spans"),
    (theirs("latency", "{threshold_ms: 1, upper_threshold_ms: 2}", INGEST), (*AT, "latency"), "with upper_threshold"),
    (theirs("and", f"{{and_sub_policy: [{LIMIT}]}}", INGEST), (*AT, "and"), "needs the whole trace"),
    (theirs("drop", f"{{drop_sub_policy: [{LIMIT}]}}", INGEST), (*AT, "drop"), "needs the whole trace"),
    (theirs("not", f"{{not_sub_policy: {LIMIT}}}", INGEST), (*AT, "not"), "needs the whole trace"),
    (theirs("composite", f"{{composite_sub_policy: [{LIMIT}]}}", INGEST), (*AT, "composite"), "needs the whole"),
    (theirs("always_sample", more=", num_traces: 0"), ("num_traces",), "greater than"),
    (theirs("not", f"{{not_sub_policy: {CHANCE}}}", ORDERED), (*AT, "not"), "conditions only"),
    (theirs("drop", f"{{drop_sub_policy: [{CHANCE}]}}", ORDERED), (*AT, "drop"), "conditions only"),
    ("{policies: [{type: always_sample}]}", (*AT, "name"), "required"),
    ("{policies: [{name: '', type: always_sample}]}", (*AT, "name"), "at least 1"),
]


@pytest.mark.parametrize(("text", "loc", "message"), MISTAKES)
def test_mistakes_stand_where_they_were_made(text, loc, message):
    """Each mistake is one error, at the key where it was made, in words that help."""
    with pytest.raises(ValidationError) as caught:
        read(text)
    (error,) = caught.value.errors()
    assert error["loc"] == loc
    assert message in error["msg"]


def test_all_mistakes_come_at_once():
    """Three mistakes in three policies give three errors."""
    with pytest.raises(ValidationError) as caught:
        read("{policies: [{name: a, type: latency}, {name: b, type: x}, {name: c, type: status_code}]}")
    assert [error["loc"][:2] for error in caught.value.errors()] == [("policies", 0), ("policies", 1), ("policies", 2)]


def test_off_survives_yaml():
    """A bare `off`, which YAML 1.1 reads as false, is the mode `off`."""
    assert read("{policies: [{name: a, mode: off}], default: drop}").policies[0].mode == "off"


def test_the_schema_for_editors_has_both_forms():
    """The JSON Schema of the processor describes our form and the collector's."""
    schema = SPEC.config.model_json_schema()
    assert len(schema["anyOf"]) == 2
    text = str(schema)
    assert "sample_on_first_match" in text
    assert "max_keys" in text
