"""Of which signal a protobuf request is: the messages of all three are nested alike, only their records tell."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from ..telemetry.signals import FACTS, SIGNALS, Signal

FIELDS: dict[Signal, tuple[str, str, str]] = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
}
"""The repeated fields on the way down to spans, log records and metrics."""
_LOOKED_AT = 8
"""Records of a request."""


def signal_of(request: bytes) -> Signal | None:
    """Return the signal whose message the request fits best; None when it is no OTLP request at all."""
    found: list[tuple[int, Signal]] = []
    for signal in SIGNALS:
        misfits = _misfits(signal, request)
        if misfits == 0:
            return signal
        if misfits is not None:
            found.append((misfits, signal))
    return min(found, key=lambda one: one[0])[1] if found else None


def records_of(signal: Signal, message: Any) -> Iterator[Any]:
    """Yield the spans, log records or metrics of an export request."""
    groups, scopes, records = FIELDS[signal]
    for group in getattr(message, groups):
        for scope in getattr(group, scopes):
            yield from getattr(scope, records)


def _misfits(signal: Signal, request: bytes) -> int | None:
    """Return what speaks against it in the first records; None: it does not parse."""
    try:
        message = FACTS[signal].request.FromString(request)
    except DecodeError:
        return None
    return sum(_unfit(signal, record) for record in islice(records_of(signal, message), _LOOKED_AT))


def _unfit(signal: Signal, record: Any) -> int:
    if signal == "metrics":
        return _unknown(record) + (not record.name) + (record.WhichOneof("data") is None)
    absent = () if signal == "traces" else (0,)
    lengths = (len(record.trace_id) not in (16, *absent)) + (len(record.span_id) not in (8, *absent))
    return _unknown(record) + lengths + _is_text(record.trace_id + record.span_id)


def _is_text(ids: bytes) -> bool:
    """Return whether they can be read: name and description of a metric stand where a span has its ids."""
    return bool(ids) and ids.isascii() and ids.decode().isprintable()


def _unknown(record: Message) -> int:
    return len(UnknownFieldSet(record))
