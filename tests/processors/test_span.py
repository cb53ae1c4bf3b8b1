"""`span`: names from attributes, attributes from names, the status."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from pydantic import ValidationError
from tailgate.processors.span import SpanConfig

from .conftest import Walk, request

FROM: list[tuple[list[str], str, str]] = [
    (["db.system", "op"], ":", "redis:GET"),
    (["db.system"], ":", "redis"),
    (["db.system", "op"], "", "redisGET"),
    (["n", "d", "t"], " ", "7 2.5 true"),
    (["list", "op"], "-", "<unknown-attribute-type>-GET"),
    (["db.system", "gone"], ":", "old"),
]


@pytest.mark.parametrize(("keys", "separator", "expected"), FROM)
def test_from_attributes(walk: Walk, keys: list[str], separator: str, expected: str) -> None:
    """Guarantees: the values become the name, scalars as text; with one key absent the name stays."""
    data = request({"name": "old", "db.system": "redis", "op": "GET", "n": 7, "d": 2.5, "t": True, "list": ["a"]})
    config = {"name": {"from_attributes": keys, "separator": separator}}
    assert walk("span", config, data).names == [expected]


RULES = [r"^/api/(?P<version>v\d)/", r"/users/(?P<user>[^/]+)(?:/(?P<part>\w+))?"]
TO: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("/api/v1/users/7/cart", {}, "/api/{version}/users/{user}/{part}", {"version": "v1", "user": "7", "part": "cart"}),
    ("/api/v1/users/7", {}, "/api/{version}/users/{user}", {"version": "v1", "user": "7", "part": ""}),
    ("/api/v1/users/7", {"break_after_match": True}, "/api/{version}/users/7", {"version": "v1"}),
    ("/users/7", {"break_after_match": True}, "/users/{user}", {"user": "7", "part": ""}),
    (
        "/api/v1/users/7",
        {"keep_original_name": True},
        "/api/v1/users/7",
        {"version": "v1", "user": "7", "part": ""},
    ),
    ("/other", {}, "/other", {}),
    ("", {}, "", {}),
]


@pytest.mark.parametrize(("name", "options", "new", "attributes"), TO)
def test_to_attributes(walk: Walk, name: str, options: Any, new: str, attributes: dict[str, Any]) -> None:
    """Guarantees: groups become attributes and their names take their places; rules work one after the other."""
    walked = walk("span", {"name": {"to_attributes": {"rules": RULES, **options}}}, request({"name": name}))
    assert walked.names == [new]
    assert walked.attributes == attributes


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        ({"code": "Ok"}, 1, ""),
        ({"code": "Unset"}, 0, ""),
        ({"code": "Error"}, 2, ""),
        ({"code": "Error", "description": "new"}, 2, "new"),
    ],
)
def test_status(walk: Walk, status: Any, code: int, message: str) -> None:
    """Guarantees: code and message are set, whatever they were."""
    for before in (Status(code=2, message="old"), Status(), None):
        fields = {} if before is None else {"status": before}
        (span,) = walk("span", {"status": status}, request({"name": "a", **fields})).spans
        assert (span.status.code, span.status.message) == (code, message)


def test_include_is_asked_once(walk: Walk) -> None:
    """Scenario: the name that made the processor apply is changed by it. Guarantees: all of it is applied still."""
    config = {
        "include": {"match_type": "strict", "span_names": ["old"]},
        "name": {"from_attributes": ["a"]},
        "status": {"code": "Ok"},
    }
    walked = walk("span", config, request({"name": "old", "a": "new"}, {"name": "other", "a": "new"}))
    assert [(span.name, span.status.code) for span in walked.spans] == [("new", 1), ("other", 0)]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "nothing to do"),
        ({"name": {"separator": ":"}}, "nothing to do"),
        ({"status": {"code": "ok"}}, "'Unset', 'Ok' or 'Error'"),
        ({"status": {"code": "Ok", "description": "x"}}, "belongs to the code Error"),
        ({"name": {"to_attributes": {"rules": ["("]}}}, "is no RE2 pattern"),
        ({"name": {"to_attributes": {"rules": ["(a)"]}}}, "every group needs a name"),
        ({"name": {"to_attributes": {"rules": []}}}, "at least 1 item"),
    ],
)
def test_mistakes(config: Any, message: str) -> None:
    """Guarantees: what the collector refuses is refused."""
    with pytest.raises(ValidationError, match=message):
        SpanConfig.model_validate(config)
