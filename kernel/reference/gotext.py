"""The text of any value as the collector's `pdata` writes it (`Value.AsString`)."""

from __future__ import annotations

import base64
import json
import math

from .levels import pair_of
from .values import Array, Empty, Map, Value, decode, text_of
from .wire import is_len, split

_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


class _NoJson(Exception):
    """A number that JSON cannot say stands within an array or map."""


def go_text(value: Value) -> str:
    """Return the text: arrays and maps as JSON, bytes in base64, `""` of the empty value."""
    if isinstance(value, (Array, Map)):
        try:
            return _json(value)
        except _NoJson:
            return ""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float):
        return _number(value) if math.isfinite(value) else f"json: unsupported value: {text_of(value)}"
    return text_of(value) or ""


def _number(number: float) -> str:
    """Return the number as ECMAScript writes it."""
    if number != 0 and not 1e-6 <= abs(number) < 1e21:
        return repr(number).replace("e-0", "e-")
    return text_of(number) or ""


def _json(value: Value) -> str:
    if isinstance(value, Array):
        return f"[{','.join(_json(element) for element in value.elements())}]"
    if isinstance(value, Map):
        pairs = dict(pair_of(one.payload) for one in split(value.payload) if is_len(one, 1))
        entries = (f"{_quoted(key.decode())}:{_json(decode(pairs[key]))}" for key in sorted(pairs))
        return f"{{{','.join(entries)}}}"
    if isinstance(value, Empty):
        return "null"
    if isinstance(value, float) and not math.isfinite(value):
        raise _NoJson
    text = go_text(value)
    return _quoted(text) if isinstance(value, (str, bytes)) else text


def _quoted(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    for character, escape in _ESCAPED.items():
        written = written.replace(character, escape)
    return written
