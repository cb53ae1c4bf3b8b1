"""Tags what is kept with how long it is worth keeping: `retention.policy` and `retention.ttl` on the resource.

A backend can route on them. The policies' conditions are about whole traces, so they need a stage before that holds
traces; without one only `default` can be given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

from ..kernel.contract import RETENTION, VERDICT, FactsSpec, Records, Stage
from ..rules.conditions import TraceCondition, trace_condition
from ..rules.durations import Duration, format_duration
from ..rules.facts import Borrowed, FactsBuilder, compile_test
from ..rules.implication import implies, never
from ..rules.values import encoded_value, key_value
from ..telemetry.samples import Sample
from .base import BuildContext, Decider, Deciding, Fused, ProcessorSpec

NO_POLICY = "none"
"""The class under which traces are counted that no policy applies to when there is no default."""

WHY_NOT_ALONE = (
    "retention policies are about whole traces, and nothing before this holds traces: "
    "put tail_sampling before it, or give a default only"
)


class Model(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Class(Model):
    """A retention by name."""

    name: str = Field(min_length=1)
    ttl: Duration

    @field_validator("ttl")
    @classmethod
    def _some_time(cls, ttl: int) -> int:
        if ttl <= 0:
            raise ValueError("a ttl of nothing: expected a duration such as 72h or 30d")
        return ttl


def _or_a_duration(schema: dict[str, Any]) -> None:
    schema["anyOf"].append(TypeAdapter(Duration).json_schema())


class Policy(Class):
    """A retention for the traces that satisfy a condition."""

    when: TraceCondition


class Config(Model):
    """A default, and policies with conditions."""

    enabled: bool = True
    default: Class | None = Field(None, json_schema_extra=_or_a_duration)
    """For traces that no policy applies to; a bare duration is one with the name `default`."""
    policies: list[Policy] = []
    choose: Literal["longest", "first"] = "longest"
    """Which of several policies that apply wins; of equally long ones the first does."""
    policy_attribute: str = Field("retention.policy", min_length=1)
    ttl_attribute: str = Field("retention.ttl", min_length=1)

    @field_validator("default", mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, dict | Class) else {"name": "default", "ttl": value}

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.default is None and not self.policies:
            raise ValueError("no retention is given: expected a default or policies")
        names = [policy.name for policy in self.policies] + ([self.default.name] if self.default else [])
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands more than once: expected a name of its own for each policy")
        return self


@dataclass
class _Count:
    traces: int = 0
    spans: int = 0


class RetentionDecider:
    """Chooses each trace's retention once, from its mask and from what the sampler's policy said."""

    def __init__(self, config: Config, context: BuildContext) -> None:
        """Register the labels of the configured classes."""
        builder = FactsBuilder()
        self._conditions = [trace_condition(policy.when, builder) for policy in config.policies]
        self.facts = builder.spec()
        self._config = config
        self._label = context.label
        self._said = context.retentions
        # Taken now: the context is the pipeline's, and its id is another's once this is built.
        self._origin = {"pipeline": context.pipeline, "processor": context.id}
        self._tests = [compile_test(test, builder) for test in self._conditions]
        self._of_policy = [self._register(policy) for policy in config.policies]
        self._of_default = self._register(config.default) if config.default else 0
        self._class_of: dict[int, str] = {}
        self._neutral: dict[str, int] = {}
        for label, class_ in zip(self._of_policy, config.policies, strict=True):
            self._class_of[label] = class_.name
        if config.default:
            self._class_of[self._of_default] = config.default.name
        self._counts = {name: _Count() for name in self._class_of.values()}
        self._best = lru_cache(maxsize=4096)(self._find)

    def borrow(self, facts: FactsSpec) -> bool:
        """Read the facts of the stage before from now on; False when they do not have all of its own."""
        try:
            borrowed = Borrowed(self.facts, facts)
        except ValueError:
            return False
        self._tests = [compile_test(test, borrowed) for test in self._conditions]
        self.facts = facts
        return True

    def decide(self, records: Records) -> None:
        """Set the label of every trace that has none yet."""
        columns = records.columns()
        verdicts, labels = records.labels(VERDICT), records.labels(RETENTION)
        plan: dict[tuple[int, int], int] = {}
        masks, mask_index, spans = columns.masks, columns.mask_index, columns.spans
        for row, label in enumerate(labels):
            if label == 0:
                case = (mask_index[row], verdicts[row])
                if case not in plan:
                    plan[case] = self._choose(masks[case[0]], case[1])
                labels[row] = label = plan[case]
                self._count(label).traces += 1
            self._count(label).spans += spans[row]
        records.label(RETENTION, labels)

    def take_over(self, before: Decider) -> None:
        """Know the classes of labels that late spans may still carry."""
        if isinstance(before, RetentionDecider):
            self._class_of = before._class_of | self._class_of

    def samples(self) -> Iterable[Sample]:
        """Return how many traces and spans were tagged, by class."""
        for name, count in self._counts.items():
            labels = {**self._origin, "class": name}
            yield Sample("tailgate_retention_traces", "counter", "Traces tagged, by class.", count.traces, labels)
            yield Sample("tailgate_retention_spans", "counter", "Spans tagged, by class.", count.spans, labels)

    def _register(self, class_: Class) -> int:
        attributes = [key_value(key, value) for key, value in _attributes(self._config, class_).items()]
        return self._add(class_.name, attributes)

    def _add(self, name: str, attributes: list[tuple[str, bytes]]) -> int:
        owner = (self._origin["processor"], name)
        return self._label(owner, {"keep": True, "span": [], "resource": attributes, "threshold": "leave"})

    def _find(self, mask: int) -> int | None:
        """Return the index of the policy that wins; None when none applies."""
        applying = [index for index, test in enumerate(self._tests) if test(mask)]
        if not applying or self._config.choose == "first":
            return applying[0] if applying else None
        return max(applying, key=lambda index: (self._config.policies[index].ttl, -index))

    def _choose(self, mask: int, verdict: int) -> int:
        best, said = self._best(mask), self._said.get(verdict)
        if said is not None:
            name, ttl = said
            if best is None or self._config.choose == "first" or self._config.policies[best].ttl <= ttl:
                return self._leave(name)
        if best is not None:
            return self._of_policy[best]
        return self._of_default or self._leave(NO_POLICY)

    def _leave(self, name: str) -> int:
        """Return a label that changes nothing but records the decision, so that late spans follow it."""
        if name not in self._neutral:
            label = self._add(name, [])
            self._neutral[name] = label
            self._class_of[label] = name
        return self._neutral[name]

    def _count(self, label: int) -> _Count:
        return self._counts.setdefault(self._class_of.get(label, NO_POLICY), _Count())


def lint(config: Config) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield the policies whose retention no trace can get."""
    facts = FactsBuilder()
    tests = [trace_condition(policy.when, facts) for policy in config.policies]
    for at, test in enumerate(tests):
        place: tuple[str | int, ...] = ("policies", at)
        if never(test, facts.spec()):
            yield place, "can never apply: no trace satisfies its condition", "retention-unreachable"
            continue
        rivals = [(other, tests[i]) for i, other in enumerate(config.policies) if _wins(config, i, at)]
        winner = next((other for other, its in rivals if implies(test, its, facts.spec())), None)
        if winner is not None:
            why = "comes first" if config.choose == "first" else f"is for {format_duration(winner.ttl)}"
            text = f"can never apply: {winner.name} applies wherever it does, and {why}"
            yield place, text, "retention-unreachable"


