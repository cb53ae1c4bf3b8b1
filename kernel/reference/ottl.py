"""The collector's transformation language (OTTL): conditions and values that may fail, and stop where they do."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from ..contract import BadProgram
from . import lookup
from .levels import EVENT, SPAN, Level, Shape, View
from .operands import EVENTS, Read, compile_operand
from .ottl_calls import CALLS, Failed
from .spec import choice, listed, literal_of, natural, need, text
from .values import Array, Empty, Map, Value, decode
from .wire import is_len, last_payload, signed, split

Test = Callable[[View], bool]
"""May raise `Failed`."""

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPERANDS = ("attr", "field")


def compile_holds(spec: Any, shape: Shape, condition: Callable[[Any, Shape], Test]) -> Test:
    """Return whether a condition is true: it did not fail. `condition` compiles the kernel's own forms."""
    test = _test(spec, shape, condition)

    def holds(view: View) -> bool:
        try:
            return test(view)
        except Failed:
            return False

    return holds


def compile_fails(spec: Any, shape: Shape, condition: Callable[[Any, Shape], Test]) -> Test:
    """Return whether a condition cannot be answered."""
    test = _test(spec, shape, condition)

    def fails(view: View) -> bool:
        try:
            test(view)
        except Failed:
            return True
        return False

    return fails


def _test(spec: Any, shape: Shape, condition: Callable[[Any, Shape], Test]) -> Test:
    name, *rest = listed(spec, "ottl") or [None]
    if name in ("and", "or"):
        tests = [_test(one, shape, condition) for one in rest]
        every = all if name == "and" else any
        return lambda view: every(test(view) for test in tests)
    if name == "cmp" and len(rest) == 3:
        return _compare(rest[0], rest[1], rest[2], shape)
    need(len(rest) == 1, f"no ottl condition: {spec!r}")
    if name == "leaf":
        return condition(rest[0], shape)
    if name in ("truth", "defined"):
        return _truth(compile_value(rest[0], shape), name == "truth")
    if name == "events":
        need(shape is SPAN, f"events are not there on a {shape.name}")
        return _any_event(_test(rest[0], EVENT, condition))
    inner = _test(rest[0], shape, condition)
    if name == "not":
        return lambda view: not inner(view)
    need(name == "try", f"no ottl condition: {spec!r}")
    return compile_holds(rest[0], shape, condition)


def _truth(value: Read, wanted: bool) -> Test:
    """Return the value as a boolean, or (`defined`) that it can be computed."""

    def test(view: View) -> bool:
        found = value(view)
        if wanted and not isinstance(found, bool):
            raise Failed
        return found is not False or not wanted

    return test


def events_of(span: Level) -> list[Level]:
    """Return the events of a span, in order."""
    return [Level(EVENT, split(one.payload)) for one in span.fields if is_len(one, EVENTS)]


def _any_event(test: Test) -> Test:
    def any_event(view: View) -> bool:
        span = view.span
        return span is not None and any(test(view._replace(event=event)) for event in events_of(span))

    return any_event


def compare(op: str, one: Value | None, other: Value | None) -> bool:
    """Return how two values compare: nil with nil is equal; what cannot be compared is unequal."""
    if one is None and other is None:
        return op in ("==", "<=", ">=")
    if isinstance(one, bool) or isinstance(other, bool):
        comparable = isinstance(one, bool) and isinstance(other, bool)
    elif isinstance(one, (int, float)) and isinstance(other, (int, float)):
        both = isinstance(one, int) and isinstance(other, int)
        return _ORDERS[op](one, other) if both else _ORDERS[op](float(one), float(other))
    elif isinstance(one, (Array, Map)):
        comparable = type(one) is type(other) and op in ("==", "!=")
    else:
        comparable = type(one) is type(other)
    return _ORDERS[op](one, other) if comparable else op == "!="


def _compare(op: Any, one: Any, other: Any, shape: Shape) -> Test:
    name = choice(op, _ORDERS, "cmp")
    left, right = compile_value(one, shape), compile_value(other, shape)
    return lambda view: compare(name, left(view), right(view))


