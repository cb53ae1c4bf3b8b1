"""What a policy of `sampling.yaml` may have besides a fixed rate: learned rates, a budget, a policy in Python."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from ...rules.conditions import ConditionError
from ...rules.durations import UNITS, Duration
from ...rules.facts import FactsBuilder
from .custom import Compiled, Policy
from .custom_rates import find_policy
from .deadline import Overdue, within
from .estimates import Ema, Estimate, Window
from .learned import Goal, Learned, Pace
from .thresholds import parse_rate

_SECOND = UNITS["s"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _some_share(value: Any) -> Any:
    share = parse_rate(value)
    if not share:
        raise ValueError("a share of nothing: expected one such as 20% or 0.2")
    return share


ShareOfTotal = Annotated[
    Fraction,
    BeforeValidator(_some_share),
    WithJsonSchema({"anyOf": [{"type": "string", "examples": ["20%"]}, {"type": "number"}]}),
]
"""A part of the total, written as `20%` or `0.2`."""


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Attributes = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One attribute, or several."""


class Adaptive(_Strict):
    """What both kinds of learned rates have; the names are those of the field (Refinery, `adaptive_tail_sampling`)."""

    per: Attributes = []
    """Attributes whose values together are the key; none: one key for all."""
    algorithm: Literal["ema", "windowed"] = "ema"
    adjustment_interval: Duration = 15 * _SECOND
    """`ema`: how often the probabilities are adjusted."""
    weight: float = Field(default=0.5, gt=0, le=1)
    """`ema`: of the newest interval; all before it weigh the rest."""
    update_frequency: Duration = _SECOND
    """`windowed`: how often the probabilities are adjusted."""
    lookback_frequency: Duration = 30 * _SECOND
    """`windowed`: how far back it looks."""
    burst_multiple: float = Field(default=2.0, ge=0)
    """So many times what was expected adjusts before the interval is over; 0: never."""
    error_boost: float = Field(default=1.0, ge=1, le=1000)
    """How many times as much is kept of what always fails."""
    max_keys: int = Field(default=500, ge=1, le=10_000)

    @model_validator(mode="after")
    def _fits(self) -> Adaptive:
        others = {"ema": {"update_frequency", "lookback_frequency"}, "windowed": {"adjustment_interval", "weight"}}
        if strange := self.model_fields_set & others[self.algorithm]:
            raise ValueError(f"{' and '.join(sorted(strange))} is for the other algorithm than {self.algorithm}")
        if min(self.adjustment_interval, self.update_frequency) < _SECOND // 10:
            raise ValueError("rates are adjusted every 100ms at most: expected an interval such as 15s")
        if self.lookback_frequency < self.update_frequency:
            raise ValueError("lookback_frequency is shorter than update_frequency: expected several times as long")
        if self.lookback_frequency > 1000 * self.update_frequency:
            raise ValueError("lookback_frequency is more than 1000 times update_frequency")
        return self

    def pace(self, initial: float) -> Pace:
        """Return how it learns."""
        interval = self.adjustment_interval if self.algorithm == "ema" else self.update_frequency
        return Pace(interval, initial, self.max_keys, self.burst_multiple)

    def estimate(self) -> Estimate:
        """Return a new estimate."""
        if self.algorithm == "ema":
            return Ema(self.weight)
        return Window(max(1, self.lookback_frequency // self.update_frequency))

    def learned(self) -> Learned:
        """Return the rate in its first state."""
        raise NotImplementedError


class AdaptiveThroughput(Adaptive):
    """Keeps so many spans a second."""

    goal_throughput: float = Field(gt=0)
    """Spans a second, of this Tailgate."""
    goal_per_key: bool = False
    """The goal is every key's own, and not for all of them together."""
    initial_sampling_percentage: float = Field(default=10.0, gt=0, le=100)
    """In percent, until the first adjustment."""

    def learned(self) -> Learned:
        """Return the rate in its first state."""
        goal = Goal(throughput=self.goal_throughput, per_key=self.goal_per_key, error_boost=self.error_boost)
        return Learned(goal, self.pace(self.initial_sampling_percentage / 100), self.estimate)


class AdaptivePercentage(Adaptive):
    """Keeps such a share of all spans, rare keys first."""

    goal_percentage: float = Field(gt=0, le=100)
    """In percent."""

    def learned(self) -> Learned:
        """Return the rate in its first state."""
        share = self.goal_percentage / 100
        return Learned(Goal(share=share, error_boost=self.error_boost), self.pace(share), self.estimate)


class BudgetForm(_Strict):
    """What may be spent; at least one of the two costs."""

    per_hour: float = Field(gt=0)
    """In whatever money the costs are."""
    cost_per_span: float = Field(default=0.0, ge=0)
    cost_per_gb: float = Field(default=0.0, ge=0)
    """Of 10^9 bytes of span messages."""

    @model_validator(mode="after")
    def _costs(self) -> BudgetForm:
        if not self.cost_per_span and not self.cost_per_gb:
            raise ValueError("nothing costs anything: expected cost_per_span or cost_per_gb")
        return self


class CustomPolicy(_Strict):
    """A policy written in Python."""

    module: str
    """The class, as `package.module:Class`."""
    options: dict[str, Any] = {}
    """For the class."""
    timeout: Duration = Field(1_000_000_000, ge=1_000_000, le=60_000_000_000)
    """How long it may take over a slice of traces; then it is interrupted, and not asked for a while."""

    @field_validator("module")
    @classmethod
    def _there(cls, module: str) -> str:
        find_policy(module)
        return module

    @model_validator(mode="after")
    def _made(self) -> CustomPolicy:
        try:
            Compiled(self.policy(), FactsBuilder())
        except ConditionError as error:
            raise ValueError(f"{self.module}: {error}") from None
        except Exception as error:
            raise ValueError(f"{self.module} refuses its options: {type(error).__name__}: {error}") from None
        return self

    def policy(self) -> Policy:
        """Return a new instance. Raises what making it raises, ValueError when that takes too long."""
        try:
            return within(self.timeout / 1e9, lambda: find_policy(self.module)(self.options))
        except Overdue:
            raise ValueError("it is not made within its timeout") from None
