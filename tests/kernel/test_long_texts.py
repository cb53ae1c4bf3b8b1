"""Long texts take another way through the accelerator's scrub rules: what comes of it is the same to the byte.

Rules and texts are random (`long_strategies.py`). What was found once stays as a case of `KEPT`.
"""

from __future__ import annotations

from typing import Any

import pytest
from effort import examples_by_seed, seeds
from hypothesis import given
from kernel_helpers import Raw, field, redact, request, rule, scrub, span, spec
from long_strategies import MARKS, long_case
from tailgate.kernel import BadProgram


def outcomes(kernel: Any, stage: Any, texts: list[bytes]) -> Any:
    """Return what becomes of the texts as strings (where they are) and as bytes, and what is counted."""
    try:
        program = kernel.compile(spec([stage]))
    except BadProgram:
        return "BadProgram"
    spans = []
    for text in texts:
        whole = text.decode(errors="ignore")
        spans.append(span({"text": whole, "bytes": Raw(field(7, text)), "list": [whole[1:], "short"]}, name=whole[:-1]))
    return program.digest(request(*spans)).request(), program.counters(), program.places()


@examples_by_seed(120)
@given(seed=seeds)
def test_long_texts(reference: Any, rust: Any, seed: int) -> None:
    """Scenario: random rules on texts that are as long as takes the other way, about. Guarantees: the same in both."""
    stage, texts = long_case(seed)
    assert outcomes(rust, stage, texts) == outcomes(reference, stage, texts)


MANY = [rule(f"!{mark}", redact(mark)) for mark in MARKS]
"""So many rules find something that the accelerator looks for all of them at once."""
FOUND = "".join(f"!{mark} " for mark in MARKS)
LUHN = {"digits": "luhn"}
NEAR_ID = {"pattern": " id", "within": 5}
NUMBERS = "".join(f" {'id ' if at % 7 == 0 else ''}{at * 829_357_351 % 10 ** (8 + at % 4)}" for at in range(12_000))
"""So many places that each is looked at before it is walked from: numbers of 8 to 11 digits, some near a word."""
NINE = "(?:^|[^0-9A-Z])(?:[0-9]{9}[0-9A-Z]|([0-9]{9}))"
KEPT = [
    ("numbers of other lengths", [rule(NINE, group=1, check=LUHN), rule("[0-9]{10}", check=LUHN)], NUMBERS),
    (
        "numbers of other lengths near a word",
        [
            rule(NINE, group=1, check=LUHN, near=NEAR_ID),
            rule(" [0-9]{8}(?:[0-9]{2}x?)?$", near=NEAR_ID),
            rule(r"\b[1-9][0-9]{10}"),
        ],
        NUMBERS,
    ),
    (
        "many begin alike and some of them are there",
        [
            rule("tok_[0-9]+!+"),
            rule("tok_[0-9]+[?]+;*"),
            rule("#", redact("?")),
            rule("tok_[0-9]+[?]+"),
            rule("tok_[0-9]*!"),
        ],
        "tok_1# tok_23 " * 6000 + "tok_4! tok_" + "5" * 2000,
    ),
    (
        "long words of a kind come and go",
        [rule("(?:^|[^a-z])(?:[a-z ]{40}x|([a-z]{40}))", group=1), rule("#+", redact("ab")), rule("[a-z]+c?[a-z]{30}")],
        ("a" * 18 + "##" + "b" * 18 + " short ") * 2000,
    ),
    (
        "matches without their group spend patience also where nothing is near",
        [rule("#([0-9]{20})|#{20}", group=1, near=NEAR_ID, check=LUHN)],
        "#" * 20_000 + " " * 100 + " id #12345678901234567891",
    ),
    (
        "matches without their group spend patience where something is near",
        [rule("#([0-9]{20})|#{20}", group=1, near=NEAR_ID, check=LUHN)],
        "id " * 2 + "#" * 20_000 + " id #12345678901234567891",
    ),
    ("what is put in place begins a match", [rule("#", redact("to")), rule("tok_[0-9]+")], "#k_12 " + "x" * 3000),
    ("what is put in place ends a match", [rule("#", redact("9")), rule("tok_[0-9]+;")], "tok_12#; " + "x" * 3000),
    ("what is put in place is between", [rule("#", redact("")), rule("tok_[0-9]{12}")], "tok_12345678#9012 " * 200),
    ("what went before decides", [rule("#", redact(" ")), rule(r"\btok_[0-9]")], "x#tok_1 xtok_1 " * 200),
    ("what comes behind decides", [rule("#", redact("")), rule(r"tok_[0-9]\b")], "tok_1#x tok_1# " * 200),
    ("a word comes near", [rule("#+", redact("")), rule("[0-9]{9}", near=NEAR_ID)], " id ####### 123456789 " * 200),
    ("a word goes", [rule(" id", redact("####")), rule("[0-9]{9}", near=NEAR_ID)], " id 123456789 " * 200),
    ("the start moves", [rule("^#+", redact("")), rule("^tok_"), rule("(?m)^key")], "##tok_key\nkey " + "x" * 3000),
    ("the end moves", [rule("#+$", redact("")), rule("tok_$"), rule(r"_\z")], "x" * 3000 + " tok_tok_##"),
    ("the end decides about the group", [rule("Q(?:([a-z])$|[a-z])", group=1)], "Qa Qb " * 500 + "Qc"),
    ("it is tired and goes on", [rule("Q[^;]*;;"), rule("Q")], "Q" * 3000 + "; Q;; QQ;; Q"),
]


@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
@pytest.mark.parametrize(("rules", "text"), [case[1:] for case in KEPT], ids=[case[0] for case in KEPT])
def test_kept(reference: Any, rust: Any, rules: list[Any], text: str, many: bool) -> None:
    """Scenario: a few rules, and these behind others that find something. Guarantees: the same in both kernels."""
    stage, whole = (scrub(*MANY, *rules), FOUND + text) if many else (scrub(*rules), text)
    assert outcomes(rust, stage, [whole.encode()]) == outcomes(reference, stage, [whole.encode()])
