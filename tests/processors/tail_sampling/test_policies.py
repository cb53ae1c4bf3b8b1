"""Every policy type of the collector's block against traces, on both kernels, by the collector's own semantics."""

import pytest

MS = 1_000_000


def attrs(**values):
    return {"attributes": values}


def resource(**values):
    return {"resource": values}


def policy(kind, options):
    return f"policies: [{{name: p, type: {kind}, {kind}: {options}}}]"


def lasting(*spans):
    """Spans by start and end in ms."""
    return [{"start": start * MS, "end": end * MS} for start, end in spans]


ERRORS = "{name: x, type: status_code, status_code: {status_codes: [ERROR]}}"
S_IS_A = "{name: y, type: string_attribute, string_attribute: {key: s, values: [a]}}"
S_IS_NOT_A = f"{{name: z, type: not, not: {{not_sub_policy: {S_IS_A}}}}}"
CASES = [
    # type, options, spans of the trace, sampled
    ("always_sample", "{}", [{}], True),
    # latency: the bound is not included, the upper one is, and the trace's own duration counts
    ("latency", "{threshold_ms: 500}", lasting((1000, 1500)), False),
    ("latency", "{threshold_ms: 500}", lasting((1000, 1501)), True),
    ("latency", "{threshold_ms: 500}", lasting((1000, 1400), (1300, 1600)), True),
    ("latency", "{threshold_ms: 500, upper_threshold_ms: 800}", lasting((1000, 1800)), True),
    ("latency", "{threshold_ms: 500, upper_threshold_ms: 800}", lasting((1000, 1801)), False),
    ("latency", "{threshold_ms: 500, upper_threshold_ms: 800}", lasting((1000, 1600), (1000, 3000)), False),
    ("latency", "{threshold_ms: 500, upper_threshold_ms: 800}", lasting((1000, 1500)), False),
    # numeric_attribute: ends included, 0 is no bound, other types are 0
    ("numeric_attribute", "{key: n, min_value: 5, max_value: 7}", [attrs(n=5)], True),
    ("numeric_attribute", "{key: n, min_value: 5, max_value: 7}", [attrs(n=7)], True),
    ("numeric_attribute", "{key: n, min_value: 5, max_value: 7}", [attrs(n=8)], False),
    ("numeric_attribute", "{key: n, min_value: 5, max_value: 7}", [attrs(n=4)], False),
    ("numeric_attribute", "{key: n, min_value: 5, max_value: 7}", [resource(n=6)], True),
    ("numeric_attribute", "{key: n, min_value: 5, max_value: 7}", [{**resource(n=1), **attrs(n=6)}], True),
    ("numeric_attribute", "{key: n, min_value: 5, max_value: 7}", [attrs(m=6)], False),
    ("numeric_attribute", "{key: n, min_value: 5, max_value: 7}", [attrs(n=6.0)], False),
    ("numeric_attribute", "{key: n, max_value: 7}", [attrs(n=-100)], True),
    ("numeric_attribute", "{key: n, max_value: 7}", [attrs(n="text")], True),
    ("numeric_attribute", "{key: n, min_value: 5}", [attrs(n=2**62)], True),
    ("numeric_attribute", "{key: n, min_value: 5, invert_match: true}", [attrs(n=9)], False),
    ("numeric_attribute", "{key: n, min_value: 5, invert_match: true}", [attrs(n=1)], True),
    ("numeric_attribute", "{key: n, min_value: 5, invert_match: true}", [attrs(m=1)], True),
    # string_attribute: exact or searched for; empty span attributes are passed over, those of resources are not
    ("string_attribute", "{key: s, values: [a, b]}", [attrs(s="b")], True),
    ("string_attribute", "{key: s, values: [a, b]}", [attrs(s="ab")], False),
    ("string_attribute", "{key: s, values: [a, b]}", [attrs(s="x"), attrs(s="a")], True),
    ("string_attribute", "{key: s, values: [a, b]}", [{**resource(s="x"), **attrs(s="a")}], True),
    ("string_attribute", "{key: s, values: [a, b]}", [resource(s="a")], True),
    ("string_attribute", "{key: s, values: ['', b]}", [attrs(s="")], False),
    ("string_attribute", "{key: s, values: ['', b]}", [resource(s="")], False),
    ("string_attribute", "{key: s, values: ['7']}", [attrs(s=7)], False),
    ("string_attribute", "{key: s, values: [a.c], enabled_regex_matching: true}", [attrs(s="xabcx")], True),
    ("string_attribute", "{key: s, values: ['^a.c$'], enabled_regex_matching: true}", [attrs(s="xabcx")], False),
    ("string_attribute", "{key: s, values: [x, '^a'], enabled_regex_matching: true}", [attrs(s="abc")], True),
    ("string_attribute", "{key: s, values: ['.*'], enabled_regex_matching: true}", [attrs(s="")], False),
    ("string_attribute", "{key: s, values: ['.*'], enabled_regex_matching: true}", [attrs(s=7)], False),
    ("string_attribute", "{key: s, values: ['.*'], enabled_regex_matching: true}", [resource(s="")], True),
    ("string_attribute", "{key: s, values: ['.*'], enabled_regex_matching: true}", [resource(s=7)], True),
    ("string_attribute", "{key: s, values: ['.*'], enabled_regex_matching: true}", [attrs(t="a")], False),
    ("string_attribute", "{key: s, values: [a], invert_match: true}", [attrs(s="a")], False),
    ("string_attribute", "{key: s, values: [a], invert_match: true}", [attrs(s="b"), attrs(s="a")], False),
    ("string_attribute", "{key: s, values: [a], invert_match: true}", [attrs(s="b")], True),
    ("string_attribute", "{key: s, values: [a], invert_match: true}", [attrs(t="b")], True),
    # boolean_attribute: other types are false
    ("boolean_attribute", "{key: b, value: true}", [attrs(b=True)], True),
    ("boolean_attribute", "{key: b, value: true}", [attrs(b=False)], False),
    ("boolean_attribute", "{key: b, value: true}", [attrs(b="true")], False),
    ("boolean_attribute", "{key: b, value: false}", [attrs(b="true")], True),
    ("boolean_attribute", "{key: b, value: false}", [attrs(c=False)], False),
    ("boolean_attribute", "{key: b, value: true}", [resource(b=True)], True),
    ("boolean_attribute", "{key: b, value: true, invert_match: true}", [attrs(b=True)], False),
    ("boolean_attribute", "{key: b, value: true, invert_match: true}", [attrs(b=False)], True),
    # status_code: any span
    ("status_code", "{status_codes: [ERROR]}", [{"status": 2}], True),
    ("status_code", "{status_codes: [ERROR]}", [{"status": 1}, {"status": 0}], False),
    ("status_code", "{status_codes: [ERROR]}", [{"status": 1}, {"status": 2}], True),
    ("status_code", "{status_codes: [OK, UNSET]}", [{"status": 2}], False),
    ("status_code", "{status_codes: [OK, UNSET]}", [{"status": 0}], True),
    # span_count: ends included
    ("span_count", "{min_spans: 2}", [{}], False),
    ("span_count", "{min_spans: 2}", [{}, {}], True),
    ("span_count", "{min_spans: 2, max_spans: 3}", [{}, {}, {}], True),
    ("span_count", "{min_spans: 2, max_spans: 3}", [{}] * 4, False),
    # trace_state: the member's value as it stands, on any span; a malformed list matches nothing
    ("trace_state", "{key: k, values: [a, b]}", [{"state": "k=b"}], True),
    ("trace_state", "{key: k, values: [a, b]}", [{}, {"state": "x=1,k=a"}], True),
    ("trace_state", "{key: k, values: [a, b]}", [{"state": "k=ab"}], False),
    ("trace_state", "{key: k, values: [a, b]}", [{"state": "x=a"}], False),
    ("trace_state", "{key: k, values: [a, b]}", [{"state": "k=a,broken"}], False),
    ("trace_state", "{key: k, values: ['']}", [{}], False),
    ("trace_state", f"{{key: k, values: [{'v' * 255}]}}", [{"state": "k=" + "v" * 255}], False),
    ("trace_state", f"{{key: k, values: [{'v' * 254}]}}", [{"state": "k=" + "v" * 254}], True),
    # trace_flags: W3C's sampled bit on any span
    ("trace_flags", "{}", [{"flags": 1}], True),
    ("trace_flags", "{}", [{"flags": 0x300}, {"flags": 0x301}], True),
    ("trace_flags", "{}", [{"flags": 0x302}, {}], False),
    # ottl_condition: one condition, of one span or of one event, is enough
    ("ottl_condition", '{span: [\'attributes["s"] == "a"\']}', [attrs(s="b"), attrs(s="a")], True),
    ("ottl_condition", '{span: [\'attributes["s"] == "a"\']}', [attrs(s="b"), resource(s="a")], False),
    ("ottl_condition", "{span: ['name == \"x\"', 'status.code == STATUS_CODE_ERROR']}", [{"status": 2}], True),
    ("ottl_condition", '{span: [\'name == "op" and attributes["n"] > 3\']}', [{"name": "x", **attrs(n=9)}], False),
    ("ottl_condition", "{spanevent: ['name == \"boom\"']}", [{}, {"events": [("ok", {}), ("boom", {})]}], True),
    ("ottl_condition", "{spanevent: ['name == \"boom\"']}", [{"name": "boom"}], False),
    (
        "ottl_condition",
        '{spanevent: [\'attributes["n"] == 1 and span.name == "op"\']}',
        [{"events": [("e", {"n": 1})]}],
        True,
    ),
    ("ottl_condition", "{span: ['name == \"x\"'], spanevent: ['name == \"e\"']}", [{"events": [("e", {})]}], True),
    # and, not: different spans may satisfy the parts
    ("and", f"{{and_sub_policy: [{ERRORS}, {S_IS_A}]}}", [{"status": 2}, attrs(s="a")], True),
    ("and", f"{{and_sub_policy: [{ERRORS}, {S_IS_A}]}}", [{"status": 2}, attrs(s="b")], False),
    ("and", f"{{and_sub_policy: [{ERRORS}, {S_IS_NOT_A}]}}", [{"status": 2}, attrs(s="a")], False),
    ("and", f"{{and_sub_policy: [{ERRORS}, {S_IS_NOT_A}]}}", [{"status": 2}, attrs(s="b")], True),
    ("not", "{not_sub_policy: {name: x, type: span_count, span_count: {min_spans: 2}}}", [{}], True),
    ("not", "{not_sub_policy: {name: x, type: span_count, span_count: {min_spans: 2}}}", [{}, {}], False),
]
LIMITERS = [
    # within the burst (twice the rate, unless set) a trace passes; above it, never in the collector, and in ordered
    # evaluation when the bucket is full: options, spans of the trace, sampled by the collector
    ("rate_limiting", "{spans_per_second: 1}", [{}, {}], True),
    ("rate_limiting", "{spans_per_second: 1}", [{}, {}, {}], False),
    ("rate_limiting", "{spans_per_second: 1, burst_capacity: 3}", [{}, {}, {}], True),
    ("bytes_limiting", "{bytes_per_second: 10}", [{}], False),
    ("bytes_limiting", "{bytes_per_second: 10, burst_capacity: 1000}", [{}], True),
]


