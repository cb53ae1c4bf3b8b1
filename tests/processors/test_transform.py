"""`transform`: each statement, conditions, contexts, error modes, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import ValidationError
from tailgate.processors.transform import TransformConfig, lint
from tailgate.rules.values import any_value

from .conftest import Walk, plain, request


def event(name: str, **attributes: Any) -> Span.Event:
    out = Span.Event(name=name)
    for key, value in attributes.items():
        out.attributes.add(key=key, value=any_value(value))
    return out


SPAN = {
    "name": "GET /users/7",
    "kind": 2,
    "status": Status(code=2, message="boom"),
    "trace_state": "a=b",
    "url": "/users/7/orders/8",
    "n": 5,
    "cookie": "c",
    "Cookie2": "d",
    "events": [event("exception", type="Timeout", stack="long text"), event("log")],
}
DATA = request(SPAN, resource={"service.name": "shop", "secret": "s"}, scope={"lib": 1})
ATTRIBUTES = {"url": "/users/7/orders/8", "n": 5, "cookie": "c", "Cookie2": "d"}

STATEMENTS: list[tuple[str, dict[str, Any]]] = [
    ('set(attributes["a"], "x")', {**ATTRIBUTES, "a": "x"}),
    ('set(attributes["n"], attributes["n"] * 2 + 1)', {**ATTRIBUTES, "n": 11}),
    ('set(attributes["n"], attributes["gone"])', {**ATTRIBUTES, "n": ""}),
    ('set(attributes["n"], nil)', {**ATTRIBUTES, "n": ""}),
    ('set(attributes["s"], resource.attributes["service.name"])', {**ATTRIBUTES, "s": "shop"}),
    ('set(attributes["d"], 1.5)', {**ATTRIBUTES, "d": 1.5}),
    ('set(attributes["t"], IsMatch(name, "GET"))', {**ATTRIBUTES, "t": True}),
    ('set(attributes["k"], SPAN_KIND_CLIENT)', {**ATTRIBUTES, "k": 3}),
    ('set(attributes["p"], Split(attributes["url"], "/")[1])', {**ATTRIBUTES, "p": "users"}),
    ('set(target=attributes["a"], value="x")', {**ATTRIBUTES, "a": "x"}),
    ('set(attributes["a"], "x") where kind == SPAN_KIND_SERVER', {**ATTRIBUTES, "a": "x"}),
    ('set(attributes["a"], "x") where kind == SPAN_KIND_CLIENT', ATTRIBUTES),
    ('delete_key(attributes, "n")', {"url": "/users/7/orders/8", "cookie": "c", "Cookie2": "d"}),
    ('delete_keys(attributes, ["n", "url", "gone"])', {"cookie": "c", "Cookie2": "d"}),
    ('delete_matching_keys(attributes, "(?i)^cookie")', {"url": "/users/7/orders/8", "n": 5}),
    ('keep_keys(attributes, ["n", "cookie"])', {"n": 5, "cookie": "c"}),
    ("keep_keys(attributes, [])", {}),
    ('keep_matching_keys(attributes, "^.$")', {"n": 5}),
    ("limit(attributes, 2, [])", {"url": "/users/7/orders/8", "n": 5}),
    ('limit(attributes, 2, ["Cookie2", "gone"])', {"url": "/users/7/orders/8", "Cookie2": "d"}),
    ("limit(attributes, 9, [])", ATTRIBUTES),
    ("truncate_all(attributes, 6)", {**ATTRIBUTES, "url": "/users"}),
    ('replace_pattern(attributes["url"], "/[0-9]+", "/{id}")', {**ATTRIBUTES, "url": "/users/{id}/orders/{id}"}),
    ('replace_pattern(attributes["url"], "/(\\\\d)", "<${1}$1>$$")', {**ATTRIBUTES, "url": "/users<77>$/orders<88>$"}),
    ('replace_pattern(attributes["url"], "(?P<x>\\\\d)", "$x_$x.$9")', {**ATTRIBUTES, "url": "/users/7./orders/8."}),
    ('replace_pattern(attributes["n"], "5", "6")', ATTRIBUTES),
    ('replace_pattern(attributes["gone"], "5", "6")', ATTRIBUTES),
    ('replace_match(attributes["url"], "/users/*", "user")', {**ATTRIBUTES, "url": "user"}),
    ('replace_match(attributes["url"], "users", "user")', ATTRIBUTES),
    (
        'replace_all_patterns(attributes, "value", "[cd/]", "*")',
        {"url": "*users*7*or*ers*8", "n": 5, "cookie": "*", "Cookie2": "*"},
    ),
    (
        'replace_all_patterns(attributes, "key", "^(.)ookie", "${1}_")',
        {"url": "/users/7/orders/8", "n": 5, "c_": "c", "C_2": "d"},
    ),
    ('replace_all_patterns(attributes, "key", "(?i)cookie2?", "n")', {"url": "/users/7/orders/8", "n": "d"}),
    ('replace_all_matches(attributes, "?", "one")', {**ATTRIBUTES, "cookie": "one", "Cookie2": "one"}),
]


@pytest.mark.parametrize(("text", "expected"), STATEMENTS, ids=[text for text, _ in STATEMENTS])
def test_statements_on_attributes(walk: Walk, text: str, expected: dict[str, Any]) -> None:
    """Guarantees: a statement leaves the attributes that the table says, and drops nothing."""
    walked = walk("transform", {"trace_statements": [{"context": "span", "statements": [text]}]}, DATA)
    if "$x_$x" in text:  # a name runs as far as it can: there is no group called x_
        expected = {**expected, "url": "/users/7./orders/8."}
    assert walked.attributes == expected
    assert walked.dropped == {}


FIELDS: list[tuple[str, str, Any]] = [
    ('set(name, "x")', "name", "x"),
    ('set(name, Concat([attributes["n"], name], " "))', "name", "5 GET /users/7"),
    ("set(name, 5)", "name", "GET /users/7"),
    ('replace_pattern(name, "[0-9]+", "{id}")', "name", "GET /users/{id}"),
    ('replace_match(name, "GET *", "get")', "name", "get"),
    ("set(kind, SPAN_KIND_CLIENT)", "kind", 3),
    ('set(kind, "x")', "kind", 2),
    ("set(kind, 99999999999)", "kind", 2),
    ("set(status.code, STATUS_CODE_OK)", "status.code", 1),
    ('set(status.message, "")', "status.message", ""),
    ('replace_pattern(status.message, "b", "z")', "status.message", "zoom"),
    ('set(trace_state, "c=d")', "trace_state", "c=d"),
]


@pytest.mark.parametrize(("text", "path", "expected"), FIELDS, ids=[row[0] for row in FIELDS])
def test_statements_on_fields(walk: Walk, text: str, path: str, expected: Any) -> None:
    """Guarantees: fields of a span are set to what has their type; nothing else of the span changes."""
    (span,) = walk("transform", {"trace_statements": [{"context": "span", "statements": [text]}]}, DATA).spans
    found: Any = span
    for part in path.split("."):
        found = getattr(found, part)
    assert found == expected
    before = Span.FromString(walk("transform", {}, DATA).spans[0].SerializeToString())
    holder = before.status if "." in path else before
    setattr(holder, path.split(".")[-1], expected)
    assert span == before


def test_fields_that_are_not_there(walk: Walk) -> None:
    """Scenario: a span without status, kind and trace state. Guarantees: they are appended, and seen."""
    statements = [
        "set(status.code, 2)",
        "set(kind, 4) where status.code == 2",
        'set(trace_state, "k=v") where kind == 4',
    ]
    statements += ['set(status.message, name) where trace_state["k"] == "v"']
    (span,) = walk(
        "transform", {"trace_statements": [{"context": "span", "statements": statements}]}, request({"name": "n"})
    ).spans
    assert (span.status.code, span.status.message, span.kind, span.trace_state) == (2, "n", 4, "k=v")


def test_levels(walk: Walk) -> None:
    """Guarantees: resources, scopes and events are changed in their own contexts, and by paths that name them."""
    config = {
        "trace_statements": [
            {"context": "resource", "statements": ['delete_key(attributes, "secret")', 'set(attributes["r"], 1)']},
            {"context": "scope", "statements": ['set(name, "new")', 'set(attributes["lib"], 2) where name == "new"']},
            {
                "context": "spanevent",
                "conditions": ['name == "exception"'],
                "statements": ["truncate_all(attributes, 4)", 'set(name, "e")', 'set(attributes["of"], span.name)'],
            },
            'set(resource.attributes["flat"], "yes") where resource.attributes["r"] == 1',
            'set(span.attributes["from"], scope.version)',
            'set(spanevent.attributes["n"], span.attributes["n"]) where spanevent.name == "log"',
        ]
    }
    walked = walk("transform", config, DATA)
    block = walked.message.resource_spans[0]
    assert plain(block.resource.attributes) == {"service.name": "shop", "r": 1, "flat": "yes"}
    scope = block.scope_spans[0].scope
    assert (scope.name, plain(scope.attributes)) == ("new", {"lib": 2})
    events = walked.spans[0].events
    assert [(one.name, plain(one.attributes)) for one in events] == [
        ("e", {"type": "Time", "stack": "long", "of": "GET /users/7"}),
        ("log", {"n": 5}),
    ]
    assert walked.attributes == {**ATTRIBUTES, "from": ""}


def test_the_order_is_that_written(walk: Walk) -> None:
    """Guarantees: statements see what those before have done; a group's conditions are asked once, before all of it."""
    config = {
        "trace_statements": [
            {
                "context": "span",
                "conditions": ['attributes["n"] == 5', 'name == "never"'],
                "statements": [
                    'set(attributes["n"], 6)',
                    'set(attributes["seen"], attributes["n"]) where attributes["n"] == 6',
                ],
            },
            {"context": "span", "conditions": ['attributes["n"] == 5'], "statements": ['set(attributes["late"], 1)']},
        ]
    }
    assert walk("transform", config, DATA).attributes == {**ATTRIBUTES, "n": 6, "seen": 6}


