"""retention: which class a trace gets, once, from conditions over the whole of it."""

from array import array

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import ValidationError
from tailgate.kernel.contract import RETENTION, VERDICT
from tailgate.processors.base import BuildContext, Deciding, Fused
from tailgate.processors.retention import NO_POLICY, SPEC
from tailgate.rules.durations import parse_duration
from tailgate.rules.values import any_value, key_value

LIMITS = {"max_bytes": 1 << 20, "max_spans": 1000, "max_attributes": 100, "max_depth": 8}
NO_FACTS = {"leaves": [], "numbers": [], "keys": [], "compare": []}
DAY = parse_duration("1d")
THREE = {
    "default": {"name": "standard", "ttl": "72h"},
    "policies": [
        {"name": "errors", "when": "error", "ttl": "168h"},
        {"name": "vip", "when": 'user.tier="enterprise"', "ttl": "30d"},
        {"name": "slow", "when": "duration>5000", "ttl": "168h"},
        {"name": "noise", "when": "noise", "ttl": "1d12h"},
    ],
}


def request_bytes(traces):
    """One request; a trace is a list of the attributes of its spans."""
    request = ExportTraceServiceRequest()
    for number, spans in enumerate(traces):
        resource_spans = request.resource_spans.add()
        resource_spans.resource.attributes.add(key="trace", value=any_value(number))
        scope_spans = resource_spans.scope_spans.add()
        for index, attributes in enumerate(spans):
            span = scope_spans.spans.add(trace_id=number.to_bytes(16, "big"), span_id=index.to_bytes(8, "big"))
            span.start_time_unix_nano = 10**18
            span.end_time_unix_nano = 10**18 + attributes.get("ms", 0) * 1_000_000
            for key, value in attributes.items():
                span.attributes.add(key=key, value=any_value(value))
    return request.SerializeToString()


def tags(messages):
    """The retention of each trace as (policy, ttl), from its resource."""
    out = {}
    for message in messages:
        for resource_spans in ExportTraceServiceRequest.FromString(message).resource_spans:
            found = {pair.key: pair.value for pair in resource_spans.resource.attributes}
            keys = [found[key].string_value for key in ("retention.policy", "retention.ttl") if key in found]
            out[found["trace"].int_value] = tuple(keys)
    return [out[number] for number in sorted(out)]


class Row:
    """A segment that ends with the decider, as the pipeline makes it."""

    def __init__(self, kernel, config):
        self.labels = kernel.labels()
        self.context = BuildContext("retention", "traces", kernel, self.labels, [])
        part = SPEC.build(SPEC.config.model_validate(config), self.context)
        self.decider = part.decider
        self.context.id = "another"  # the pipeline goes on to the next processor with the same context
        self.program = kernel.compile({"stages": [], "facts": self.decider.facts, "limits": LIMITS, "context": 0})
        self.table = kernel.table(self.program, self.labels, 100, 100)

    def verdict(self, name=None, ttl=0):
        """A label as the sampler makes one, with the retention of its policy."""
        resource = [key_value("retention.policy", name), key_value("retention.ttl", "said")] if name else []
        label = self.labels.add({"keep": True, "span": [], "resource": resource, "threshold": "leave"})
        if name:
            self.context.retentions[label] = (name, ttl)
        return label

    def keep(self, traces, label):
        """Hold the traces and judge them all with one label; the kept records come back."""
        self.table.file(self.program.digest(request_bytes(traces)), 1)
        columns = self.table.due(1, None, 1000)
        return self.table.settle(columns, array("I", [label] * columns.count), None).kept

    def counts(self, metric="tailgate_retention_traces"):
        return {s.labels["class"]: s.value for s in self.decider.samples() if s.name == metric and s.value}


def decided(kernel, config, *traces):
    row = Row(kernel, config)
    records = row.keep(list(traces), row.verdict())
    row.decider.decide(records)
    return tags([message for message, _ in records.requests(0, 0)])


