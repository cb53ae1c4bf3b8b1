"""Attribute values on their way from YAML into the kernel: serialized `AnyValue` and `KeyValue` messages."""

from __future__ import annotations

import base64
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList


def any_value(value: Any) -> AnyValue:
    """Return the OTLP value of a plain Python (YAML) value; None is the empty value. Raises TypeError otherwise."""
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, (list, tuple)):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    if isinstance(value, dict):
        pairs = [KeyValue(key=str(key), value=any_value(item)) for key, item in value.items()]
        return AnyValue(kvlist_value=KeyValueList(values=pairs))
    raise TypeError(f"{type(value).__name__} cannot be an attribute value")


def encoded_value(value: Any) -> str:
    """Return the base64 of the serialized value, as an edit's `value` wants it."""
    return base64.b64encode(any_value(value).SerializeToString()).decode("ascii")


def key_value(key: str, value: Any) -> tuple[str, bytes]:
    """Return the pair that a label wants: the key, and the serialized KeyValue."""
    return key, KeyValue(key=key, value=any_value(value)).SerializeToString()
