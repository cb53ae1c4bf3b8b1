"""A proxy built from a dialect's file, without sockets: spans in, what leaves out; the time is set by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from tailgate.cli.tables import TABLES
from tailgate.config.loader import load
from tailgate.config.model import Configuration
from tailgate.exporters.base import UNBOUNDED
from tailgate.kernel import load as load_kernel
from tailgate.pipeline import Intake, Service
from tailgate.rules.values import any_value

FILES = Path(__file__).parent / "files"
MS, SECOND = 1_000_000, 1_000_000_000
UNSET, OK, ERROR = 0, 1, 2


@dataclass
class Planted:
    """A span as a test writes it down; the first of a trace is its root."""

    ms: float = 10
    """How long it takes."""
    status: int = OK
    attributes: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)
    name: str = "op"


@dataclass
class Seen:
    """A span that left."""

    name: str
    attributes: dict[str, Any]
    resource: dict[str, Any]


class Capture:
    """An exporter that keeps what it is given."""

    largest = (0, 0)

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    def room(self) -> int:
        return UNBOUNDED

    def offer(self, requests: Sequence[tuple[bytes, int]]) -> None:
        self.requests.extend(body for body, _ in requests)


def spread(number: int, of: int) -> bytes:
    """The id of one of `of` traces whose randomness is spread evenly: a rate keeps its very share of them."""
    middle = 2 * (number * 37 % of) + 1  # not in the order in which they come
    return (number + 1).to_bytes(9, "big") + ((middle << 55) // of).to_bytes(7, "big")


def _set(target: Any, attributes: dict[str, Any]) -> None:
    for key, value in attributes.items():
        target.add(key=key).value.CopyFrom(any_value(value))


def _plain(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}


class Proxy:
    """The pipelines of a configuration, and a clock."""

    def __init__(self, config: Configuration, kernel: str) -> None:
        self.config, self.now = config, 1_000 * SECOND
        self.service = Service(config, load_kernel(kernel))
        self.service.clock = lambda: self.now  # type: ignore[assignment]
        self.pipeline = self.service.pipelines["traces"]
        self.out, self._sent = Capture(), 0
        self.pipeline.exporters = [self.out]  # type: ignore[list-item]
        self.intake = Intake([self.pipeline], self.service.governor, self.service.clock)  # type: ignore[arg-type]

    def send(self, trace: bytes, *spans: Planted) -> None:
        """Give it a trace."""
        request = ExportTraceServiceRequest()
        for number, planted in enumerate(spans or (Planted(),), 1):
            span = Span(
                trace_id=trace,
                span_id=number.to_bytes(8, "big"),
                parent_span_id=b"" if number == 1 else (1).to_bytes(8, "big"),
                name=planted.name,
                start_time_unix_nano=SECOND,
                end_time_unix_nano=SECOND + round(planted.ms * MS),
                status=Status(code=planted.status),  # type: ignore[arg-type]
            )
            _set(span.attributes, planted.attributes)
            block = ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])
            _set(block.resource.attributes, planted.resource)
            request.resource_spans.append(block)
        self.intake.consume(request.SerializeToString(), lambda _: None)

    def judge(self, seconds: float = 60) -> dict[bytes, list[Seen]]:
        """Let time pass; return the traces that have left since the last time."""
        self.now += round(seconds * SECOND)
        while self.pipeline.judge(self.now):
            pass
        return self.left()

    def left(self) -> dict[bytes, list[Seen]]:
        """The traces that have left since the last time."""
        left: dict[bytes, list[Seen]] = {}
        for body in self.out.requests:
            for block in ExportTraceServiceRequest.FromString(body).resource_spans:
                for span in (span for scope in block.scope_spans for span in scope.spans):
                    seen = Seen(span.name, _plain(span.attributes), _plain(block.resource.attributes))
                    left.setdefault(span.trace_id, []).append(seen)
        self.out.requests.clear()
        return left

    def one(self, *spans: Planted) -> list[Seen]:
        """The spans that are left of one trace that no chance keeps; none when it is dropped."""
        self._sent += 1
        self.send(bytes(8) + b"\1" + self._sent.to_bytes(7, "big"), *spans)
        return next(iter(self.judge().values()), [])

    def policy(self, *spans: Planted) -> str | None:
        """The policy that keeps a trace that no chance keeps, None when it is dropped."""
        seen = self.one(*spans)
        return seen[0].attributes.get("tailgate.policy") if seen else None

    def shares(self, many: int, *spans: Planted) -> dict[str, int]:
        """How many of many traces, sent at once, are kept by which policy."""
        for number in range(many):
            self.send(spread(number, many), *spans)
        kept: dict[str, int] = {}
        for seen in self.judge().values():
            policy = seen[0].attributes["tailgate.policy"]
            kept[policy] = kept.get(policy, 0) + 1
        return kept


Build = Callable[..., Proxy]


@pytest.fixture
def build(kernel_name: str) -> Build:
    """(name of a file, env, lenient) -> a proxy, on each kernel."""

    def make(name: str, env: dict[str, str] | None = None, lenient: bool = False, more: Iterable[Path] = ()) -> Proxy:
        return Proxy(load([FILES / name, *more], TABLES, env or {}, lenient), kernel_name)

    return make
