"""Malformed requests of logs and metrics: refused exactly when upb refuses them, always with `Malformed`.

As `test_malformed.py`, which does the same for traces: truncations and damage of golden requests, every field of the
schema in every wire type and as a group, strings that are no UTF-8, packed numbers, nesting up to the hundredth level.
"""

from __future__ import annotations

import pytest
from effort import examples
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from kernel_helpers import any_value, attributes, field, tag, varint
from malformed_tools import compare, everything_of, paths, upb_accepts, within
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from test_malformed import BAD_TEXTS, GOOD_TEXTS, PAYLOADS
from wire_strategies import mutated

VALUES = {"s": "text é", "i": -1, "d": 1.5, "y": b"\0\xff", "a": [1, "x", [2]], "m": {"k": {"l": "v"}}}
SIGNALS = ["logs", "metrics"]


@pytest.fixture(scope="module")
def programs(kernel):
    logs, metrics = everything_of("logs", "log", "log"), everything_of("metrics", "metric", "datapoint")
    return {"logs": kernel.compile(logs), "metrics": kernel.compile(metrics)}


def golden_logs() -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add(schema_url="u")
    scope.scope.name = "n"
    log = scope.log_records.add(severity_text="INFO", severity_number=9, event_name="e", flags=1, time_unix_nano=5)
    log.body.CopyFrom(any_value(VALUES))
    log.attributes.extend(attributes(VALUES))
    log.trace_id, log.span_id, log.observed_time_unix_nano = b"t" * 16, b"s" * 8, 300
    scope.log_records.add().body.string_value = "text é"
    return request.SerializeToString()


def golden_metrics() -> bytes:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    pairs = attributes({"k": "v"})
    numbers = scope.metrics.add(name="n", description="é", unit="By", metadata=pairs)
    point = numbers.sum.data_points.add(as_double=1.5, attributes=pairs, flags=300)
    point.exemplars.add(as_int=-1, filtered_attributes=pairs, trace_id=b"t" * 16)
    numbers.sum.is_monotonic = True
    gauge = scope.metrics.add()
    gauge.gauge.data_points.add(as_int=3)
    histogram = scope.metrics.add(name="h")
    histogram.histogram.data_points.add(count=3, sum=1.5, bucket_counts=[1, 300], explicit_bounds=[0.5], min=1)
    exponential = scope.metrics.add(name="x").exponential_histogram.data_points.add(scale=-1, attributes=pairs)
    exponential.positive.bucket_counts.extend([1, 300])
    summary = scope.metrics.add().summary.data_points.add(attributes=pairs)
    summary.quantile_values.add(quantile=0.5, value=2)
    return request.SerializeToString()


GOLDEN = {"logs": golden_logs(), "metrics": golden_metrics()}


@pytest.mark.parametrize("signal", SIGNALS)
def test_damaged(programs, signal):
    """A golden request cut at every byte, with each byte changed, gone, doubled."""
    data = GOLDEN[signal]
    compare(programs[signal], (data[:end] for end in range(len(data) + 1)), signal)
    changes = (lambda byte: byte ^ 0x80, lambda byte: 0, lambda byte: 0xFF, lambda byte: byte ^ 7)
    corpus = (data[:at] + bytes([change(byte)]) + data[at + 1 :] for at, byte in enumerate(data) for change in changes)
    accepted, refused = compare(programs[signal], corpus, signal)
    assert accepted > 50
    assert refused > 100
    compare(programs[signal], (data[:at] + data[at + 1 :] for at in range(len(data))), signal)
    compare(programs[signal], (data[:at] + data[at : at + 1] + data[at:] for at in range(len(data))), signal)


def fields_of(signal):
    """Return every field of the schema with the way to its message."""
    return [(path, one) for message, path in paths(signal).values() for one in message.fields]


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_field_in_every_wire_type(programs, signal):
    """With a good payload and with bad ones: a wrong wire type is an unknown field, so only its form is checked."""
    corpus = [
        within(path, tag(one.number, wire) + payload)
        for path, one in fields_of(signal)
        for wire, payloads in PAYLOADS.items()
        for payload in payloads
    ]
    accepted, refused = compare(programs[signal], corpus, signal)
    assert accepted > 500
    assert refused > 400


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_field_as_a_group(programs, signal):
    """Matched ones are unknown fields, unmatched and crossed ones are refused, whatever the number."""
    corpus = []
    for path, one in fields_of(signal):
        start, end, other = tag(one.number, 3), tag(one.number, 4), tag(one.number + 1, 4)
        corpus += [within(path, start + content + end) for content in (b"", field(1, b"\xff"), tag(9, 3) + tag(9, 4))]
        corpus += [within(path, start), within(path, end), within(path, start + other), within(path, end + start)]
    accepted, refused = compare(programs[signal], corpus, signal)
    assert min(accepted, refused) > 100


@pytest.mark.parametrize("signal", SIGNALS)
def test_utf8_in_every_string_field(programs, signal):
    """A string field of any message takes valid UTF-8 only; bytes take anything."""
    strings = 0
    for path, one in fields_of(signal):
        if one.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            corpus = [within(path, field(one.number, text)) for text in BAD_TEXTS + GOOD_TEXTS]
            accepted, refused = compare(programs[signal], corpus, signal)
            is_text = one.type == FieldDescriptor.TYPE_STRING
            strings += is_text
            assert (accepted, refused) == ((len(GOOD_TEXTS), len(BAD_TEXTS)) if is_text else (len(corpus), 0))
    assert strings > 10


PACKED = [bytes(size) for size in range(18)]
PACKED += [b"\x80", b"\x01\x80", b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\xff" * 10 + b"\x01", b"\x80" * 9 + b"\x7f\x01"]


def test_packed_numbers(programs):
    """Packed numbers end with their field: of 8 bytes each, or varints."""
    packed = [(path, one) for path, one in fields_of("metrics") if one.is_packed]
    assert len(packed) == 3
    for path, one in packed:
        corpus = [within(path, field(one.number, payload) + rest) for payload in PACKED for rest in (b"", b"\x08\x01")]
        accepted, refused = compare(programs["metrics"], corpus, "metrics")
        assert min(accepted, refused) > 4


@pytest.mark.parametrize("signal", SIGNALS)
def test_up_to_the_hundredth_level(programs, signal):
    """Levels of messages and groups add up to a hundred, in every message."""
    for _, path in paths(signal).values():
        for depth in (1, 99 - len(path), 100 - len(path), 101 - len(path)):
            data = within(path, tag(99, 3) * depth + tag(99, 4) * depth)
            assert upb_accepts(data, signal) is (depth + len(path) <= 100)
            compare(programs[signal], [data], signal)
    value_path = paths(signal)["opentelemetry.proto.common.v1.AnyValue"][1]
    for numbers in ((5, 1), (6, 1, 2)):
        corpus = [within(value_path, within(list(numbers) * levels, b"")) for levels in range(25, 60)]
        compare(programs[signal], corpus, signal)


def test_padded_lengths_and_numbers(programs):
    """Not minimal ones are fine, in every message."""
    for signal in SIGNALS:
        for _, path in paths(signal).values():
            corpus = [within(path, tag(99, 0) + varint(1, length)) for length in (1, 5, 10, 11)]
            assert compare(programs[signal], corpus, signal) == (3, 1)


@pytest.mark.parametrize("signal", SIGNALS)
@examples(100)
@given(data=mutated("logs") | mutated("metrics"))
def test_random_damage(programs, signal, data):
    """Requests of either signal with bytes changed, cut out, doubled or put in are accepted and refused as upb does."""
    compare(programs[signal], [data], signal)
