"""Metrics: their data, the data points in it, and what is read of both."""

from __future__ import annotations

import struct
from collections.abc import Callable

from .levels import DATAPOINT, METRIC, Level, View
from .values import Value
from .wire import I64, LEN, VARINT, Field, is_len, join, last_integer, replaced, signed, split

GAUGE, SUM, HISTOGRAM, EXPONENTIAL, SUMMARY = 5, 7, 9, 10, 11
_TYPES = {GAUGE: 1, SUM: 2, HISTOGRAM: 3, EXPONENTIAL: 4, SUMMARY: 5}
"""As the collector numbers them; 0 is a metric without data."""
SHAPES = {
    data: DATAPOINT._replace(attributes=attributes, data=data)
    for data, attributes in {GAUGE: 7, SUM: 7, HISTOGRAM: 9, EXPONENTIAL: 1, SUMMARY: 7}.items()
}
EXEMPLARS = {GAUGE: 5, SUM: 5, HISTOGRAM: 8, EXPONENTIAL: 11}
"""The field of a data point that holds its exemplars."""
EXEMPLAR_ATTRIBUTES = 7
_FLAGS = {GAUGE: 8, SUM: 8, HISTOGRAM: 10, EXPONENTIAL: 10, SUMMARY: 8}


def points_of(metric: Level) -> list[Level]:
    """Return the data points of all data that stand in a metric, in order."""
    data = [one for one in metric.fields if one.number in SHAPES and one.wire == LEN]
    return [_point(one, inner) for one in data for inner in split(one.payload) if is_len(inner, 1)]


def _point(data: Field, one: Field) -> Level:
    return Level(SHAPES[data.number], split(one.payload))


def on_points(metric: Level, change: Callable[[Level], Level | None]) -> Level | None:
    """Return the metric with its data points changed; None for one: it goes. None when there were some and all went."""
    fields, left, gone = [], 0, 0
    for one in metric.fields:
        if one.number in SHAPES and one.wire == LEN:
            inside = []
            for inner in split(one.payload):
                new = change(_point(one, inner)) if is_len(inner, 1) else None
                if is_len(inner, 1):
                    left, gone = left + (new is not None), gone + (new is None)
                if new is not None:
                    inside.append(replaced(inner, join(new.fields)))
                elif not is_len(inner, 1):
                    inside.append(inner)
            one = replaced(one, join(inside))
        fields.append(one)
    return None if gone and not left else metric.with_fields(fields)


def records_in(level: Level) -> int:
    """Return how many a level counts for: a metric for its data points, anything else for one."""
    return len(points_of(level)) if level.shape is METRIC else 1


def data_of(metric: Level) -> Field | None:
    """Return the data that is read: the last that stands."""
    return next((one for one in reversed(metric.fields) if one.number in SHAPES and one.wire == LEN), None)


def metric_type(view: View) -> Value:
    """Return the kind of a metric's data, 0 when it has none."""
    data = view.metric and data_of(view.metric)
    return _TYPES[data.number] if data else 0


def temporality(view: View) -> Value | None:
    """Return the aggregation temporality, None where the data has none."""
    data = view.metric and data_of(view.metric)
    if not data or data.number not in (SUM, HISTOGRAM, EXPONENTIAL):
        return None
    return signed(last_integer(split(data.payload), 2, VARINT), 32)


def is_monotonic(view: View) -> Value | None:
    """Return whether a sum only grows; None of other data."""
    data = view.metric and data_of(view.metric)
    return bool(last_integer(split(data.payload), 3, VARINT)) if data and data.number == SUM else None


def _double(bits: int) -> float:
    return float(struct.unpack("<d", bits.to_bytes(8, "little"))[0])


def value(view: View) -> Value | None:
    """Return the number of a data point of a gauge or sum; None when it has none."""
    point = view.datapoint
    if point is None or point.shape.data not in (GAUGE, SUM):
        return None
    last = next((one for one in reversed(point.fields) if one.number in (4, 6) and one.wire == I64), None)
    if last is None:
        return None
    return _double(last.integer) if last.number == 4 else signed(last.integer, 64)


def count(view: View) -> Value | None:
    """Return how many values a data point of a histogram or summary stands for."""
    point = view.datapoint
    return None if point is None or point.shape.data in (GAUGE, SUM) else last_integer(point.fields, 4, I64)


def total(view: View) -> Value | None:
    """Return the sum of these values; None when it does not stand there."""
    point = view.datapoint
    if point is None or point.shape.data in (GAUGE, SUM):
        return None
    last = next((one for one in reversed(point.fields) if one.number == 5 and one.wire == I64), None)
    return None if last is None else _double(last.integer)


def flags(view: View) -> Value:
    """Return the flags of a data point."""
    point = view.datapoint
    return 0 if point is None else last_integer(point.fields, _FLAGS[point.shape.data], VARINT) % (1 << 32)
