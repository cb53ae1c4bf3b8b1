"""The two forms of `tail_sampling`: Tailgate's own `sampling.yaml`, and the collector's block."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from ...rules.conditions import TraceCondition
from ...rules.durations import UNITS, Duration
from ...rules.facts import FactsBuilder
from .config_rates import AdaptivePercentage, AdaptiveThroughput, BudgetForm, CustomPolicy, ShareOfTotal
from .decoding import decode, nanoseconds
from .lower import NotOrderable, lower
from .policies import Policy, located, read_policy
from .thresholds import Rate

_SECOND = UNITS["s"]
_COUNT = 2**63 - 1
RESERVED = "default"
"""The name that the default goes by in attributes and metrics."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class DecisionCache(_Strict):
    """How many decisions are remembered for late spans; 0 (or left out): a size that suits the form."""

    sampled_cache_size: int = Field(default=0, ge=0, le=_COUNT)
    non_sampled_cache_size: int = Field(default=0, ge=0, le=_COUNT)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        return decode(cls, data)


class TailSampling(BaseModel):
    """What both forms have; validating it gives an `OrderedForm` or a `CollectorForm`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    decision_wait_after_root_received: Duration = 0
    """Traces whose root has come are judged this long after it; 0: only `decision_wait` counts."""
    decision_cache: DecisionCache = DecisionCache()
    maximum_trace_size_bytes: int = Field(default=0, ge=0, le=_COUNT)
    """Larger traces are dropped under a reason of their own; 0: none are."""
    drop_pending_traces_on_shutdown: bool = False
    """Instead of judging them with what has come."""

    @model_validator(mode="wrap")
    @classmethod
    def _form(cls, value: Any, handler: Any) -> Any:
        if cls is not TailSampling or not isinstance(value, dict):
            return handler(value)
        return (CollectorForm if _is_collectors(value) else OrderedForm).model_validate(value)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> Any:
        """Describe both forms."""
        if cls is not TailSampling:
            return handler(core_schema)
        return {"anyOf": [handler(form.__pydantic_core_schema__) for form in (OrderedForm, CollectorForm)]}


def _is_collectors(value: dict[str, Any]) -> bool:
    """Say whether a block is the collector's: its evaluation, or policies with a type and without our keys."""
    if value.get("evaluation") == "collector":
        return True
    listed = value.get("policies")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    if "default" in value or any("when" in entry for entry in entries):
        return False
    return any("type" in entry for entry in entries) or "sampling_strategy" in value


def _unique(names: list[str], key: str) -> None:
    seen: set[str] = set()
    for at, name in enumerate(names):
        if name in seen:
            raise located((key, at, "name"), f"two policies have the name {name!r}: names must differ", name)
        seen.add(name)


class Burst(_Strict):
    """Keys of a token bucket: one of the three, a second."""

    traces_per_second: float | None = Field(default=None, gt=0)
    spans_per_second: float | None = Field(default=None, gt=0)
    bytes_per_second: float | None = Field(default=None, gt=0)
    burst: float | None = Field(default=None, gt=0)
    """How much passes at once; left out: what comes in in a second."""

    @model_validator(mode="after")
    def _one_unit(self) -> Burst:
        given = [unit for unit in ("traces", "spans", "bytes") if getattr(self, f"{unit}_per_second") is not None]
        if len(given) != 1:
            raise ValueError("expected one of traces_per_second, spans_per_second and bytes_per_second")
        return self

    def bucket(self) -> tuple[Literal["traces", "spans", "bytes"], float, float]:
        """Return the unit, the rate a second and the burst."""
        unit: Literal["traces", "spans", "bytes"]
        for unit in ("traces", "spans", "bytes"):
            rate = getattr(self, f"{unit}_per_second")
            if rate is not None:
                return unit, rate, rate if self.burst is None else self.burst
        raise AssertionError("a validated limit has a unit")


class PolicyLimit(Burst):
    """A policy's limit: over it, the next policy is asked."""

    per: str | None = Field(default=None, min_length=1)
    """An attribute: each of its values has a bucket of its own."""


def _mode(value: Any) -> Any:
    return "off" if value is False else value  # YAML 1.1 reads a bare `off` as false


LEARNED = ("adaptive_throughput", "adaptive_percentage")


class OrderedPolicy(_Strict):
    """An entry of `policies` in `sampling.yaml`."""

    name: str = Field(min_length=1)
    when: TraceCondition | None = None
    """A condition over the trace; left out: every trace."""
    rate: Annotated[Rate, Field(json_schema_extra={"default": "100%"})] = 0
    """The share that is kept where the condition holds, as a threshold."""
    otherwise: Literal["drop", "pass"] = "drop"
    """What becomes of the others: dropped, or the next policy is asked."""
    adaptive_throughput: AdaptiveThroughput | None = None
    """Instead of `rate`: it learns what share keeps a number of spans a second."""
    adaptive_percentage: AdaptivePercentage | None = None
    """Instead of `rate`: it learns which keys to keep more of, and which less."""
    custom: CustomPolicy | None = None
    """Instead of `rate`: a class written in Python says what share to keep."""
    limit: PolicyLimit | None = None
    share: ShareOfTotal | None = None
    """A part of `total` that is this policy's own."""
    essential: bool = False
    """It keeps when the `budget` is spent, too."""
    retention: Duration | None = None
    enabled: bool = True
    """`false` is the same as `mode: off`."""
    mode: Annotated[Literal["enforce", "shadow", "off"], BeforeValidator(_mode)] = "enforce"
    """`shadow` is asked and counted, without effect; `off` is not asked."""
    decision: Literal["keep", "drop"] = "keep"

    @model_validator(mode="before")
    @classmethod
    def _ours(cls, value: Any) -> Any:
        if isinstance(value, dict) and "type" in value and "when" not in value:
            raise located(
                ("type",),
                "a policy with a type is the collector's: leave `default` out, or write a `when`",
                value["type"],
            )
        return value

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name == RESERVED:
            raise ValueError("the name `default` belongs to what happens when nobody decided: choose another")
        return name

    @model_validator(mode="after")
    def _sense(self) -> OrderedPolicy:
        given = self.model_fields_set
        rates = [key for key in (*LEARNED, "custom", "rate") if key in given]
        if self.decision == "drop" and (
            extra := given & {*rates, "otherwise", "limit", "retention", "share", "essential"}
        ):
            raise ValueError(
                f"a policy that drops has no {' and no '.join(sorted(extra))}: it drops all that it matches"
            )
        if self.retention == 0:
            raise ValueError("a retention of 0 keeps nothing: expected a duration such as 30d")
        if len(rates) > 1:
            raise ValueError(f"{' and '.join(rates)} both say what share is kept: expected one of them")
        if "otherwise" in given and not rates:
            raise ValueError("`otherwise` says what becomes of what `rate` does not keep, and there is no rate")
        return self

    @property
    def asked(self) -> bool:
        """Whether it is asked at all."""
        return self.enabled and self.mode != "off"

    @property
    def adaptive(self) -> AdaptiveThroughput | AdaptivePercentage | None:
        """Its learned rate."""
        return self.adaptive_throughput or self.adaptive_percentage


