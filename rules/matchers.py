"""The collector's `include` and `exclude` of spans, with the meaning that its code gives them.

Both are read into one expression over a span that says whether the processor acts on it. Lists of different kinds are
ANDed; of `services`, `span_names` and `span_kinds` one item is enough; of `attributes`, `resources` and `libraries`
every item must match. A regular expression is searched for anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..kernel.contract import Expr, Operand
from . import patterns

NO_SERVICE = "<nil-service-name>"
"""What the collector takes for the service where the resource has no `service.name`."""

KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
"""OTLP's SpanKind by number, to be read with `SPAN_KIND_` before it."""

_SPAN_LISTS = ("services", "span_names", "span_kinds", "attributes", "resources", "libraries")
_OTHER_SIGNALS = ("log_bodies", "log_severity_texts", "log_severity_number", "metric_names")


class Model(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RegexpCache(Model):
    """How the collector caches its regular expressions; accepted, and without effect: matching needs no cache."""

    cacheenabled: bool = False
    cachemaxnumentries: int = 0


class KeyMatcher(Model):
    """An attribute by key, and by value unless that is left out."""

    key: str = Field(min_length=1)
    value: Any = None
    """Left out: any will do."""


class LibraryMatcher(Model):
    """An instrumentation scope by name and version; without a version any will do, `""` is the empty one."""

    name: str
    version: str | None = None
    """Left out: any will do."""


class SpanMatcher(Model):
    """One `include` or `exclude`."""

    match_type: Literal["strict", "regexp"]
    """`strict`: equal; `regexp`: found anywhere."""
    regexp: RegexpCache | None = None
    """Without effect."""
    services: list[str] = []
    """Of the resource; one of them is enough."""
    span_names: list[str] = []
    """One of them is enough."""
    span_kinds: list[str] = []
    """One of them is enough."""
    attributes: list[KeyMatcher] = []
    """All of them must match."""
    resources: list[KeyMatcher] = []
    """All of them must match."""
    libraries: list[LibraryMatcher] = []
    """All of them must match."""

    @model_validator(mode="before")
    @classmethod
    def _spans_only(cls, data: Any) -> Any:
        other = [key for key in _OTHER_SIGNALS if isinstance(data, dict) and data.get(key)]
        if other:
            raise ValueError(f"{', '.join(other)} cannot be used on spans: expected one of {', '.join(_SPAN_LISTS)}")
        return {k: v for k, v in data.items() if k not in _OTHER_SIGNALS} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _something_to_match(self) -> SpanMatcher:
        if not any(getattr(self, name) for name in _SPAN_LISTS):
            raise ValueError(f"nothing to match: expected at least one of {', '.join(_SPAN_LISTS)}")
        self.check_values()
        return self

    def check_values(self) -> None:
        """Raise ValueError for what cannot be compared, or is no pattern."""
        if self.match_type == "regexp":
            for text in self.texts():
                patterns.check_pattern(text)
        for item in (*self.attributes, *self.resources):
            _check_value(item, self.match_type)

    def texts(self) -> Iterator[str]:
        """Yield everything that is a pattern with `match_type: regexp`."""
        yield from (*self.services, *self.span_names, *self.span_kinds)
        for item in (*self.attributes, *self.resources):
            if isinstance(item.value, str):
                yield item.value
        for library in self.libraries:
            yield from (library.name, library.version or "")

    def expression(self) -> Expr:
        """Return what a span must be to match."""
        parts = [
            *([self._service()] if self.services else []),
            *([field_matches("name", self.strict, self.span_names)] if self.span_names else []),
            *([self._kind()] if self.span_kinds else []),
            *self.of_libraries(),
            *self.of_resource(),
            *(attribute_matches(["attr", "span", item.key], item, self.strict) for item in self.attributes),
        ]
        return parts[0] if len(parts) == 1 else ["and", *parts]

    def of_resource(self) -> Iterator[Expr]:
        """Yield what the resource must be."""
        return (attribute_matches(["attr", "resource", item.key], item, self.strict) for item in self.resources)

    def of_libraries(self) -> Iterator[Expr]:
        """Yield what the scope must be."""
        return (part for library in self.libraries for part in self._library(library))

    @property
    def strict(self) -> bool:
        """Whether texts must be equal, and are no patterns."""
        return self.match_type == "strict"

    def _matches(self, wanted: list[str]) -> Callable[[str], bool]:
        if self.strict:
            return lambda text: text in wanted
        return lambda text: any(patterns.found(pattern, text) for pattern in wanted)

    def _service(self) -> Expr:
        operand = ["attr", "resource", "service.name"]
        searched = [patterns.exactly(self.services)] if self.strict else self.services
        found: Expr = any_of([["text_matches", operand, pattern] for pattern in searched])
        if self._matches(self.services)(NO_SERVICE):
            return ["or", found, ["not", ["exists", operand]]]
        return found

    def _kind(self) -> Expr:
        matches = self._matches(self.span_kinds)
        numbers = [number for number, kind in enumerate(KINDS) if matches(f"SPAN_KIND_{kind}")]
        known: Expr = ["in", ["field", "kind"], numbers] if numbers else ["false"]
        if not matches(""):  # the name of a number that is no kind
            return known
        return ["or", known, ["not", ["in", ["field", "kind"], list(range(len(KINDS)))]]]

    def _library(self, library: LibraryMatcher) -> Iterable[Expr]:
        yield field_matches("scope.name", self.strict, [library.name])
        if library.version is not None:
            yield field_matches("scope.version", self.strict, [library.version])


def compile_matchers(include: SpanMatcher | None, exclude: SpanMatcher | None) -> Expr | None:
    """Return whether a processor acts on a span: it is included and not excluded. None: it acts on every span."""
    if include is None:
        return None if exclude is None else ["not", exclude.expression()]
    if exclude is None:
        return include.expression()
    return ["and", include.expression(), ["not", exclude.expression()]]


def _check_value(item: KeyMatcher, match_type: str) -> None:
    if item.value is None or isinstance(item.value, str):
        return
    if not isinstance(item.value, bool | int | float):
        raise ValueError(f"the value of {item.key!r} is a list or a map: expected a text, a number, true or false")  # noqa: TRY004
    if isinstance(item.value, int) and not -(2**63) <= item.value < 2**63:
        raise ValueError(f"the value of {item.key!r} is too large: expected at most 64 bits")
    if match_type == "regexp":
        raise ValueError(f"the value of {item.key!r} is no text, but match_type is regexp: put it in quotes")


def any_of(parts: list[Expr]) -> Expr:
    """Return what it takes for one of them to be true."""
    return parts[0] if len(parts) == 1 else ["or", *parts]


def field_matches(name: str, strict: bool, wanted: list[str]) -> Expr:
    """Return what a field of text must be: one of these."""
    operand = ["field", name]
    if strict:
        return ["in", operand, wanted]
    return any_of([["matches", operand, pattern] for pattern in wanted])


def attribute_matches(operand: Operand, item: KeyMatcher, strict: bool) -> Expr:
    """Return what an attribute must be."""
    if item.value is None:
        return ["exists", operand]
    if strict:
        # An array is never equal to one of its elements here; only a single value has a text.
        return ["and", ["text_matches", operand, ""], ["is", operand, item.value]]
    return ["text_matches", operand, item.value]
