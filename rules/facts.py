"""From conditions over a trace to facts: which leaves a program must compute, and which bits of a mask to test.

`FactsBuilder` collects what the policies of one stage need, each thing once. A condition over a trace is a tree of
`Bit`s; when every condition is known, `compile_test` turns it into a function of the mask (`docs/kernel.md`, "Facts").
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from ..kernel.contract import Expr, FactsSpec, Operand


@dataclass(frozen=True)
class Bit:
    """One bit of a trace's mask."""

    of: Literal["any", "all", "compare", "root"]
    index: int = 0


@dataclass(frozen=True)
class Always:
    """True (or false) for every trace."""

    value: bool = True


@dataclass(frozen=True)
class Not:
    """True where the test is not."""

    test: Test


@dataclass(frozen=True)
class All:
    """True where every test is; of none, true."""

    tests: tuple[Test, ...]


@dataclass(frozen=True)
class Some:
    """True where some test is; of none, false."""

    tests: tuple[Test, ...]


Test = Bit | Always | Not | All | Some
ROOT = Bit("root")


class _Unique:
    """A list in which equal entries stand once."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._index: dict[str, int] = {}

    def add(self, item: Any) -> int:
        key = json.dumps(item, sort_keys=True)
        if key not in self._index:
            self._index[key] = len(self.items)
            self.items.append(item)
        return self._index[key]


@dataclass
class FactsBuilder:
    """Collects leaves, numbers, keys and comparisons; each is computed once however many rules use it."""

    _leaves: _Unique = field(default_factory=_Unique)
    _numbers: _Unique = field(default_factory=_Unique)
    _keys: _Unique = field(default_factory=_Unique)
    _compare: _Unique = field(default_factory=_Unique)

    def any(self, leaf: Expr) -> Bit:
        """True where some span of the trace satisfies `leaf`."""
        return Bit("any", self._leaves.add(leaf))

    def every(self, leaf: Expr) -> Bit:
        """True where all spans of the trace satisfy `leaf`."""
        return Bit("all", self._leaves.add(leaf))

    def number(self, value: Operand | None, when: Expr | None = None) -> int:
        """Return the index of a number summed over the trace (None: spans are counted)."""
        return self._numbers.add({"value": value, "if": when})

    def key(self, operand: Operand) -> int:
        """Return the index of a key, one value a trace."""
        return self._keys.add(operand)

    def compare(self, of: list[Any], op: str, value: int) -> Bit:
        """Compare a subject of the trace, e.g. `["duration"]` (ns) or `["sum", 0]` (fixed point, 10^-6)."""
        return Bit("compare", self._compare.add({"of": of, "op": op, "value": str(value)}))

    def stays(self, bit: Bit) -> bool:
        """Say whether a bit that is set stays set, whatever spans still come."""
        if bit.of != "compare":
            return bit.of != "all"
        comparison = self._compare.items[bit.index]
        subject, op = comparison["of"][0], comparison["op"]
        grows, falls = subject in ("duration", "spans", "bytes", "max"), subject == "min"
        return (grows and op in (">", ">=")) or (falls and op in ("<", "<="))

    def spec(self) -> FactsSpec:
        """Return what the program must compute."""
        return {
            "leaves": self._leaves.items,
            "numbers": self._numbers.items,
            "keys": self._keys.items,
            "compare": self._compare.items,
        }

    def position(self, bit: Bit) -> int:
        """Return where a bit stands in the mask; valid once everything has been added."""
        return _base(self.spec())[bit.of] + bit.index


def _base(facts: FactsSpec) -> dict[str, int]:
    leaves, comparisons = len(facts["leaves"]), len(facts["compare"])
    return {"any": 0, "all": leaves, "compare": 2 * leaves, "root": 2 * leaves + comparisons}


class Borrowed:
    """Where the bits of one set of facts stand in the mask of another one that has them all."""

    def __init__(self, own: FactsSpec, lender: FactsSpec) -> None:
        """Raise `ValueError` when the lender lacks one of them."""
        leaves = [lender["leaves"].index(leaf) for leaf in own["leaves"]]
        numbers = [lender["numbers"].index(number) for number in own["numbers"]]
        compare = [lender["compare"].index(_renumbered(one, numbers)) for one in own["compare"]]
        self._base = _base(lender)
        self._index = {"any": leaves, "all": leaves, "compare": compare, "root": [0]}

    def position(self, bit: Bit) -> int:
        """Return where the bit stands in the lender's mask."""
        return self._base[bit.of] + self._index[bit.of][bit.index]


def _renumbered(comparison: dict[str, Any], numbers: list[int]) -> dict[str, Any]:
    subject, *of = comparison["of"]
    return {**comparison, "of": [subject, *(numbers[index] for index in of)]}


def compile_test(test: Test, facts: FactsBuilder | Borrowed) -> Callable[[int], bool]:
    """Return a function from a trace's mask to whether the test holds; call it once all facts are known."""
    if isinstance(test, Bit):
        wanted = 1 << facts.position(test)
        return lambda mask: mask & wanted != 0
    if isinstance(test, Always):
        value = test.value
        return lambda mask: value
    if isinstance(test, Not):
        inner = compile_test(test.test, facts)
        return lambda mask: not inner(mask)
    parts = [compile_test(part, facts) for part in test.tests]
    if isinstance(test, All):
        return lambda mask: all(part(mask) for part in parts)
    return lambda mask: any(part(mask) for part in parts)
