"""Validators with parameters: check digits as the standards of identifiers define them, and how random a text looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

from ..contract import BadProgram
from .spec import choice, listed, natural, need, only, text

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Passes = Callable[[str], bool]
"""A validator of ASCII text."""

_VERHOEFF = (
    "0123456789123406789523401789563401289567401239567859876043216598710432765982104387659321049876543210"  # products
)
_VERHOEFF_TURNS = "01234567891576283094580379614289160435279453126870428657390127938064157046913258"
_DIGITS = {"digits", "drop", "replace", "alphabet", "pad", "last", "front", "sums"}


def compile_check(spec: Mapping[str, Any]) -> Passes:
    """Return the validator of a check that is a mapping. Raises `BadProgram`."""
    if "entropy" in spec:
        only(spec, {"entropy", "kinds", "changes"}, "check")
        return _random(*(natural(spec.get(name, 0), f"check: {name}") for name in ("entropy", "kinds", "changes")))
    only(spec, _DIGITS, "check")
    alphabet = text(spec.get("alphabet", ALPHABET), "check: alphabet")
    sums = [_sum(one, alphabet) for one in listed(spec.get("sums", []), "check: sums")]
    algorithm = _ALGORITHMS[choice(spec.get("digits"), _ALGORITHMS, "check: digits")]
    prepared = _preparation(spec, alphabet)

    def passes(found: str) -> bool:
        values = prepared(found)
        return values is not None and algorithm(values) and all(one(values) for one in sums)

    return passes


def _preparation(spec: Mapping[str, Any], alphabet: str) -> Callable[[str], list[int] | None]:
    """Return what makes values of the characters; None where one has none."""
    drop = text(spec.get("drop", ""), "check: drop")
    front = text(spec.get("front", ""), "check: front")
    need((drop + alphabet + front).isascii(), "check: drop, alphabet and front are ASCII")
    pad, last = natural(spec.get("pad", 0), "check: pad"), natural(spec.get("last", 0), "check: last")
    need(max(pad, last) <= 64, "check: pad and last are at most 64")
    replace = [_pair(one) for one in listed(spec.get("replace", []), "check: replace")]

    def prepared(found: str) -> list[int] | None:
        left = "".join(one for one in found.upper() if one not in drop)
        for old, new in replace:
            left = left.replace(old, new)
        left = front + left.rjust(pad, "0")[-last if last else None :]
        values = [alphabet.find(one) for one in left]
        return None if -1 in values else values

    return prepared


def _pair(spec: Any) -> tuple[str, str]:
    pair = [text(one, "check: replace") for one in listed(spec, "check: replace")]
    need(len(pair) == 2 and pair[0] != "" and "".join(pair).isascii(), "check: replace: expected pairs of ASCII texts")
    return pair[0], pair[1]


def _sum(spec: Any, alphabet: str) -> Callable[[list[int]], bool]:
    given = only(spec, {"weights", "mod", "map", "at"}, "check: sums")
    weights = [natural(one, "check: weights") for one in listed(given.get("weights"), "check: weights")]
    mod, at = natural(given.get("mod"), "check: mod"), natural(given.get("at", 0), "check: at")
    letters = given.get("map")
    need(0 < mod <= 1000 and len(weights) <= 64 and all(one < 1000 for one in weights), "check: sums: too large")
    of_rest = None if letters is None else text(letters, "check: map")
    fits = of_rest is None or (len(of_rest) == mod and of_rest.isascii())
    need(fits, "check: map: expected an ASCII character for each remainder")

    def passes(values: list[int]) -> bool:
        if len(values) < max(len(weights), at + 1):
            return False
        rest = sum(weight * value for weight, value in zip(weights, values, strict=False)) % mod
        return rest == 0 if of_rest is None else alphabet.find(of_rest[rest]) == values[at]

    return passes


def _luhn(values: list[int]) -> bool:
    doubled = [2 * one - 9 * (one > 4) for one in values[-2::-2]]
    return max(values, default=10) < 10 and (sum(values[::-2]) + sum(doubled)) % 10 == 0


def _verhoeff(values: list[int]) -> bool:
    """Return whether the last digit is that of Verhoeff's scheme (the dihedral group of order ten)."""
    if max(values, default=10) > 9:
        return False
    rest = 0
    for index, value in enumerate(reversed(values)):
        turned = int(_VERHOEFF_TURNS[index % 8 * 10 + value])
        rest = int(_VERHOEFF[rest * 10 + turned])
    return rest == 0


def _mod_11_10(values: list[int]) -> bool:
    """Return whether the last digit is that of the hybrid system of ISO 7064 with moduli 11 and 10."""
    if max(values, default=10) > 9:
        return False
    product = 10
    for value in values[:-1]:
        product = ((product + value) % 10 or 10) * 2 % 11
    return (product + values[-1]) % 10 == 1


_ALGORITHMS: dict[str, Callable[[list[int]], bool]] = {
    "sums": bool,
    "luhn": _luhn,
    "verhoeff": _verhoeff,
    "mod_11_10": _mod_11_10,
}

_MEASURED = 256  # characters


@lru_cache(_MEASURED + 1)
def _times_log2(count: int) -> int:
    """Return `count` times its logarithm of base 2, in units of 2**-16, by squaring: the same on every machine."""
    whole = count.bit_length() - 1
    rest, bits = count << (62 - whole), 0
    for _ in range(16):
        rest = rest * rest >> 62
        bits = bits << 1 | rest >> 63
        rest >>= rest >> 63
    return count * ((whole << 16) + bits)


def _random(entropy: int, kinds: int, changes: int) -> Passes:
    """Return whether a text has so many hundredths of a bit a character, kinds of characters, and changes of kind."""
    if kinds > 3:
        raise BadProgram("check: kinds: there are three: digits, small and capital letters")

    def passes(found: str) -> bool:
        content = found[:_MEASURED]
        counts = Counter(content)
        bits = _times_log2(len(content)) - sum(map(_times_log2, counts.values())) if content else 0
        there = sum((any(map(str.isdigit, counts)), any(map(str.islower, counts)), any(map(str.isupper, counts))))
        known = [one.isdigit() for one in content if one.isalnum()]
        turns = sum(one != two for one, two in pairwise(known))
        return bits * 100 >= entropy * len(content) << 16 and there >= kinds and turns >= changes

    return passes
