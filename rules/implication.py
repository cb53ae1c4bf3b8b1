"""Which conditions over a trace follow from which: for lints that find policies that are never reached.

Sound, not complete: what is said to follow does; that nothing is said means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..kernel.contract import FactsSpec
from .facts import All, Always, Bit, Not, Some, Test

_UP, _DOWN = (">", ">="), ("<", "<=")


def implies(test: Test, other: Test, spec: FactsSpec) -> bool:
    """Say whether `other` is true of every trace of which `test` is."""
    if test == other or (isinstance(other, Always) and other.value) or never(test, spec):
        return True
    if isinstance(test, Some):
        return all(implies(part, other, spec) for part in test.tests)
    if isinstance(other, All):
        return all(implies(test, part, spec) for part in other.tests)
    if isinstance(other, Some) and any(implies(test, part, spec) for part in other.tests):
        return True
    if isinstance(test, All):
        return any(implies(part, other, spec) for part in test.tests)
    if isinstance(test, Not) and isinstance(other, Not):
        return implies(other.test, test.test, spec)
    return isinstance(test, Bit) and isinstance(other, Bit) and _bit_implies(test, other, spec)


def never(test: Test, spec: FactsSpec) -> bool:
    """Say whether a test is true of no trace."""
    if isinstance(test, Always):
        return not test.value
    if isinstance(test, Not):
        return isinstance(test.test, Always) and test.test.value
    if isinstance(test, Some):
        return all(never(part, spec) for part in test.tests)
    if isinstance(test, All):
        return any(never(part, spec) for part in test.tests) or _contradicts(test, spec)
    return test.of == "any" and spec["leaves"][test.index] == ["false"]


def bits(test: Test) -> Iterator[Bit]:
    """Yield the bits that a test looks at."""
    if isinstance(test, Bit):
        yield test
    elif isinstance(test, Not):
        yield from bits(test.test)
    elif isinstance(test, All | Some):
        for part in test.tests:
            yield from bits(part)


def _bit_implies(bit: Bit, other: Bit, spec: FactsSpec) -> bool:
    if bit.of == "compare" and other.of == "compare":
        ours, theirs = spec["compare"][bit.index], spec["compare"][other.index]
        if ours["of"] != theirs["of"]:
            return False
        value, bound = int(ours["value"]), int(theirs["value"])
        if ours["op"] in _UP and theirs["op"] in _UP:
            return value > bound or (value == bound and (ours["op"] == ">" or theirs["op"] == ">="))
        if ours["op"] in _DOWN and theirs["op"] in _DOWN:
            return value < bound or (value == bound and (ours["op"] == "<" or theirs["op"] == "<="))
        return False
    if bit.of == "any" and other.of == "any":
        return _expression_implies(spec["leaves"][bit.index], spec["leaves"][other.index])
    return False


def _expression_implies(leaf: list[object], other: list[object]) -> bool:
    """The same over one span: more conditions on it say more, a choice of conditions says less."""
    if leaf == other or other == ["true"]:
        return True
    if leaf[:1] == ["or"]:
        return all(_expression_implies(part, other) for part in leaf[1:])  # type: ignore[arg-type]
    if other[:1] == ["and"]:
        return all(_expression_implies(leaf, part) for part in other[1:])  # type: ignore[arg-type]
    if other[:1] == ["or"] and any(_expression_implies(leaf, part) for part in other[1:]):  # type: ignore[arg-type]
        return True
    return leaf[:1] == ["and"] and any(_expression_implies(part, other) for part in leaf[1:])  # type: ignore[arg-type]


def _contradicts(test: All, spec: FactsSpec) -> bool:
    """Say whether two comparisons of one subject cannot both hold."""
    compared = [spec["compare"][part.index] for part in test.tests if isinstance(part, Bit) and part.of == "compare"]
    for least in compared:
        for most in compared:
            if least["of"] == most["of"] and least["op"] in _UP and most["op"] in _DOWN:
                low = int(least["value"]) + (least["op"] == ">")
                high = int(most["value"]) - (most["op"] == "<")
                if low > high:
                    return True
    return any(isinstance(part, Not) and part.test in test.tests for part in test.tests)
