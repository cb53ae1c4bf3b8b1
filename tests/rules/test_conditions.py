"""The condition language: its errors, its limits, what it compiles to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from tailgate.rules.conditions import ConditionError, SpanCondition, TraceCondition, span_condition, trace_condition
from tailgate.rules.facts import ROOT, Always, FactsBuilder, Not

MISTAKES = [
    # (condition, column, part of the message)
    ("", 1, "is empty"),
    ("   ", 1, "is empty"),
    ("a ==", 5, "ends too early"),
    ("(a", 3, "expected the closing )"),
    ("(a b", 4, "expected a comparison such as == or >, and, or, or the closing )"),
    ("((a == 1)", 10, "ends too early"),
    ("a == 1)", 7, "closes nothing"),
    ("a b", 3, "expected a comparison such as == or >, and, or, or the end"),
    ("a adn b", 3, "did you mean 'and'?"),
    ("a == 'x", 6, "never closed"),
    ("`a == 1", 1, "never closed"),
    ("a & b", 3, "&&"),
    ("a == 1 | b", 8, "||"),
    ("a == 1 # why", 8, "unexpected character '#'"),
    ("and a", 1, "expected a condition"),
    ("in == 1", 1, "expected a condition"),
    ("1 == 2", 6, "expected a name"),
    ("5", 1, "alone is no condition"),
    ("'x'", 1, "alone is no condition"),
    ("a < b < c", 7, "expected and, or"),
    ("a in []", 7, "expected a quoted text"),
    ("a in 'x'", 6, "a list such as"),
    ("a matches b", 11, "a quoted text"),
    ("foo['x'] == 1", 1, "resource["),
    ("resuorce['x'] == 1", 1, "did you mean 'resource'?"),
    ("spann(a)", 1, "did you mean 'span'?"),
    ("http.foo(a)", 1, "there is no function http.foo"),
    ("cuont(a) > 1", 1, "did you mean 'count'?"),
    ("sum(a)", 1, "is a number"),
    ("span(a) == true", 1, "is true or false"),
    ("exists(a) == true", 1, "is true or false"),
    ("exists(a == 1)", 8, "takes the name"),
    ("exists(name)", 8, "always there"),
    ("sum(a and b) > 1", 5, "takes the name"),
    ("sum(name) > 1", 5, "no number"),
    ("sum(a) > 'x'", 10, "no number"),
    ("sum(a) > 1s", 10, "no number"),
    ("count(a) > true", 12, "no number"),
    ("span_count > 'x'", 14, "no number"),
    ("name", 1, "alone is no condition"),
    ("kind", 1, "alone is no condition"),
    ("name == 5", 9, "is text"),
    ("name in ['a', 5]", 15, "is text"),
    ("kind == srver", 9, "did you mean 'server'?"),
    ("kind < server", 8, "no order"),
    ("status == true", 11, "expected unset, ok or error"),
    ("status matches 'x'", 1, "no text"),
    ("duration contains 'x'", 1, "no text"),
    ("duration > '500ms'", 12, "without quotes"),
    ("duration > 'x'", 12, "no duration"),
    ("duration > true", 12, "no duration"),
    ("duration > 5mss", 12, "did you mean 'ms'?"),
    ("duration in [5]", 1, "in a list"),
    ("a == 5ms", 6, "duration only"),
    ("a == b", 6, 'expected "b"'),
    ("a == null", 6, "needs quotes"),
    ("a > true", 5, "no order"),
    ("error > 3", 9, "expected error or not error"),
    ("error == 'maybe'", 10, "expected error or not error"),
    ("error in [true]", 1, "in a list"),
    ("error contains 'x'", 1, "no text"),
    ("a matches '('", 11, "missing )"),
    ("a matches '\\C'", 11, "\\C"),
    ("a == 99999999999999999999", 6, "64 bits"),
    ("a == 1e999", 6, "too large"),
    ("a == 1e-99999999999", 6, "too large or too small"),
    ("a == " + "9" * 5000, 6, "too large"),
    ("a == 5%", 6, "neither a number nor a duration"),
    ("span(duration > 99999999999h)", 17, "too large"),
    ("span(span(a))", 6, "cannot stand in span"),
    ("every(root(a))", 7, "the word root"),
    ("root(count(a) > 1)", 6, "cannot stand in root"),
    ("count(span_count > 1) > 1", 7, "cannot stand in count"),
    ("not " * 60 + "a", 205, "too deeply nested"),
    ("a == 1 or " * 1000 + "a", 8193, "at most 8192"),
]


@pytest.mark.parametrize(("condition", "column", "part"), MISTAKES, ids=[text[:30] for text, _, _ in MISTAKES])
def test_mistakes_are_explained_where_they_stand(condition, column, part):
    """A wrong condition raises ConditionError, a ValueError, that points at the place and says what was expected."""
    with pytest.raises(ConditionError) as caught:
        trace_condition(condition, FactsBuilder())
    assert part in str(caught.value)
    assert caught.value.column == column
    assert str(caught.value).startswith(f"column {column}: ")
    assert isinstance(caught.value, ValueError)


def test_the_place_in_a_text_of_several_lines():
    """A condition in a YAML block has lines: the error names line and column."""
    with pytest.raises(ConditionError, match=r"^line 2, column 5: b needs quotes") as caught:
        trace_condition("error and\na = b\n", FactsBuilder())
    assert (caught.value.line, caught.value.column) == (2, 5)


@pytest.mark.parametrize("condition", ["every(a)", "sum(a) > 1", "count(a) > 1", "span_count > 1", "min(a) > 1"])
def test_a_span_condition_refuses_what_needs_a_trace(condition):
    """An edit sees one span, so what sums over the trace is an error there, and not quietly about one span."""
    with pytest.raises(ConditionError, match="a condition on one span"):
        span_condition(condition)


@pytest.mark.parametrize(
    ("condition", "on", "part"),
    [
        ("duration > 5", "resource", "belongs to spans"),
        ("error", "scope", "belongs to spans"),
        ("root", "resource", "belongs to spans"),
        ("root(a)", "resource", "cannot stand in a condition on one resource"),
        ("scope.name == 'x'", "resource", "belongs to spans"),
        ("span['a'] == 1", "scope", "cannot see the attributes of a span"),
        ("scope['a'] == 1", "resource", "cannot see the attributes of a scope"),
    ],
)
def test_a_condition_on_a_resource_or_scope_sees_no_span(condition, on, part):
    """Edits of a resource happen once for all its spans: a condition on one of them is refused, by name."""
    with pytest.raises(ConditionError, match=part):
        span_condition(condition, on)


def test_bare_names_belong_to_the_level_of_the_edit():
    """On a resource a bare name is the resource's attribute, on a scope the scope's, on a span either."""
    operands = [span_condition("exists(a)", on)[1] for on in ("span", "resource", "scope")]
    assert operands == [["attr", "any", "a"], ["attr", "resource", "a"], ["attr", "scope", "a"]]
    assert span_condition("service == 'x' and scope.name == 'y'", "scope")[1][2] == ["attr", "resource", "service.name"]


def test_equal_parts_are_computed_once():
    """Policies that ask the same share the leaf: twenty of them cost one evaluation a span."""
    facts = FactsBuilder()
    for _ in range(20):
        trace_condition("error or sum(a) > 1 or sum(a) > 2", facts)
    spec = facts.spec()
    assert (len(spec["leaves"]), len(spec["numbers"]), len(spec["compare"])) == (1, 1, 2)


def test_what_needs_no_leaf_takes_none():
    """Constants and the root's presence are free."""
    facts = FactsBuilder()
    assert trace_condition("true", facts) == Always(True)
    assert trace_condition("root", facts) == ROOT
    assert trace_condition("not root", facts) == Not(ROOT)
    assert trace_condition("root == false", facts) == Not(ROOT)
    assert facts.spec() == FactsBuilder().spec()


