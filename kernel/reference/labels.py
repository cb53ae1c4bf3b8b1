"""The book of labels, and what a label writes on spans and resources."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from ..contract import LabelSpec
from .levels import Level, change_values, put
from .operands import TRACE_ID, TRACE_STATE
from .spec import choice, listed, only, text
from .tracestate import with_true_threshold
from .wire import field, is_len, last_payload, replaced, split

_MAX_LABELS = 65_535


class _Pair(NamedTuple):
    key: bytes
    key_value: bytes
    value: bytes

    def updated(self, later: _Pair) -> _Pair:
        """Return the pair with the value of a later one with the same key."""
        key_value = change_values(self.key_value, lambda _: later.value)
        return self if key_value is None else _Pair(self.key, key_value, later.value)


class Label(NamedTuple):
    """A label that was checked."""

    keep: bool
    span: list[_Pair]
    resource: list[_Pair]
    scope: list[_Pair]
    threshold: str

    def on_span(self, span: Level, threshold: int) -> Level:
        """Return the span with the label's attributes, and the trace's threshold set or erased."""
        trace_id = last_payload(span.fields, TRACE_ID) or b""
        return _with_state(_with_pairs(span, self.span), self.threshold, threshold, trace_id)

    def on_resource(self, resource: Level) -> Level:
        """Return the resource with the label's attributes."""
        return _with_pairs(resource, self.resource)

    def on_scope(self, scope: Level) -> Level:
        """Return the scope with the label's attributes."""
        return _with_pairs(scope, self.scope)


NONE = Label(True, [], [], [], "leave")


class ReferenceLabels:
    """See `contract.LabelBook`."""

    def __init__(self) -> None:
        self._labels = [NONE]
        self._lock = threading.Lock()

    def add(self, label: LabelSpec) -> int:
        """Return the new label's number; ValueError when the label is wrong or the book is full."""
        new = _checked(label)
        with self._lock:
            if len(self._labels) > _MAX_LABELS:
                raise ValueError(f"the book of labels is full: {_MAX_LABELS}")
            self._labels.append(new)
            return len(self._labels) - 1

    def __len__(self) -> int:
        """How many labels were added."""
        return len(self._labels) - 1

    def get(self, number: int) -> Label:
        """Return a label; ValueError when there is none with this number."""
        if not 0 <= number < len(self._labels):
            raise ValueError(f"there is no label {number}")
        return self._labels[number]


def _checked(spec: LabelSpec) -> Label:
    only(spec, {"keep", "span", "resource", "scope", "threshold"}, "label")
    if not isinstance(spec.get("keep"), bool):
        raise ValueError("label: keep is no boolean")  # noqa: TRY004 - the contract says ValueError
    threshold = choice(spec.get("threshold"), ("leave", "set", "erase"), "label: threshold")
    span, resource = _pairs(spec.get("span"), "span"), _pairs(spec.get("resource"), "resource")
    return Label(spec["keep"], span, resource, _pairs(spec.get("scope", []), "scope"), threshold)


def _pairs(given: Any, where: str) -> list[_Pair]:
    pairs: dict[bytes, _Pair] = {}
    for pair in (_pair(*one) for one in listed(given, f"label: {where}")):
        first = pairs.get(pair.key)
        pairs[pair.key] = pair if first is None else first.updated(pair)
    return list(pairs.values())


def _pair(key: str, key_value: bytes) -> _Pair:
    try:
        KeyValue.FromString(key_value)
    except DecodeError:
        raise ValueError(f"label: {key!r} has no KeyValue") from None
    return _Pair(text(key, "label").encode(), key_value, last_payload(split(key_value), 2) or b"")


def _with_pairs(level: Level, pairs: list[_Pair]) -> Level:
    for pair in pairs:
        level = put(level, pair.key, pair.value, update=True, insert=pair.key_value)
    return level


def _with_state(span: Level, mode: str, threshold: int, trace_id: bytes) -> Level:
    if mode == "leave":
        return span
    fields = []
    for one in span.fields:
        if is_len(one, TRACE_STATE):
            one = replaced(one, with_true_threshold(one.payload.decode(), mode, threshold, trace_id).encode())
        fields.append(one)
    if mode == "set" and not any(is_len(one, TRACE_STATE) for one in fields):
        fields.append(field(TRACE_STATE, with_true_threshold("", mode, threshold, trace_id).encode()))
    return span.with_fields(fields)
