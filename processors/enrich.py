"""Adds, changes and removes attributes: `enrich`, and the collector's `attributes` and `resource` as they stand.

All three become edit stages of the kernel, in pipelines of every signal: what is edited is the span, the log record or
the data point. What `enrich` adds to the collector's actions: `on` (also resource or scope), `when` (a condition), and
copying from the resource or the scope.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..kernel.contract import Expr, Signal, Stage
from ..rules.condition_fields import Level
from ..rules.conditions import RecordCondition
from ..rules.levels import RECORDS, Written, check_condition, condition_in, level_in, possible_in
from ..rules.patterns import Pattern, group_names
from ..rules.record_matchers import RecordMatcher, compile_record_matchers, unfit_matchers
from ..rules.values import encoded_value
from .base import ALL_SIGNALS, BuildContext, Fused, ProcessorSpec

_WRITES = ("insert", "update", "upsert")
_SOURCES = ("value", "from_attribute", "from_context", "from_resource", "from_scope")
_ABOVE: dict[Written, tuple[Written, ...]] = {
    **dict.fromkeys(("record", "span", "log", "datapoint"), ("resource", "scope")),
    "scope": ("resource",),
    "resource": (),
}
_USES = {
    **dict.fromkeys(_WRITES, _SOURCES),
    "delete": ("pattern",),
    "hash": ("pattern",),
    "extract": ("pattern",),
    "convert": ("converted_type",),
}


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class Model(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CollectorAction(Model):
    """One action as the collector writes it; the name of the action may be in any case."""

    key: str = ""
    action: Annotated[
        Literal["insert", "update", "upsert", "delete", "hash", "extract", "convert"], BeforeValidator(_lower)
    ]
    value: Any = None
    """Keeps its YAML type; lists and maps are allowed."""
    from_attribute: str | None = None
    """The key of another attribute of the same record, resource or scope."""
    from_context: str | None = None
    """A request value: `metadata.<header>`, `<header>` or `client.address`."""
    pattern: Pattern | None = None
    converted_type: Literal["int", "double", "string"] | None = None

    @model_validator(mode="after")
    def _check(self) -> CollectorAction:
        given = {
            name for name in (*_SOURCES, "pattern", "converted_type") if getattr(self, name, None) not in (None, "")
        }
        if self.value == "":
            given.add("value")
        self._check_fields(given)
        if self.action in _WRITES:
            self._check_source(given)
        if self.action == "extract":
            self._check_groups()
        if self.action == "convert" and self.converted_type is None:
            raise ValueError("convert needs converted_type: expected int, double or string")
        return self

    def _check_fields(self, given: set[str]) -> None:
        selects = self.action in {"delete", "hash"}
        if not self.key and not (selects and "pattern" in given):
            raise ValueError(f"{self.action} needs a key{' or a pattern' if selects else ''}")
        unused = sorted(given - set(_USES[self.action]))
        if unused:
            raise ValueError(f"{self.action} does not use {', '.join(unused)}")

    def _check_source(self, given: set[str]) -> None:
        possible = [name for name in _SOURCES if name in type(self).model_fields]
        if len(given) != 1:
            found = f"both {' and '.join(sorted(given))}" if given else "none"
            raise ValueError(f"{self.action} needs exactly one of {', '.join(possible)}, and has {found}")
        if self.from_context is not None:
            context_name(self.from_context)
        try:
            encoded_value(self.value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the value cannot be an attribute: {error}") from None

    def _check_groups(self) -> None:
        names = group_names(self.pattern) if self.pattern else []
        if not names or None in names:
            raise ValueError("extract needs a pattern in which every group has a name, such as (?P<user_id>[0-9]+)")

    def edit(self, level: Level, context: BuildContext) -> dict[str, Any]:
        """Return the kernel's action."""
        out: dict[str, Any] = {"do": self.action}
        if self.key:
            out["key"] = self.key
        if self.pattern:
            out["pattern"] = self.pattern
        if self.converted_type:
            out["to"] = self.converted_type
        if self.action in _WRITES:
            out |= self._source(level, context)
        return out

    def _source(self, level: Level, context: BuildContext) -> dict[str, Any]:
        if self.from_attribute:
            return {"from": [level, self.from_attribute]}
        if self.from_context:
            return {"context": context.context_index(context_name(self.from_context))}
        return {"value": encoded_value(self.value)}


class Action(CollectorAction):
    """One action of `enrich`."""

    on: Written = "record"
    """Whose attributes are edited. `record`: the span, log record or data point, as the pipeline has; `span`, `log` and
    `datapoint`: only in pipelines of that."""
    from_resource: str | None = None
    """The key of an attribute of the record's or scope's resource."""
    from_scope: str | None = None
    """The key of an attribute of the record's scope."""
    when: RecordCondition | None = None
    """A condition over the record; with `on: resource` or `scope` over that only."""

    @model_validator(mode="after")
    def _check_levels(self) -> Action:
        for above, key in (("resource", self.from_resource), ("scope", self.from_scope)):
            if key and above not in _ABOVE[self.on]:
                raise ValueError(f"from_{above} cannot be used on a {self.on}: expected from_attribute")
        if self.when is not None:
            check_condition(self.when, self.on)
        return self

    def _source(self, level: Level, context: BuildContext) -> dict[str, Any]:
        if self.from_resource:
            return {"from": ["resource", self.from_resource]}
        if self.from_scope:
            return {"from": ["scope", self.from_scope]}
        return super()._source(level, context)


