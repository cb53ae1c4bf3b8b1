"""`statements` and `urls`: texts that are known by their key lose their values, whatever a detector would find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import ValidationError
from tailgate.processors.scrub.config import ScrubConfig

NOTHING: dict[str, Any] = {"packs": [], "default_keys": False}


def left(subject: Any, values: dict[str, str], name: str = "", kind: Any = Span.SPAN_KIND_CLIENT) -> dict[str, str]:
    """Return the attributes of a span after the stage, and its name as `name`."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name=name, kind=kind)
    for key, value in values.items():
        span.attributes.add(key=key).value.string_value = value
    out = subject.parsed(request).resource_spans[0].scope_spans[0].spans[0]
    return {**{one.key: one.value.string_value for one in out.attributes}, "name": out.name}


STATEMENTS = [
    ("postgresql", "SELECT * FROM users WHERE name = 'Jane' AND id IN (1, 2)", "... name = ? AND id IN (?)"),
    ("postgresql", "CALL f($tag$ it's Jane $tag$, E'it\\'s', 0x1F) -- for Jane", "CALL f(?) "),
    ("mysql", "SELECT \"Jane\", 'it\\'s' # Jane", "SELECT ? "),
    ("mssql", "SELECT [first name] FROM t WHERE x = N'Jane' /* Jane */", "SELECT [first name] FROM t WHERE x = ?  "),
    ("", "UPDATE t SET x = 'Jane'", "UPDATE t SET x = ?"),
    ("redis", "HSET user:5 name Jane", "HSET user:5 ?"),
    ("memcached", "set user:5 0 60 4\r\nJane", "set user:5 0 60 4"),
    ("mongodb", '{"find": "users", "filter": {"name": "Jane"}}', '{"find": "?", "filter": {"name": "?"}}'),
    ("mongodb", "db.users.find({name: 'Jane'})", "db.users.find({name: ?})"),
    ("elasticsearch", '{"query": {"match": {"name": "Jane"}}}', '{"query": {"match": {"name": "?"}}}'),
]


@pytest.mark.parametrize(("system", "before", "after"), STATEMENTS)
@pytest.mark.parametrize("keys", [("db.system.name", "db.query.text"), ("db.system", "db.statement")])
def test_statements(scrubber: Callable[..., Any], system: str, before: str, after: str, keys: tuple[str, str]) -> None:
    """Guarantees: what is said to a database keeps its form, not its values; by the names of both conventions."""
    subject = scrubber({**NOTHING, "statements": True})
    found = left(subject, {keys[0]: system, keys[1]: before})[keys[1]]
    assert found == after.replace("...", before[: before.find("name = ")].rstrip()) if "..." in after else after
    assert "Jane" not in found
    assert left(subject, {keys[0]: system, keys[1]: found})[keys[1]] == found


def test_more_statements(scrubber: Callable[..., Any]) -> None:
    """Guarantees: what placeholders stood for goes, span names too; more keys can be named; else all stays."""
    subject = scrubber({**NOTHING, "statements": {"keys": ["sql.query"], "span_names": False}})
    values = {
        "db.system.name": "mysql",
        "db.query.parameter.name": "Jane",
        "db.operation.parameter.0": "Jane",
        "sql.query": "x = 'Jane'",
        "note": "x = 'Jane'",
    }
    assert left(subject, values, "SELECT 'Jane'") == {
        "db.system.name": "mysql",
        "db.query.parameter.name": "?",
        "db.operation.parameter.0": "?",
        "sql.query": "x = ?",
        "note": "x = 'Jane'",
        "name": "SELECT 'Jane'",
    }
    assert left(scrubber({**NOTHING, "statements": True}), values, "SELECT 'Jane'")["name"] == "SELECT ?"
    assert left(scrubber({}), {"db.statement": "x = 'Jane'"})["db.statement"] == "x = 'Jane'"
    assert subject.counted() == {"statements.parameters": 2, "statements": 1}


def test_a_detector_never_opens_a_string(scrubber: Callable[..., Any]) -> None:
    """Scenario: what a detector takes out holds a quote. Guarantees: what follows is still taken for a string."""
    config = {**NOTHING, "patterns": [{"name": "own", "pattern": "it's"}], "statements": True}
    statement = "SELECT * FROM t -- it's\nWHERE name = 'Jane'"
    assert "Jane" not in left(scrubber(config), {"db.statement": statement})["db.statement"]


