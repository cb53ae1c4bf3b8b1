"""Limits: at the limit a request passes, just past it it is refused with the limit's name and value."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from kernel_helpers import any_value, attributes, field, grouped, request, span, spec, wrapped
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tailgate.kernel import Malformed, OverLimit


def check(kernel, data, name, limit, passes):
    """Digest with one limit set."""
    program = kernel.compile(spec(**{name: limit}))
    if passes:
        assert program.digest(data).request() is data
        return
    with pytest.raises(OverLimit, match=rf"{name}\D*{limit}\b") as refused:
        program.digest(data)
    assert isinstance(refused.value, Malformed)


def around(kernel, data, name, actual):
    """At the limit and above it passes, just below not."""
    check(kernel, data, name, actual, passes=True)
    check(kernel, data, name, actual + 1, passes=True)
    if actual:
        check(kernel, data, name, actual - 1, passes=False)


def test_bytes(kernel):
    """`max_bytes` is the length of the request."""
    for data in (request(span()), b"", field(99, b"x" * 300)):
        around(kernel, data, "max_bytes", len(data))


def test_spans(kernel):
    """`max_spans` counts over all resources and scopes."""
    data = grouped((None, None, [span()] * 2), ({"a": 1}, None, [span()] * 3), (None, {"b": 1}, []))
    around(kernel, data, "max_spans", 5)
    around(kernel, request(), "max_spans", 0)


def places(count):
    """Return requests that have `count` attributes on one thing, and fewer on all others."""
    values = {f"k{index}": index for index in range(count)}
    one = [("k", 1)] * (count - 1)
    yield "span", request(span(values), span(values))
    yield "resource", request(span(one), resource=values)
    yield "scope", request(span(one), scope=values)
    yield "event", request(span(one, events=[Span.Event(attributes=attributes(values))]))
    yield "link", request(span(one, links=[Span.Link(), Span.Link(attributes=attributes(values))]))
    yield "the same key", request(span([("k", 1)] * count))
    pair = field(9, b"")
    yield "empty ones", wrapped(pair * count)
    half = [field(1, field(1, b"") * part) for part in (count // 2, count - count // 2)]
    yield "a resource in parts", wrapped(b"", resource=b"".join(half))
    half = [field(1, field(3, b"") * part) for part in (count // 2, count - count // 2)]
    yield "a scope in parts", wrapped(b"", scope=b"".join(half))


@pytest.mark.parametrize("count", [1, 2, 9])
def test_attributes(kernel, count):
    """`max_attributes` is for each span, resource, scope, event and link by itself."""
    for what, data in places(count):
        try:
            around(kernel, data, "max_attributes", count)
        except BaseException as error:
            raise AssertionError(what) from error


def test_entries_of_maps_are_no_attributes(kernel):
    """Nested entries and elements are not counted."""
    around(kernel, request(span({"a": {str(index): [1] * 20 for index in range(50)}})), "max_attributes", 1)


def test_fields_that_are_no_attributes(kernel):
    """Field 9 with another wire type is none, nor is one in a resource."""
    data = wrapped(b"\x48\x01" * 3 + field(9, b""), resource=field(9, b"") * 3 + field(1, field(9, b"") * 3))
    around(kernel, data, "max_attributes", 1)


def nested(levels, kind):
    value = "x"
    for level in range(levels):
        value = [value] if kind == "array" or (kind == "mixed" and level % 2) else {"k": value}
    return value


@pytest.mark.parametrize("kind", ["array", "map", "mixed"])
@pytest.mark.parametrize("levels", [0, 1, 2, 5, 30])
def test_depth(kernel, kind, levels):
    """`max_depth` counts arrays and maps inside one another; a scalar is 0. Everywhere attributes are."""
    value = nested(levels, kind)
    pairs = attributes({"a": 1, "k": value, "b": 2})
    for data in (
        request(span({"a": 1, "k": value})),
        request(span(), resource={"k": value}),
        request(span(), scope={"k": value}),
        request(span(events=[Span.Event(attributes=pairs)])),
        request(span(links=[Span.Link(attributes=pairs)])),
    ):
        around(kernel, data, "max_depth", levels)


def test_depth_of_empty_containers(kernel):
    """An empty array or map is a level."""
    around(kernel, request(span({"k": []})), "max_depth", 1)
    around(kernel, request(span({"k": [{}]})), "max_depth", 2)
    around(kernel, wrapped(field(9, field(2, field(6, field(1, b""))))), "max_depth", 1)


def test_depth_is_of_the_deepest(kernel):
    """Values beside one another do not add up; what a later member hides counts too."""
    around(kernel, request(span({"k": [[1], [[2]], [3]], "l": [1]})), "max_depth", 3)
    hidden = field(9, field(2, any_value([[1]]).SerializeToString() + b"\x18\x01") + field(2, b""))
    around(kernel, wrapped(hidden), "max_depth", 2)


def test_depth_of_upb(kernel):
    """Without a limit of our own, upb's hundred levels hold."""
    program = kernel.compile(spec(max_depth=1000))
    for levels in range(40, 56):
        data = request(span({"k": nested(min(levels, 47), "array")}))
        value = any_value("x").SerializeToString()
        for _ in range(levels):
            value = field(5, field(1, value))
        data = wrapped(field(9, field(2, value)))
        accepted = _accepted(data)
        assert accepted is (levels <= 47)
        if accepted:
            assert program.digest(data).request() is data
        else:
            with pytest.raises(Malformed):
                program.digest(data)


def _accepted(data):
    try:
        ExportTraceServiceRequest.FromString(data)
    except DecodeError:
        return False
    return True


def test_limits_of_zero(kernel):
    """A limit of 0 allows none of it, and the empty request passes them all."""
    program = kernel.compile(spec(max_bytes=0, max_spans=0, max_attributes=0, max_depth=0))
    assert program.digest(b"").spans == 0
    for name, data in (
        ("max_spans", request(span())),
        ("max_attributes", request(span({"a": 1}))),
        ("max_depth", request(span({"a": []}))),
    ):
        check(kernel, data, name, 0, passes=False)