def test_conditions_choose_the_class(kernel):
    """Each policy's traces get its name and its ttl in the largest units; the others get the default."""
    traces = [[{"a": 1}], [{}, {"error": True}], [{"user.tier": "enterprise"}], [{"ms": 6000}], [{"noise": True}]]
    assert decided(kernel, THREE, *traces) == [
        ("standard", "3d"),
        ("errors", "7d"),
        ("vip", "30d"),
        ("slow", "7d"),
        ("noise", "1d12h"),
    ]


def test_the_longest_wins_and_of_equals_the_first(kernel):
    """30 days beat 7; between two of 7 days the one that stands first is named; the default does not compete."""
    traces = [
        [{"error": True}, {"user.tier": "enterprise"}],
        [{"error": True, "ms": 6000}],
        [{"noise": True}],
    ]
    assert [name for name, _ in decided(kernel, THREE, *traces)] == ["vip", "errors", "noise"]


def test_the_first_wins_when_asked(kernel):
    """`choose: first` goes by the order in the file, not by length."""
    config = {**THREE, "choose": "first"}
    assert decided(kernel, config, [{"error": True}, {"user.tier": "enterprise"}]) == [("errors", "7d")]


def test_a_bare_default_and_other_attribute_names(kernel):
    """A duration alone is a class named default; the attributes can be called otherwise."""
    config = {"default": "36h", "policies": [{"name": "e", "when": "error", "ttl": "2h"}]}
    assert decided(kernel, config, [{}], [{"error": True}]) == [("default", "1d12h"), ("e", "2h")]
    other = {**config, "policy_attribute": "retention.ttl", "ttl_attribute": "retention.policy"}
    assert decided(kernel, other, [{}]) == [("1d12h", "default")]


def test_without_a_default_the_rest_is_left_untagged(kernel):
    """What no policy applies to gets no attribute."""
    config = {"policies": [{"name": "e", "when": "error", "ttl": "2h"}]}
    assert decided(kernel, config, [{}], [{"error": True}]) == [(), ("e", "2h")]


@pytest.mark.parametrize(
    ("choose", "said", "trace", "expected"),
    [
        ("longest", 1 * DAY, {"error": True}, ("errors", "7d")),
        ("longest", 7 * DAY, {"error": True}, ("said", "said")),
        ("longest", 90 * DAY, {"error": True}, ("said", "said")),
        ("longest", 1 * DAY, {}, ("said", "said")),
        ("first", 1 * DAY, {"error": True}, ("said", "said")),
    ],
)
def test_beside_the_samplers_own_retention(kernel, choose, said, trace, expected):
    """A sampling policy's retention competes with the policies here; the default is for when nobody said anything."""
    row = Row(kernel, {**THREE, "choose": choose})
    records = row.keep([[trace]], row.verdict("said", said))
    row.decider.decide(records)
    assert tags([message for message, _ in records.requests(0, 0)]) == [expected]
    assert row.counts() == {expected[0]: 1}


@pytest.mark.parametrize("said", [None, 90 * DAY, 1 * DAY])
def test_late_spans_follow_the_decision(kernel, said):
    """A span that comes late gets its trace's retention, though by itself it would get another; it is no new trace."""
    row = Row(kernel, THREE)
    records = row.keep([[{"error": True}]], row.verdict("said" if said else None, said or 0))
    row.decider.decide(records)
    row.table.remember(records)
    expected = tags([message for message, _ in records.requests(0, 0)])
    late = row.table.file(row.program.digest(request_bytes([[{"user.tier": "enterprise"}]])), 2).late_kept
    assert all(late.labels(RETENTION))
    row.decider.decide(late)
    assert tags([message for message, _ in late.requests(0, 0)]) == expected
    name = expected[0][0]
    assert row.counts() == {name: 1}
    assert row.counts("tailgate_retention_spans") == {name: 2}


def test_late_spans_of_an_untagged_trace_stay_untagged(kernel):
    """That no policy applied is a decision, too: a late span that matches one does not split the trace."""
    row = Row(kernel, {"policies": [{"name": "e", "when": "error", "ttl": "2h"}]})
    records = row.keep([[{}]], row.verdict())
    row.decider.decide(records)
    row.table.remember(records)
    late = row.table.file(row.program.digest(request_bytes([[{"error": True}]])), 2).late_kept
    row.decider.decide(late)
    assert tags([message for message, _ in late.requests(0, 0)]) == [()]
    assert row.counts() == {NO_POLICY: 1}


