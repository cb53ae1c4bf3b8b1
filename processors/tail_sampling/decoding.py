"""How the collector's decoder reads a scalar that is not of the type that is wanted.

Its decoder cuts fractions off where whole numbers are wanted, splits text at commas where a list of texts is wanted
and takes a bare number for nanoseconds where a duration is wanted. Older ones also read numbers and truth values out of
text, and whole numbers as text; blocks written for them are read so too. Everything else comes back as it is, for the
model to refuse.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")


def decode(model: type[BaseModel], data: Any) -> Any:
    """Return the mapping with its scalars read as the collector would for the fields of a model."""
    if not isinstance(data, Mapping):
        return data
    fields = {field.validation_alias or name: field for name, field in model.model_fields.items()}
    return {key: _decoded(fields[key].annotation, value) if key in fields else value for key, value in data.items()}


def nanoseconds(value: Any) -> Any:
    """Return a duration as text; a bare number is nanoseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return value
    return f"{int(value)}ns" if value >= 0 else value


def _decoded(wanted: Any, value: Any) -> Any:
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        inner = [one for one in get_args(wanted) if one is not type(None)]
        return _decoded(inner[0], value) if len(inner) == 1 and value is not None else value
    if origin is list and get_args(wanted)[0] is not None:
        return _list(get_args(wanted)[0], value)
    readers = {int: _whole, float: _number, bool: _truth, str: _text}
    return readers[wanted](value) if wanted in readers else value


def _list(item: Any, value: Any) -> Any:
    texts = item is str or get_origin(item) is Literal
    if isinstance(value, str) and texts:
        value = value.split(",") if value else []
    return [_decoded(item, one) for one in value] if isinstance(value, list) else value


def _whole(value: Any) -> Any:
    if isinstance(value, float) and math.isfinite(value):
        return int(value)
    if isinstance(value, str):
        return _parsed(int, value)
    return value


def _number(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _parsed(float, value) if isinstance(value, str) else value


def _parsed(read: type[int] | type[float], text: str) -> Any:
    """Return the number that a text is, or the text."""
    try:
        return read(text) if text.isascii() and "_" not in text and text == text.strip() else text
    except ValueError:
        return text


def _truth(value: Any) -> Any:
    if isinstance(value, str):
        return True if value in _TRUE else False if value in _FALSE else value
    return value != 0 if isinstance(value, int) else value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
