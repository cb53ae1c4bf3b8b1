"""Facts: what is known of a trace without its spans, how they merge, and the mask that policies test."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from ..contract import BadProgram
from .expressions import Test, compile_condition, compile_if
from .levels import SPAN, View
from .operands import SPAN_ID, TRACE_STATE, Read, compile_operand, is_root, times
from .spec import choice, listed, natural, need, only
from .tracestate import randomness
from .values import Value, text_of
from .wire import last_payload

_SCALE = 1_000_000
_CLAMP = 10**36
_MOST_BILLIONTHS = ((1 << 64) - 1) // 10**9
_MAX_KEY = 256  # bytes
_I128 = 1 << 127


class Key(NamedTuple):
    """A candidate for the value of a key; the smallest one wins."""

    not_root: bool
    start: int
    span_id: bytes
    text: bytes


class Number(NamedTuple):
    """Sum, minimum and maximum of a number over a trace, in units of 10^-6."""

    sum: int
    min: int
    max: int


@dataclass
class Facts:
    """The facts of some spans of one trace."""

    spans: int = 0
    bytes: int = 0
    start: int | None = None
    end: int | None = None
    root: bool = False
    any: int = 0
    all: int = -1
    numbers: Sequence[Number | None] = field(default_factory=list)
    keys: Sequence[Key | None] = field(default_factory=list)
    rv: int | None = None

    def merge(self, other: Facts) -> Facts:
        """Return the facts of both spans' together; the order does not matter."""
        return Facts(
            self.spans + other.spans,
            self.bytes + other.bytes,
            _picked(min, self.start, other.start),
            _picked(max, self.end, other.end),
            self.root or other.root,
            self.any | other.any,
            self.all & other.all,
            [_picked(_add, mine, its) for mine, its in zip(self.numbers, other.numbers, strict=True)],
            [_picked(min, mine, its) for mine, its in zip(self.keys, other.keys, strict=True)],
            _picked(max, self.rv, other.rv),
        )

    @property
    def duration(self) -> int | None:
        """Latest end less earliest start in ns, None when either is missing."""
        return None if self.start is None or self.end is None else max(0, self.end - self.start)


def _picked(choose: Callable[[Any, Any], Any], mine: Any, its: Any) -> Any:
    """Return what `choose` makes of two values of which each may be missing."""
    if mine is None or its is None:
        return its if mine is None else mine
    return choose(mine, its)


def _add(mine: Number, its: Number) -> Number:
    total = max(-_I128, min(mine.sum + its.sum, _I128 - 1))
    return Number(total, min(mine.min, its.min), max(mine.max, its.max))


def fixed_point(value: Value | None) -> int | None:
    """Return a number in units of 10^-6, rounded half to even and clamped; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return None
    if isinstance(value, float):
        scaled = round(Fraction(value) * _SCALE) if math.isfinite(value) else int(math.copysign(_CLAMP, value))
    else:
        scaled = value * _SCALE
    return max(-_CLAMP, min(scaled, _CLAMP))


def billionths(value: Value | None) -> int | None:
    """Return a number in units of 10^-9, rounded half to even, at most 2^64 - 1; None for negative ones and others."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value) or value < 0:
        return None
    return round(Fraction(value) * 10**9) if value < _MOST_BILLIONTHS else (1 << 64) - 1


_OPERATORS: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


class FactsProgram:
    """The compiled facts of a program. Raises `BadProgram`."""

    def __init__(self, spec: Any) -> None:
        only(spec, {"leaves", "numbers", "keys", "compare"}, "facts")
        self.leaves = [compile_condition(leaf, SPAN) for leaf in listed(spec.get("leaves"), "leaves")]
        self.numbers = [_number(number) for number in listed(spec.get("numbers"), "numbers")]
        self.keys = [compile_operand(key, SPAN) for key in listed(spec.get("keys"), "keys")]
        self.compare = [_comparison(one, len(self.numbers)) for one in listed(spec.get("compare"), "compare")]

    def nothing(self) -> Facts:
        """Return the facts of a trace without spans."""
        return Facts(numbers=[None] * len(self.numbers), keys=[None] * len(self.keys))

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many leaves, numbers and keys there are."""
        return len(self.leaves), len(self.numbers), len(self.keys)

    def of_span(self, view: View, size: int) -> Facts:
        """Return the facts of one span, whose message has `size` bytes."""
        span = view.span
        fields = span.fields if span else []
        start, end = times(fields)
        truths = sum(leaf(view) << index for index, leaf in enumerate(self.leaves))
        root, span_id = is_root(view), last_payload(fields, SPAN_ID) or b""
        return Facts(
            1,
            size,
            start or None,
            end or None,
            root,
            truths,
            truths,
            [_counted(read, holds, view) for read, holds in self.numbers],
            [_key(read(view), not root, start, span_id) for read in self.keys],
            randomness((last_payload(fields, TRACE_STATE) or b"").decode()),
        )

    def mask(self, facts: Facts) -> int:
        """Return from bit 0: `any` of each leaf, `all` of each leaf, each comparison, `root`."""
        leaves = len(self.leaves)
        compared = sum(compare(facts) << index for index, compare in enumerate(self.compare))
        mask = facts.any | (facts.all & ((1 << leaves) - 1)) << leaves
        return mask | compared << 2 * leaves | facts.root << 2 * leaves + len(self.compare)


def _number(spec: Any) -> tuple[Read, Test]:
    only(spec, {"value", "if"}, "number")
    value = spec.get("value")
    read: Read = (lambda view: 1) if value is None else compile_operand(value, SPAN)
    return read, compile_if(spec.get("if"), SPAN)


def _counted(read: Read, holds: Test, view: View) -> Number | None:
    number = fixed_point(read(view)) if holds(view) else None
    return None if number is None else Number(number, number, number)


def _key(value: Value | None, not_root: bool, start: int, span_id: bytes) -> Key | None:
    text = text_of(value)
    return None if text is None else Key(not_root, start, span_id, text.encode()[:_MAX_KEY])


def _comparison(spec: Any, numbers: int) -> Callable[[Facts], bool]:
    only(spec, {"of", "op", "value"}, "compare")
    subject, compare = _subject(spec.get("of"), numbers), _OPERATORS[choice(spec.get("op"), _OPERATORS, "compare")]
    written = spec.get("value")
    if not isinstance(written, str) or not re.fullmatch(r"-?[0-9]{1,39}", written):
        raise BadProgram(f"compare: value {written!r} is no decimal integer")
    limit = int(written)
    need(-_I128 <= limit < _I128, f"compare: value {written} is out of range")

    def test(facts: Facts) -> bool:
        value = subject(facts)
        return value is not None and compare(value, limit)

    return test


def _subject(spec: Any, numbers: int) -> Callable[[Facts], int | None]:
    name, *rest = listed(spec, "compare: of") or [None]
    if name in ("duration", "spans", "bytes") and not rest:
        if name == "duration":
            return lambda facts: facts.duration or 0
        return lambda facts: facts.spans if name == "spans" else facts.bytes
    need(name in ("sum", "min", "max") and len(rest) == 1, f"compare: unknown subject {spec!r}")
    index = natural(rest[0], "compare: of")
    need(index < numbers, f"compare: number {index} of {numbers}")

    def subject(facts: Facts) -> int | None:
        number = facts.numbers[index]
        if number is None:
            return 0 if name == "sum" else None
        return int(getattr(number, name))

    return subject
