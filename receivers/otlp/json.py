"""OTLP JSON to protobuf bytes: the protobuf JSON mapping, but trace and span ids are hex."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ...kernel.contract import Malformed

_IDS = (("traceId", "trace_id"), ("spanId", "span_id"), ("parentSpanId", "parent_span_id"))
_AT = re.compile(r" at ExportTraceServiceRequest((?:\.\w+|\[\d+\])+)\.?$")
_WITHIN = re.compile(r"Failed to parse (\w+) field: ")


def json_to_protobuf(body: bytes) -> bytes:
    """Return the serialized ExportTraceServiceRequest of an OTLP JSON body; an empty body is an empty request.

    Unknown fields are left out, enums may be numbers or names, 64-bit integers numbers or strings, keys lowerCamelCase
    or as in the .proto files. Raises `Malformed`; its message says where, and never quotes a value.
    """
    if not body.strip():
        return b""
    data = _parse(body)
    request = ExportTraceServiceRequest()
    try:
        _hex_ids(data)
        json_format.ParseDict(data, request, ignore_unknown_fields=True)
        return request.SerializeToString()
    except json_format.ParseError as error:
        raise Malformed(f"the JSON is no OTLP trace request{_place(error)}") from None
    except RecursionError:
        raise Malformed("the JSON is nested too deeply") from None
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, Malformed):
            raise
        raise Malformed("the JSON is no OTLP trace request") from None


def _parse(body: bytes) -> dict[str, Any]:
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
        raise Malformed("expected a JSON object with resourceSpans")
    return data


def _hex_ids(data: dict[str, Any]) -> None:
    """Rewrite every id from hex to base64, in place, as the protobuf mapping wants it."""
    for path, span in _descend(data, "", ("resourceSpans", "scopeSpans", "spans")):
        _rewrite(span, path)
        for where, link in _items(span, path, "links"):
            _rewrite(link, where)


def _descend(node: dict[str, Any], path: str, names: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, child in _items(node, path, names[0]):
        if len(names) == 1:
            yield where, child
        else:
            yield from _descend(child, where, names[1:])


def _items(node: dict[str, Any], path: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a list under either spelling. A text there would pass for an object with unknown fields."""
    for key in (name, re.sub(r"([A-Z])", lambda m: f"_{m[0].lower()}", name)):
        children = node.get(key)
        if isinstance(children, list):
            for index, child in enumerate(children):
                where = f"{path}.{name}[{index}]"
                if not isinstance(child, dict):
                    raise Malformed(f"{where[1:]} is no JSON object")
                yield where, child
        if key == name.lower():
            return


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
