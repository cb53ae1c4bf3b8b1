"""What the names in a condition stand for: built-in fields, the levels of attributes, and the values they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Literal

from ..kernel.contract import Expr, Operand
from .condition_tree import Name, Op, PlacedError, Value
from .durations import parse_duration
from .suggest import did_you_mean

MILLISECOND = 1_000_000

KINDS = {"unspecified": 0, "internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
"""OTLP's SpanKind, without `SPAN_KIND_`."""

STATUSES = {"unset": 0, "ok": 1, "error": 2}
"""OTLP's StatusCode, without `STATUS_CODE_`."""

_SEVERITY_NAMES = ("trace", "debug", "info", "warn", "error", "fatal")
SEVERITIES = {
    "unspecified": 0,
    **{
        f"{name}{step + 1 if step else ''}": 4 * at + step + 1
        for at, name in enumerate(_SEVERITY_NAMES)
        for step in range(4)
    },
}
"""OTLP's SeverityNumber, without `SEVERITY_NUMBER_`."""

_TEXT_FIELDS = ("name", "status.message", "trace_state", "scope.name", "scope.version")
_ID_FIELDS = ("trace_id", "span_id", "parent_span_id")

Level = Literal["span", "log", "datapoint", "resource", "scope"]
"""What a condition is asked about: a span, log record or data point, or (for edits of those) its resource or scope."""


@dataclass(frozen=True)
class Attribute:
    """An attribute, of any type. `service` is one, too."""

    operand: Operand


@dataclass(frozen=True)
class TextField:
    """A field that is always text."""

    operand: Operand


@dataclass(frozen=True)
class EnumField:
    """A field whose values have names."""

    operand: Operand
    prefix: str
    values: Mapping[str, int] = field(hash=False)


@dataclass(frozen=True)
class DurationField:
    """`duration`: the span's, or outside `span()` the trace's."""


@dataclass(frozen=True)
class ErrorWord:
    """`error`: the status, or the attribute of that name."""


@dataclass(frozen=True)
class RootWord:
    """`root`: the span has no parent."""


@dataclass(frozen=True)
class SpanCount:
    """`span_count`: how many spans the trace has."""


Subject = Attribute | TextField | EnumField | DurationField | ErrorWord | RootWord | SpanCount

_WORDS: dict[str, Subject] = {
    "kind": EnumField(["field", "kind"], "SPAN_KIND_", KINDS),
    "status": EnumField(["field", "status.code"], "STATUS_CODE_", STATUSES),
    "service": Attribute(["attr", "resource", "service.name"]),
    "duration": DurationField(),
    "error": ErrorWord(),
    "root": RootWord(),
    "span_count": SpanCount(),
    "spans": SpanCount(),
    **{name: TextField(["field", name]) for name in (*_TEXT_FIELDS, *_ID_FIELDS)},
}
RESERVED = frozenset({*_WORDS, "and", "or", "not", "in", "matches", "contains", "true", "false"})
"""Names that mean something else than an attribute; an attribute of that name stands in backticks."""

_SCOPE_WORDS = ("service", "scope.name", "scope.version")
_WORDS_ON: Mapping[Level, Mapping[str, Subject]] = {
    "span": _WORDS,
    "scope": {word: _WORDS[word] for word in _SCOPE_WORDS},
    "resource": {"service": _WORDS["service"]},
    "log": {
        **{word: _WORDS[word] for word in (*_SCOPE_WORDS, "trace_id", "span_id")},
        **{name: Attribute(["field", name]) for name in ("body", "severity_number")},
        **{name: TextField(["field", name]) for name in ("severity_text", "event_name")},
    },
    "datapoint": {
        **{word: _WORDS[word] for word in _SCOPE_WORDS},
        **{name: TextField(["field", name]) for name in ("metric.name", "metric.description", "metric.unit")},
    },
}
"""The words of each level; words of spans stand for nothing on the other levels."""
_RECORDS: tuple[Level, ...] = ("span", "log", "datapoint")
_ABOVE: Mapping[Level, tuple[str, ...]] = {
    **{level: (level, "resource", "scope") for level in _RECORDS},
    "scope": ("scope", "resource"),
    "resource": ("resource",),
}


def resolve(name: Name, level: Level) -> Subject:
    """Return what a name stands for when a condition is asked about `level`. Raises PlacedError."""
    if name.of is not None:
        of = level if name.of == "record" and level in _RECORDS else name.of
        if of not in _ABOVE[level]:
            owner = "span" if of == "record" else of
            raise PlacedError(name.position, f"a condition on a {level} cannot see the attributes of a {owner}")
        return Attribute(["attr", of, name.text])
    words = _WORDS_ON[level]
    if not name.quoted and name.text in words:
        return words[name.text]
    if not name.quoted and name.text in _WORDS:
        raise PlacedError(
            name.position,
            f"{name.text} belongs to spans, and this condition is on a {level}; an attribute is written `{name.text}`",
        )
    return Attribute(["attr", "any" if level in _RECORDS else level, name.text])


ERROR: Expr = [
    "or",
    ["cmp", "==", ["field", "status.code"], STATUSES["error"]],
    ["in", ["attr", "any", "error"], [True, "true"]],
]
"""`error`: status code ERROR, or the attribute `error` is true (or the text `true`)."""


def enum_value(subject: EnumField, value: Value) -> int:
    """Return the number of a named value: `client`, `"client"`, `SPAN_KIND_CLIENT`. Raises PlacedError."""
    if value.kind in {"string", "word"}:
        wanted = str(value.value)
        number = subject.values.get(wanted.removeprefix(subject.prefix).lower())
        if number is not None:
            return number
    elif value.kind == "number" and isinstance(value.value, int):
        return value.value
    *most, last = subject.values
    hint = did_you_mean(str(value.value).removeprefix(subject.prefix).lower(), subject.values)
    raise PlacedError(value.position, f"{value.text} is none of them: expected {', '.join(most)} or {last}{hint}")


def nanoseconds(value: Value) -> Fraction:
    """Return the duration that is meant; a bare number is milliseconds. Raises PlacedError."""
    if value.kind == "duration":
        return Fraction(int(value.value))
    if value.kind == "number":
        return value.exact * MILLISECOND
    hint = f"; write {value.value} without quotes" if value.kind == "string" and _is_duration(str(value.value)) else ""
    raise PlacedError(value.position, f"{value.text} is no duration: expected 500ms, 1.5s or a number of ms{hint}")


def _is_duration(text: str) -> bool:
    try:
        return parse_duration(text) >= 0
    except ValueError:
        return False


def whole(op: Op, value: Fraction) -> tuple[Op, int] | None:
    """Return a comparison with an integer that is the same for integers; None when it is never true."""
    if value.denominator == 1:
        return op, value.numerator
    rounding: dict[Op, Callable[[], tuple[Op, int] | None]] = {
        "==": lambda: None,
        "<": lambda: ("<=", floor(value)),
        "<=": lambda: ("<=", floor(value)),
        ">": lambda: (">", floor(value)),
        ">=": lambda: (">", floor(value)),
    }
    return rounding[op]()


def plain(value: Value) -> str | int | float | bool:
    """Return the literal that an attribute or a text is compared with. Raises PlacedError."""
    if value.kind == "word":
        raise PlacedError(value.position, f'{value.text} needs quotes: expected "{value.text}"')
    if value.kind == "duration":
        raise PlacedError(
            value.position, f"{value.text} can be compared with duration only: expected a number or a text"
        )
    return value.value
