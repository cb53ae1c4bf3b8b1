"""`filter`: drops spans and span events, as the collector's does, by OTTL conditions or by its older matchers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from ..kernel.contract import Expr, Stage
from ..rules.matchers import SpanMatcher, compile_matchers
from ..rules.ottl import ErrorMode, EventOttl, ResourceOttl, SpanOttl, any_of, compile_condition, of_events
from ..rules.ottl_groups import Conditions
from ..rules.ottl_paths import Context
from .base import BuildContext, Fused, ProcessorSpec

_OTHER_SIGNALS = ("metrics", "logs", "profiles", "metric_conditions", "log_conditions", "profile_conditions")


class Model(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TraceFilters(Model):
    """`traces`: one condition is enough."""

    resource: list[ResourceOttl] = []
    """Drops all spans of the resource."""
    span: list[SpanOttl] = []
    """Drops the span."""
    spanevent: list[EventOttl] = []
    """Drops the event; the span stays."""


class SpanFilters(Model):
    """`spans`, the older form: what is not included, or is excluded, is dropped."""

    include: SpanMatcher | None = None
    exclude: SpanMatcher | None = None


class FilterConfig(Model):
    """The block `filter`."""

    enabled: bool = True
    error_mode: ErrorMode = "ignore"
    """When a condition cannot be answered: `ignore`, `silent`: it is false; `propagate`: the span is dropped."""
    traces: TraceFilters = TraceFilters()
    trace_conditions: list[Conditions] = []
    """The newer form: groups of conditions with a context, or conditions whose paths name it."""
    spans: SpanFilters = SpanFilters()
    metrics: dict[str, Any] | None = None
    logs: dict[str, Any] | None = None
    profiles: dict[str, Any] | None = None
    metric_conditions: list[str | dict[str, Any]] = []
    log_conditions: list[str | dict[str, Any]] = []
    profile_conditions: list[str | dict[str, Any]] = []

    @model_validator(mode="after")
    def _one_form(self) -> FilterConfig:
        ottl = bool(self.trace_conditions) or self.traces != TraceFilters()
        if ottl and self.spans != SpanFilters():
            raise ValueError(
                "spans (the older form) and OTTL conditions cannot be used in one filter: expected one of them"
            )
        if self.trace_conditions and self.traces != TraceFilters():
            raise ValueError("traces and trace_conditions cannot be used in one filter: expected one of them")
        return self


def lint(config: FilterConfig) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """Say what has no effect, as only traces are processed."""
    for name in _OTHER_SIGNALS:
        if getattr(config, name):
            yield (name,), f"{name} is ignored: there are only pipelines of traces"


def build(config: FilterConfig, context: BuildContext) -> Fused:
    """Return filter stages: resources and scopes first, then spans, then events."""
    fused = Fused([])
    if not config.enabled:
        return fused
    matched = compile_matchers(config.spans.include, config.spans.exclude)
    if matched is not None:
        _drop(fused, ["not", matched], context.id)
    for group in _groups(config):
        _add(fused, *group, context.id)
    return fused


Compiled = tuple[Sequence[Expr], ErrorMode, bool]
"""Conditions of which one is enough, their error mode, and whether they are about events."""


def _groups(config: FilterConfig) -> Iterable[Compiled]:
    """Yield the conditions in the order in which they are asked."""
    found: list[tuple[Context, Sequence[Expr], ErrorMode]] = [
        ("resource", [compile_condition(text, "resource") for text in config.traces.resource], config.error_mode),
        ("span", [compile_condition(text, "span") for text in config.traces.span], config.error_mode),
        ("spanevent", [compile_condition(text, "spanevent") for text in config.traces.spanevent], config.error_mode),
    ]
    for group in config.trace_conditions:
        about = group.context_of()
        trees = [compile_condition(text, about) for text in group.conditions]
        found.append((about, trees, group.error_mode or config.error_mode))
    order: tuple[Context, ...] = ("resource", "scope", "span", "spanevent")
    for where, asked, mode in sorted(found, key=lambda one: order.index(one[0])):
        if asked:
            yield asked, mode, where == "spanevent"


def _add(fused: Fused, trees: Sequence[Expr], mode: ErrorMode, events: bool, component: str) -> None:
    conditions = any_of(trees, mode)
    failing = of_events(conditions).fails if events else conditions.fails
    if failing is not None:
        _drop(fused, failing, f"{component}:error")
    if events:
        fused.stages.append({"kind": "filter", "on": "event", "if": conditions.holds})
    else:
        _drop(fused, conditions.holds, component)


def _drop(fused: Fused, condition: Expr, reason: str) -> None:
    stage: Stage = {"kind": "filter", "on": "span", "if": condition}
    fused.stages.append(stage)
    fused.reasons.append(reason)


SPEC = ProcessorSpec("filter", FilterConfig, build, lint=lint)
