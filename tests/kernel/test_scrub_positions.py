"""Stage `scrub`: where the strings stand that it looks at, and that none is left out."""

from __future__ import annotations

import pytest
from kernel_helpers import (
    EVERYWHERE,
    attributes,
    field,
    first_resource,
    pairs,
    redact,
    rule,
    run,
    scrub,
    span,
    wrapped,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

DROP = {"do": "drop"}


def everything() -> bytes:
    """Return a request with the string `secret` in every position."""
    out = ExportTraceServiceRequest()
    resource = out.resource_spans.add(schema_url="u1 secret")
    resource.resource.attributes.extend(attributes({"r": "secret"}))
    scope = resource.scope_spans.add(schema_url="u2 secret")
    scope.scope.name, scope.scope.version = "n secret", "v secret"
    scope.scope.attributes.extend(attributes({"s": "secret"}))
    event = Span.Event(name="e secret", attributes=attributes({"ea": "secret"}))
    link = Span.Link(trace_state="l secret", attributes=attributes({"la": "secret"}))
    scope.spans.append(
        span(
            {"a": "secret"},
            name="secret s",
            trace_state="t secret",
            status=Status(message="m secret", code=2),
            events=[event, event],
            links=[link],
        )
    )
    return out.SerializeToString()


def strings(data: bytes) -> dict[str, list[str]]:
    """Return the strings of `everything` by position."""
    resource = first_resource(data)
    scope = resource.scope_spans[0]
    one = scope.spans[0]
    return {
        "resource": [str(pairs(resource.resource.attributes))],
        "scope": [str(pairs(scope.scope.attributes))],
        "span": [str(pairs(one.attributes))],
        "event": [str(pairs(event.attributes)) for event in one.events],
        "link": [str(pairs(link.attributes)) for link in one.links],
        "span_name": [one.name],
        "status": [one.status.message],
        "event_name": [event.name for event in one.events],
        "trace_state": [one.trace_state, *(link.trace_state for link in one.links)],
        "scope_name": [scope.scope.name, scope.scope.version],
        "schema_url": [resource.schema_url, scope.schema_url],
    }


@pytest.mark.parametrize("position", EVERYWHERE)
def test_positions(kernel, position):
    """Each position is scrubbed when it is named, and no other one is."""
    before = strings(everything())
    after = strings(run(kernel, everything(), scrub(rule("secret"), positions=[position])))
    assert after.pop(position) == [one.replace("secret", "X") for one in before.pop(position)]
    assert after == before


def test_everywhere_no_secret_is_left(kernel):
    """With every position named the secret stands nowhere in the output, whatever the action."""
    assert everything().count(b"secret") == 16
    for action in (redact(), DROP, {"do": "hmac", "key": "aa", "length": 12, "prefix": ""}):
        assert b"secret" not in run(kernel, everything(), scrub(rule("secret", action)))


def test_nothing_named_changes_nothing(kernel):
    """Without positions the very object that came in comes back."""
    data = everything()
    assert run(kernel, data, scrub(rule("secret"), positions=[])) is data


@pytest.mark.parametrize("position", ["span_name", "status", "event_name", "trace_state", "scope_name", "schema_url"])
def test_drop_elsewhere_empties_the_string(kernel, position):
    """Outside attributes a dropped string becomes empty, and later rules see it empty."""
    rules = [rule("secret", DROP), rule(".*", redact("never"))]
    after = strings(run(kernel, everything(), scrub(*rules, positions=[position])))
    assert set(after[position]) == {""}


def test_dropped_field_is_written_with_length_zero(kernel):
    """The field of a dropped string stays, empty; its neighbours keep their bytes."""
    data = wrapped(field(99, b"u", length=2) + field(5, b"v") + b"\x30\x82\x00")
    assert run(kernel, data, scrub(rule("v", DROP))) == wrapped(
        field(99, b"u", length=2) + field(5, b"") + b"\x30\x82\x00"
    )


def test_keys_rules_do_not_apply_outside_attributes(kernel):
    """A `keys` rule that finds anything leaves names, states and messages alone."""
    after = strings(run(kernel, everything(), scrub(keys=[rule("")])))
    before = strings(everything())
    for position in ("span_name", "status", "event_name", "trace_state", "scope_name", "schema_url"):
        assert after[position] == before[position]
    assert after["span"] == ["[('a', 'X')]"]


def test_every_occurrence_is_scrubbed(kernel):
    """Strings that a later field hides from readers are scrubbed too: names, values, members, states."""
    hidden_value = field(2, field(1, b"secret") + b"\x18\x01") + field(2, field(1, b"secret"))
    raw = field(5, b"secret") + field(5, b"n") + field(9, field(1, b"k") + hidden_value)
    raw += field(15, field(2, b"secret")) + field(15, field(2, b"secret") + field(2, b""))
    resource = field(1, field(1, field(1, b"k") + hidden_value)) * 2 + field(3, b"secret") + field(3, b"")
    scope = field(1, field(1, b"secret") + field(1, b"n")) * 2
    data = wrapped(raw, resource, scope)
    after = run(kernel, data, scrub(rule("secret")))
    assert after == _relength(raw, resource, scope)


def _relength(raw, resource, scope):
    hidden_value = field(2, field(1, b"X") + b"\x18\x01") + field(2, field(1, b"X"))
    raw = field(5, b"X") + field(5, b"n") + field(9, field(1, b"k") + hidden_value)
    raw += field(15, field(2, b"X")) + field(15, field(2, b"X") + field(2, b""))
    resource = field(1, field(1, field(1, b"k") + hidden_value)) * 2 + field(3, b"X") + field(3, b"")
    scope = field(1, field(1, b"X") + field(1, b"n")) * 2
    return wrapped(raw, resource, scope)


def test_unknown_fields_and_other_wire_types_are_not_looked_into(kernel):
    """What the schema does not know keeps its bytes, even where the secret stands in it."""
    raw = field(99, b"secret") + field(6, b"secret") + field(7, b"secret")
    data = wrapped(raw, resource=field(9, b"secret"), scope=field(7, b"secret"))
    assert run(kernel, data, scrub(rule("secret"))) is data
