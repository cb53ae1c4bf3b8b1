"""Series as OTLP: data points, and the metrics and resources around them.

A flush has thousands of points whose attributes are always the same, so these are encoded once and put behind what has
changed; messages are framed here, and read by everybody else as if they had been written in one go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

Attributes = Sequence[tuple[str, str | bool]]
"""Names and values, in order."""

CUMULATIVE, DELTA = 2, 1
"""`AggregationTemporality`."""
SUM, HISTOGRAM, EXPONENTIAL = 7, 9, 10
"""Fields of `Metric`: what its points are."""
POINT_ATTRIBUTES: Mapping[int, int] = {SUM: 7, HISTOGRAM: 9, EXPONENTIAL: 1}
"""The field that has the attributes of such a point."""
RESOURCE_ATTRIBUTES = 1
_LEN = 2
_TEMPORALITY, _MONOTONIC = 2, 3


def field(number: int, payload: bytes) -> bytes:
    """Return a field that has a length: a message, a text."""
    return _varint(number << 3 | _LEN) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def attributes(number: int, pairs: Attributes) -> bytes:
    """Return attributes as the repeated field of that number."""
    return b"".join(field(number, KeyValue(key=key, value=_value(value)).SerializeToString()) for key, value in pairs)


def _value(value: str | bool) -> AnyValue:
    return AnyValue(bool_value=value) if isinstance(value, bool) else AnyValue(string_value=value)


def number_point(shared: bytes, start: int, time: int, value: int) -> bytes:
    """Return a point of a sum; `shared` are its attributes, times in ns since 1970."""
    point = NumberDataPoint(start_time_unix_nano=start, time_unix_nano=time, as_int=value)
    return point.SerializeToString() + shared


def histogram_point(
    shared: bytes,
    start: int,
    time: int,
    total: float,
    counts: Sequence[int],
    bounds: Sequence[float],
    exemplars: Iterable[Mapping[str, Any]],
) -> bytes:
    """Return a point of a histogram: how many are within each bound, then the rest; `total` is the sum of them all."""
    point = HistogramDataPoint(
        start_time_unix_nano=start,
        time_unix_nano=time,
        count=sum(counts),
        sum=total,
        bucket_counts=counts,
        explicit_bounds=bounds,
    )
    for one in exemplars:
        point.exemplars.add(**one)
    return point.SerializeToString() + shared


def exponential_point(
    shared: bytes,
    start: int,
    time: int,
    total: float,
    scaled: tuple[int, int, float, int, Sequence[int]],
    exemplars: Iterable[Mapping[str, Any]],
) -> bytes:
    """Return a point of an exponential histogram; `scaled`: scale, how many are zero, up to where, offset, counts."""
    scale, zeros, threshold, offset, counts = scaled
    point = ExponentialHistogramDataPoint(
        start_time_unix_nano=start,
        time_unix_nano=time,
        count=zeros + sum(counts),
        sum=total,
        scale=scale,
        zero_count=zeros,
        zero_threshold=threshold,
    )
    point.positive.offset = offset
    point.positive.bucket_counts.extend(counts)
    for one in exemplars:
        point.exemplars.add(**one)
    return point.SerializeToString() + shared


def metric(name: str, unit: str, kind: int, temporality: int, points: Iterable[bytes]) -> bytes:
    """Return a metric with these points; a sum is monotonic."""
    data = b"".join(field(1, point) for point in points) + bytes([_TEMPORALITY << 3, temporality])
    if kind == SUM:
        data += bytes([_MONOTONIC << 3, 1])
    return Metric(name=name, unit=unit).SerializeToString() + field(kind, data)


def request(scope: str, resources: Mapping[bytes, Sequence[bytes]]) -> bytes:
    """Return an `ExportMetricsServiceRequest` with the metrics of each resource (its encoded attributes)."""
    named = field(1, InstrumentationScope(name=scope).SerializeToString())
    return b"".join(
        field(1, field(1, resource) + field(2, named + b"".join(field(2, one) for one in metrics)))
        for resource, metrics in resources.items()
    )