@pytest.mark.parametrize(
    ("condition", "op", "value"),
    [
        ("duration > 1.5", ">", 1_500_000),
        ("duration > 0.0000005", ">", 0),
        ("duration >= 0.0000005", ">", 0),
        ("duration < 0.0000015", "<=", 1),
        ("duration <= 0.0000015", "<=", 1),
        ("duration < -0.0000015", "<=", -2),
        ("span_count >= 2.5", ">", 2),
        ("sum(a) > 0.1", ">", 100_000),
        ("sum(a) > 0.00000015", ">", 0),
        ("sum(duration) > 1s", ">", 10**15),
        ("sum(a) < 1e59", "<", 10**36 + 1),
        ("sum(a) > -1e59", ">", -(10**36) - 1),
    ],
)
def test_numbers_are_exact(condition, op, value):
    """Between two representable numbers the comparison is rounded so that its answer is that of the exact number."""
    facts = FactsBuilder()
    trace_condition(condition, facts)
    assert [(c["op"], c["value"]) for c in facts.spec()["compare"]] == [(op, str(value))]


@pytest.mark.parametrize("condition", ["duration == 0.0000005", "span_count == 1.5", "sum(a) == 0.00000015"])
def test_equality_with_what_cannot_be_is_false(condition):
    """No trace lasts half a nanosecond."""
    assert trace_condition(condition, FactsBuilder()) == Always(False)


def test_escapes_in_texts():
    """A backslash escapes quotes and itself; others stay, so that patterns need no doubling."""
    literal = {text: span_condition(f"a == {text}")[3] for text in (r'"\""', r"'\''", r'"\\d"', r'"\d"', r'"\n\t"')}
    assert list(literal.values()) == ['"', "'", r"\d", r"\d", "\n\t"]


@pytest.mark.parametrize(
    "name", ["android.os", "order", "notes", "inbound", "not-found", "contains.x", "true.x", "and_"]
)
def test_names_that_begin_like_keywords(name):
    """A keyword ends where a name would go on."""
    assert span_condition(f"{name} == 1 and not {name} in [2]")[1] == ["cmp", "==", ["attr", "any", name], 1]


def test_configuration_fields():
    """As fields of a rule file: YAML's own true is the condition `true`, and a mistake is a validation error."""

    class Rules(BaseModel):
        trace: TraceCondition = "true"
        span: SpanCondition = "true"

    assert Rules.model_validate({"trace": True, "span": "error"}).trace == "true"
    with pytest.raises(ValidationError, match="column 1: there is no function"):
        Rules.model_validate({"trace": "x(y)"})
    with pytest.raises(ValidationError, match="column 1: every"):
        Rules.model_validate({"span": "every(a)"})


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="ab.()[]`'\"\\=!<>&|,~ 1.5ms andornotinspan\n", max_size=40))
def test_any_text_is_a_condition_or_a_condition_error(text):
    """No text makes the compiler fail in another way."""
    for compile_it in (lambda: trace_condition(text, FactsBuilder()), lambda: span_condition(text)):
        try:
            compile_it()
        except ConditionError as error:
            assert 1 <= error.column <= len(text) + 1  # noqa: PT017 - whether it raises is up to the text
