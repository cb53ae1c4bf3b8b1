"""`transform`: changes records and what stands around them by OTTL statements, as the collector's does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..kernel.contract import Expr, Signal
from ..rules.ottl import ErrorMode, any_of, compile_condition, of_events
from ..rules.ottl_groups import LogStatements, MetricStatements, StatementGroup, Statements
from ..rules.ottl_paths import LEVELS, RECORD, Context
from ..rules.ottl_statements import Step, can_fail, compile_step
from .base import ALL_SIGNALS, BuildContext, Fused, ProcessorSpec

_WITHOUT_EFFECT = ("profile_statements", "flatten_data")
_DROPPED_ALONE = ("span", "spanevent", "log", "metric", "datapoint")
"""Contexts whose records are dropped themselves; what stands above is many records'."""


class TransformConfig(BaseModel):
    """The block `transform`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    error_mode: ErrorMode = "propagate"
    """When a statement cannot be carried out: `ignore`, `silent`: it does nothing; `propagate`: the record goes."""
    trace_statements: list[Statements] = []
    """Groups of statements with a context, or statements whose paths name it; in order."""
    metric_statements: list[MetricStatements] = []
    """The same in pipelines of metrics."""
    log_statements: list[LogStatements] = []
    """The same in pipelines of logs."""
    profile_statements: list[str | dict[str, Any]] = []
    """Without effect."""
    flatten_data: bool = False
    """Without effect."""

    def groups(self, signal: Signal) -> Sequence[StatementGroup]:
        """Return the groups that are for a signal."""
        found: Mapping[Signal, Sequence[StatementGroup]] = {
            "traces": self.trace_statements,
            "logs": self.log_statements,
            "metrics": self.metric_statements,
        }
        return found[signal]


def lint(config: TransformConfig) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """Say what has no effect."""
    for name in _WITHOUT_EFFECT:
        if getattr(config, name):
            why = (
                "it is behind a gate of the collector"
                if name == "flatten_data"
                else "there are no pipelines of profiles"
            )
            yield (name,), f"{name} is ignored: {why}"


def build(config: TransformConfig, context: BuildContext) -> Fused:
    """Return edit stages, and where errors drop records, filters before them."""
    fused = Fused([])
    if config.enabled:
        for group in config.groups(context.signal):
            strict = (group.error_mode or config.error_mode) == "propagate"
            for run in _runs(group):
                _Run(fused, context.id, RECORD[context.signal], *run).add(strict)
    return fused


def _runs(group: StatementGroup) -> Iterator[tuple[Context, list[Expr], list[Step]]]:
    """Yield the neighbouring statements that change the same level, with the group's conditions for them."""
    found = [(group.context_of(text), compile_step(text, group.context_of(text))) for text in group.statements]
    for (written, changed), steps in groupby(found, key=lambda pair: (pair[0], pair[1].context)):
        conditions = [compile_condition(text, written) for text in group.conditions]
        yield changed, conditions, [step for _, step in steps]


class _Run:
    """Statements that become one stage; on a resource or scope that may fail, one each."""

    def __init__(
        self,
        fused: Fused,
        component: str,
        record: Context,
        level: Context,
        conditions: list[Expr],
        steps: list[Step],
    ) -> None:
        """`record`: what stands in a scope, which is dropped where something above it fails."""
        self.fused, self.reason, self.level, self.steps = fused, f"{component}:error", level, steps
        self.record, self.conditions = record, conditions

    def add(self, strict: bool) -> None:
        """Append the stages."""
        if not strict:
            self._edit(self.steps, any_of(self.conditions, "ignore").holds, strict=False)
        elif self.level in _DROPPED_ALONE:
            self._drop_where_conditions_fail()
            self._edit(self.steps, any_of(self.conditions, "propagate").holds, strict=True)
        else:
            self._above_spans()

    def _edit(self, steps: list[Step], holds: Expr, strict: bool) -> None:
        actions = [action for step in steps for action in _actions(step, strict)]
        condition = holds if self.conditions else None
        self.fused.stages.append({"kind": "edit", "on": LEVELS[self.level], "if": condition, "actions": actions})
        if any("drop_if" in action for action in actions):
            self.fused.reasons.append(self.reason)

    def _drop_where_conditions_fail(self) -> None:
        if not any(can_fail(one) for one in self.conditions):
            return
        conditions = any_of(self.conditions, "propagate")
        fails = (of_events(conditions) if self.level == "spanevent" else conditions).fails
        self._drop(fails)

    def _drop(self, fails: Expr | None) -> None:
        on = LEVELS[self.level if self.level == "datapoint" else self.record]
        self.fused.stages.append({"kind": "filter", "on": on, "if": fails})
        self.fused.reasons.append(self.reason)

    def _above_spans(self) -> None:
        """Records are dropped one by one: what fails on their resource is asked of each before the resource changes."""
        self._drop_where_conditions_fail()
        for step in self.steps:
            if step.fails is not None:
                asked: Expr = ["and", ["or", *self.conditions] if self.conditions else ["leaf", ["true"]], step.fails]
                self._drop(["ottl_fails", asked])
            self._edit([step], any_of(self.conditions, "propagate").holds, strict=False)


def _actions(step: Step, strict: bool) -> Iterator[dict[str, Any]]:
    for index, action in enumerate(step.actions):
        own: dict[str, Any] = dict(action)
        if step.where is not None:
            own["if"] = ["ottl", step.where]
        if strict and index == 0 and step.fails is not None:
            own["drop_if"] = ["ottl_fails", step.fails]
        yield own


SPEC = ProcessorSpec("transform", TransformConfig, build, signals=ALL_SIGNALS, lint=lint)
