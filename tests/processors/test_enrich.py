"""enrich, attributes and resource: the collector's actions through the kernels, and what enrich adds to them."""

import hashlib

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import ValidationError
from tailgate.processors.base import BuildContext
from tailgate.processors.enrich import SPECS, context_name
from tailgate.rules.values import any_value

LIMITS = {"max_bytes": 1 << 20, "max_spans": 1000, "max_attributes": 100, "max_depth": 8}
NO_FACTS = {"leaves": [], "numbers": [], "keys": [], "compare": []}
BY_NAME = {spec.name: spec for spec in SPECS}


def request_bytes(span, resource, scope, name="GET /"):
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "lib"
    target = scope_spans.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name=name)
    target.status.code = 2
    levels = [(target, span), (resource_spans.resource, resource), (scope_spans.scope, scope)]
    for message, attributes in levels:
        for key, value in attributes.items():
            message.attributes.add(key=key, value=any_value(value))
    return request.SerializeToString()


def plain(attributes):
    def value(any_):
        which = any_.WhichOneof("value")
        if which == "array_value":
            return [value(item) for item in any_.array_value.values]
        if which == "kvlist_value":
            return {pair.key: value(pair.value) for pair in any_.kvlist_value.values}
        return getattr(any_, which) if which else None

    return {pair.key: value(pair.value) for pair in attributes}


@pytest.fixture
def run(kernel):
    """(processor, configuration, span, resource, scope, request values) -> attributes of all three afterwards."""

    def walk(name, config, span=(), resource=(), scope=(), values=(), span_name="GET /"):
        spec = BY_NAME[name]
        context = BuildContext(name, "traces", kernel, kernel.labels(), [])
        part = spec.build(spec.config.model_validate(config), context)
        program = kernel.compile(
            {"stages": part.stages, "facts": NO_FACTS, "limits": LIMITS, "context": len(context.context)}
        )
        given = [dict(values).get(key) for key in context.context]
        request = request_bytes(dict(span), dict(resource), dict(scope), span_name)
        out = ExportTraceServiceRequest.FromString(program.digest(request, given).request())
        found = out.resource_spans[0]
        scope_spans = found.scope_spans[0]
        messages = (scope_spans.spans[0], found.resource, scope_spans.scope)
        return tuple(plain(message.attributes) for message in messages)

    return walk


ACTIONS = [
    # (action, attributes before, attributes after)
    ({"key": "a", "action": "insert", "value": 1}, {}, {"a": 1}),
    ({"key": "a", "action": "insert", "value": 1}, {"a": 2}, {"a": 2}),
    ({"key": "a", "action": "update", "value": 1}, {}, {}),
    ({"key": "a", "action": "update", "value": 1}, {"a": "x"}, {"a": 1}),
    ({"key": "a", "action": "upsert", "value": True}, {"a": 2}, {"a": True}),
    ({"key": "a", "action": "UPSERT", "value": 1.5}, {}, {"a": 1.5}),
    ({"key": "a", "action": "upsert", "value": ""}, {"a": 2}, {"a": ""}),
    ({"key": "a", "action": "upsert", "value": False}, {"a": 2}, {"a": False}),
    ({"key": "a", "action": "upsert", "value": 0}, {"a": 2}, {"a": 0}),
    ({"key": "a", "action": "upsert", "value": ["x", {"y": 1}]}, {}, {"a": ["x", {"y": 1}]}),
    ({"key": "a", "action": "insert", "from_attribute": "b"}, {"b": [1]}, {"b": [1], "a": [1]}),
    ({"key": "a", "action": "insert", "from_attribute": "b"}, {}, {}),
    ({"key": "a", "action": "delete"}, {"a": 1, "ab": 2}, {"ab": 2}),
    ({"pattern": "^a", "action": "delete"}, {"a": 1, "ab": 2, "ba": 3}, {"ba": 3}),
    ({"key": "z", "pattern": "b", "action": "delete"}, {"z": 1, "ab": 2, "y": 3}, {"y": 3}),
    ({"key": "a", "action": "hash"}, {"a": "x"}, {"a": hashlib.sha256(b"x").hexdigest()}),
    ({"key": "a", "action": "hash"}, {"a": 1}, {"a": hashlib.sha256((1).to_bytes(8, "little")).hexdigest()}),
    ({"pattern": "a$", "action": "hash"}, {"aa": "", "ab": "x"}, {"aa": hashlib.sha256().hexdigest(), "ab": "x"}),
    (
        {"key": "url", "action": "extract", "pattern": r"^/(?P<shop>\w+)/(?P<item>\d+)"},
        {"url": "/eu/42", "item": 1},
        {"url": "/eu/42", "item": "42", "shop": "eu"},
    ),
    ({"key": "url", "action": "extract", "pattern": r"^(?P<shop>\d+)"}, {"url": "/eu"}, {"url": "/eu"}),
    ({"key": "a", "action": "convert", "converted_type": "int"}, {"a": "12"}, {"a": 12}),
    ({"key": "a", "action": "convert", "converted_type": "int"}, {"a": "x"}, {"a": "x"}),
    ({"key": "a", "action": "convert", "converted_type": "double"}, {"a": 2}, {"a": 2.0}),
    ({"key": "a", "action": "convert", "converted_type": "string"}, {"a": 2.5}, {"a": "2.5"}),
]
IDS = [f"{action} on {before}" for action, before, _ in ACTIONS]


