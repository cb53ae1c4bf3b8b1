"""Conditions back into words: what is written comes back as a condition that means the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tailgate.rules.conditions import trace_condition
from tailgate.rules.facts import All, Always, FactsBuilder, Not, Some, compile_test
from tailgate.rules.implication import implies, never
from tailgate.rules.wording import expression_text, trace_parts, trace_text

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conditions.md"
ROWS = [row for row in PAGE.read_text(encoding="utf-8").splitlines() if row.endswith(("| yes |", "| no |"))]
CONDITIONS = sorted({row.split(" | ")[0].strip("| ").strip("`").strip().replace("\\|", "|") for row in ROWS})


def words(text: str) -> str:
    facts = FactsBuilder()
    test = trace_condition(text, facts)
    return trace_text(test, facts.spec())


@pytest.mark.parametrize("text", CONDITIONS)
def test_words_mean_what_was_written(text: str) -> None:
    """Guarantees: every condition of the docs, put into words and read again, is compiled to the same facts."""
    facts, again = FactsBuilder(), FactsBuilder()
    test = trace_condition(text, facts)
    said = trace_text(test, facts.spec())
    assert trace_condition(said, again) == test, said
    assert again.spec() == facts.spec(), said


EXACT = [
    ("status == error", "status == error"),
    ("status in [unset, error]", "status in [unset, error]"),
    ("kind = SERVER", "kind == server"),
    ("duration > 1500", "duration > 1s500ms"),
    ("max(duration) >= 2s", "max(duration) >= 2s"),
    ("sum(cost.total) > 10", "sum(cost.total) > 10"),
    ("count(error) >= 3", "count(error) >= 3"),
    ("span_count > 2", "span_count > 2"),
    ("service == 'a'", 'service == "a"'),
    ("span.attributes['k'] == 1", 'span["k"] == 1'),
    ("not (error or debug) and every(kind == client)", "not (error or debug) and every(kind == client)"),
    ("span(a == 1 and (b == 2 or c))", "span(a == 1 and (b == 2 or c))"),
    ("root(service == 'checkout' and duration > 500ms)", 'root(service == "checkout" and duration > 500ms)'),
    ("span(duration > 1s)", "span(duration > 1s)"),
    ("true", "true"),
]


@pytest.mark.parametrize(("text", "expected"), EXACT)
def test_words(text: str, expected: str) -> None:
    """Guarantees: the words are those of the condition language."""
    assert words(text) == expected


def test_parts() -> None:
    """Guarantees: a condition is taken apart into what is true or false by itself."""
    facts = FactsBuilder()
    test = trace_condition("not (error and a == 1) or duration > 1s and not debug", facts)
    assert [text for text, _ in trace_parts(test, facts)] == ["error", "a == 1", "duration > 1s", "not debug"]


EITHER = [
    ["go_str_in", ["attr", "resource", "k"], ["a"]],
    ["and", ["not", ["go_str_in", ["attr", "span", "k"], [""]]], ["go_str_in", ["attr", "span", "k"], ["a"]]],
]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (["go_str_in", ["attr", "any", "k"], ["a"]], 'k in ["a"]'),
        (["go_str_in", ["attr", "any", "k"], ["a", "b"]], 'k in ["a", "b"]'),
        (["go_str_matches", ["attr", "any", "k"], "^a"], 'k matches "^a"'),
        (["go_int_between", ["attr", "any", "k"], 1, 5], "k >= 1 and k <= 5"),
        (["go_int_between", ["attr", "any", "k"], None, 5], "k <= 5"),
        (["go_bool_is", ["attr", "any", "k"], False], "k == false"),
        (["or", *EITHER], 'k in ["a"]'),
        (["or", EITHER[0], EITHER[1][2]], 'k in ["a"]'),
        (
            ["or", EITHER[0], ["go_str_in", ["attr", "span", "j"], ["a"]]],
            'resource["k"] in ["a"] or span["j"] in ["a"]',
        ),
        (["of the future", 1], json.dumps(["of the future", 1])),
    ],
)
def test_the_collectors_words(expression: list[object], text: str) -> None:
    """Guarantees: what the language has no word for is readable, and what nobody knows is shown as it is."""
    assert expression_text(expression) == text


PARTS = ["error", "debug", "duration > 1s", "duration > 2s", "duration < 3s", "duration <= 1s", "span(error and debug)",
         "span(error or debug)", "span_count >= 2", "span_count < 2", "true", "false"]  # fmt: skip


def worlds(spec):
    """Every trace as far as the conditions above can tell: facts that are possible together, as masks."""
    for durations in (0, 1_000_000_000, 1_500_000_000, 2_500_000_000, 3_500_000_000):
        for spans in ([0], [1], [2], [3], [0, 1], [1, 2], [0, 3], [1, 1]):  # bit 0: error, bit 1: debug
            mask = 0
            for at, leaf in enumerate(spec["leaves"]):
                mask |= any(_on_span(leaf, span) for span in spans) << at
            for at, one in enumerate(spec["compare"]):
                subject = durations if one["of"] == ["duration"] else len(spans)
                holds = {">": subject > int(one["value"]), "<": subject < int(one["value"]),
                         ">=": subject >= int(one["value"]), "<=": subject <= int(one["value"])}[one["op"]]  # fmt: skip
                mask |= holds << (2 * len(spec["leaves"]) + at)
            yield mask


def _on_span(leaf, span) -> bool:
    text = expression_text(leaf)
    return {
        "error": bool(span & 1), "debug": bool(span & 2), "error and debug": span == 3, "error or debug": span > 0,
    }[text]  # fmt: skip


def test_what_is_said_to_follow_does() -> None:
    """Guarantees: `implies` and `never` are sound, over all pairs of conditions and all traces that they tell apart."""
    facts = FactsBuilder()
    single = [trace_condition(text, facts) for text in PARTS]
    tests = [*single, *(Not(t) for t in single)]
    tests += [kind((a, b)) for a in single for b in single for kind in (All, Some)]
    spec = facts.spec()
    masks = list(worlds(spec))
    truths = [{at for at, mask in enumerate(masks) if compile_test(test, facts)(mask)} for test in tests]
    said = 0
    for test, truth in zip(tests, truths, strict=True):
        assert not (never(test, spec) and truth)
        for other, also in zip(tests, truths, strict=True):
            if implies(test, other, spec):
                said += 1
                assert truth <= also, (trace_text(test, spec), trace_text(other, spec))
    assert said > len(tests) * 20


@pytest.mark.parametrize(
    ("one", "other"),
    [("duration > 2s", "duration > 1s"), ("error and debug", "debug"), ("span(error and debug)", "error"),
     ("error", "error or debug"), ("error", "span(error or debug)"), ("duration >= 2s", "duration > 1s"),
     ("error", "true")],
)  # fmt: skip
def test_what_follows(one: str, other: str) -> None:
    """Guarantees: the usual cases are found, and not the other way round."""
    facts = FactsBuilder()
    first, second = trace_condition(one, facts), trace_condition(other, facts)
    assert implies(first, second, facts.spec())
    assert not implies(second, first, facts.spec())
    assert implies(Always(False), first, facts.spec())