class OrderedForm(TailSampling):
    """Our own `sampling.yaml`: policies are asked in order, and the first that decides, decides."""

    evaluation: Literal["ordered"] = "ordered"
    decision_wait: Duration = 10 * _SECOND
    """How long a trace is held after its first span."""
    policies: list[OrderedPolicy] = []
    default: Rate
    """What happens when no policy decided, such as `1%` (a share that is kept) or `drop`."""
    total: Burst | None = None
    """A limit on all that is kept: over it, traces are dropped."""
    budget: BudgetForm | None = None
    """What all that is kept may cost: when it is spent, only essential policies keep."""
    num_traces: int = Field(default=0, ge=0)
    """More traces than this are judged early, the oldest first; 0: only the byte budget counts."""
    max_keys: int = Field(default=10_000, ge=1)
    """How many values a limit with `per` keeps apart."""
    tests: list[Any] = []
    """Traces, and what is expected of these rules for them."""

    @model_validator(mode="after")
    def _names(self) -> OrderedForm:
        _unique([policy.name for policy in self.policies], "policies")
        return self

    @model_validator(mode="after")
    def _parts(self) -> OrderedForm:
        shares = Fraction(0)
        for at, policy in enumerate(self.policies):
            shares += policy.share or 0
            if policy.share and self.total is None:
                raise located(("policies", at, "share"), "a share of `total`, and there is no total", policy.name)
            if policy.share and shares > 1:
                text = f"with it the shares add up to {float(shares) * 100:g}%: only 100% can be promised"
                raise located(("policies", at, "share"), text, policy.name)
            if policy.essential and self.budget is None:
                raise located(("policies", at, "essential"), "there is no `budget` that it could outlast", policy.name)
        return self


def _entry(value: Any) -> Any:
    return read_policy(value)


class CollectorForm(TailSampling):
    """The collector's block, with its meaning; `evaluation: ordered` asks its policies in order."""

    evaluation: Literal["collector", "ordered"] = "collector"
    decision_wait: Duration = 30 * _SECOND
    policies: list[Annotated[Policy, BeforeValidator(_entry)]] = Field(min_length=1)
    num_traces: int = Field(default=50_000, ge=1, le=_COUNT)
    total: Burst | None = None
    """A limit on all that is kept, with `evaluation: ordered`: over it, traces are dropped."""
    sample_on_first_match: bool = False
    record_policy: bool = False
    """Write the policy that kept a trace on its scopes, as `tailsampling.policy`."""
    sampling_strategy: Literal["trace-complete", "span-ingest"] = "trace-complete"
    """`span-ingest`: a trace is judged as soon as its verdict cannot change any more."""
    expected_new_traces_per_sec: int = Field(default=0, ge=0)
    """Accepted; without effect."""
    block_on_overflow: bool = False
    """Refuse requests while `num_traces` are held, instead of judging the oldest early."""
    num_shards: int = Field(default=1, ge=1, le=256)
    """Accepted; without effect."""
    tail_storage: None = None
    """Refused: there is no such extension here."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        found = decode(cls, data)
        for key in ("decision_wait", "decision_wait_after_root_received") if isinstance(found, dict) else ():
            if key in found:
                found[key] = nanoseconds(found[key])
        return found

    @field_validator("tail_storage", mode="before")
    @classmethod
    def _storage(cls, value: Any) -> Any:
        if value is not None:
            raise ValueError("traces are held in memory: there is no storage extension, take the key out")
        return value

    @model_validator(mode="after")
    def _whole(self) -> CollectorForm:
        _unique([policy.name for policy in self.policies], "policies")
        for at, policy in enumerate(self.policies if self.sampling_strategy == "span-ingest" else ()):
            why = policy.waits()
            if policy.enabled and why is not None:
                text = f"{why} needs the whole trace, and `sampling_strategy: span-ingest` judges before it is there"
                raise located(("policies", at, policy.type), text, policy.name)
        if self.total is not None and self.evaluation == "collector":
            raise located(("total",), "a total holds with `evaluation: ordered` only", "total")
        for at, policy in enumerate(self.policies if self.evaluation == "ordered" else ()):
            try:
                lower(policy.name, policy.vote(FactsBuilder()))
            except NotOrderable as error:
                raise located(("policies", at, policy.type), str(error), policy.name) from None
        return self
