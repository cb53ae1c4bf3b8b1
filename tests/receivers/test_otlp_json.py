"""OTLP JSON to protobuf."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tailgate.kernel.contract import Malformed
from tailgate.receivers.otlp.json import json_to_protobuf

TRACE, SPAN, PARENT = "5B8EFFF798038103D269B633813FC60C", "EEE19B7EC3C1B174", "eee19b7ec3c1b173"


def body(**span: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def parsed(data: bytes) -> Span:
    return ExportTraceServiceRequest.FromString(json_to_protobuf(data)).resource_spans[0].scope_spans[0].spans[0]


def refusal(data: bytes) -> str:
    with pytest.raises(Malformed) as caught:
        json_to_protobuf(data)
    return str(caught.value)


def test_whole_request() -> None:
    """Scenario: a request with every kind of field. Guarantees: each arrives with its value."""
    text = f"""{{"resourceSpans": [{{
      "resource": {{"attributes": [{{"key": "service.name", "value": {{"stringValue": "my.service"}}}}]}},
      "schemaUrl": "https://opentelemetry.io/schemas/1.27.0",
      "scopeSpans": [{{
        "scope": {{"name": "my.library", "version": "1.0.0"}},
        "spans": [{{
          "traceId": "{TRACE}", "spanId": "{SPAN}", "parentSpanId": "{PARENT}", "traceState": "a=1", "flags": 257,
          "name": "I am a server span", "kind": 2,
          "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": 1544712661000000000,
          "attributes": [
            {{"key": "s", "value": {{"stringValue": "x"}}}},
            {{"key": "i", "value": {{"intValue": "-9007199254740993"}}}},
            {{"key": "j", "value": {{"intValue": 5}}}}, {{"key": "d", "value": {{"doubleValue": 0.5}}}},
            {{"key": "n", "value": {{"doubleValue": "NaN"}}}}, {{"key": "b", "value": {{"boolValue": true}}}},
            {{"key": "y", "value": {{"bytesValue": "3q0="}}}}, {{"key": "e", "value": {{}}}},
            {{"key": "a", "value": {{"arrayValue": {{"values": [{{"intValue": 1}}]}}}}}},
            {{"key": "m", "value": {{"kvlistValue": {{"values": [{{"key": "k", "value": {{"boolValue": false}}}}]}}}}}}
          ],
          "events": [{{"timeUnixNano": "7", "name": "boom"}}],
          "links": [{{"traceId": "{TRACE}", "spanId": "{PARENT}"}}],
          "status": {{"code": 2, "message": "no"}}, "droppedAttributesCount": 3, "unheardOf": {{"a": [1]}}
        }}]}}]}}]}}"""
    request = ExportTraceServiceRequest.FromString(json_to_protobuf(text.encode()))
    resource = request.resource_spans[0]
    span = resource.scope_spans[0].spans[0]
    assert resource.resource.attributes[0].value.string_value == "my.service"
    assert resource.schema_url.endswith("1.27.0")
    assert resource.scope_spans[0].scope.version == "1.0.0"
    assert (span.trace_id.hex().upper(), span.span_id.hex().upper()) == (TRACE, SPAN)
    assert span.parent_span_id.hex() == PARENT
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1544712660000000000, 1544712661000000000)
    assert (span.kind, span.flags, span.trace_state, span.dropped_attributes_count) == (2, 257, "a=1", 3)
    values = {item.key: item.value for item in span.attributes}
    assert values["i"].int_value == -9007199254740993
    assert (values["j"].int_value, values["d"].double_value, values["b"].bool_value) == (5, 0.5, True)
    assert values["n"].double_value != values["n"].double_value
    assert values["y"].bytes_value == b"\xde\xad"
    assert values["e"].WhichOneof("value") is None
    assert values["a"].array_value.values[0].int_value == 1
    assert values["m"].kvlist_value.values[0].key == "k"
    assert (span.events[0].time_unix_nano, span.links[0].span_id.hex()) == (7, PARENT)
    assert (span.status.code, span.status.message) == (2, "no")


@pytest.mark.parametrize("data", [b"", b" \n", b"{}", b"\xef\xbb\xbf{}", b'{"resourceSpans": []}', b'{"more": 1}'])
def test_nothing_is_a_request(data: bytes) -> None:
    """Guarantees: bodies without spans are empty requests, a byte order mark is no harm."""
    assert json_to_protobuf(data) == b""


def test_lenient_spellings() -> None:
    """Guarantees: names of enums, keys as in the .proto files, and null for absent are understood."""
    assert parsed(body(kind="SPAN_KIND_CLIENT", status={"code": "STATUS_CODE_ERROR"})).kind == 3
    data = {"resource_spans": [{"scope_spans": [{"spans": [{"trace_id": TRACE, "parentSpanId": None, "name": None}]}]}]}
    span = parsed(json.dumps(data).encode())
    assert (span.trace_id.hex().upper(), span.parent_span_id, span.name) == (TRACE, b"", "")
    assert parsed(body(kind=99)).kind == 99
    assert parsed(body(parentSpanId="", spanId="ab")).span_id == b"\xab"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"[]", "expected a JSON object with resourceSpans"),
        (b"5", "expected a JSON object"),
        (b"{", "not JSON: Expecting property name enclosed in double quotes at line 1 column 2"),
        (b'{"a": tru}', "not JSON: Expecting value at line 1 column 7"),
        (b"\xff{}", "not UTF-8 at byte 0"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
        (b'{"resourceSpans":' + b'[{"resource":' * 100_000, "nested too deeply"),
        (b'{"a": ' + b"1" * 5000 + b"}", "a number is too long"),
        (body(traceId="secret!"), "resourceSpans[0].scopeSpans[0].spans[0].traceId is not hex"),
        (body(traceId="abc"), "resourceSpans[0].scopeSpans[0].spans[0].traceId is not hex"),
        (body(spanId=5), "spans[0].spanId is no string of hex digits"),
        (body(links=[{}, {"spanId": "secret"}]), "spans[0].links[1].spanId is not hex"),
        (body(startTimeUnixNano="secret"), "startTimeUnixNano"),
        (body(startTimeUnixNano=-1), "startTimeUnixNano"),
        (body(attributes=[{"key": "k", "value": {"intValue": "secret"}}]), "attributes"),
        (body(attributes=[{"key": "k", "value": {"intValue": 1, "stringValue": "secret"}}]), "attributes"),
        (body(name=["secret"]), "name"),
        (body(name="\ud800secret"), "no OTLP trace request"),
        (b'{"resourceSpans": "secret"}', "no OTLP trace request"),
        (b'{"resourceSpans": ["secret"]}', "resourceSpans"),
        (b'{"resourceSpans": [null]}', "resourceSpans"),
        (b'{"resourceSpans": [{"resource": {"attributes": {"secret": 1}}}]}', "resource"),
    ],
)
def test_refusals(data: bytes, text: str) -> None:
    """Guarantees: each problem is told with its place, and no value from the body is in the message."""
    message = refusal(data)
    assert text in message
    assert "secret" not in message
    assert len(message) < 300


def test_deep_values() -> None:
    """Scenario: arrays in arrays. Guarantees: what protobuf would take passes, what is deeper is refused."""

    def nested(levels: int) -> bytes:
        value: dict[str, Any] = {"stringValue": "x"}
        for _ in range(levels):
            value = {"arrayValue": {"values": [value]}}
        return body(attributes=[{"key": "k", "value": value}])

    assert parsed(nested(20)).attributes[0].key == "k"
    assert "no OTLP trace request" in refusal(nested(200))


values = st.recursive(
    st.one_of(
        st.builds(lambda v: {"stringValue": v}, st.text(st.characters(exclude_categories=["Cs"]), max_size=8)),
        st.builds(lambda v: {"intValue": str(v)}, st.integers(-(2**63), 2**63 - 1)),
        st.builds(lambda v: {"doubleValue": v}, st.floats(allow_nan=False, allow_infinity=False)),
        st.builds(lambda v: {"boolValue": v}, st.booleans()),
        st.builds(lambda v: {"bytesValue": base64.b64encode(v).decode()}, st.binary(max_size=5)),
    ),
    lambda inner: st.builds(lambda v: {"arrayValue": {"values": v}}, st.lists(inner, max_size=3)),
    max_leaves=5,
)


@settings(max_examples=80, deadline=None)
@given(trace=st.binary(max_size=16), span=st.binary(max_size=8), kind=st.integers(0, 5), value=values)
def test_same_as_the_mapping_but_for_ids(trace: bytes, span: bytes, kind: int, value: dict[str, Any]) -> None:
    """Guarantees: the result is protobuf's own of the same JSON, when that has its ids in base64."""
    fields = {"kind": kind, "attributes": [{"key": "k", "value": value}]}
    ours = json_to_protobuf(body(traceId=trace.hex(), spanId=span.hex(), **fields))
    theirs = body(traceId=base64.b64encode(trace).decode(), spanId=base64.b64encode(span).decode(), **fields)
    expected = json_format.Parse(theirs, ExportTraceServiceRequest())
    assert ExportTraceServiceRequest.FromString(ours) == expected


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceSpans", "scopeSpans", "spans", "links", "traceId", "name", "kind", "resource"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(data=anything)
def test_any_json(data: Any) -> None:
    """Guarantees: whatever JSON comes, the outcome is bytes that parse, or `Malformed`."""
    try:
        ExportTraceServiceRequest.FromString(json_to_protobuf(json.dumps(data).encode()))
    except Malformed:
        return