def _wins(config: Config, one: int, other: int) -> bool:
    """Say whether the first of two policies wins where both apply."""
    if config.choose == "first" or one == other:
        return one < other
    return (config.policies[one].ttl, -one) > (config.policies[other].ttl, -other)


def plan(config: Config) -> Iterator[str]:
    """Yield what it does in sentences."""
    if not config.enabled:
        yield "is switched off"
        return
    which = "the first that applies wins" if config.choose == "first" else "of several that apply the longest wins"
    yield f"writes {config.policy_attribute} and {config.ttl_attribute} on the resource of what is kept; {which}:"
    for policy in config.policies:
        yield f"  {policy.name}: {format_duration(policy.ttl)} where {policy.when}"
    if config.default is not None:
        yield f"  {config.default.name}: {format_duration(config.default.ttl)} for everything else"
    else:
        yield "  nothing is written on the rest"


def build(config: Config, context: BuildContext) -> Deciding | Fused:
    """Return the decider; alone it can only give every resource the default."""
    if not config.enabled:
        return Fused([])
    stages = None if config.policies else _default_stages(config)
    return Deciding(RetentionDecider(config, context), stages, WHY_NOT_ALONE if stages is None else "")


def _attributes(config: Config, class_: Class) -> dict[str, str]:
    return {config.policy_attribute: class_.name, config.ttl_attribute: format_duration(class_.ttl)}


def _default_stages(config: Config) -> list[Stage]:
    assert config.default is not None  # noqa: S101 - or there would be policies
    actions = [
        {"do": "upsert", "key": key, "value": encoded_value(value)}
        for key, value in _attributes(config, config.default).items()
    ]
    return [{"kind": "edit", "on": "resource", "if": None, "actions": actions}]


SPEC = ProcessorSpec("retention", Config, build, lint=lint, plan=plan)
