"""Facts that one stage reads in the mask of another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate.rules.facts import ROOT, All, Bit, Borrowed, FactsBuilder, Not, Some, Test, compile_test

LEAVES = [["exists", ["attr", "span", key]] for key in "abcd"]
NUMBERS = ["x", "y", "z"]
COMPARISONS: list[tuple[str, list[Any]]] = [
    *((op, [subject]) for op in (">", "<") for subject in ("duration", "spans")),
    *((op, ["sum", name]) for op in (">", "<=") for name in NUMBERS),
]
Fact = tuple[str, Any]
facts = st.one_of(
    st.tuples(st.sampled_from(["any", "all"]), st.sampled_from(LEAVES)),
    st.tuples(st.just("compare"), st.sampled_from(COMPARISONS)),
    st.just(("root", None)),
)


def added(builder: FactsBuilder, fact: Fact) -> Bit:
    kind, what = fact
    if kind == "root":
        return ROOT
    if kind != "compare":
        return builder.any(what) if kind == "any" else builder.every(what)
    op, (subject, *of) = what
    return builder.compare([subject, *(builder.number(["attr", "span", name]) for name in of)], op, 7)


def mask(builder: FactsBuilder, true: list[Fact]) -> int:
    return sum({1 << builder.position(added(builder, fact)) for fact in true})


@st.composite
def conditions(draw: st.DrawFn, bits: list[Bit]) -> Test:
    one, other = draw(st.sampled_from(bits)), draw(st.sampled_from(bits))
    return draw(st.sampled_from([one, Not(one), All((one, Not(other))), Some((one, Not(other)))]))


@given(st.data(), st.lists(facts, min_size=1), st.lists(facts))
def test_borrowed_facts_say_the_same(data: st.DataObject, own: list[Fact], more: list[Fact]) -> None:
    """Guarantees: a test answers alike on a stage's own mask and on that of a stage that has all its facts."""
    mine, lender = FactsBuilder(), FactsBuilder()
    bits = [added(mine, fact) for fact in own]
    for fact in data.draw(st.permutations(own + more)):
        added(lender, fact)
    test = data.draw(conditions(bits))
    true = data.draw(st.lists(st.sampled_from(own)))
    borrowed = compile_test(test, Borrowed(mine.spec(), lender.spec()))
    assert borrowed(mask(lender, true)) == compile_test(test, mine)(mask(mine, true))


@pytest.mark.parametrize("missing", [("any", LEAVES[0]), ("compare", COMPARISONS[0]), ("compare", COMPARISONS[-1])])
def test_facts_that_the_lender_lacks(missing: Fact) -> None:
    """Guarantees: they cannot be borrowed."""
    mine, lender = FactsBuilder(), FactsBuilder()
    added(mine, missing)
    added(lender, ("any", LEAVES[1]))
    with pytest.raises(ValueError):  # noqa: PT011 - which one is of no interest
        Borrowed(mine.spec(), lender.spec())
