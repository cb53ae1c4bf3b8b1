"""`filter`: drops records and parts of them, as the collector's does, by OTTL conditions or by its older matchers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from ..kernel.contract import Expr, Signal, Stage
from ..rules.condition_fields import SEVERITIES
from ..rules.matchers import KeyMatcher, RegexpCache, SpanMatcher, compile_matchers
from ..rules.ottl import (
    DataPointOttl,
    ErrorMode,
    EventOttl,
    LogOttl,
    MetricOttl,
    ResourceOttl,
    SpanOttl,
    any_of,
    compile_condition,
    of_events,
)
from ..rules.ottl_groups import ConditionGroup, Conditions, LogConditions, MetricConditions
from ..rules.ottl_paths import LEVELS, LOWEST_FIRST, RECORD, Context
from ..rules.record_matchers import RecordMatcher, SeverityMatcher
from ..rules.suggest import did_you_mean
from .base import ALL_SIGNALS, BuildContext, Fused, ProcessorSpec


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


class SeverityNumber(Model):
    """`severity_number` of the older form."""

    min: str = ""
    """The least severity: a name such as `INFO`, or its number; empty: any."""
    match_undefined: bool = False
    """Whether log records without a severity match."""

    @field_validator("min", mode="before")
    @classmethod
    def _known(cls, value: Any) -> str:
        name = str(value).lower()
        if name and name not in SEVERITIES and not (name.isdigit() and 1 <= int(name) <= 24):
            hint = did_you_mean(name, SEVERITIES)
            raise ValueError(f"{value!r} is no severity: expected TRACE, DEBUG, INFO, WARN, ERROR or FATAL{hint}")
        return name

    @property
    def number(self) -> int:
        """The SeverityNumber."""
        return SEVERITIES.get(self.min) or int(self.min or 0)


class LogMatcher(Model):
    """`include` or `exclude` of `logs`; all that is written must match."""

    match_type: Literal["strict", "regexp"]
    """`strict`: equal; `regexp`: found anywhere."""
    resource_attributes: list[KeyMatcher] = []
    """All of them must match."""
    record_attributes: list[KeyMatcher] = []
    """All of them must match."""
    severity_texts: list[str] = []
    """One of them is enough."""
    severity_number: SeverityNumber | None = None
    bodies: list[str] = []
    """One of them is enough."""

    @model_validator(mode="after")
    def _patterns(self) -> LogMatcher:
        self.expression()
        return self

    def expression(self) -> Expr | None:
        """Return what a log record must be to match; None: nothing is written. Raises ValueError."""
        severity = self.severity_number
        keys: dict[str, Any] = {
            "resources": self.resource_attributes,
            "attributes": self.record_attributes,
            "log_severity_texts": self.severity_texts,
            "log_bodies": self.bodies,
            "log_severity_number": severity
            and SeverityMatcher(min=severity.number, match_undefined=severity.match_undefined),
        }
        if not any(keys.values()):
            return None
        return RecordMatcher(match_type=self.match_type, **keys).expression("logs")


class MetricMatcher(Model):
    """`include` or `exclude` of `metrics`: by names and by attributes of the resource."""

    match_type: Literal["strict", "regexp"]
    """`strict`: equal; `regexp`: found anywhere."""
    regexp: RegexpCache | None = None
    """Without effect."""
    metric_names: list[str] = []
    """One of them is enough."""
    resource_attributes: list[KeyMatcher] = []
    """All of them must match."""

    @model_validator(mode="after")
    def _patterns(self) -> MetricMatcher:
        self.expressions()
        return self

    def expressions(self) -> list[Expr]:
        """Return what the name, and what the resource must be. Raises ValueError."""
        lists: list[dict[str, Any]] = [{"metric_names": self.metric_names}, {"resources": self.resource_attributes}]
        given = [one for one in lists if any(one.values())]
        return [RecordMatcher(match_type=self.match_type, **one).expression("metrics") for one in given]


class LogFilters(Model):
    """`logs`: one condition is enough."""

    include: LogMatcher | None = None
    """The older form: what does not match is dropped."""
    exclude: LogMatcher | None = None
    """The older form: what matches is dropped."""
    resource: list[ResourceOttl] = []
    """Drops all log records of the resource."""
    log_record: list[LogOttl] = []
    """Drops the log record."""


class MetricFilters(Model):
    """`metrics`: one condition is enough."""

    include: MetricMatcher | None = None
    """The older form: metrics whose name or resource does not match are dropped."""
    exclude: MetricMatcher | None = None
    """The older form: metrics whose name or resource matches are dropped."""
    regexp: RegexpCache | None = None
    """Without effect."""
    resource: list[ResourceOttl] = []
    """Drops all metrics of the resource."""
    metric: list[MetricOttl] = []
    """Drops the metric."""
    datapoint: list[DataPointOttl] = []
    """Drops the data point; a metric that has lost all of them goes as well."""


class FilterConfig(Model):
    """The block `filter`. What is written for other signals than the pipeline's has no effect there."""

    enabled: bool = True
    error_mode: ErrorMode = "ignore"
    """When a condition cannot be answered: `ignore`, `silent`: it is false; `propagate`: the record is dropped."""
    traces: TraceFilters = TraceFilters()
    trace_conditions: list[Conditions] = []
    """The newer form: groups of conditions with a context, or conditions whose paths name it."""
    spans: SpanFilters = SpanFilters()
    metrics: MetricFilters = MetricFilters()
    metric_conditions: list[MetricConditions] = []
    """The newer form, as `trace_conditions`."""
    logs: LogFilters = LogFilters()
    log_conditions: list[LogConditions] = []
    """The newer form, as `trace_conditions`."""
    profiles: dict[str, Any] | None = None
    """Without effect."""
    profile_conditions: list[str | dict[str, Any]] = []
    """Without effect."""

    @model_validator(mode="after")
    def _one_form(self) -> FilterConfig:
        ottl = bool(self.trace_conditions) or self.traces != TraceFilters()
        if ottl and self.spans != SpanFilters():
            raise ValueError(
                "spans (the older form) and OTTL conditions cannot be used in one filter: expected one of them"
            )
        self._not_both("traces", "trace_conditions", self.traces != TraceFilters())
        self._not_both("logs", "log_conditions", self.logs != LogFilters())
        self._not_both("metrics", "metric_conditions", self.metrics != MetricFilters())
        _not_mixed("logs", self.logs, self.logs.resource or self.logs.log_record)
        _not_mixed("metrics", self.metrics, self.metrics.resource or self.metrics.metric or self.metrics.datapoint)
        return self

    def _not_both(self, older: str, newer: str, written: bool) -> None:
        if written and getattr(self, newer):
            raise ValueError(f"{older} and {newer} cannot be used in one filter: expected one of them")


