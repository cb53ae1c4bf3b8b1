"""Conditions over one span with its scope and resource (or over a scope or resource alone)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from .levels import Shape, View, sees
from .operands import Read, compile_operand, is_root
from .ottl import compile_fails, compile_holds
from .patterns import compile_pattern
from .spec import INTEGERS, choice, listed, literal_of, need, text
from .values import Array, Value, text_of

Test = Callable[[View], bool]
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_condition(spec: Any, shape: Shape) -> Test:
    """Return the test of a condition that stands on `shape`. Raises `BadProgram`."""
    name, *arguments = listed(spec, "condition") or [None]
    known = isinstance(name, str) and (name in ("and", "or") or (name, len(arguments)) in _FORMS)
    need(known, f"no condition: {spec!r}")
    if name in ("and", "or"):
        tests = [compile_condition(argument, shape) for argument in arguments]
        every = all if name == "and" else any
        return lambda view: every(test(view) for test in tests)
    test: Test = _FORMS[name, len(arguments)](shape, *arguments)
    return test


def compile_if(spec: Any, shape: Shape) -> Test:
    """Return the test of a condition that may be left out (None: always)."""
    return compile_condition(["true"] if spec is None else spec, shape)


def _not(shape: Shape, inner: Any) -> Test:
    test = compile_condition(inner, shape)
    return lambda view: not test(view)


def _root(shape: Shape) -> Test:
    need(sees(shape, "span"), f"root is not there on a {shape.name}")
    return is_root


def _exists(shape: Shape, operand: Any) -> Test:
    read = compile_operand(operand, shape)
    return lambda view: read(view) is not None


def _on_elements(read: Read, holds: Callable[[Value], bool]) -> Test:
    """Return a test of a value, or of any element of an array."""

    def test(view: View) -> bool:
        value = read(view)
        if isinstance(value, Array):
            return any(holds(element) for element in value.elements())
        return value is not None and holds(value)

    return test


def _compare(op: str, value: Value, literal: Any) -> bool:
    if isinstance(literal, bool):
        return op == "==" and isinstance(value, bool) and value == literal
    if isinstance(literal, str):
        comparable = isinstance(value, str)
    else:
        comparable = isinstance(value, (int, float)) and not isinstance(value, bool)
    return comparable and _OPERATORS[op](value, literal)


def _cmp(shape: Shape, op: Any, operand: Any, literal: Any) -> Test:
    name, wanted = choice(op, _OPERATORS, "cmp"), literal_of(literal)
    return _on_elements(compile_operand(operand, shape), lambda value: _compare(name, value, wanted))


def _is(shape: Shape, operand: Any, literal: Any) -> Test:
    wanted = literal_of(literal)
    return _on_elements(
        compile_operand(operand, shape), lambda value: type(value) is type(wanted) and bool(value == wanted)
    )


def _in(shape: Shape, operand: Any, literals: Any) -> Test:
    wanted = [literal_of(one) for one in listed(literals, "in")]
    return _on_elements(
        compile_operand(operand, shape), lambda value: any(_compare("==", value, literal) for literal in wanted)
    )


def _bits(shape: Shape, operand: Any, mask: Any) -> Test:
    valid = isinstance(mask, int) and not isinstance(mask, bool) and 0 <= mask < 1 << 63
    need(valid, f"bits: no mask: {mask!r}")
    return _on_elements(
        compile_operand(operand, shape),
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value & mask == mask,
    )


def _finds(pattern: Any) -> Callable[[str], bool]:
    compiled = compile_pattern(pattern)
    return lambda found: compiled.search(found.encode()) is not None


def _matches(shape: Shape, operand: Any, pattern: Any) -> Test:
    finds = _finds(pattern)
    return _on_elements(compile_operand(operand, shape), lambda value: isinstance(value, str) and finds(value))


def _contains(shape: Shape, operand: Any, part: Any) -> Test:
    wanted = text(part, "contains")
    return _on_elements(compile_operand(operand, shape), lambda value: isinstance(value, str) and wanted in value)


def _text_matches(shape: Shape, operand: Any, pattern: Any) -> Test:
    read, finds = compile_operand(operand, shape), _finds(pattern)

    def test(view: View) -> bool:
        found = text_of(read(view))
        return found is not None and finds(found)

    return test


def _go(read: Read, holds: Callable[[Value], bool]) -> Test:
    """Return a test of a value as a whole; false when it is absent."""

    def test(view: View) -> bool:
        value = read(view)
        return value is not None and holds(value)

    return test


def _go_string(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _go_int(value: Value) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _go_str_in(shape: Shape, operand: Any, texts: Any) -> Test:
    wanted = {text(one, "go_str_in") for one in listed(texts, "go_str_in")}
    return _go(compile_operand(operand, shape), lambda value: _go_string(value) in wanted)


def _go_str_matches(shape: Shape, operand: Any, pattern: Any) -> Test:
    finds = _finds(pattern)
    return _go(compile_operand(operand, shape), lambda value: finds(_go_string(value)))


def _go_int_between(shape: Shape, operand: Any, low: Any, high: Any) -> Test:
    for bound in (low, high):
        valid = bound is None or (isinstance(bound, int) and not isinstance(bound, bool) and bound in INTEGERS)
        need(valid, f"go_int_between: no bound: {bound!r}")
    least, most = INTEGERS.start if low is None else low, INTEGERS.stop if high is None else high
    return _go(compile_operand(operand, shape), lambda value: least <= _go_int(value) <= most)


def _go_bool_is(shape: Shape, operand: Any, wanted: Any) -> Test:
    need(isinstance(wanted, bool), f"go_bool_is: no boolean: {wanted!r}")
    return _go(compile_operand(operand, shape), lambda value: (value is True) == wanted)


_FORMS: dict[tuple[str, int], Callable[..., Test]] = {
    ("true", 0): lambda shape: lambda view: True,
    ("false", 0): lambda shape: lambda view: False,
    ("not", 1): _not,
    ("root", 0): _root,
    ("exists", 1): _exists,
    ("cmp", 3): _cmp,
    ("is", 2): _is,
    ("in", 2): _in,
    ("bits", 2): _bits,
    ("matches", 2): _matches,
    ("contains", 2): _contains,
    ("text_matches", 2): _text_matches,
    ("go_str_in", 2): _go_str_in,
    ("go_str_matches", 2): _go_str_matches,
    ("go_int_between", 3): _go_int_between,
    ("go_bool_is", 2): _go_bool_is,
    ("ottl", 1): lambda shape, spec: compile_holds(spec, shape, compile_condition),
    ("ottl_fails", 1): lambda shape, spec: compile_fails(spec, shape, compile_condition),
}
