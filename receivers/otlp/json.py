"""OTLP JSON to protobuf bytes: the protobuf JSON mapping, but trace and span ids are hex."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format

from ...kernel.contract import Malformed
from ...telemetry.signals import FACTS, Signal

_IDS = (("traceId", "trace_id"), ("spanId", "span_id"), ("parentSpanId", "parent_span_id"))
_AT = re.compile(r" at Export\w+Request((?:\.\w+|\[\d+\])+)\.?$")
_WORDS: dict[Signal, str] = {"traces": "trace", "logs": "logs", "metrics": "metrics"}
_KINDS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
"""The kinds of metrics; the data points of all but the last have exemplars."""
_WITHIN = re.compile(r"Failed to parse (\w+) field: ")


def json_to_protobuf(body: bytes, signal: Signal = "traces") -> bytes:
    """Return the serialized export request of an OTLP JSON body; an empty body is an empty request.

    Unknown fields are left out, enums may be numbers or names, 64-bit integers numbers or strings, keys lowerCamelCase
    or as in the .proto files. Raises `Malformed`; its message says where, and never quotes a value.
    """
    if not body.strip():
        return b""
    data = _parse(body, signal)
    request, what = FACTS[signal].request(), _WORDS[signal]
    try:
        _hex_ids(data, signal)
        json_format.ParseDict(data, request, ignore_unknown_fields=True)
        return request.SerializeToString()
    except json_format.ParseError as error:
        raise Malformed(f"the JSON is no OTLP {what} request{_place(error)}") from None
    except RecursionError:
        raise Malformed("the JSON is nested too deeply") from None
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, Malformed):
            raise
        raise Malformed(f"the JSON is no OTLP {what} request") from None


def _parse(body: bytes, signal: Signal) -> dict[str, Any]:
    try:
        data = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Malformed(f"the JSON is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise Malformed("the JSON is nested too deeply") from None
    except ValueError:
        raise Malformed("not JSON: a number is too long") from None
    if not isinstance(data, dict):
        raise Malformed(f"expected a JSON object with {FACTS[signal].groups[0]}")
    return data


def _hex_ids(data: dict[str, Any], signal: Signal) -> None:
    """Rewrite every id from hex to base64, in place, as the protobuf mapping wants it."""
    for path, record in _descend(data, "", FACTS[signal].groups):
        if signal == "metrics":
            _hex_ids_of_exemplars(record, path)
            continue
        _rewrite(record, path)
        for where, link in _items(record, path, "links") if signal == "traces" else ():
            _rewrite(link, where)


def _hex_ids_of_exemplars(metric: dict[str, Any], path: str) -> None:
    for kind in _KINDS:
        for name in _spellings(kind):
            data = metric.get(name)
            if data is not None and not isinstance(data, dict):
                raise Malformed(f"{path[1:]}.{kind} is no JSON object")
            if data is not None:
                for where, exemplar in _descend(data, f"{path}.{kind}", ("dataPoints", "exemplars")):
                    _rewrite(exemplar, where)


def _descend(node: dict[str, Any], path: str, names: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, child in _items(node, path, names[0]):
        if len(names) == 1:
            yield where, child
        else:
            yield from _descend(child, where, names[1:])


def _items(node: dict[str, Any], path: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a list under either spelling. A text there would pass for an object with unknown fields."""
    for key in _spellings(name):
        children = node.get(key)
        if isinstance(children, list):
            for index, child in enumerate(children):
                where = f"{path}.{name}[{index}]"
                if not isinstance(child, dict):
                    raise Malformed(f"{where[1:]} is no JSON object")
                yield where, child


def _spellings(name: str) -> tuple[str, ...]:
    """Return a field's name in lowerCamelCase, and as in the .proto files where that is another."""
    return tuple(dict.fromkeys((name, re.sub(r"([A-Z])", lambda m: f"_{m[0].lower()}", name))))


def _rewrite(node: dict[str, Any], path: str) -> None:
    for spellings in _IDS:
        for key in spellings:
            value = node.get(key)
            if value is None:
                continue
            if not isinstance(value, str):
                raise Malformed(f"{path[1:]}.{spellings[0]} is no string of hex digits")
            try:
                node[key] = base64.b64encode(binascii.unhexlify(value)).decode()
            except ValueError:
                raise Malformed(f"{path[1:]}.{spellings[0]} is not hex") from None


def _place(error: Exception) -> str:
    """Return where the parser stopped; it names fields that it knows, so nothing of the payload shows."""
    text = str(error)
    found = _AT.search(text)
    if found:
        return f": see {found[1].lstrip('.')}"
    names, position = [], 0
    while field := _WITHIN.match(text, position):
        names.append(field[1])
        position = field.end()
    return f": see {'.'.join(names)}" if names else ""
