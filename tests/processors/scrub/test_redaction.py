"""The collector's `redaction` block: its YAML, its meaning."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from pydantic import ValidationError
from tailgate.processors.scrub.redaction import RedactionConfig, lint

KEY = "0123456789abcdef0123456789abcdef"


def request_with(**attributes: Any) -> ExportTraceServiceRequest:
    """Return a request with these attributes on resource, scope, span, event and link, and in the span's name."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    scope_spans = resource_spans.scope_spans.add()
    span = scope_spans.spans.add(name="secret")
    span.status.message = "secret"
    for owner in (resource_spans.resource, scope_spans.scope, span, span.events.add(name="secret"), span.links.add()):
        for key, value in attributes.items():
            into = owner.attributes.add(key=key).value
            into.CopyFrom(value if isinstance(value, AnyValue) else AnyValue(string_value=value))
    return request


def attributes_of(request: ExportTraceServiceRequest) -> list[dict[str, str]]:
    """Return the string attributes of resource, scope, span, event and link."""
    resource_spans = request.resource_spans[0]
    scope_spans = resource_spans.scope_spans[0]
    span = scope_spans.spans[0]
    owners = (resource_spans.resource, scope_spans.scope, span, span.events[0], span.links[0])
    return [{one.key: one.value.string_value for one in owner.attributes} for owner in owners]


@pytest.fixture
def redact(scrubber: Callable[..., Any]) -> Callable[..., dict[str, str]]:
    """Return a function (YAML, attributes) -> what a span's attributes become."""

    def run(text: str, **attributes: Any) -> dict[str, str]:
        subject = scrubber(yaml.safe_load(text), "redaction")
        return attributes_of(subject.parsed(request_with(**attributes)))[2]

    return run


def test_positions(scrubber: Callable[..., Any]) -> None:
    """Attributes of resource, scope, span and event are looked at; links, names and status messages are not."""
    out = scrubber({"allow_all_keys": True, "blocked_values": ["secret"]}, "redaction").parsed(
        request_with(a="my secret")
    )
    assert attributes_of(out) == [{"a": "my ****"}] * 4 + [{"a": "my secret"}]
    span = out.resource_spans[0].scope_spans[0].spans[0]
    assert (span.name, span.status.message, span.events[0].name) == ("secret", "secret", "secret")


def test_blocked_values(redact: Callable[..., Any]) -> None:
    """Every pattern in turn, in the order written, replaces what it matches by ****."""
    text = r"""
    allow_all_keys: true
    blocked_values:
      - "4[0-9]{12}(?:[0-9]{3})?"
      - (5[1-5][0-9]{14})
      - "card: [*]+"
    """
    assert redact(text, a="card: 4111111111111111, 5555555555554444") == {"a": "****, ****"}


def test_blocked_keys(redact: Callable[..., Any]) -> None:
    """The whole value of a blocked key becomes ****, a line at a time; a value that is no string becomes ****."""
    text = "{allow_all_keys: true, blocked_key_patterns: ['.*token.*', '^api']}"
    values = {"my_token": "a\nb\n\nc", "api": "", "my_api": "x", "tokens": AnyValue(int_value=7)}
    assert redact(text, **values) == {
        "my_token": "****\n****\n****\n****",
        "api": "****",
        "my_api": "x",
        "tokens": "****",
    }


def test_blocked_key_before_blocked_value(redact: Callable[..., Any]) -> None:
    """A blocked key hides its whole value, also where a blocked value would have matched a part."""
    text = "{allow_all_keys: true, blocked_key_patterns: [token], blocked_values: ['[0-9]+']}"
    assert redact(text, token="abc 123", other="abc 123") == {"token": "****", "other": "abc ****"}


@pytest.mark.parametrize("text", ["{}", "{allow_all_keys: false, allowed_keys: []}"])
def test_fails_closed(text: str, redact: Callable[..., Any]) -> None:
    """Nothing is allowed unless it is said."""
    assert redact(text, a="x", b="y") == {}


def test_allowed_keys(scrubber: Callable[..., Any]) -> None:
    """Keys that are not allowed are deleted, on every level but links; allowed ones are still masked."""
    config = {"allowed_keys": ["id", "a.b"], "blocked_values": ["secret"]}
    subject = scrubber(config, "redaction", fresh=True)
    out = subject.parsed(request_with(id="my secret", **{"a.b": "x", "a_b": "x", "idx": "x", "ID": "x"}))
    assert attributes_of(out)[:4] == [{"id": "my ****", "a.b": "x"}] * 4
    assert len(attributes_of(out)[4]) == 5
    assert subject.counted() == {"not_allowed": 12, "blocked_values[0]": 4}


def test_allowed_maps_stay_whole(scrubber: Callable[..., Any]) -> None:
    """Only the keys of attributes are allowed or not, never those inside a map."""
    nested = AnyValue()
    nested.kvlist_value.values.add(key="inner").value.string_value = "x"
    request = request_with(payload=nested)
    out = scrubber({"allowed_keys": ["payload"]}, "redaction").parsed(request)
    assert out.resource_spans[0].scope_spans[0].spans[0].attributes[0].value == nested


