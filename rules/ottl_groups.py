"""Groups of OTTL statements or conditions as `transform` and `filter` take them: one context, one error mode."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar
from typing import Literal as OneOf

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..kernel.contract import Signal
from .ottl import ErrorMode, compile_condition
from .ottl_paths import Context
from .ottl_statements import compile_step, infer_context

Written = OneOf["span", "spanevent", "resource", "scope", "instrumentation_scope"]
WrittenInLogs = OneOf["log", "resource", "scope", "instrumentation_scope"]
WrittenInMetrics = OneOf["metric", "datapoint", "resource", "scope", "instrumentation_scope"]
"""The contexts of each signal, as they are written."""


class PlacedValueError(ValueError):
    """An error of a model whose place is below it."""

    def __init__(self, loc: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.loc = loc


class Group(BaseModel):
    """What statements and conditions share; without a context, the paths say which one is meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    signal: ClassVar[Signal] = "traces"

    context: Any = None
    conditions: list[str] = []
    """One of them is enough; none: always."""
    error_mode: ErrorMode | None = None
    """Left out: that of the processor."""

    @property
    def statements_here(self) -> list[str]:
        """The group's statements, if it has any."""
        return []

    def context_of(self, *statements: str) -> Context:
        """Return what the conditions and these statements are about. Raises ConditionError."""
        if self.context is not None:
            written: Context = "scope" if self.context == "instrumentation_scope" else self.context
            return written
        return infer_context(list(statements), self.conditions, self.signal)

    @model_validator(mode="after")
    def _check(self) -> Group:
        self._each("conditions", self.conditions, lambda text: compile_condition(text, self.context_of()))
        self._each("statements", self.statements_here, lambda text: compile_step(text, self.context_of(text)))
        return self

    def _each(self, name: str, texts: list[str], check: Any) -> None:
        for index, text in enumerate(texts):
            try:
                check(text)
            except ValueError as error:
                raise PlacedValueError((name, index), str(error)) from None


class ConditionGroup(Group):
    """Conditions of `filter`."""

    context: Written | None = None
    """Left out: every path names its own, as in `span.name`, and the lowest of them counts."""
    conditions: list[str] = Field(min_length=1)


class LogConditionGroup(ConditionGroup):
    """Conditions of `filter` about logs."""

    signal = "logs"
    context: WrittenInLogs | None = None  # type: ignore[assignment]
    """Left out: every path names its own, as in `log.body`, and the lowest of them counts."""


class MetricConditionGroup(ConditionGroup):
    """Conditions of `filter` about metrics."""

    signal = "metrics"
    context: WrittenInMetrics | None = None  # type: ignore[assignment]
    """Left out: every path names its own, as in `metric.name`, and the lowest of them counts."""


class StatementGroup(Group):
    """Statements of `transform`."""

    context: Written | None = None
    """Left out: every path names its own, as in `span.name`, and the lowest of them counts."""
    statements: list[str] = Field(min_length=1)
    """In order."""

    @property
    def statements_here(self) -> list[str]:
        """The group's statements."""
        return self.statements


class LogStatementGroup(StatementGroup):
    """Statements of `transform` about logs."""

    signal = "logs"
    context: WrittenInLogs | None = None  # type: ignore[assignment]
    """Left out: every path names its own, as in `log.body`, and the lowest of them counts."""


class MetricStatementGroup(StatementGroup):
    """Statements of `transform` about metrics."""

    signal = "metrics"
    context: WrittenInMetrics | None = None  # type: ignore[assignment]
    """Left out: every path names its own, as in `metric.name`, and the lowest of them counts."""


def _group_of(key: str, group: type[Group]) -> BeforeValidator:
    def grouped(value: Any) -> Any:
        return {key: [value]} if isinstance(value, str) else value

    return BeforeValidator(grouped, json_schema_input_type=str | group)


Conditions = Annotated[ConditionGroup, _group_of("conditions", ConditionGroup)]
LogConditions = Annotated[LogConditionGroup, _group_of("conditions", LogConditionGroup)]
MetricConditions = Annotated[MetricConditionGroup, _group_of("conditions", MetricConditionGroup)]
"""A group of conditions; one condition stands for a group of its own."""

Statements = Annotated[StatementGroup, _group_of("statements", StatementGroup)]
LogStatements = Annotated[LogStatementGroup, _group_of("statements", LogStatementGroup)]
MetricStatements = Annotated[MetricStatementGroup, _group_of("statements", MetricStatementGroup)]
"""A group of statements; one statement stands for a group of its own."""
