"""From a trace in compact YAML to OTLP requests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from ...rules.condition_fields import KINDS, STATUSES
from ...rules.values import any_value
from .cases import Case, SpanSpec

START = 1_700_000_000_000_000_000
"""When every trace begins, ns since the epoch: tests have a time of their own, and it is always the same."""


def trace_ids(case: Case) -> list[bytes]:
    """Return a trace id for each copy; the last is the one that is looked at."""
    ids = [_digest(case.name, f"copy {at}")[:16] for at in range(case.copies)]
    if case.trace_id is not None:
        ids[-1] = bytes.fromhex(case.trace_id)
    if case.randomness is not None:
        least = min((1 << 56) - 1, -int(-case.randomness * (1 << 56) // 1))
        ids = [id_[:9] + least.to_bytes(7, "big") for id_ in ids]
    return ids


def _digest(*words: str) -> bytes:
    return hashlib.sha256("\0".join(words).encode()).digest()


def requests(case: Case, trace_id: bytes) -> tuple[bytes, bytes]:
    """Return two requests: the trace's spans, and those that come late (empty when there are none)."""
    ids = [_digest(str(at), span.name)[:8] for at, span in enumerate(case.trace)]
    parents = [_parent(at, case.trace, ids) for at in range(len(case.trace))]
    home = next((span.service for span in case.trace if span.service), "test")
    built = [
        (_span(spec, trace_id, id_, parent), spec, home)
        for spec, id_, parent in zip(case.trace, ids, parents, strict=True)
    ]
    early = _request(entry for entry in built if not entry[1].late)
    late = _request(entry for entry in built if entry[1].late)
    return early, late


def _parent(at: int, trace: Sequence[SpanSpec], ids: Sequence[bytes]) -> bytes:
    """Return the parent's span id, empty for a root. Raises ValueError when there is no such span."""
    spec = trace[at]
    if spec.parent == "remote" or spec.root is False:
        return _digest("remote")[:8]
    if spec.parent is not None:
        named = [i for i, other in enumerate(trace) if spec.parent in (other.id, other.name) and i != at]
        if not named:
            known = ", ".join(other.id or other.name for i, other in enumerate(trace) if i != at)
            raise ValueError(
                f"no other span has the id or name {spec.parent!r}: there are {known or 'none'}, and remote"
            )
        return ids[named[0]]
    return b"" if at == 0 or spec.root else ids[0]


def _span(spec: SpanSpec, trace_id: bytes, span_id: bytes, parent: bytes) -> Span:
    start = START + spec.start
    span = Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent,
        trace_state=spec.trace_state,
        name=spec.name,
        kind=KINDS[spec.kind],  # type: ignore[arg-type]
        start_time_unix_nano=start,
        end_time_unix_nano=start + spec.duration,
        status=Status(code=STATUSES[spec.status], message=spec.message),  # type: ignore[arg-type]
    )
    for key, value in spec.attributes.items():
        span.attributes.add(key=str(key)).value.CopyFrom(any_value(value))
    for event in spec.events:
        added = span.events.add(name=event.name, time_unix_nano=start + event.at)
        for key, value in event.attributes.items():
            added.attributes.add(key=str(key)).value.CopyFrom(any_value(value))
    return span


def _request(entries: Iterable[tuple[Span, SpanSpec, str]]) -> bytes:
    request = ExportTraceServiceRequest()
    for span, spec, home in entries:
        resource = ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])
        if spec.scope:
            resource.scope_spans[0].scope.name = spec.scope
        attributes = {"service.name": spec.service or home, **spec.resource}
        for key, value in attributes.items():
            resource.resource.attributes.add(key=str(key)).value.CopyFrom(any_value(value))
        request.resource_spans.append(resource)
    return request.SerializeToString()
