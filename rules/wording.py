"""Conditions back into words: what a program's expressions and a trace's bits say, in the condition language.

For people who ask why a policy decided as it did. What the language has no word for (the collector's ways to read a
value of another type) is written as what it comes down to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ..kernel.contract import Expr, FactsSpec, Operand
from .condition_fields import ERROR, KINDS, RESERVED, STATUSES
from .durations import format_duration
from .facts import All, Always, Bit, FactsBuilder, Not, Some, Test, compile_test

_MILLION = 1_000_000
_NAMES = {"status.code": {code: name for name, code in STATUSES.items()}, "kind": {n: k for k, n in KINDS.items()}}
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
_LEVELS = ("span", "resource", "scope")


def operand_text(operand: Operand) -> str:
    """Return an operand as it is written: `user.tier`, `resource["k"]`, `status`, `duration`."""
    if operand[0] == "attr" and operand[1] in _LEVELS:
        service = operand[1:] == ["resource", "service.name"]
        return "service" if service else f"{operand[1]}[{json.dumps(operand[2], ensure_ascii=False)}]"
    if operand[0] == "attr" and (operand[2] in RESERVED or not _PLAIN_NAME.fullmatch(operand[2])):
        return f"`{operand[2]}`"
    if operand[0] == "field" and operand[1] == "status.code":
        return "status"
    return str(operand[-1])


def _value(operand: Operand, value: Any) -> str:
    """Return a literal as it is written beside this operand."""
    if operand[0] == "field" and not isinstance(value, bool):
        if operand[1] == "duration":
            return format_duration(int(value)) if value >= 0 else str(value)
        if operand[1] in _NAMES and value in _NAMES[operand[1]]:
            return _NAMES[operand[1]][value]
    return json.dumps(value, ensure_ascii=False)


def _compare(op: str, operand: Operand, value: Any) -> str:
    if op == "==" and value is True:
        return operand_text(operand)
    return f"{operand_text(operand)} {op} {_value(operand, value)}"


def _among(operand: Operand, values: list[Any]) -> str:
    return f"{operand_text(operand)} in [{', '.join(_value(operand, value) for value in values)}]"


def _between(operand: Operand, least: int | None, most: int | None) -> str:
    name = operand_text(operand)
    bounds = [f"{name} >= {least}"] if least is not None else []
    bounds += [f"{name} <= {most}"] if most is not None else []
    return " and ".join(bounds) or f"exists({name})"


def _search(word: str) -> Callable[[Operand, str], str]:
    return lambda operand, text: f"{operand_text(operand)} {word} {json.dumps(text, ensure_ascii=False)}"


_PLAIN: dict[str, Callable[..., str]] = {
    "true": lambda: "true",
    "false": lambda: "false",
    "root": lambda: "root",
    "exists": lambda operand: f"exists({operand_text(operand)})",
    "cmp": _compare,
    "is": lambda operand, value: f"{operand_text(operand)} == {_value(operand, value)}",
    "in": _among,
    "matches": _search("matches"),
    "text_matches": _search("matches"),
    "contains": _search("contains"),
    "go_str_in": _among,
    "go_str_matches": _search("matches"),
    "go_int_between": _between,
    "go_bool_is": lambda operand, value: f"{operand_text(operand)} == {json.dumps(value)}",
}


def expression_text(expression: Expr, *, inner: bool = False) -> str:
    """Return what an expression over one span says; `inner`: it stands beside others, so a row of `or` gets ( )."""
    if expression == ERROR:
        return "error"
    expression = _on_either(expression)
    op, *arguments = expression
    if op in ("and", "or") and arguments:
        text = f" {op} ".join(expression_text(part, inner=True) for part in arguments)
        return f"({text})" if inner and len(arguments) > 1 else text
    if op == "not" and len(arguments) == 1:
        return f"not {expression_text(arguments[0], inner=True)}"
    try:
        return _PLAIN[op](*arguments)
    except (KeyError, TypeError, IndexError):
        return json.dumps(expression, ensure_ascii=False)


def _on_either(expression: Expr) -> Expr:
    """Return how the collector asks for an attribute of resource or span as one question; others as they are."""
    if expression[0] != "or" or len(expression) < 3:
        return expression
    *of_resource, last = expression[1:]
    if last[0] == "and" and len(last) == 3 and last[1][0] == "not":  # it passes over empty attributes of spans
        last = last[2]
    of_span = last[1:] if last[0] == "or" else [last]
    either = [_anywhere(read, "resource") for read in of_resource]
    if None in either or either != [_anywhere(read, "span") for read in of_span]:
        return expression
    return either[0] if len(either) == 1 and either[0] is not None else ["or", *either]


def _anywhere(expression: Expr, level: str) -> Expr | None:
    """Return a question about an attribute of one level as one about it on any; None when it is none."""
    operand = expression[1] if len(expression) > 1 else None
    if not isinstance(operand, list) or operand[:2] != ["attr", level] or not str(expression[0]).startswith("go_"):
        return None
    return [expression[0], ["attr", "any", operand[2]], *expression[2:]]


def _quantified(expression: Expr) -> str:
    """Return what `some span satisfies it` is in the language."""
    if expression[:2] == ["and", ["root"]] and len(expression) == 3:
        return f"root({expression_text(expression[2])})"
    expression = expression if expression == ERROR else _on_either(expression)
    compound = expression != ERROR and expression[0] in ("and", "or", "not")
    return f"span({expression_text(expression)})" if compound else _alone(expression)


def _alone(expression: Expr) -> str:
    # Without span() the bare word would be the whole trace's.
    text = expression_text(expression)
    return f"span({text})" if ["field", "duration"] in expression else text


def bit_text(bit: Bit, spec: FactsSpec) -> str:
    """Return what one bit of a trace's mask says."""
    if bit.of == "root":
        return "root"
    if bit.of == "any":
        return _quantified(spec["leaves"][bit.index])
    if bit.of == "all":
        return f"every({expression_text(spec['leaves'][bit.index])})"
    comparison = spec["compare"][bit.index]
    return _comparison(comparison["of"], comparison["op"], int(comparison["value"]), spec)


