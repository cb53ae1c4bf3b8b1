"""Regular expressions: both kernels find the same things, and refuse the same patterns.

The table stands in `regex_cases.py`; each case says what a rule replaces, so it holds for searching and for matching.
"""

from __future__ import annotations

import pytest
from kernel_helpers import edit, first_span, holds, pairs, request, rule, run, scrub, span, spec
from regex_cases import ACCEPTED, FINDS, REFUSED
from tailgate.kernel import BadProgram

OPEN, CLOSE = "\ue000", "\ue001"  # private characters, which stand in no case


@pytest.mark.parametrize(("pattern", "text", "found"), FINDS, ids=[repr(row[0]) for row in FINDS])
def test_finds(kernel, pattern, text, found):
    """A rule replaces just the matches of the table, and `matches` is true where there is one."""
    expected, rest = "", text
    for one in found:
        before, _, rest = rest.partition(one) if one else (rest, "", "")
        expected += before + OPEN
    expected += rest
    action = {"do": "redact", "text": OPEN}
    after = run(kernel, request(span({"k": text})), scrub(rule(pattern, action), positions=["span"]))
    assert pairs(first_span(after).attributes) == [("k", expected)]
    if found:
        assert holds(kernel, ["matches", ["attr", "span", "k"], pattern], request(span({"k": text})))


@pytest.mark.parametrize("pattern", REFUSED)
def test_refused(kernel, pattern):
    """Patterns that RE2 refuses, and the escape for one byte, are a BadProgram wherever a pattern may stand."""
    for stages, leaves in (
        ([scrub(rule(pattern))], []),
        ([scrub(keys=[rule(pattern)])], []),
        ([scrub(skip=pattern)], []),
        ([edit({"do": "delete", "pattern": pattern})], []),
        ([], [["matches", ["field", "name"], pattern]]),
    ):
        with pytest.raises(BadProgram):
            kernel.compile(spec(stages, leaves))


@pytest.mark.parametrize("pattern", ACCEPTED)
def test_accepted(kernel, pattern):
    """Odd but valid patterns compile."""
    kernel.compile(spec([scrub(rule(pattern))], [["matches", ["field", "name"], pattern]]))


def test_linear_time(kernel):
    """A pattern that explodes in a backtracking engine is done at once."""
    text = "a" * 20_000
    assert not holds(kernel, ["matches", ["attr", "span", "k"], "(a*)*(a*)*b$"], request(span({"k": text})))
    assert not holds(kernel, ["matches", ["attr", "span", "k"], "(a|a)*(a|a)*c"], request(span({"k": text})))


def test_large_alternation(kernel):
    """A list of a few thousand words is one pattern that works."""
    words = "|".join(f"word{index}x" for index in range(3000))
    assert holds(kernel, ["matches", ["attr", "span", "k"], words], request(span({"k": "a word2999x"})))