@pytest.mark.parametrize("keys", ["ignored_keys: [safe]", "ignored_key_patterns: ['^sa']"])
def test_ignored_keys(keys: str, redact: Callable[..., Any]) -> None:
    """Ignored keys stay as they are, whatever is blocked and whether they are allowed or not."""
    assert redact(f"{{{keys}, blocked_values: [secret]}}", safe="secret", other="secret") == {"safe": "secret"}
    text = f"{{{keys}, allow_all_keys: true, blocked_key_patterns: [safe]}}"
    assert redact(text, safe="secret") == {"safe": "secret"}


def test_hmac(redact: Callable[..., Any]) -> None:
    """With hash_function hmac-sha256 the whole hex digest stands where **** would."""
    text = f"{{allow_all_keys: true, blocked_values: ['[0-9]+'], hash_function: HMAC-SHA256, hmac_key: {KEY}}}"
    digest = hmac.new(KEY.encode(), b"123", hashlib.sha256).hexdigest()
    assert redact(text, a="n 123") == {"a": f"n {digest}"}


def test_all_types(redact: Callable[..., Any]) -> None:
    """What is no string is looked at as the collector writes it; what is not masked keeps its type."""
    text = (
        "{allow_all_keys: true, redact_all_types: true, blocked_values: ['^1e\\+21$', secret, '^aGk=$'], summary: info}"
    )
    nested = AnyValue()
    nested.kvlist_value.values.add(key="b").value.string_value = "<secret>"
    nested.kvlist_value.values.add(key="a").value.double_value = 0.5
    values = {"d": AnyValue(double_value=1e21), "b": AnyValue(bytes_value=b"hi"), "m": nested}
    masked = {"d": "****", "b": "****", "m": r'{"a":0.5,"b":"\u003c****\u003e"}'}
    assert redact(text, **values) == {**masked, "redaction.masked.count": ""}


def test_lints() -> None:
    """What leaks, what is weak and what differs is said; what is sound is not."""
    weak = {"allowed_values": ["x"], "blocked_values": ["a*", "b"], "hash_function": "sha1"}
    weak |= {"url_sanitizer": {"enabled": True}, "db_sanitizer": {"redis": {"enabled": True}}}
    found = [(place, code) for place, _, code in lint(RedactionConfig.model_validate(weak))]
    assert found == [
        (("allowed_values", 0), "allowed-value-leaks"),
        (("blocked_values", 0), "collector-difference"),
        (("url_sanitizer",), "collector-difference"),
        (("db_sanitizer",), "collector-difference"),
        (("hash_function",), "unkeyed-hash"),
    ]
    sound = {"blocked_values": ["a+"], "hash_function": "hmac-sha256", "hmac_key": KEY, "summary": "debug"}
    assert not list(lint(RedactionConfig.model_validate(sound)))


def test_the_documented_block_without_its_summary(redact: Callable[..., Any]) -> None:
    """A block as people write it, with everything that is accepted."""
    text = """
    allow_all_keys: false
    allowed_keys: [description, group, id, name]
    ignored_keys: [safe_attribute]
    blocked_values: ["4[0-9]{12}(?:[0-9]{3})?", "(5[1-5][0-9]{14})"]
    blocked_key_patterns: [".*token.*", ".*api_key.*"]
    hash_function: none
    redact_all_types: false
    allowed_values: []
    summary: silent
    url_sanitizer: {enabled: false, attributes: [http.url]}
    db_sanitizer: {sql: {enabled: false, attributes: [db.statement]}}
    """
    values = {"id": "5", "name": "card 4111111111111111", "safe_attribute": "4111111111111111", "x": "y"}
    assert redact(text, **values) == {"id": "5", "name": "card ****", "safe_attribute": "4111111111111111"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"summary": "verbose"}, "unknown summary 'verbose': expected debug, info or silent"),
        ({"hash_function": "rot13"}, "unknown hash_function 'rot13': expected one of none, md5"),
        ({"hash_function": "hmac-sha512", "hmac_key": KEY}, "the key has 32 bytes, expected at least 64"),
        ({"hash_function": "hmac-sha256"}, "the key has 0 bytes, expected at least 32"),
        ({"hash_function": "hmac-sha256", "hmac_key": "short"}, "the key has 5 bytes, expected at least 32"),
        ({"url_sanitizer": {"enable": True}}, "url_sanitizer.enable"),
        ({"db_sanitizer": {"sqlite": {"enabled": True}}}, "db_sanitizer.sqlite"),
        ({"blocked_values": ["("]}, "is no RE2 pattern"),
        ({"blocked_key_patterns": ["(?!x)"]}, "is no RE2 pattern"),
        ({"block_values": []}, "Extra inputs are not permitted"),
    ],
)
def test_errors(config: dict[str, Any], message: str) -> None:
    """What is not known, too weak or not supported is refused, not ignored."""
    with pytest.raises(ValidationError) as caught:
        RedactionConfig.model_validate(config)
    assert message in str(caught.value)


def test_the_key_is_never_shown() -> None:
    """Neither printing a configuration nor an error about it shows the key."""
    config = RedactionConfig.model_validate({"hash_function": "hmac-sha256", "hmac_key": KEY})
    assert KEY not in repr(config)