@pytest.mark.parametrize(("action", "before", "after"), ACTIONS, ids=IDS)
def test_each_action_under_each_name(run, action, before, after):
    """The three processors share the actions: on a span, a resource and a scope each does the same."""
    assert run("attributes", {"actions": [action]}, span=before) == (after, {}, {})
    assert run("resource", {"attributes": [action]}, resource=before) == ({}, after, {})
    assert run("enrich", {"actions": [action]}, span=before) == (after, {}, {})
    assert run("enrich", {"actions": [{**action, "on": "resource"}]}, resource=before) == ({}, after, {})
    assert run("enrich", {"actions": [{**action, "on": "scope"}]}, scope=before) == ({}, {}, after)


def test_actions_run_in_order(run):
    """Each action sees what the one before has left, also where stages are joined or a condition stands between."""
    actions = [
        {"key": "a", "action": "insert", "value": 1},
        {"key": "b", "action": "insert", "from_attribute": "a"},
        {"key": "c", "action": "insert", "value": 1, "when": "b == 1"},
        {"key": "b", "action": "delete", "when": "c == 1"},
        {"key": "d", "action": "insert", "value": 1, "when": "exists(b)"},
        {"key": "a", "action": "delete"},
    ]
    assert run("enrich", {"actions": actions}) == ({"c": 1}, {}, {})


def test_neighbours_without_a_condition_share_a_stage(kernel):
    """Plain actions cost one stage however many they are."""
    context = BuildContext("enrich", "traces", kernel, kernel.labels(), [])
    spec = BY_NAME["enrich"]
    plain_, conditional = {"key": "a", "action": "delete"}, {"key": "a", "action": "delete", "when": "error"}
    actions = [plain_, plain_, conditional, plain_, plain_, {**plain_, "on": "resource"}]
    stages = spec.build(spec.config.model_validate({"actions": actions}), context).stages
    assert [len(stage["actions"]) for stage in stages] == [2, 1, 2, 1]


@pytest.mark.parametrize(
    ("when", "applies"),
    [("error", True), ("tenant == 'x'", True), ("name == 'other'", False), (True, True), (False, False)],
)
def test_when(run, when, applies):
    """A condition is about the span with its resource; YAML's own true and false are conditions, too."""
    actions = [{"key": "a", "action": "insert", "value": 1, "when": when}]
    assert run("enrich", {"actions": actions}, resource={"tenant": "x"})[0] == ({"a": 1} if applies else {})


