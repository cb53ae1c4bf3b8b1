"""Tracing as `tracing: {sampling: {default_rate, rules: [{condition, rate}]}, span_processors: [...]}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from ...rules.conditions import TraceCondition
from ...rules.durations import Duration
from ..errors import Problem
from ..tree import Node
from .nodes import Shape, listed, made, mapping, renamed

Share = Annotated[
    float | str,
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string", "examples": ["1%"]}]}),
]
"""A share of traces; the sampler reads it."""

_ATTRIBUTES = {
    "service_name": "service.name",
    "service_version": "service.version",
    "environment": "deployment.environment",
}


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": ["string", "number"]})]


class Rule(Shape):
    """One of `tracing.sampling.rules`."""

    name: str = Field(min_length=1)
    """Unique; what `tailgate.policy` says on the traces it keeps."""
    condition: TraceCondition
    """A condition over the trace; a bare number compared with `duration` is in ms."""
    rate: Share = 1.0
    """The share that is kept where the condition holds; the others are dropped."""


class Sampling(Shape):
    """`tracing.sampling`."""

    default_rate: Share
    """The share that is kept of traces that no rule applies to."""
    rules: list[Rule] = Field([])
    """The first whose condition holds decides."""


class Batch(Shape):
    """A span processor of the type `batch`."""

    type: Literal["batch"]
    max_queue_size: int | None = Field(None, ge=1)
    """Without effect: queues are bounded in bytes (`sending_queue` of an exporter)."""
    batch_timeout: Duration | None = None
    """The longest that spans wait for company."""
    max_batch_size: int | None = Field(None, ge=1)
    """The most spans in one request."""


class MemoryLimiter(Shape):
    """A span processor of the type `memory_limiter`, with the collector's keys."""

    type: Literal["memory_limiter"]
    check_interval: Duration | None = None
    limit_mib: int | None = Field(None, ge=0)
    spike_limit_mib: int | None = Field(None, ge=0)
    limit_percentage: int | None = Field(None, ge=0, le=100)
    spike_limit_percentage: int | None = Field(None, ge=0, le=100)


class Propagation(Shape):
    """`tracing.propagation`: what SDKs do between services; nothing that a proxy has a part in."""

    formats: list[str] = Field([])
    """Accepted; without effect."""


class Jaeger(Shape):
    """`tracing.jaeger`: where the SDK would have sent."""

    endpoint: str
    """Not used: spans go to the exporters of the configuration."""


class Tracing(Shape):
    """`tracing`."""

    enabled: bool = True
    service_name: Text | None = None
    """`service.name` of resources that have none."""
    service_version: Text | None = None
    """`service.version` of resources that have none."""
    environment: Text | None = None
    """`deployment.environment` of resources that have none."""
    jaeger: Jaeger | None = None
    """Accepted with a warning."""
    sampling: Sampling
    """Which traces are kept."""
    propagation: Propagation | None = None
    """Accepted with a warning; without effect."""
    span_processors: list[Annotated[Batch | MemoryLimiter, Field(discriminator="type")]] = Field([])
    """How requests on the way out are batched, and the memory's limit."""

    @field_validator("enabled")
    @classmethod
    def _on(cls, enabled: bool) -> bool:
        if not enabled:
            raise ValueError("this file switches tracing off, and Tailgate does nothing else: expected true")
        return enabled


class TracingFile(Shape):
    """A file that says under `tracing` how a service's traces are sampled and sent."""

    tracing: Tracing
    """The whole."""


def from_tracing(tree: Node, problems: list[Problem]) -> Mapping[str, Node]:
    """Return the blocks of `tail_sampling`, of the span processors, and of `enrich/tracing`."""
    tracing = tree.entries["tracing"]
    _warn(tracing, problems)
    blocks = {"tail_sampling": _sampling(tracing.entries["sampling"])}
    actions = [
        action
        for key, attribute in _ATTRIBUTES.items()
        if (action := _insert(tracing.child(key), attribute)) is not None
    ]
    if actions:
        blocks["enrich/tracing"] = mapping(tracing, {"actions": listed(tracing, actions)})
    processors = tracing.child("span_processors")
    for processor in processors.items if processors is not None else ():
        blocks[str(processor.entries["type"].value)] = _processor(processor)
    return blocks


def _warn(tracing: Node, problems: list[Problem]) -> None:
    jaeger, propagation = tracing.child("jaeger"), tracing.child("propagation")
    if jaeger is not None:
        where = "spans go to the exporters of the configuration (Jaeger takes OTLP on port 4317)"
        problems.append(
            jaeger.head.warning(f"there is no exporter for Jaeger's own protocols, so this is not used: {where}")
        )
    if propagation is not None:
        problems.append(propagation.head.warning("SDKs propagate, a proxy does not: this has no effect"))
    processors = tracing.child("span_processors")
    for processor in processors.items if processors is not None else ():
        size = processor.child("max_queue_size")
        if size is not None:
            text = "queues are bounded in bytes (sending_queue.queue_bytes of an exporter): this has no effect"
            problems.append(size.head.warning(text))


def _sampling(sampling: Node) -> Node:
    rules = sampling.child("rules")
    policies = None if rules is None else listed(rules, [renamed(rule, {"condition": "when"}) for rule in rules.items])
    return mapping(sampling, {"policies": policies, "default": sampling.child("default_rate")})


def _insert(value: Node | None, attribute: str) -> Node | None:
    """Return the action that fills a gap; None where nothing is given (a variable that is not set)."""
    if value is None or value.value in (None, ""):
        return None
    words = {"on": "resource", "key": attribute, "action": "insert"}
    text = replace(value, value=value.verbatim or str(value.value), verbatim=None)
    return mapping(value, {**{key: made(word, value) for key, word in words.items()}, "value": text})


def _processor(processor: Node) -> Node:
    own = {key: child for key, child in processor.entries.items() if key not in ("type", "max_queue_size")}
    if processor.entries["type"].value != "batch":
        return mapping(processor, own)
    size = own.get("max_batch_size")
    entries = {"timeout": own.get("batch_timeout"), "send_batch_size": size, "send_batch_max_size": size}
    return mapping(processor, entries)
