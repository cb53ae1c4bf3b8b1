"""Regular expressions: both kernels find the same things, and refuse the same patterns.

The table stands in `regex_cases.py`; each case says what a rule replaces, so it holds for searching and for matching.
"""

from __future__ import annotations

import pytest
from kernel_helpers import edit, holds, redact, request, rule, run, scrub, span, span_attributes, spec
from regex_cases import ACCEPTED, FINDS, REFUSED
from tailgate.kernel import BadProgram


@pytest.mark.parametrize(("pattern", "text", "after"), FINDS, ids=[repr(row[0]) for row in FINDS])
def test_finds(kernel, pattern, text, after):
    """A rule replaces just the matches of the table, and `matches` is true where there is one."""
    data = request(span({"k": text}))
    got = run(kernel, data, scrub(rule(pattern, redact("§")), positions=["span"]))
    assert span_attributes(got) == [("k", after)]
    if after != text:
        assert holds(kernel, ["matches", ["attr", "span", "k"], pattern], data)


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