def test_when_on_a_resource_and_a_scope(run):
    """There the bare names are those of the level itself, whatever the span says."""
    actions = [
        {"key": "a", "action": "insert", "value": 1, "on": "resource", "when": "k == 1"},
        {"key": "b", "action": "insert", "value": 1, "on": "scope", "when": "k == 2 and scope.name == 'lib'"},
        {"key": "c", "action": "insert", "value": 1, "on": "scope", "when": "k == 1"},
    ]
    after = run("enrich", {"actions": actions}, span={"k": 3}, resource={"k": 1}, scope={"k": 2})
    assert after == ({"k": 3}, {"k": 1, "a": 1}, {"k": 2, "b": 1})


def test_copies_from_above(run):
    """A span may copy from its resource and scope, a scope from its resource."""
    actions = [
        {"key": "a", "action": "insert", "from_resource": "r"},
        {"key": "b", "action": "insert", "from_scope": "s"},
        {"key": "c", "action": "insert", "from_resource": "r", "on": "scope"},
    ]
    after = run("enrich", {"actions": actions}, resource={"r": "x"}, scope={"s": 2})
    assert after == ({"a": "x", "b": 2}, {"r": "x"}, {"s": 2, "c": "x"})


def test_request_values(run):
    """Headers by any of their names become attributes; one that the request does not have changes nothing."""
    actions = [
        {"key": "tenant", "action": "upsert", "from_context": "metadata.X-MCP-Tenant-Id"},
        {"key": "again", "action": "upsert", "from_context": "x-mcp-tenant-id"},
        {"key": "peer", "action": "upsert", "from_context": "client.address"},
        {"key": "none", "action": "upsert", "from_context": "metadata.missing"},
    ]
    values = {"metadata.x-mcp-tenant-id": "acme", "client.address": "10.0.0.9"}
    expected = {"tenant": "acme", "again": "acme", "peer": "10.0.0.9"}
    assert run("enrich", {"actions": actions}, values=values)[0] == expected
    assert run("attributes", {"actions": actions}, values=values)[0] == expected
    assert run("resource", {"attributes": actions}, values=values)[1] == expected


def test_include_and_exclude(run):
    """The collector's matchers say which spans `attributes` acts on; all its actions run, or none."""
    config = {
        "actions": [{"key": "a", "action": "insert", "value": 1}, {"key": "skip", "action": "insert", "value": 1}],
        "include": {"match_type": "regexp", "span_names": ["^GET"]},
        "exclude": {"match_type": "strict", "attributes": [{"key": "skip"}]},
    }
    both = {"a": 1, "skip": 1}
    assert run("attributes", config)[0] == both
    assert run("attributes", config, span_name="POST")[0] == {}
    assert run("attributes", config, span={"skip": 0})[0] == {"skip": 0}


@pytest.mark.parametrize("name", ["enrich", "attributes", "resource"])
def test_disabled(run, name):
    """`enabled: false` leaves everything alone."""
    key = "attributes" if name == "resource" else "actions"
    config = {"enabled": False, key: [{"key": "a", "action": "insert", "value": 1}]}
    assert run(name, config) == ({}, {}, {})