URLS = [
    # (config of urls, key, before, after)
    (True, "url.full", "https://jane:pw@shop.example/users/12345?q=jane&page=", "https://shop.example/users/*?q=REDACTED&page="),
    (True, "http.url", "http://shop.example/a#jane", "http://shop.example/a#REDACTED"),
    (True, "http.target", "/users/8f14e45f-ceea-467f-a0e6-fe0b1c2d3e4f/cart", "/users/*/cart"),
    (True, "url.path", "/v1/orders/42", "/v1/orders/*"),
    (True, "url.query", "q=jane&x", "q=REDACTED&REDACTED"),
    (True, "note", "/users/12345?q=jane", "/users/12345?q=jane"),
    ({"path": False}, "url.path", "/v1/orders/42", "/v1/orders/42"),
    ({"query": {"allow": ["page", "utm_*"]}}, "url.query", "page=2&utm_x=x&pages=3", "page=2&utm_x=x&pages=REDACTED"),
    ({"query": {"deny": ["q", "user.*"]}}, "url.query", "q=jane&user.name=j&page=2&token=x&api_key=y&Signature=z",
     "q=REDACTED&user.name=REDACTED&page=2&token=REDACTED&api_key=REDACTED&Signature=REDACTED"),
    ({"query": {"allow": ["*"], "deny": ["q"]}}, "url.query", "q=jane&page=2&sig=f", "q=REDACTED&page=2&sig=REDACTED"),
    ({"keys": ["app.link"]}, "app.link", "/users/12345", "/users/*"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "key", "before", "after"), URLS)
def test_urls(scrubber: Callable[..., Any], config: Any, key: str, before: str, after: str) -> None:
    """Guarantees: user-info always goes, values by the names of their parameters, identifiers unless `path: false`."""
    subject = scrubber({**NOTHING, "urls": config})
    assert left(subject, {key: before})[key] == after
    assert left(subject, {key: after})[key] == after


def test_names_of_http_spans(scrubber: Callable[..., Any]) -> None:
    """Guarantees: names of client and server spans are URLs, too, unless switched off."""
    route = {"http.route": "/x"}
    assert (
        left(scrubber({**NOTHING, "urls": True}), route, "GET /users/12345?q=jane")["name"] == "GET /users/*?q=REDACTED"
    )
    assert left(scrubber({**NOTHING, "urls": {"span_names": False}}), route, "GET /users/1")["name"] == "GET /users/1"


ALLOWED = [
    (["note"], {"note"}),
    (["n*"], {"note", "notes"}),
    (["*.id"], {"a.id"}),
    ([], set()),
]


@pytest.mark.parametrize(("allowed", "stays"), ALLOWED)
def test_allow_keys(scrubber: Callable[..., Any], allowed: list[str], stays: set[str]) -> None:
    """Guarantees: only attributes with known keys pass; `*` is any characters, everything else stands for itself."""
    subject = scrubber({"allow_keys": allowed}, fresh=True)
    found = left(subject, dict.fromkeys(("note", "notes", "xnote", "a.id", "aXid"), "x"))
    assert set(found) - {"name"} == stays
    assert subject.counted() == {"not_allowed": 5 - len(stays)}


def test_what_is_allowed_is_scrubbed(scrubber: Callable[..., Any]) -> None:
    """Guarantees: an allow-list replaces nothing else that scrubbing does; a summary says what was done, if wanted."""
    subject = scrubber({"allow_keys": ["note"], "summary": "counts"})
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    for key in ("note", "other"):
        span.attributes.add(key=key).value.string_value = "jane@example.com"
    out = subject.parsed(request).resource_spans[0].scope_spans[0].spans[0]
    found = {one.key: one.value.string_value or one.value.int_value for one in out.attributes}
    assert found == {"note": "[EMAIL]", "redaction.redacted.count": 1, "redaction.masked.count": 1}


REFUSED = [
    ({"statements": {"span_name": True}}, "Extra inputs"),
    ({"urls": {"query": {"allowed": []}}}, "Extra inputs"),
    ({"allow_keys": [""]}, "at least 1 character"),
    ({"positions": ["attribute_key"]}, "says nothing alone"),
    ({"on_error": "pass"}, "'redact' or 'drop'"),
    ({"limits": {"value_bytes": 0}}, "greater than or equal to 1"),
    ({"summary": "debug"}, "'counts' or 'keys'"),
    ({"patterns": [{"name": "a", "pattern": "a", "action": "drop_span", "text": "x"}]}, "belongs to the action redact"),
]


@pytest.mark.parametrize(("config", "says"), REFUSED)
def test_refused(config: dict[str, Any], says: str) -> None:
    """Guarantees: what makes no sense is refused with a reason."""
    with pytest.raises(ValidationError, match=says):
        ScrubConfig.model_validate(config)
