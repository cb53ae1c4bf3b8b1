"""Validators with parameters. The oracle of check digits is python-stdnum."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st
from kernel_helpers import request, rule, run, scrub, span, span_attributes
from stdnum import luhn, verhoeff
from stdnum.iso7064 import mod_11_10
from tailgate.kernel.contract import BadProgram


def passing(kernel: Any, check: Any, texts: list[str]) -> list[str]:
    """Return those of the texts that pass."""
    data = request(span([("k", f"<{text}>") for text in texts]))
    left = span_attributes(run(kernel, data, scrub(rule("(?s)^<(.+)>$", check=check, group=1))))
    return [text for text, (_, after) in zip(texts, left, strict=True) if after == "<X>"]


@pytest.mark.parametrize(("name", "oracle"), [("luhn", luhn), ("verhoeff", verhoeff), ("mod_11_10", mod_11_10)])
def test_the_last_digit(kernel: Any, name: str, oracle: Any) -> None:
    """Guarantees: exactly the texts that python-stdnum accepts pass."""
    rng = random.Random(name)
    texts = ["".join(rng.choices("0123456789", k=rng.randint(2, 20))) for _ in range(900)]
    assert passing(kernel, {"digits": name}, texts) == [text for text in texts if oracle.is_valid(text)]


@pytest.mark.parametrize("name", ["luhn", "verhoeff", "mod_11_10"])
def test_only_digits_have_a_last_digit(kernel: Any, name: str) -> None:
    """Guarantees: letters, and what is beyond ASCII, pass none of them."""
    texts = ["0A", "A", "é", "1a", "\u0661", "-"]
    assert passing(kernel, {"digits": name}, texts) == []


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (
            {"sums": [{"weights": [3, 7, 1, 3, 7, 1, 3, 7, 1], "mod": 10}]},
            ["021000021", "011401533"],
            ["021000022", "02"],
        ),
        (
            {"sums": [{"weights": [1], "mod": 4, "map": "0E-2", "at": 1}]},
            ["00", "1e", "32", "40"],
            ["10", "2-", "20", "1"],
        ),
        ({"drop": " -", "sums": [{"weights": [1], "mod": 10}]}, ["0", "a-", " 0 "], ["-1", "b", "0.", " - "]),
        ({"replace": [["X", "0"], ["0", "12"]], "sums": [{"weights": [1, 1], "mod": 3}]}, ["x", "0", "21"], ["2", "y"]),
        ({"pad": 3, "sums": [{"weights": [1, 0, 1], "mod": 7}]}, ["7", "106", "77"], ["1", "107"]),
        ({"last": 2, "sums": [{"weights": [1], "mod": 5}]}, ["9905", "55", "5"], ["5519", "1"]),
        ({"front": "2", "sums": [{"weights": [1, 1], "mod": 3}]}, ["1", "47"], ["2", "0"]),
        ({"alphabet": "BA", "sums": [{"weights": [1], "mod": 2}]}, ["B", "b", "BA"], ["A", "0", "BC"]),
        ({"sums": []}, ["0", "Z"], ["é", "_"]),
    ],
)
def test_sums(kernel: Any, check: Any, good: list[str], bad: list[str]) -> None:
    """Guarantees: each parameter does what docs/kernel.md says."""
    assert passing(kernel, {"digits": "sums", **check}, [*good, *bad]) == good


CHARACTERS = "0123789ABab -_"
some = st.text(CHARACTERS, max_size=4)
sums = st.fixed_dictionaries(
    {"weights": st.lists(st.integers(0, 9), max_size=5), "mod": st.just(4)},
    optional={"map": st.text(CHARACTERS, min_size=4, max_size=4), "at": st.integers(0, 5)},
)
checks = st.fixed_dictionaries(
    {"digits": st.sampled_from(["sums", "sums", "luhn", "verhoeff", "mod_11_10"])},
    optional={
        "drop": some,
        "replace": st.lists(st.tuples(st.text(CHARACTERS, min_size=1, max_size=2), some).map(list), max_size=3),
        "alphabet": st.one_of(st.text(CHARACTERS), st.just("0" * 300 + CHARACTERS)),
        "pad": st.integers(0, 64),
        "last": st.integers(0, 64),
        "front": some,
        "sums": st.lists(sums, max_size=2),
    },
)
texts = st.lists(st.text(CHARACTERS, min_size=1, max_size=80), min_size=1, max_size=20)


@examples(300)
@given(check=checks, texts=texts)
def test_kernels_agree(reference: Any, rust: Any, check: Any, texts: list[str]) -> None:
    """Scenario: parameters that are at odds with each other, texts short and long. Guarantees: the same texts pass."""
    assert passing(rust, check, texts) == passing(reference, check, texts)


def _entropy(text: str) -> float:
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def test_entropy(kernel: Any) -> None:
    """Guarantees: what has the entropy passes, to a thousandth of a bit; only the first 256 characters count."""
    rng = random.Random(1)
    alphabets = ("01", "0123456789abcdef", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    texts = ["".join(rng.choices(rng.choice(alphabets), k=rng.randint(1, 300))) for _ in range(900)]
    texts += ["0123", "00", "0011", "a" * 256 + "0123456789"]
    for least in (0, 100, 200, 300, 400, 550):
        passed = set(passing(kernel, {"entropy": least}, texts))
        for text in texts:
            bits = _entropy(text[:256])
            assert abs(bits * 100 - least) < 0.1 or (bits * 100 > least) == (text in passed)
    assert passing(kernel, {"entropy": 200}, ["0123", "0122", "00112233"]) == ["0123", "00112233"]


def test_kinds_and_changes(kernel: Any) -> None:
    """Guarantees: kinds of characters and changes between digits and letters are counted."""
    texts = ["a1b2", "a1-b-2", "aB", "ab12", "aB1", "--", "A1b2"]
    assert passing(kernel, {"entropy": 0, "kinds": 2}, texts) == ["a1b2", "a1-b-2", "aB", "ab12", "aB1", "A1b2"]
    assert passing(kernel, {"entropy": 0, "kinds": 3}, texts) == ["aB1", "A1b2"]
    assert passing(kernel, {"entropy": 0, "changes": 3}, texts) == ["a1b2", "a1-b-2", "A1b2"]


@pytest.mark.parametrize(
    "check",
    [
        {},
        {"digits": "sum"},
        {"digits": "sums", "x": 1},
        {"digits": "sums", "drop": "é"},
        {"digits": "sums", "alphabet": 1},
        {"digits": "sums", "front": "é"},
        {"digits": "sums", "pad": 65},
        {"digits": "sums", "last": -1},
        {"digits": "sums", "replace": [["", "1"]]},
        {"digits": "sums", "replace": [["1"]]},
        {"digits": "sums", "sums": [{"weights": [1]}]},
        {"digits": "sums", "sums": [{"weights": [1], "mod": 0}]},
        {"digits": "sums", "sums": [{"weights": [1000], "mod": 2}]},
        {"digits": "sums", "sums": [{"weights": [1], "mod": 2, "map": "0"}]},
        {"digits": "sums", "sums": [{"weights": [1], "mod": 2, "x": 0}]},
        {"entropy": -1},
        {"entropy": 1, "kinds": 4},
        {"entropy": 1, "digits": "luhn"},
        [],
        7,
        "luhn",
    ],
)
def test_what_is_no_check(kernel: Any, check: Any) -> None:
    """Guarantees: a check that cannot be meant is refused when it is compiled."""
    with pytest.raises(BadProgram):
        run(kernel, request(span()), scrub(rule("a", check=check)))
