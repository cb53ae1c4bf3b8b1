"""`span`: a span's name from its attributes, attributes from its name, and its status, as the collector's does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..rules.matchers import SpanMatcher, compile_matchers
from ..rules.patterns import Pattern, group_names
from .base import BuildContext, Fused, ProcessorSpec

_CODES = {"Unset": 0, "Ok": 1, "Error": 2}


class Model(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ToAttributes(Model):
    """`name.to_attributes`."""

    rules: list[Pattern] = Field(min_length=1)
    """Every group has a name: that of the attribute that its text becomes, and in braces what takes its place."""
    break_after_match: bool = False
    """Only the first rule that matches is used; else each works on the name that the ones before have left."""
    keep_original_name: bool = False
    separator: str | None = None
    """Accepted; without effect: it joins what `from_attributes` names."""

    @model_validator(mode="after")
    def _named(self) -> ToAttributes:
        for pattern in self.rules:
            if None in group_names(pattern):
                raise ValueError(f"{pattern!r}: every group needs a name, such as (?P<user_id>[0-9]+)")
        return self


class Name(Model):
    """`name`."""

    from_attributes: list[str] = []
    """Their values become the name; when one is not there, the name stays."""
    separator: str = ""
    to_attributes: ToAttributes | None = None


class Status(Model):
    """`status`."""

    code: Literal["Unset", "Ok", "Error"]
    description: str = ""
    """Of an Error only."""

    @model_validator(mode="after")
    def _only_of_errors(self) -> Status:
        if self.description and self.code != "Error":
            raise ValueError(f"a description belongs to the code Error, not to {self.code}")
        return self


class SpanConfig(Model):
    """The block `span`."""

    enabled: bool = True
    name: Name = Name()
    status: Status | None = None
    include: SpanMatcher | None = None
    exclude: SpanMatcher | None = None

    @model_validator(mode="after")
    def _something_to_do(self) -> SpanConfig:
        if not (self.name.from_attributes or self.name.to_attributes or self.status):
            raise ValueError("nothing to do: expected name.from_attributes, name.to_attributes or status")
        return self


def build(config: SpanConfig, context: BuildContext) -> Fused:
    """Return one edit stage; which spans it is for is asked once, before all of it."""
    actions: list[dict[str, Any]] = []
    if config.name.from_attributes:
        actions.append(_from_attributes(config.name))
    if config.name.to_attributes:
        to = config.name.to_attributes
        rename = not to.keep_original_name
        actions.append({"do": "parse_name", "patterns": to.rules, "rename": rename, "first": to.break_after_match})
    if config.status:
        code, text = _CODES[config.status.code], config.status.description
        actions.append({"do": "set", "field": "status.code", "of": ["lit", code]})
        actions.append({"do": "set", "field": "status.message", "of": ["lit", text]})
    matched = compile_matchers(config.include, config.exclude)
    return Fused([{"kind": "edit", "on": "span", "if": matched, "actions": actions}] if config.enabled else [])


def _from_attributes(name: Name) -> dict[str, Any]:
    operands = [["attr", "span", key] for key in name.from_attributes]
    texts = [["call", "scalar", operand] for operand in operands]
    present = ["and", *(["exists", operand] for operand in operands)]
    return {"do": "set", "field": "name", "of": ["call", "concat", texts, name.separator], "if": present}


def lint(config: SpanConfig) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield places and warnings: an option that people write one level too deep."""
    if config.name.to_attributes and config.name.to_attributes.separator is not None:
        yield ("name", "to_attributes", "separator"), "this has no effect: it belongs to from_attributes, one level up"


SPEC = ProcessorSpec("span", SpanConfig, build, lint=lint)