class EnrichConfig(Model):
    """`enrich`: actions in order."""

    enabled: bool = True
    actions: list[Action] = Field(min_length=1)


class AttributesConfig(Model):
    """The collector's `attributes`: actions on the attributes of the spans, log records or data points that match."""

    enabled: bool = True
    actions: list[CollectorAction] = Field(min_length=1)
    include: RecordMatcher | None = None
    exclude: RecordMatcher | None = None


class ResourceConfig(Model):
    """The collector's `resource`: actions on the attributes of resources."""

    enabled: bool = True
    attributes: list[CollectorAction] = Field(min_length=1)


def context_name(name: str) -> str:
    """Return the full name of a request value: `metadata.<header in lower case>` or `client.address`."""
    if name == "client.address":
        return name
    if name.startswith("auth."):
        raise ValueError(f"{name} is not known here: expected metadata.<header> or client.address")
    header = name.removeprefix("metadata.").lower()
    if not header:
        raise ValueError(f"{name!r} names no header: expected metadata.<header>")
    return f"metadata.{header}"


def build_enrich(config: EnrichConfig, context: BuildContext) -> Fused:
    """Return the edit stages of `enrich`; neighbours without a condition share one.

    Left out are actions on another signal's records, and those whose condition is about what only those have.
    """
    stages: list[dict[str, Any]] = []
    for action in config.actions:
        level = level_in(context.signal, action.on)
        if level is None or not possible_in(context.signal, action.when, action.on):
            continue  # it is about what only another signal has
        condition, edit = condition_in(context.signal, action.when, action.on), action.edit(level, context)
        # A condition is asked before its own action, so that it sees what the actions before have done.
        if condition is None and stages and stages[-1]["on"] == level and stages[-1]["if"] is None:
            stages[-1]["actions"].append(edit)
        else:
            stages.append(_stage(level, condition, [edit]))
    return _fused(stages, config.enabled)


def build_attributes(config: AttributesConfig, context: BuildContext) -> Fused:
    """Return the edit stage of `attributes`."""
    level = RECORDS[context.signal]
    edits = [action.edit(level, context) for action in config.actions]
    matched = compile_record_matchers(config.include, config.exclude, context.signal)
    return _fused([_stage(level, matched, edits)], config.enabled)


def unfit_attributes(config: AttributesConfig, signal: Signal) -> str | None:
    """Say which keys of the matchers are not there on a signal."""
    return unfit_matchers(config.include, config.exclude, signal)


def build_resource(config: ResourceConfig, context: BuildContext) -> Fused:
    """Return the edit stage of `resource`."""
    edits = [action.edit("resource", context) for action in config.attributes]
    return _fused([_stage("resource", None, edits)], config.enabled)


def plan_actions(actions: Sequence[CollectorAction], on: Written = "record") -> Iterator[str]:
    """Yield what actions do, each in a sentence without values, which may be secrets; `on`: where, by default."""
    yield "edits attributes, in this order:"
    for action in actions:
        named = action.key or f"those that match {action.pattern}"
        when = getattr(action, "when", None)
        where = f", where {when}" if when else ""
        owner = getattr(action, "on", on)
        whose = "" if owner == "record" else f"{owner} "
        yield f"  {action.action} {whose}attribute {named}{_source_text(action)}{where}"


def _source_text(action: CollectorAction) -> str:
    for name in _SOURCES[1:]:
        given = getattr(action, name, None)
        if given:
            return f" from {name.removeprefix('from_')} {given}"
    return " with a fixed value" if action.action in _WRITES else ""


def _stage(on: Level, condition: Expr | None, actions: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": "edit", "on": on, "if": condition, "actions": actions}


def _fused(stages: list[dict[str, Any]], enabled: bool) -> Fused:
    out: list[Stage] = [*stages] if enabled else []
    return Fused(out)


SPEC = ProcessorSpec(
    "enrich",
    EnrichConfig,
    build_enrich,
    signals=ALL_SIGNALS,
    plan=lambda config: plan_actions(config.actions),
)
ATTRIBUTES = ProcessorSpec(
    "attributes",
    AttributesConfig,
    build_attributes,
    signals=ALL_SIGNALS,
    unfit=unfit_attributes,
    plan=lambda config: plan_actions(config.actions),
)
RESOURCE = ProcessorSpec(
    "resource",
    ResourceConfig,
    build_resource,
    signals=ALL_SIGNALS,
    plan=lambda config: plan_actions(config.attributes, "resource"),
)
SPECS = (SPEC, ATTRIBUTES, RESOURCE)
