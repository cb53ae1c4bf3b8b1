"""The fixture `walk`: a processor as it is configured, applied to one request by each of the two kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tailgate.kernel.contract import Kernel, Records
from tailgate.processors import PROCESSORS
from tailgate.processors.base import BuildContext, Fused
from tailgate.rules.values import any_value
from tailgate.telemetry.samples import Sample

LIMITS = {"max_bytes": 1 << 20, "max_spans": 1000, "max_attributes": 100, "max_depth": 8}
NO_FACTS: dict[str, Any] = {"leaves": [], "numbers": [], "keys": [], "compare": []}


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes of scalars as a dictionary, in order."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value") for one in attributes}


@dataclass
class Walked:
    """What a processor made of a request."""

    message: ExportTraceServiceRequest
    dropped: dict[str, int]
    records: Records
    spans: list[Span] = field(default_factory=list)
    lookups: list[tuple[int, int]] = field(default_factory=list)
    """Found and missing, for each table."""
    samples: list[Sample] = field(default_factory=list)
    """The metrics of what runs beside it."""

    @property
    def names(self) -> list[str]:
        """The names of the spans that are left."""
        return [span.name for span in self.spans]

    @property
    def attributes(self) -> dict[str, Any]:
        """Those of the first span."""
        return plain(self.spans[0].attributes)

    @property
    def resource(self) -> dict[str, Any]:
        """The attributes of the first resource."""
        return plain(self.message.resource_spans[0].resource.attributes)


Walk = Callable[..., Walked]


def fused(kernel: Kernel, id_: str, config: Any) -> tuple[Fused, BuildContext]:
    """The part of a processor that is configured so, and what it has asked for."""
    spec = next(spec for spec in PROCESSORS if spec.name == id_.partition("/")[0])
    context = BuildContext(id_, "traces", kernel, kernel.labels(), [])
    part = spec.build(spec.config.model_validate(config), context)
    assert isinstance(part, Fused)
    return part, context


def request(*spans: dict[str, Any], resource: Any = (), scope: Any = ()) -> bytes:
    """One resource and one scope with these spans; what is no field of a span is an attribute of it."""
    message = ExportTraceServiceRequest()
    block = message.resource_spans.add()
    inner = block.scope_spans.add()
    inner.scope.name = "lib"
    for target, values in ((block.resource, resource), (inner.scope, scope)):
        for key, value in dict(values).items():
            target.attributes.add(key=key, value=any_value(value))
    for number, given in enumerate(spans):
        fields = {key: value for key, value in given.items() if key in Span.DESCRIPTOR.fields_by_name}
        span = inner.spans.add(**{"trace_id": (number + 1).to_bytes(16, "big"), "span_id": b"s" * 8, **fields})
        for key, value in given.items():
            if key not in fields:
                span.attributes.add(key=key, value=any_value(value))
    return message.SerializeToString()


@pytest.fixture
def walk(kernel: Kernel) -> Walk:
    """(id, configuration, request) -> what is left, and what was dropped by reason."""

    def run(id_: str, config: Any, data: bytes, metadata: dict[str, str] | None = None) -> Walked:
        part, context = fused(kernel, id_, config)
        spec: Any = {"stages": part.stages, "facts": NO_FACTS, "limits": LIMITS, "context": len(context.context)}
        program = kernel.compile(spec, [named.lookup for named in context.lookups], context.meters)
        records = program.digest(data, [(metadata or {}).get(name) for name in context.context])
        message = ExportTraceServiceRequest.FromString(records.request())
        spans = [one for block in message.resource_spans for scope in block.scope_spans for one in scope.spans]
        assert len(spans) == records.spans
        records.measure(1)
        counted = zip(part.reasons, records.dropped, strict=True)
        dropped = {reason: count for reason, count in counted if count}
        backgrounds = context.backgrounds.values()
        samples = [sample for background in backgrounds for sample in background.samples()]
        return Walked(message, dropped, records, spans, program.lookups(), samples)

    return run