@pytest.mark.parametrize("evaluation", ["collector", "ordered"])
@pytest.mark.parametrize(("kind", "options", "spans", "sampled"), CASES)
def test_policy(rig, kit, kind, options, spans, sampled, evaluation):
    """One policy alone decides about one trace; in ordered evaluation a policy that does not match passes to a drop."""
    text = policy(kind, options) + f"\nevaluation: {evaluation}"
    planted = [kit.Planted(kit.trace_id(1), **span) for span in spans]
    assert rig(text).kept(*planted) == ({kit.trace_id(1)} if sampled else set())


@pytest.mark.parametrize("evaluation", ["collector", "ordered"])
@pytest.mark.parametrize(("kind", "options", "spans", "sampled"), LIMITERS)
def test_limiter(rig, kit, kind, options, spans, sampled, evaluation):
    """One limiter alone, its bucket full, decides about one trace."""
    text = policy(kind, options) + f"\nevaluation: {evaluation}"
    planted = [kit.Planted(kit.trace_id(1), **span) for span in spans]
    assert rig(text).kept(*planted) == ({kit.trace_id(1)} if sampled or evaluation == "ordered" else set())


def fnv1a_64(data):
    """FNV-1a, written down from its definition."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def test_the_hash_is_fnv():
    """Published vectors of FNV-1a 64: the oracle below is right."""
    assert fnv1a_64(b"") == 0xCBF29CE484222325
    assert fnv1a_64(b"a") == 0xAF63DC4C8601EC8C
    assert fnv1a_64(b"foobar") == 0x85944171F73967E8


@pytest.mark.parametrize(("options", "salt", "percent"), [
    ("{sampling_percentage: 10}", b"default-hash-seed", 10),
    ("{sampling_percentage: 10, hash_salt: ''}", b"default-hash-seed", 10),
    ("{sampling_percentage: 37.5, hash_salt: other}", b"other", 37.5),
    ("{sampling_percentage: 100}", b"default-hash-seed", 100),
    ("{sampling_percentage: 0}", b"default-hash-seed", 0),
])  # fmt: skip
def test_probabilistic_keeps_the_collectors_traces(rig, kit, options, salt, percent):
    """Trace by trace the policy samples where FNV-1a 64 of salt and id is within the percentage."""
    ids = [kit.trace_id(number) for number in range(400)]
    kept = rig(policy("probabilistic", options)).kept(*(kit.Planted(one) for one in ids))
    bound = (2**64 - 1) * percent // 100
    assert kept == {one for one in ids if fnv1a_64(salt + one) <= bound and percent}


def test_probabilistic_in_order_goes_by_the_traces_own_randomness(rig, kit):
    """In ordered evaluation the trace's randomness decides and the threshold is written."""
    text = policy("probabilistic", "{sampling_percentage: 25}") + "\nevaluation: ordered"
    low, high = kit.trace_id(1, 0xBFFFFFFFFFFFFF), kit.trace_id(2, 0xC0000000000000)
    sampler = rig(text)
    sampler.offer(kit.T0, kit.Planted(low), kit.Planted(high))
    (span,) = kit.seen(sampler.tick(kit.T0 + 30 * kit.SECOND).kept)
    assert (span.trace, span.state) == (high, "ot=th:c")
