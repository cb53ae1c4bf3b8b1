"""`filter`: what goes, what stays, and under which reason it is counted."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import ValidationError
from tailgate.processors.filter import FilterConfig, lint

from .conftest import Walk, request

EVENTS = [Span.Event(name="exception"), Span.Event(name="debug"), Span.Event(name="retry")]
DATA = request(
    {"name": "a", "kind": 2, "n": 1},
    {"name": "b", "kind": 3, "n": "text", "events": EVENTS},
    {"name": "c", "kind": 2},
    resource={"service.name": "shop", "env": "test"},
)
"""Three spans, the second with three events."""

CASES: list[tuple[str, Any, list[str]]] = [
    ("span", {"traces": {"span": ['name == "a"']}}, ["b", "c"]),
    ("one is enough", {"traces": {"span": ['name == "a"', "kind == 3"]}}, ["c"]),
    ("none", {"traces": {"span": ['name == "z"']}}, ["a", "b", "c"]),
    ("not enabled", {"enabled": False, "traces": {"span": ["true"]}}, ["a", "b", "c"]),
    ("nothing", {}, ["a", "b", "c"]),
    ("resource", {"traces": {"resource": ['attributes["env"] == "test"']}}, []),
    ("another resource", {"traces": {"resource": ['attributes["env"] == "prod"']}}, ["a", "b", "c"]),
    ("resource and span", {"traces": {"span": ['resource.attributes["env"] == "test" and kind == 2']}}, ["b"]),
    ("what fails is false", {"traces": {"span": ['attributes["n"] + 1 == 2', 'name == "c"']}}, ["b"]),
    ("flat", {"trace_conditions": ['span.name == "a"', 'resource.attributes["env"] == "prod"']}, ["b", "c"]),
    ("group", {"trace_conditions": [{"context": "span", "conditions": ['name == "a"', 'name == "b"']}]}, ["c"]),
    ("inferred", {"trace_conditions": [{"conditions": ['span.name == "a"', 'scope.name == "x"']}]}, ["b", "c"]),
    ("scope", {"trace_conditions": [{"context": "scope", "conditions": ['name == "lib"']}]}, []),
    ("exclude", {"spans": {"exclude": {"match_type": "strict", "span_names": ["a"]}}}, ["b", "c"]),
    ("include", {"spans": {"include": {"match_type": "regexp", "span_names": ["a|b"]}}}, ["a", "b"]),
    (
        "include and exclude",
        {
            "spans": {
                "include": {"match_type": "regexp", "span_names": ["[ab]"]},
                "exclude": {"match_type": "strict", "span_kinds": ["SPAN_KIND_CLIENT"]},
            }
        },
        ["a"],
    ),
]


@pytest.mark.parametrize(("config", "left"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_spans(walk: Walk, config: Any, left: list[str]) -> None:
    """Guarantees: one true condition is enough to go, and whatever goes is counted under the filter's id."""
    walked = walk("filter/x", config, DATA)
    assert walked.names == left
    assert sum(walked.dropped.values()) == 3 - len(left)
    assert set(walked.dropped) <= {"filter/x"}


def test_nothing_dropped_is_the_same_request(walk: Walk) -> None:
    """Guarantees: a request of which nothing goes keeps its bytes, and is the very same object."""
    assert (
        walk("filter", {"traces": {"span": ['name == "z"'], "spanevent": ['name == "z"']}}, DATA).records.request()
        is DATA
    )


def test_what_is_empty_goes(walk: Walk) -> None:
    """Guarantees: a resource of which every span went is no longer in the request, and there is no trace left."""
    walked = walk("filter", {"traces": {"span": ["true"]}}, DATA)
    assert not walked.message.resource_spans
    assert (walked.records.traces, walked.records.requests(0, 0)) == (0, [])


def test_events(walk: Walk) -> None:
    """Guarantees: events go one by one, by their own fields and their span's; a span stays without any."""
    config = {"traces": {"spanevent": ['name == "debug"', 'span.kind == 3 and name == "retry"']}}
    walked = walk("filter", config, DATA)
    assert [event.name for event in walked.spans[1].events] == ["exception"]
    assert walked.dropped == {}
    everything = walk("filter", {"traces": {"spanevent": ["true"]}}, DATA)
    assert everything.names == ["a", "b", "c"]
    assert not everything.spans[1].events


def test_propagate(walk: Walk) -> None:
    """Guarantees: what cannot be answered drops the span under a reason of its own; what was true before does not."""
    config = {"error_mode": "propagate", "traces": {"span": ['name == "c"', 'attributes["n"] + 1 == 2']}}
    walked = walk("filter", config, DATA)
    assert walked.names == []
    assert walked.dropped == {"filter": 2, "filter:error": 1}
    events = walk("filter", {"error_mode": "propagate", "traces": {"spanevent": ['attributes["x"] + 1 == 2']}}, DATA)
    assert events.names == ["a", "c"]
    assert events.dropped == {"filter:error": 1}


def test_a_group_has_its_own_mode(walk: Walk) -> None:
    """Guarantees: the error mode of a group goes before that of the filter."""
    group = {"context": "span", "conditions": ['attributes["n"] + 1 == 2'], "error_mode": "ignore"}
    walked = walk("filter", {"error_mode": "propagate", "trace_conditions": [group]}, DATA)
    assert walked.dropped == {"filter": 1}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"traces": {"span": ["nmae == 1"]}}, "column 1: the path nmae of a span is not supported"),
        ({"traces": {"spanevent": ["kind == 1"]}}, "the path kind of a spanevent is not supported"),
        ({"traces": {"log": ["true"]}}, "Extra inputs are not permitted"),
        ({"trace_conditions": ['name == "a"']}, "name names no context: expected span.name"),
        ({"trace_conditions": [{"context": "metric", "conditions": ["true"]}]}, "Input should be 'span'"),
        ({"traces": {"span": ["true"]}, "trace_conditions": ["true"]}, "cannot be used in one filter"),
        (
            {"traces": {"span": ["true"]}, "spans": {"include": {"match_type": "strict", "services": ["a"]}}},
            "cannot be used in one filter",
        ),
        ({"error_mode": "loud"}, "Input should be 'ignore', 'silent' or 'propagate'"),
        ({"logs": ["x"]}, "valid dictionary"),
    ],
)
def test_mistakes(config: Any, message: str) -> None:
    """Guarantees: a configuration that cannot be meant is an error."""
    with pytest.raises(ValidationError, match=message):
        FilterConfig.model_validate(config)


def test_profiles_are_warned_of() -> None:
    """Guarantees: what is only for profiles is accepted, and said to be without effect; logs and metrics are not."""
    written = {"logs": {"log_record": ["true"]}, "metric_conditions": ["true"], "profile_conditions": ["true"]}
    assert [place for place, _ in lint(FilterConfig.model_validate(written))] == [("profile_conditions",)]
