"""Many conditions on few operands, as a long list of policies asks them: the Rust kernel asks what they have in common
once, from tables that it makes when they are compiled. Guarantee: each leaf says of each span what the reference kernel
says, whatever the value's type, right at and beside every constant that some condition compares with.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st
from kernel_helpers import EMPTY, request, span, spec

CONSTANTS: list[Any] = ["", "a", "b", "é", "a" * 300, True, False, 0, 1, 200, 503, -1, 0.5, 1.5, -0.0, 1e300]
CONSTANTS += [2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), float(2**53), float(2**63), 1e-320]
PATTERNS = ["", "^a", "b|é", r"\d", "a{3}$"]
OPERANDS = [["attr", "span", "k"], ["attr", "any", "k"], ["attr", "resource", "k"], ["field", "name"]]
OPERANDS += [["field", "status.code"], ["field", "duration"], ["state", "k"]]

operands = st.sampled_from(OPERANDS)
constants = st.sampled_from(CONSTANTS)
texts = st.sampled_from([one for one in CONSTANTS if isinstance(one, str)])
ints = st.sampled_from([one for one in CONSTANTS if type(one) is int])
ops = st.sampled_from(["==", "<", "<=", ">", ">="])
patterns = st.sampled_from(PATTERNS)
ottl_ops = st.one_of(ops, st.just("!="))


def _ottl(operand: list[Any]) -> st.SearchStrategy[list[Any]]:
    """Conditions of OTTL that the Rust kernel makes others of, and some that it cannot."""
    compared = st.tuples(st.just("cmp"), ottl_ops, st.just(operand), _literals).map(list)
    matched = patterns.map(lambda pattern: ["truth", ["call", "is_match", operand, pattern]])
    truth = st.just(["truth", operand])
    one = st.one_of(compared, compared, matched, truth)
    one = st.one_of(one, one.map(lambda inner: ["try", inner]), one.map(lambda inner: ["or", ["try", inner]]))
    some = st.lists(one, max_size=2).map(lambda parts: ["or", *parts])
    return st.tuples(st.sampled_from(["ottl", "ottl_fails"]), st.one_of(one, some)).map(list)


_literals = st.one_of(constants, st.none()).map(lambda value: ["lit", value])


def _tests(operand: list[Any]) -> st.SearchStrategy[list[Any]]:
    on = st.just(operand)
    bounds = st.one_of(st.none(), ints)
    forms = [
        st.tuples(st.just("cmp"), ops, on, constants),
        st.tuples(st.just("cmp"), st.just("=="), on, constants),
        st.tuples(st.just("exists"), on),
        st.tuples(st.just("is"), on, constants),
        st.tuples(st.just("in"), on, st.lists(constants, max_size=12)),
        st.tuples(st.just("bits"), on, st.sampled_from([0, 1, 200])),
        st.tuples(st.sampled_from(["matches", "text_matches", "go_str_matches"]), on, patterns),
        st.tuples(st.just("contains"), on, texts),
        st.tuples(st.just("go_str_in"), on, st.lists(texts, max_size=12)),
        st.tuples(st.just("go_int_between"), on, bounds, bounds),
        st.tuples(st.just("go_bool_is"), on, st.booleans()),
    ]
    ottl = [] if operand[0] == "state" else [_ottl(operand)]  # OTTL's values know none
    return st.one_of(*ottl, *(form.map(list) for form in forms))


tests = operands.flatmap(_tests)
alike = st.recursive(
    st.one_of(tests, tests, tests, st.sampled_from([["root"], ["true"], ["false"]])),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, max_size=3)).map(lambda pair: [pair[0], *pair[1]]),
        inner.map(lambda one: ["not", one]),
    ),
    max_leaves=5,
)


def _near(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [value, value + "x"]
    if isinstance(value, bool):
        return [value]
    if isinstance(value, int):
        beside = (value - 1, value, value + 1, float(value))
        return [one for one in beside if isinstance(one, float) or -(2**63) <= one < 2**63]
    return [value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf), -value]


VALUES = [one for constant in CONSTANTS for one in _near(constant)] + [math.nan, math.inf, -math.inf, EMPTY, b"a"]
VALUES += [[], ["a", 503], [True, 1.5, "b"], {"a": 1}]
absent = object()


@st.composite
def _spans(draw: Any) -> Any:
    value = draw(st.sampled_from([absent, *VALUES]))
    start = draw(st.sampled_from([0, 1, 100]))
    fields: dict[str, Any] = {"name": draw(texts), "parent_span_id": draw(st.sampled_from([b"", b"p" * 8]))}
    fields |= {"start_time_unix_nano": start, "end_time_unix_nano": draw(st.sampled_from([0, 101, 600, 2**64 - 1]))}
    fields["trace_state"] = draw(st.sampled_from(["", "k=a", "k=b,x=1", ","]))
    one = span(
        {} if value is absent else {"k": value}, trace_id=draw(st.sampled_from([b"1" * 16, b"2" * 16])), **fields
    )
    one.status.code = draw(st.sampled_from([0, 1, 2]))
    return one


@pytest.fixture(scope="module")
def kernels(reference, rust):
    return reference, rust


def _masks(kernel: Any, leaves: list[Any], data: bytes) -> list[int]:
    program = kernel.compile(spec(leaves=leaves))
    first, second = (program.digest(data).columns() for _ in range(2))
    masks = [[columns.masks[index] for index in columns.mask_index] for columns in (first, second)]
    assert masks[0] == masks[1], "what a kernel remembers of a value is what it said before"
    return masks[0]


@examples(150)
@given(
    leaves=st.lists(alike, min_size=2, max_size=40),
    spans=st.lists(_spans(), min_size=1, max_size=6),
    resource=st.sampled_from([absent, *VALUES]),
)
def test_each_leaf_says_what_the_reference_says(kernels, leaves, spans, resource):
    """Many leaves on the same operands, alone and within others, of values near what they compare with."""
    data = request(*spans, resource=None if resource is absent else {"k": resource})
    reference, rust = (_masks(kernel, leaves, data) for kernel in kernels)
    assert reference == rust


@pytest.mark.parametrize("operand", OPERANDS[:3], ids=lambda operand: operand[1])
def test_every_constant_beside_every_value(kernels, operand):
    """All comparisons with all constants in one program; each value in a trace of its own."""
    leaves: list[Any] = [["cmp", op, operand, constant] for constant in CONSTANTS for op in ("==", "<", ">=")]
    leaves += [["is", operand, constant] for constant in CONSTANTS]
    leaves += [["go_str_in", operand, CONSTANTS[:3]], ["go_int_between", operand, None, 200], ["exists", operand]]
    leaves += [["ottl", ["cmp", "!=", operand, ["lit", constant]]] for constant in (*CONSTANTS, None)]
    leaves += [["and", ["root"], ["cmp", ">", operand, constant]] for constant in CONSTANTS]
    for value in (absent, *VALUES):
        values = {} if value is absent else {"k": value}
        data = request(span({} if operand[1] == "resource" else values), resource=values)
        assert _masks(kernels[0], leaves, data) == _masks(kernels[1], leaves, data), value


def test_more_conditions_than_one_table_takes(kernel):
    """600 values of one attribute beside 600 numbers of another: each policy finds its own and no other."""
    text, number = ["attr", "span", "tier"], ["attr", "any", "code"]
    leaves = [["cmp", "==", text, f"tier-{at}"] for at in range(600)] + [["cmp", ">=", number, at] for at in range(600)]
    (mask,) = _masks(kernel, leaves, request(span({"tier": "tier-599", "code": 2})))
    some = {leaf for leaf in range(1200) if mask >> leaf & 1}
    assert some == {599, 600, 601, 602}


def test_patterns_of_more_texts_than_are_remembered(kernel):
    """Thousands of different texts, then the first again: what is remembered is the text's own, and bounded."""
    leaves = [["go_str_matches", ["field", "name"], f"{digit}$"] for digit in range(10)]
    program = kernel.compile(spec(leaves=leaves))
    spans = [span(trace_id=number.to_bytes(16, "big"), name=f"GET /{number}") for number in (*range(1, 2000), 2000)]
    for _ in range(2):
        columns = program.digest(request(*spans)).columns()
        for number, index in enumerate(columns.mask_index, 1):
            assert columns.masks[index] & 0x3FF == 1 << number % 10
