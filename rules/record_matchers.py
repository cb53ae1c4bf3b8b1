"""The collector's `include` and `exclude` in pipelines of every signal; `matchers.py` is about spans alone.

On a log record all of the lists must match, on a data point the metric's name and the resource, as in the collector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from ..kernel.contract import Expr, Signal
from . import patterns
from .matchers import KeyMatcher, Model, SpanMatcher, any_of, attribute_matches, field_matches

KEYS: Mapping[Signal, tuple[str, ...]] = {
    "traces": ("services", "span_names", "span_kinds", "attributes", "resources", "libraries"),
    "logs": ("log_bodies", "log_severity_texts", "log_severity_number", "attributes", "resources", "libraries"),
    "metrics": ("metric_names", "resources"),
}
"""What can be matched on each signal."""
_ALL = tuple(dict.fromkeys(key for keys in KEYS.values() for key in keys))


class SeverityMatcher(Model):
    """`log_severity_number`."""

    min: Annotated[int, Field(ge=0, le=24)] = 0
    """The least SeverityNumber that matches."""
    match_undefined: bool = False
    """Whether log records without a severity match."""

    def expression(self) -> Expr:
        """Return what a log record must be to match."""
        number = ["field", "severity_number"]
        defined: Expr = ["and", ["not", ["is", number, 0]], ["cmp", ">=", number, self.min]]
        return ["or", defined, ["is", number, 0]] if self.match_undefined else defined


class RecordMatcher(SpanMatcher):
    """One `include` or `exclude`; the pipeline's signal says which keys can be used."""

    log_bodies: list[str] = Field(default_factory=list)
    """Of log records whose body has a text; one of them is enough."""
    log_severity_texts: list[str] = Field(default_factory=list)
    """One of them is enough."""
    log_severity_number: SeverityMatcher | None = None
    metric_names: list[str] = Field(default_factory=list)
    """One of them is enough."""

    @model_validator(mode="before")
    @classmethod
    def _spans_only(cls, data: Any) -> Any:
        return data

    @model_validator(mode="after")
    def _something_to_match(self) -> RecordMatcher:
        if not any(getattr(self, name) for name in _ALL):
            raise ValueError(f"nothing to match: expected at least one of {', '.join(_ALL)}")
        self.check_values()
        return self

    def texts(self) -> Iterator[str]:
        """Yield everything that is a pattern with `match_type: regexp`."""
        yield from super().texts()
        yield from (*self.log_bodies, *self.log_severity_texts, *self.metric_names)

    def expression(self, signal: Signal = "traces") -> Expr:
        """Return what a record of a signal must be to match."""
        if signal == "traces":
            return super().expression()
        parts = [*self.of_resource()]
        if signal == "logs":
            parts += [*self._of_log(), *self.of_libraries()]
            parts += [attribute_matches(["attr", "log", item.key], item, self.strict) for item in self.attributes]
        elif self.metric_names:
            parts.append(field_matches("metric.name", self.strict, self.metric_names))
        return any_of(parts) if len(parts) == 1 else ["and", *parts]

    def _of_log(self) -> Iterator[Expr]:
        if self.log_bodies:
            searched = [patterns.exactly(self.log_bodies)] if self.strict else self.log_bodies
            yield any_of([["text_matches", ["field", "body"], pattern] for pattern in searched])
        if self.log_severity_texts:
            yield field_matches("severity_text", self.strict, self.log_severity_texts)
        if self.log_severity_number is not None:
            yield self.log_severity_number.expression()

    def misplaced(self, signal: Signal) -> list[str]:
        """Return the keys that are used and mean nothing on a signal."""
        return [key for key in _ALL if getattr(self, key) and key not in KEYS[signal]]


def compile_record_matchers(
    include: RecordMatcher | None, exclude: RecordMatcher | None, signal: Signal
) -> Expr | None:
    """Return whether a processor acts on a record: it is included and not excluded. None: it acts on every one."""
    if include is None:
        return None if exclude is None else ["not", exclude.expression(signal)]
    if exclude is None:
        return include.expression(signal)
    return ["and", include.expression(signal), ["not", exclude.expression(signal)]]


def unfit_matchers(include: RecordMatcher | None, exclude: RecordMatcher | None, signal: Signal) -> str | None:
    """Say which keys of the matchers cannot be used on a signal; None: all can."""
    for name, matcher in (("include", include), ("exclude", exclude)):
        misplaced = matcher.misplaced(signal) if matcher is not None else []
        if misplaced:
            expected = f"expected one of {', '.join(KEYS[signal])}"
            return f"cannot be used on {signal}: {name}: {', '.join(misplaced)} mean nothing there, {expected}"
    return None


__all__ = ["KEYS", "KeyMatcher", "RecordMatcher", "SeverityMatcher", "compile_record_matchers", "unfit_matchers"]