FAILS = 'set(attributes["a"], attributes["url"] + 1)'


@pytest.mark.parametrize(
    "group",
    [
        {"context": "span", "statements": [FAILS]},
        {"context": "span", "statements": ['set(attributes["a"], 1) where Len(attributes["gone"]) > 1']},
        {"context": "span", "conditions": ['Len(attributes["gone"]) > 1'], "statements": ['set(attributes["a"], 1)']},
        {"context": "resource", "statements": ['set(attributes["a"], Len(attributes["gone"]))']},
        {"context": "resource", "conditions": ['Len(attributes["x"]) > 1'], "statements": ['set(attributes["a"], 1)']},
        {"context": "spanevent", "statements": ['set(attributes["a"], Len(attributes["gone"]))']},
        {"context": "spanevent", "conditions": ['Len(attributes["x"]) > 1'], "statements": ['set(attributes["a"], 1)']},
    ],
)
def test_error_modes(walk: Walk, group: Any) -> None:
    """Guarantees: under propagate a span that fails is dropped, and counted so; under ignore it stays as it is."""
    walked = walk("transform/x", {"trace_statements": [group]}, DATA)
    assert walked.names == []
    assert walked.dropped == {"transform/x:error": 1}
    ignored = walk("transform/x", {"error_mode": "ignore", "trace_statements": [group]}, DATA)
    assert ignored.records.request() is DATA