MISTAKES = [
    ({"action": "insert", "value": 1}, "insert needs a key"),
    ({"action": "delete"}, "delete needs a key or a pattern"),
    ({"action": "hash"}, "hash needs a key or a pattern"),
    ({"key": "a"}, "action"),
    ({"key": "a", "action": "replace", "value": 1}, "'insert', 'update'"),
    ({"key": "a", "action": "insert"}, "exactly one of"),
    ({"key": "a", "action": "insert", "value": None}, "exactly one of"),
    ({"key": "a", "action": "insert", "value": 1, "from_attribute": "b"}, "both from_attribute and value"),
    ({"key": "a", "action": "insert", "value": "", "from_context": "b"}, "both from_context and value"),
    ({"key": "a", "action": "insert", "value": 1, "pattern": "x"}, "insert does not use pattern"),
    ({"key": "a", "action": "update", "value": 1, "converted_type": "int"}, "update does not use converted_type"),
    ({"key": "a", "action": "delete", "value": 1}, "delete does not use value"),
    ({"key": "a", "action": "hash", "from_attribute": "b"}, "hash does not use from_attribute"),
    ({"key": "a", "action": "extract"}, "every group has a name"),
    ({"key": "a", "action": "extract", "pattern": "x"}, "every group has a name"),
    ({"key": "a", "action": "extract", "pattern": "(?P<a>x)(y)"}, "every group has a name"),
    ({"key": "a", "action": "extract", "pattern": "(?P<a>x)", "value": 1}, "extract does not use value"),
    ({"pattern": "(?P<a>x)", "action": "extract"}, "extract needs a key"),
    ({"key": "a", "action": "delete", "pattern": "("}, "missing )"),
    ({"key": "a", "action": "convert"}, "needs converted_type"),
    ({"key": "a", "action": "convert", "converted_type": "bool"}, "'int', 'double' or 'string'"),
    ({"key": "a", "action": "convert", "converted_type": "int", "pattern": "x"}, "convert does not use pattern"),
    ({"key": "a", "action": "insert", "from_context": "auth.subject"}, "expected metadata.<header>"),
    ({"key": "a", "action": "insert", "from_context": "metadata."}, "names no header"),
    ({"key": "a", "action": "insert", "value": 1 << 64}, "cannot be an attribute"),
    ({"key": "a", "action": "insert", "value": {1, 2}}, "cannot be an attribute"),
    ({"key": "a", "action": "insert", "vlaue": 1}, "vlaue"),
]
OURS = [
    ({"key": "a", "action": "delete", "on": "event"}, "'record', 'span', 'log', 'datapoint', 'resource' or 'scope'"),
    ({"key": "a", "action": "insert", "value": 1, "when": "error and"}, "column 10"),
    ({"key": "a", "action": "insert", "value": 1, "on": "resource", "when": "error"}, "belongs to spans"),
    ({"key": "a", "action": "insert", "on": "resource", "from_resource": "b"}, "cannot be used on a resource"),
    ({"key": "a", "action": "insert", "on": "scope", "from_scope": "b"}, "cannot be used on a scope"),
    ({"key": "a", "action": "insert", "from_scope": "b", "value": 1}, "both from_scope and value"),
]


@pytest.mark.parametrize(("action", "part"), MISTAKES, ids=[str(action) for action, _ in MISTAKES])
def test_mistakes_that_the_collector_refuses(action, part):
    """The collector's own checks of an action, under every name, each with a sentence that says what to do."""
    for name, key in (("enrich", "actions"), ("attributes", "actions"), ("resource", "attributes")):
        with pytest.raises(ValidationError) as caught:
            BY_NAME[name].config.model_validate({key: [action]})
        assert part in str(caught.value)


@pytest.mark.parametrize(("action", "part"), OURS, ids=[str(action) for action, _ in OURS])
def test_mistakes_with_what_enrich_adds(action, part):
    """What cannot be done is refused when the file is read."""
    with pytest.raises(ValidationError) as caught:
        BY_NAME["enrich"].config.model_validate({"actions": [action]})
    assert part in str(caught.value)


@pytest.mark.parametrize("key", ["on", "when", "from_resource", "from_scope"])
def test_the_collectors_names_take_the_collectors_keys(key):
    """`attributes` and `resource` are the collector's: what enrich adds is an unknown key there."""
    action = {"key": "a", "action": "insert", "value": 1, key: "span"}
    for name, actions in (("attributes", "actions"), ("resource", "attributes")):
        with pytest.raises(ValidationError, match="Extra inputs"):
            BY_NAME[name].config.model_validate({actions: [action]})


def test_nothing_to_do_is_a_mistake():
    """An empty list of actions is refused, as in the collector."""
    for name, key in (("enrich", "actions"), ("attributes", "actions"), ("resource", "attributes")):
        for config in ({}, {key: []}):
            with pytest.raises(ValidationError):
                BY_NAME[name].config.model_validate(config)


def test_names_of_request_values():
    """The bare name of a header means metadata, in lower case."""
    assert context_name("X-Tenant") == context_name("metadata.x-tenant") == "metadata.x-tenant"
    assert context_name("client.address") == "client.address"