def compile_value(spec: Any, shape: Shape) -> Read:
    """Return how to compute a value, None for nil. Raises `BadProgram`; what it returns may raise `Failed`."""
    name, *rest = listed(spec, "value") or [None]
    if name in _OPERANDS:
        return _operand(spec, shape)
    if name == "lit" and len(rest) == 1:
        literal = None if rest[0] is None else literal_of(rest[0])
        return lambda view: literal
    if name == "hex" and len(rest) == 1:
        return _constant(rest[0])
    if name == "at" and len(rest) == 2:
        return _at(compile_value(rest[0], shape), rest[1])
    if isinstance(name, str) and name in _CALCULATIONS and len(rest) == 2:
        return _calculate(name, compile_value(rest[0], shape), compile_value(rest[1], shape))
    if name == "lookup" and len(rest) == 3:
        return _looked_up(lookup.column(rest[0], rest[1]), compile_value(rest[2], shape))
    if name == "first":
        return _first([compile_value(one, shape) for one in rest])
    if name == "sum":
        return _sum([compile_value(one, shape) for one in rest])
    if name == "call" and rest:
        return CALLS[choice(rest[0], CALLS, "call")](lambda one: compile_value(one, shape), rest[1:])
    raise BadProgram(f"no value: {spec!r}")


def _looked_up(found: Callable[[Value | None], Value | None], of: Read) -> Read:
    return lambda view: found(of(view))


def _known_values(values: list[Read], view: View) -> Iterator[Value]:
    """Yield those of the values that are there and can be computed."""
    for one in values:
        try:
            found = one(view)
        except Failed:
            continue
        if found is not None:
            yield found


def _first(values: list[Read]) -> Read:
    return lambda view: next(_known_values(values, view), None)


def _sum(values: list[Read]) -> Read:
    """Return the sum of those of the values that are numbers; nil when none is."""

    def value(view: View) -> Value | None:
        total: Value | None = None
        for found in _known_values(values, view):
            if _is_number(found):
                total = found if total is None else calculated("+", total, found)
        return total

    return value


def _constant(digits: Any) -> Read:
    try:
        content = bytes.fromhex(text(digits, "hex"))
    except ValueError:
        raise BadProgram(f"hex: {digits!r}") from None
    return lambda view: content


def _operand(spec: Any, shape: Shape) -> Read:
    read = compile_operand(spec, shape, events=True)

    def value(view: View) -> Value | None:
        found = read(view)
        if isinstance(found, int) and not isinstance(found, bool):
            return signed(found, 64)
        return None if isinstance(found, Empty) else found

    return value


def _at(of: Read, index: Any) -> Read:
    by_key = isinstance(index, str)
    place: Any = text(index, "at").encode() if by_key else natural(index, "at")

    def value(view: View) -> Value | None:
        found = of(view)
        if found is None:
            return None
        if not isinstance(found, Map if by_key else Array):
            raise Failed
        return _entry(found.payload, place) if by_key else _element(found.payload, place)

    return value


def _entry(payload: bytes, key: bytes) -> Value | None:
    for one in split(payload):
        if is_len(one, 1):
            fields = split(one.payload)
            if (last_payload(fields, 1) or b"") == key:
                return _known(decode(last_payload(fields, 2) or b""))
    return None


def _element(payload: bytes, index: int) -> Value | None:
    elements = [one.payload for one in split(payload) if is_len(one, 1)]
    if index >= len(elements):
        raise Failed
    return _known(decode(elements[index]))


def _known(value: Value) -> Value | None:
    return None if isinstance(value, Empty) else value


def _divide(one: Any, other: Any) -> Any:
    if not other:
        raise Failed
    if isinstance(one, float):
        return one / other
    quotient = abs(one) // abs(other)
    return quotient if (one < 0) == (other < 0) else -quotient


_CALCULATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
}


def _is_number(value: Value | None) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _calculate(name: str, one: Read, other: Read) -> Read:
    """Return a calculation: of integers within 64 bits, wrapped around, else of doubles."""
    return lambda view: calculated(name, one(view), other(view))


def calculated(name: str, left: Any, right: Any) -> Value:
    """Return what a calculation comes to. Raises `Failed`."""
    calculation = _CALCULATIONS[name]
    if not (_is_number(left) and _is_number(right)):
        raise Failed
    if isinstance(left, int) and isinstance(right, int):
        return signed(calculation(signed(left, 64), signed(right, 64)), 64)
    return float(calculation(float(left), float(right)))