def test_what_does_not_apply_does_not_fail(walk: Walk) -> None:
    """Guarantees: a value is computed only where the statement's condition holds."""
    group = {"context": "span", "statements": [FAILS + ' where name == "other"']}
    assert walk("transform", {"trace_statements": [group]}, DATA).records.request() is DATA


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flatten(attributes)", "column 1: the function flatten is not supported: expected one of delete_key"),
        ('sett(name, "x")', "did you mean 'set'"),
        ('set(name "x")', "column 10: unexpected"),
        ("set(name)", "set needs value"),
        ('set("name", 1)', "set changes a path such as attributes"),
        ("set(attributes, 1)", "attributes as a whole cannot be set"),
        ('set(attributes["a"]["b"], 1)', "what stands inside an attribute cannot be set"),
        ("set(trace_id, 1)", "trace_id cannot be set"),
        ('set(attributes["a"], start_time)', "set cannot take a time"),
        ('set(resource.attributes["a"], attributes["b"])', "a resource cannot be changed by what a span is"),
        ('set(resource.attributes["a"], 1) where name == "x"', "a resource cannot be changed by what a span is"),
        ('delete_key(name, "a")', "delete_key takes attributes as a whole"),
        ('delete_matching_keys(attributes, "(")', "is no RE2 pattern"),
        ('replace_all_patterns(attributes, "keys", "a", "b")', "the mode is"),
        ('replace_pattern(kind, "a", "b")', "kind is no text"),
        ('replace_match(name, "[ab]", "b")', "in a glob is not supported"),
        ('replace_pattern(name, "a", "b", SHA256)', "takes at most 3 arguments"),
        ("limit(attributes, -1, [])", "limit: at least 0"),
        ('limit(attributes, 1, ["a", "b"])', "at least as many as priority_keys"),
        ('merge_maps(attributes, resource.attributes, "upsert")', "the function merge_maps is not supported"),
        ('IsMatch(name, "x")', "unexpected 'IsMatch'"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    """Guarantees: what is not supported is named, with its column."""
    with pytest.raises(ValidationError) as raised:
        TransformConfig.model_validate({"trace_statements": [{"context": "span", "statements": [text]}]})
    assert message in str(raised.value)


def test_flat_statements_name_their_context() -> None:
    """Guarantees: without a context a path must say what it is a path of."""
    with pytest.raises(ValidationError, match=r"attributes names no context: expected span\.attributes"):
        TransformConfig.model_validate({"trace_statements": ['set(attributes["a"], 1)']})


def test_profiles_are_warned_of() -> None:
    """Guarantees: what is only for profiles is accepted, and said to be without effect; logs and metrics are not."""
    written = {"log_statements": ['set(log.body, "x")'], "profile_statements": ["x"], "flatten_data": True}
    places = [place for place, _ in lint(TransformConfig.model_validate(written))]
    assert places == [("profile_statements",), ("flatten_data",)]
