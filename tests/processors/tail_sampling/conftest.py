"""What the tests of the tail sampler share: kernels, made-up columns, spans, and a rig around a sampler."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from tailgate.kernel.contract import Kernel, Records
from tailgate.processors.base import BuildContext, Outcome
from tailgate.processors.tail_sampling import SPEC
from tailgate.rules.values import any_value

ROOM = 1 << 40
SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
"""A wall-clock time at the start of a second."""


@dataclass
class Columns:
    """Columns made up for a test: a row a trace."""

    rows: list[tuple[int, int]]
    """(mask, randomness) of each."""
    spans: array = field(default_factory=lambda: array("Q"))
    bytes: array = field(default_factory=lambda: array("Q"))
    hashes: Sequence[int] = ()
    key_values: Sequence[bytes | None] = ()

    def __post_init__(self) -> None:
        self.count = len(self.rows)
        self.masks = list(dict.fromkeys(mask for mask, _ in self.rows))
        self.mask_index = array("I", [self.masks.index(mask) for mask, _ in self.rows])
        self.randomness = array("Q", [randomness for _, randomness in self.rows])
        self.spans = self.spans or array("Q", [1] * self.count)
        self.bytes = self.bytes or array("Q", [100] * self.count)

    def keys(self, index: int) -> list[bytes | None]:
        return list(self.key_values)

    def fnv(self, salt: bytes) -> array:
        return array("Q", self.hashes)


class Book:
    """A book of labels that can be read."""

    def __init__(self) -> None:
        self.labels: list[dict] = []

    def add(self, label: Any) -> int:
        self.labels.append(label)
        return len(self.labels)


@dataclass
class Planted:
    """A span as a test writes it down."""

    trace: bytes
    attributes: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)
    parent: bytes = b""
    start: int = 1_000
    end: int = 2_000
    status: int = 0
    state: str = ""
    flags: int = 0
    id: bytes = b"\1" * 8
    name: str = "op"
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


def trace_id(number: int, randomness: int | None = None) -> bytes:
    """A trace id; without a given randomness its number spreads over all of it."""
    chance = number * 0x9E3779B97F4A7C15 & (1 << 56) - 1 if randomness is None else randomness
    return number.to_bytes(9, "big") + chance.to_bytes(7, "big")


def _set(target: Any, attributes: dict[str, Any]) -> None:
    for key, value in attributes.items():
        target.add(key=key).value.CopyFrom(any_value(value))


def request_of(spans: Iterable[Planted]) -> bytes:
    """One request with these spans, each under a resource of its own."""
    request = ExportTraceServiceRequest()
    for planted in spans:
        resource = ResourceSpans(scope_spans=[ScopeSpans()])
        _set(resource.resource.attributes, planted.resource)
        span = Span(
            trace_id=planted.trace,
            span_id=planted.id,
            parent_span_id=planted.parent,
            name=planted.name,
            trace_state=planted.state,
            flags=planted.flags,
            start_time_unix_nano=planted.start,
            end_time_unix_nano=planted.end,
            status=Status(code=planted.status),
        )
        _set(span.attributes, planted.attributes)
        for name, attributes in planted.events:
            _set(span.events.add(name=name).attributes, attributes)
        resource.scope_spans[0].spans.append(span)
        request.resource_spans.append(resource)
    return request.SerializeToString()


@dataclass
class Seen:
    """A span that came out, with what was written on it."""

    trace: bytes
    attributes: dict[str, Any]
    resource: dict[str, Any]
    state: str
    scope: dict[str, Any]


def _plain(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}


def seen(records: Records | None) -> list[Seen]:
    """The spans of records, as they leave."""
    found = []
    for body, _ in records.requests(0, 0) if records is not None else []:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    state, attributes = span.trace_state, _plain(span.attributes)
                    outer, inner = _plain(resource.resource.attributes), _plain(scope.scope.attributes)
                    found.append(Seen(span.trace_id, attributes, outer, state, inner))
    return found


class Rig:
    """A sampler built from YAML, on a real kernel, with a program that has no stages."""

    def __init__(self, kernel: Kernel, text: str, component: str = "tail_sampling") -> None:
        self.ctx = BuildContext(component, "traces", kernel, kernel.labels(), [])
        config = SPEC.config.model_validate(yaml.safe_load(text))
        holding: Any = SPEC.build(config, self.ctx)
        limits = {"max_bytes": 1 << 30, "max_spans": 1 << 20, "max_attributes": 1 << 10, "max_depth": 32}
        spec: Any = {"stages": [], "facts": holding.facts, "limits": limits, "context": 0}
        self.program = kernel.compile(spec)
        self.sampler = holding.start(self.program)

    def offer(self, now: int, *spans: Planted) -> Outcome:
        return self.sampler.offer(now, self.program.digest(request_of(spans)))

    def tick(self, now: int, room: int = ROOM) -> Outcome:
        return self.sampler.tick(now, room)

    def kept(self, *spans: Planted, now: int = T0, wait: int = 30 * SECOND) -> set[bytes]:
        """The traces kept of these spans, all judged at once when they are due."""
        self.offer(now, *spans)
        return {span.trace for span in seen(self.tick(now + wait).kept)}

    def sample(self, name: str, **labels: str) -> float:
        """A metric's value; the labels given pick the series."""
        found = [
            sample.value
            for sample in self.sampler.samples()
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert len(found) == 1, (name, labels, found)
        return found[0]


@pytest.fixture
def rig(kernel: Kernel) -> Callable[..., Rig]:
    """Makes rigs on each kernel."""
    return lambda text, component="tail_sampling": Rig(kernel, text, component)


class Kit:
    """The helpers above, for tests that take them as a fixture."""

    Columns, Book, Planted, Rig = Columns, Book, Planted, Rig
    trace_id, request_of, seen = staticmethod(trace_id), staticmethod(request_of), staticmethod(seen)
    ROOM, SECOND, T0 = ROOM, SECOND, T0


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    """The helpers of this folder."""
    return Kit
