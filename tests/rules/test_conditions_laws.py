"""The laws of the condition language, on the kernels, against an evaluator that shares nothing with the compiler."""

import json
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# The evaluator walks its own trees over the spans themselves; `printed` writes them as conditions.

SCALARS = [True, False, "true", "x", "y", 1, 2, 1.0, 2.5, -1]
KEYS = ["a", "b", "error"]
LITERALS = ["x", "y", 1, 2.5, -1]


def span_holds(tree, span):
    match tree:
        case ("not", inner):
            return not span_holds(inner, span)
        case ("and", left, right):
            return span_holds(left, span) and span_holds(right, span)
        case ("or", left, right):
            return span_holds(left, span) or span_holds(right, span)
        case ("error",):
            return span["status"] == 2 or any(v is True or v == "true" for v in values(span, "error"))
        case ("bare", key):
            return any(v is True for v in values(span, key))
        case ("exists", key):
            return key in span["attributes"] or key in span["resource"]
        case ("cmp", key, op, literal):
            same = [v for v in values(span, key) if kind(v) == kind(literal)]
            if op == "!=":
                return not any(v == literal for v in same)
            ask = {"==": lambda v: v == literal, "<": lambda v: v < literal, ">=": lambda v: v >= literal}[op]
            return any(ask(v) for v in same)
        case ("duration", op, ms):
            return ordered(op, span["duration"], ms * 1_000_000)
    raise AssertionError(tree)


def values(span, key):
    found = span["attributes"].get(key, span["resource"].get(key, []))
    return found if isinstance(found, list) else [found]


def kind(value):
    return bool if isinstance(value, bool) else str if isinstance(value, str) else float


def ordered(op, left, right):
    return {"<": left < right, ">=": left >= right, "==": left == right, "!=": left != right}[op]


def trace_holds(tree, spans):
    match tree:
        case ("not", inner):
            return not trace_holds(inner, spans)
        case ("and", left, right):
            return trace_holds(left, spans) and trace_holds(right, spans)
        case ("or", left, right):
            return trace_holds(left, spans) or trace_holds(right, spans)
        case ("span", inner):
            return any(span_holds(inner, span) for span in spans)
        case ("root", inner):
            return any(span["root"] and span_holds(inner, span) for span in spans)
        case ("every", inner):
            return all(span_holds(inner, span) for span in spans)
        case ("count", inner, op, number):
            return ordered(op, sum(span_holds(inner, span) for span in spans), number)
        case ("sum", key, op, number):
            numbers = [Fraction(str(v)) for s in spans for v in whole(s, key) if kind(v) is float]
            return ordered(op, sum(numbers), Fraction(str(number)))
        case ("duration", op, ms):
            start = min(span["start"] for span in spans)
            end = max(span["start"] + span["duration"] for span in spans)
            return ordered(op, end - start, ms * 1_000_000)
        case ("cmp", key, "!=", literal):
            return not any(span_holds(("cmp", key, "==", literal), span) for span in spans)
        case leaf:
            return any(span_holds(leaf, span) for span in spans)


def whole(span, key):
    found = span["attributes"].get(key, span["resource"].get(key))
    return [] if found is None or isinstance(found, list) else [found]


def printed(tree):
    match tree:
        case ("not", inner):
            return f"not ({printed(inner)})"
        case ("and" | "or" as word, left, right):
            return f"({printed(left)}) {word} ({printed(right)})"
        case ("error",):
            return "error"
        case ("bare", key):
            return f"`{key}`"
        case ("exists", key):
            return f"exists(`{key}`)"
        case ("cmp", key, op, literal):
            return f"`{key}` {op} {json.dumps(literal)}"
        case ("duration", op, ms):
            return f"duration {op} {ms}ms"
        case ("count", inner, op, number):
            return f"count({printed(inner)}) {op} {number}"
        case ("sum", key, op, number):
            return f"sum(`{key}`) {op} {number}"
        case (quantifier, inner):
            return f"{quantifier}({printed(inner)})"
    raise AssertionError(tree)


keys = st.sampled_from(KEYS)
operators = st.sampled_from(["==", "!=", "<", ">="])
leaves = st.one_of(
    st.just(("error",)),
    st.tuples(st.just("bare"), keys),
    st.tuples(st.just("exists"), keys),
    st.tuples(st.just("cmp"), keys, operators, st.sampled_from(LITERALS)),
    st.tuples(st.just("duration"), operators, st.integers(0, 4)),
)


def combined(parts):
    return st.recursive(
        parts,
        lambda inner: st.one_of(
            st.tuples(st.just("not"), inner), st.tuples(st.sampled_from(["and", "or"]), inner, inner)
        ),
        max_leaves=5,
    )


span_trees = combined(leaves)
trace_trees = combined(
    st.one_of(
        leaves,
        st.tuples(st.sampled_from(["span", "root", "every"]), span_trees),
        st.tuples(st.just("count"), span_trees, operators, st.integers(0, 3)),
        st.tuples(st.just("sum"), keys, operators, st.sampled_from([0, 1, 2.5, 3.5, -1])),
    )
)
attributes = st.dictionaries(keys, st.one_of(st.sampled_from(SCALARS), st.lists(st.sampled_from(SCALARS), max_size=2)))
spans = st.fixed_dictionaries(
    {
        "root": st.booleans(),
        "start": st.integers(0, 2).map(lambda ms: ms * 1_000_000),
        "duration": st.integers(0, 3).map(lambda ms: ms * 1_000_000),
        "status": st.integers(0, 2),
        "attributes": attributes,
        "resource": attributes,
    }
)
traces = st.lists(spans, min_size=1, max_size=4)
FAST = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@FAST
@given(trees=st.lists(trace_trees, min_size=1, max_size=8), trace=traces)
def test_traces_are_judged_as_the_independent_evaluator_does(judge_all, trees, trace):
    """Whatever the condition and the trace, the kernel's facts and the compiled tests give the plain answer."""
    expected = [trace_holds(tree, trace) for tree in trees]
    assert judge_all([printed(tree) for tree in trees], trace) == expected


@FAST
@given(tree=span_trees, span=spans)
def test_spans_are_judged_as_the_independent_evaluator_does(judge_span, tree, span):
    """The same for conditions over one span."""
    assert judge_span(printed(tree), span) == span_holds(tree, span)


@FAST
@given(a=trace_trees, b=trace_trees, trace=traces)
def test_boolean_laws(judge_all, a, b, trace):
    """De Morgan, double negation, the excluded middle; and `!=` is the opposite of `==`."""
    a, b = printed(a), printed(b)
    pairs = [
        (f"not (({a}) and ({b}))", f"not ({a}) or not ({b})"),
        (f"not (({a}) or ({b}))", f"not ({a}) and not ({b})"),
        (f"not not ({a})", a),
        (f"({a}) or not ({a})", "true"),
        (f"({a}) and not ({a})", "false"),
        ("a != 1", "not a == 1"),
        ("a not in [1, 'x']", "a != 1 and a != 'x'"),
    ]
    answers = judge_all([side for pair in pairs for side in pair], trace)
    assert answers[::2] == answers[1::2]