def _comparison(of: list[Any], op: str, value: int, spec: FactsSpec) -> str:
    if of[0] == "duration":
        return f"duration {op} {format_duration(value)}"
    if of[0] in ("spans", "bytes"):
        return f"{'span_count' if of[0] == 'spans' else 'bytes'} {op} {value}"
    number = spec["numbers"][of[1]]
    operand, when = number["value"], number["if"]
    if operand is None:
        counted = "true" if when is None else expression_text(when)
        return f"count({counted}) {op} {value / _MILLION:g}"
    if operand == ["field", "duration"]:
        return f"{of[0]}(duration) {op} {format_duration(value // _MILLION)}"
    return f"{of[0]}({operand_text(operand)}) {op} {value / _MILLION:g}"


def trace_text(test: Test, spec: FactsSpec, *, inner: bool = False) -> str:
    """Return what a test over a trace says."""
    if isinstance(test, Bit):
        return bit_text(test, spec)
    if isinstance(test, Always):
        return "true" if test.value else "false"
    if isinstance(test, Not):
        return f"not {trace_text(test.test, spec, inner=True)}"
    word = " and " if isinstance(test, All) else " or "
    text = word.join(trace_text(part, spec, inner=True) for part in test.tests)
    return f"({text})" if inner and len(test.tests) > 1 else text


def trace_parts(test: Test, facts: FactsBuilder) -> Iterator[tuple[str, Callable[[int], bool]]]:
    """Yield the parts of a test that have a truth of their own: their text, and a function from a mask to it."""
    spec = facts.spec()
    if isinstance(test, All | Some):
        for part in test.tests:
            yield from trace_parts(part, facts)
    elif isinstance(test, Not) and not isinstance(test.test, Bit | Always):
        yield from trace_parts(test.test, facts)
    elif not isinstance(test, Always):
        yield trace_text(test, spec), compile_test(test, facts)
