"""Rules that want a word near what they find, and rules that leave attributes alone by their keys."""

from __future__ import annotations

import time
from typing import Any

import pytest
from kernel_helpers import first_span, pairs, redact, request, rule, run, scrub, span, span_attributes
from tailgate.kernel.contract import BadProgram


def scrubbed(kernel: Any, text: str, *rules: Any, key: str = "k") -> str:
    """Return what becomes of an attribute."""
    [(_, left)] = span_attributes(run(kernel, request(span({key: text})), scrub(*rules)))
    return str(left)


def near(pattern: str, within: int, number: str = "[0-9]+", **more: Any) -> Any:
    return rule(number, redact("X"), near={"pattern": pattern, "within": within}, **more)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id 12", "id X"),
        ("12 id", "X id"),
        ("12", "12"),
        ("id: 12", "id: X"),
        ("id : 12", "id : 12"),  # three bytes away
        ("id 12 34 56", "id X 34 56"),
        ("12 id 34", "X id X"),
        ("12 xyz 34 id", "12 xyz X id"),
        ("é12 id", "éX id"),
        ("idé12", "idéX"),
        ("idéé12", "idéé12"),
        ("", ""),
    ],
)
def test_a_word_must_be_near(kernel: Any, text: str, expected: str) -> None:
    """Scenario: a number counts up to two bytes from `id`. Guarantees: distances before and behind, in bytes."""
    assert scrubbed(kernel, text, near("id", 2)) == expected


def test_the_group_is_what_is_near(kernel: Any) -> None:
    """Guarantees: distance is measured from the group, and a word inside of the match counts."""
    assert scrubbed(kernel, "id=12;", near("id", 1, "id=([0-9]+)", group=1)) == "id=X;"
    assert scrubbed(kernel, "id==12;", near("id", 1, "id==([0-9]+)", group=1)) == "id==12;"


def test_places_do_not_overlap(kernel: Any) -> None:
    """Guarantees: places are found leftmost-first, one after the other; empty ones too."""
    assert scrubbed(kernel, "aaa 1", near("aa", 1)) == "aaa 1"
    assert scrubbed(kernel, "aaaa 1", near("aa", 1)) == "aaaa X"
    assert scrubbed(kernel, "xé 1", near("q*", 0)) == "xé X"


def test_a_check_is_asked_after_it(kernel: Any) -> None:
    """Guarantees: what is far away is passed over as a whole; what is near must pass the check."""
    check = {"digits": "luhn"}
    assert scrubbed(kernel, "id 18 19", near("id", 9, check=check)) == "id X 19"
    assert scrubbed(kernel, "18", near("id", 9, check=check)) == "18"


def test_far_matches_cost_linear_time(kernel: Any) -> None:
    """Scenario: 150 KiB of numbers, one word at the end. Guarantees: well under two seconds."""
    text = "12345678 " * 17_000 + "id"
    start = time.process_time()
    assert scrubbed(kernel, text, near("id", 5)) == text[:-11] + "X id"
    assert time.process_time() - start < 2


def test_a_rule_skips_by_key(kernel: Any) -> None:
    """Scenario: the same text under several keys. Guarantees: only the rule that skips the key leaves it alone."""
    rules = (rule("[0-9]", redact("N"), skip="^n"), rule("[a-z]", redact("L"), skip="^l"))
    data = request(span([("n", "a1"), ("l", "a1"), ("x", "a1"), ("nl", "a1"), ("n", "a1")]))
    left = span_attributes(run(kernel, data, scrub(*rules)))
    assert left == [("n", "L1"), ("l", "aN"), ("x", "LN"), ("nl", "L1"), ("n", "L1")]


def test_skip_is_by_the_top_level_key(kernel: Any) -> None:
    """Guarantees: what is nested goes by the attribute's key; names and other strings have none."""
    skips = rule("[0-9]", redact("N"), skip="^(n|$)")
    data = request(span([("n", {"x": "1"}), ("x", {"n": ["1"]}), ("", "1")], name="7"))
    out = first_span(run(kernel, data, scrub(skips)))
    assert pairs(out.attributes) == [("n", {"x": "1"}), ("x", {"n": ["N"]}), ("", "1")]
    assert out.name == "N"


@pytest.mark.parametrize(
    "more",
    [
        {"near": {"pattern": "("}},
        {"near": {"pattern": "a"}},
        {"near": {"pattern": "a", "within": -1}},
        {"near": {"pattern": "a", "within": 1, "x": 1}},
        {"near": "a"},
        {"skip": "("},
        {"skip": 1},
    ],
)
def test_what_is_no_rule(kernel: Any, more: Any) -> None:
    """Guarantees: a rule that cannot be meant is refused when it is compiled."""
    with pytest.raises(BadProgram):
        run(kernel, request(span()), scrub(rule("a", **more)))