def _not_mixed(name: str, filters: LogFilters | MetricFilters, ottl: list[str]) -> None:
    if ottl and (filters.include is not None or filters.exclude is not None):
        reason = "include and exclude (the older form) and OTTL conditions cannot be used in one filter"
        raise ValueError(f"{name}: {reason}: expected one of them")


def lint(config: FilterConfig) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """Say what has no effect."""
    for name in ("profiles", "profile_conditions"):
        if getattr(config, name):
            yield (name,), f"{name} is ignored: there are no pipelines of profiles"


def build(config: FilterConfig, context: BuildContext) -> Fused:
    """Return filter stages: resources and scopes first, then records, then parts of them."""
    fused = Fused([])
    if not config.enabled:
        return fused
    signal = context.signal
    for unwanted in _UNWANTED[signal](config):
        _drop(fused, LEVELS[RECORD[signal]], unwanted, context.id)
    for group in _groups(config, signal):
        _add(fused, signal, *group, context.id)
    return fused


def _unwanted_spans(config: FilterConfig) -> Iterator[Expr]:
    matched = compile_matchers(config.spans.include, config.spans.exclude)
    if matched is not None:
        yield ["not", matched]


def _unwanted_logs(config: FilterConfig) -> Iterator[Expr]:
    include, exclude = config.logs.include, config.logs.exclude
    if include is not None and (matched := include.expression()) is not None:
        yield ["not", matched]
    if exclude is not None and (matched := exclude.expression()) is not None:
        yield matched


def _unwanted_metrics(config: FilterConfig) -> Iterator[Expr]:
    include, exclude = config.metrics.include, config.metrics.exclude
    if include is not None:
        yield from (["not", matched] for matched in include.expressions())
    if exclude is not None:
        yield from exclude.expressions()


_UNWANTED: Mapping[Signal, Callable[[FilterConfig], Iterator[Expr]]] = {
    "traces": _unwanted_spans,
    "logs": _unwanted_logs,
    "metrics": _unwanted_metrics,
}
"""What the older form drops."""

Asked = tuple[Context, Sequence[Expr], ErrorMode]
"""What conditions are about, those of which one is enough, and their error mode."""


def _groups(config: FilterConfig, signal: Signal) -> list[Asked]:
    """Return the conditions in the order in which they are asked: what stands above first."""
    written: Mapping[Signal, tuple[dict[Context, list[str]], Sequence[ConditionGroup]]] = {
        "traces": (
            {"resource": config.traces.resource, "span": config.traces.span, "spanevent": config.traces.spanevent},
            config.trace_conditions,
        ),
        "logs": ({"resource": config.logs.resource, "log": config.logs.log_record}, config.log_conditions),
        "metrics": (
            {
                "resource": config.metrics.resource,
                "metric": config.metrics.metric,
                "datapoint": config.metrics.datapoint,
            },
            config.metric_conditions,
        ),
    }
    lists, groups = written[signal]
    asked = [(about, texts, config.error_mode) for about, texts in lists.items()]
    asked += [(group.context_of(), group.conditions, group.error_mode or config.error_mode) for group in groups]
    order = list(reversed(LOWEST_FIRST[signal]))
    ordered = sorted(asked, key=lambda one: order.index(one[0]))
    return [
        (about, [compile_condition(text, about) for text in texts], mode) for about, texts, mode in ordered if texts
    ]


def _add(fused: Fused, signal: Signal, about: Context, trees: Sequence[Expr], mode: ErrorMode, component: str) -> None:
    conditions, events = any_of(trees, mode), about == "spanevent"
    on = LEVELS[about if about == "datapoint" else RECORD[signal]]
    failing = of_events(conditions).fails if events else conditions.fails
    if failing is not None:
        _drop(fused, on, failing, f"{component}:error")
    if events:
        fused.stages.append({"kind": "filter", "on": "event", "if": conditions.holds})
    else:
        _drop(fused, on, conditions.holds, component)


def _drop(fused: Fused, on: str, condition: Expr, reason: str) -> None:
    stage: Stage = {"kind": "filter", "on": on, "if": condition}
    fused.stages.append(stage)
    fused.reasons.append(reason)


SPEC = ProcessorSpec("filter", FilterConfig, build, signals=ALL_SIGNALS, lint=lint)