def test_labels_of_the_other_slot_stay(kernel):
    """Retention never touches the sampler's verdict."""
    row = Row(kernel, THREE)
    label = row.verdict()
    records = row.keep([[{}], [{"error": True}]], label)
    row.decider.decide(records)
    assert list(records.labels(VERDICT)) == [label, label]


def test_counts_name_their_origin(kernel):
    """Every class is there from the start, so that dashboards see zeros; each sample names pipeline and processor."""
    samples = list(Row(kernel, THREE).decider.samples())
    origin = {"pipeline": "traces", "processor": "retention"}
    classes = ["errors", "vip", "slow", "noise", "standard"]
    assert [s.labels for s in samples if s.name == "tailgate_retention_traces"] == [
        origin | {"class": c} for c in classes
    ]
    assert {s.name for s in samples} == {"tailgate_retention_traces", "tailgate_retention_spans"}


def test_many_masks(kernel):
    """Every combination of conditions is decided by itself, in one call: sixteen traces, sixteen masks."""
    traces, expected = [], []
    for mask in range(16):
        tests = [("error", True), ("user.tier", "enterprise"), ("ms", 6000), ("noise", True)]
        traces.append([dict([test]) for bit, test in enumerate(tests) if mask >> bit & 1] or [{}])
        names = [n for bit, n in ((1, "vip"), (0, "errors"), (2, "slow"), (3, "noise")) if mask >> bit & 1]
        expected.append(names[0] if names else "standard")
    assert [name for name, _ in decided(kernel, THREE, *traces)] == expected


def test_alone_the_default_is_an_edit(kernel):
    """Where nothing holds traces the default is written on every resource, over what stands there."""
    context = BuildContext("retention", "traces", kernel, kernel.labels(), [])
    part = SPEC.build(SPEC.config.model_validate({"default": "72h"}), context)
    program = kernel.compile({"stages": part.alone, "facts": NO_FACTS, "limits": LIMITS, "context": 0})
    assert tags([program.digest(request_bytes([[{}], [{}]])).request()]) == [("default", "3d")] * 2


def test_alone_policies_cannot_be(kernel):
    """With policies and nothing that holds traces there is no answer: the part says why."""
    context = BuildContext("retention", "traces", kernel, kernel.labels(), [])
    part = SPEC.build(SPEC.config.model_validate(THREE), context)
    assert isinstance(part, Deciding)
    assert part.alone is None
    assert "tail_sampling" in part.why


def test_disabled(kernel):
    """`enabled: false` is no part at all, wherever it stands."""
    context = BuildContext("retention", "traces", kernel, kernel.labels(), [])
    assert SPEC.build(SPEC.config.model_validate({**THREE, "enabled": False}), context) == Fused([])


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ({}, "expected a default or policies"),
        ({"default": 72}, "no unit"),
        ({"default": "0s"}, "a ttl of nothing"),
        ({"default": "soon"}, "no duration"),
        ({"default": {"ttl": "1d"}}, "name"),
        ({"policies": [{"name": "a", "when": "error and", "ttl": "1d"}]}, "column 10"),
        ({"policies": [{"name": "a", "ttl": "1d"}]}, "when"),
        ({"policies": [{"name": "", "when": "error", "ttl": "1d"}]}, "at least 1 character"),
        ({"policies": [{"name": "a", "when": "error", "ttl": "1d"}] * 2}, "a stands more than once"),
        (
            {"default": {"name": "a", "ttl": "1d"}, "policies": [{"name": "a", "when": "x", "ttl": "1d"}]},
            "more than once",
        ),
        ({"default": "1d", "choose": "shortest"}, "'longest' or 'first'"),
        ({"default": "1d", "polices": []}, "polices"),
    ],
)
def test_mistakes(config, part):
    """What is missing, unknown, contradictory or no duration is refused when the file is read."""
    with pytest.raises(ValidationError) as caught:
        SPEC.config.model_validate(config)
    assert part in str(caught.value)
