"""The stage `scrub` as a type, and the positions that it can look at; `docs/kernel.md` says what it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from .contract import Signal

POSITIONS: Mapping[Signal, tuple[str, ...]] = {
    "traces": (
        "resource",
        "scope",
        "span",
        "event",
        "link",
        "span_name",
        "status",
        "event_name",
        "trace_state",
        "scope_name",
        "schema_url",
    ),
    "logs": ("resource", "scope", "log", "body", "severity_text", "event_name", "scope_name", "schema_url"),
    "metrics": (
        "resource",
        "scope",
        "metric",
        "datapoint",
        "exemplar",
        "metric_name",
        "metric_description",
        "metric_unit",
        "scope_name",
        "schema_url",
    ),
}
"""The positions of the strings of each signal, but for the keys of attributes (`attribute_key`)."""


class ScrubRule(TypedDict):
    """A pattern and what becomes of what it finds."""

    pattern: str
    action: dict[str, Any]
    group: NotRequired[int]
    check: NotRequired[str | Mapping[str, Any] | None]
    near: NotRequired[Mapping[str, Any] | None]
    skip: NotRequired[str | None]


class ScrubLimits(TypedDict):
    """What a scrub stage takes through its rules at most; what is beyond becomes the text, or the span goes as well."""

    size: int
    depth: int
    do: Literal["redact", "drop"]
    text: str


class Scrub(TypedDict):
    """A stage that replaces personal data and secrets."""

    kind: Literal["scrub"]
    positions: list[str]
    skip: str | None
    only: NotRequired[str | None]
    keys: list[ScrubRule]
    values: list[ScrubRule]
    allow: NotRequired[str | None]
    keep: NotRequired[str | None]
    types: NotRequired[Literal["strings", "numbers", "all"] | None]
    summary: NotRequired[str | None]
    forms: NotRequired[list[dict[str, Any]]]
    forms_first: NotRequired[bool]
    tag: NotRequired[str | None]
    limits: NotRequired[ScrubLimits | None]
