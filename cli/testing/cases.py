"""A test as it is written: a trace in compact YAML, and what is expected to become of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from ...processors.tail_sampling.thresholds import parse_rate
from ...rules.durations import Duration


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _word(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _share(value: Any) -> float:
    return float(parse_rate(value))


Kind = Annotated[Literal["unspecified", "internal", "server", "client", "producer", "consumer"], BeforeValidator(_word)]
Status = Annotated[Literal["unset", "ok", "error"], BeforeValidator(_word)]
Share = Annotated[
    float,
    BeforeValidator(_share),
    WithJsonSchema({"anyOf": [{"type": "string", "examples": ["50%"]}, {"type": "number"}]}),
]
"""A share, written as a rate is: `50%`, `0.5`, `keep`, `drop`."""

Attributes = dict[str, Any]


class EventSpec(Strict):
    """An event of a span."""

    name: str = "event"
    at: Duration = 0
    """After the start of its span."""
    attributes: Attributes = {}


class SpanSpec(Strict):
    """A span. The first of a trace is its root unless one says `root: true` or has no parent of its own."""

    name: str = "span"
    service: str | None = None
    """`service.name` of its resource; left out: the root's, or `test`."""
    status: Status = "unset"
    message: str = ""
    """Its status message."""
    duration: Duration = 10_000_000
    """10ms where it is left out."""
    start: Duration = 0
    """After the start of the trace."""
    kind: Kind = "internal"
    id: str | None = Field(None, min_length=1)
    """A name by which other spans may call it their parent."""
    parent: str | None = None
    """The `id` (or `name`) of another span, or `remote`: one that is not in this trace."""
    root: bool | None = None
    """`false`: its parent is not in this trace (as on another node)."""
    attributes: Attributes = {}
    resource: Attributes = {}
    scope: str = ""
    trace_state: str = ""
    events: list[EventSpec] = []
    late: bool = False
    """It comes after the trace has been judged."""

    @model_validator(mode="after")
    def _one_place(self) -> SpanSpec:
        if self.root and self.parent is not None:
            raise ValueError("a root has no parent: expected root or parent, not both")
        return self


class SpanExpectation(Strict):
    """Attributes of the spans that have this name (and, where it is given, this service)."""

    name: str
    service: str | None = None
    attributes: Attributes = {}
    """A value of `null` says that the attribute is absent."""
    resource: Attributes = {}


class Expectation(Strict):
    """What is expected to become of the trace; at least one thing."""

    verdict: Literal["keep", "drop"] | None = None
    policy: str | None = None
    """Who decides; `none`: nobody."""
    reason: str | None = None
    """`matched`, `default`, `not_sampled`, `policy_drop`, `total_limit`, ..."""
    probability: Share | None = None
    """The share of traces like this one that is kept while limits have room."""
    retention: Duration | Literal["none"] | None = None
    """`retention.ttl` of what is kept."""
    name: str | None = None
    """The root span's name (the first span's, where there is no root)."""
    attributes: Attributes = {}
    """Attributes of the root span after enriching and scrubbing; `null` says that one is absent."""
    resource: Attributes = {}
    spans: list[SpanExpectation] = []
    policies: dict[str, Literal["keep", "drop", "pass"]] = {}
    """What single policies say, those in shadow too."""

    @model_validator(mode="after")
    def _something(self) -> Expectation:
        if not self.model_fields_set:
            raise ValueError("nothing is expected: expected verdict, policy, probability, retention or attributes")
        return self

    @property
    def keeps(self) -> bool:
        """Say whether something is expected of what leaves."""
        return bool(self.attributes or self.resource or self.spans or self.name or self.retention)


class Case(Strict):
    """One test."""

    name: str = Field(min_length=1)
    trace: list[SpanSpec] = Field(min_length=1)
    trace_id: str | None = Field(None, pattern="^[0-9a-fA-F]{32}$")
    """Left out: one that is made of the test's name, always the same."""
    randomness: Share | None = None
    """Where the trace stands among all: a rate of 50% keeps those from `0.5` up. Left out: the trace id's own."""
    copies: int = Field(1, ge=1, le=100_000)
    """So many such traces at once; the last of them is looked at (for limits)."""
    headers: dict[str, str] = {}
    """Of the request that brings it."""
    pipeline: str | None = None
    """Left out: the first that samples."""
    expect: Expectation


class CaseFile(Strict):
    """A file of tests beside the rules."""

    config: str | list[str] | None = None
    """The configuration or rule file that is tested, relative to this file; several are merged."""
    tests: list[Case]
