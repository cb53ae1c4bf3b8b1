"""OTTL conditions: the tables of docs/ottl.md on both kernels, error modes, contexts, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel.contract import Kernel
from tailgate.rules.condition_tree import ConditionError
from tailgate.rules.ottl import compile_condition, compile_conditions, of_events
from tailgate.rules.ottl_functions import CONVERTERS
from tailgate.rules.values import any_value

PAGE = (Path(__file__).parents[2] / "docs/ottl.md").read_text(encoding="utf-8")
LIMITS = {"max_bytes": 1 << 20, "max_spans": 1000, "max_attributes": 100, "max_depth": 8}
START = 1_700_000_000_000_000_000


def rows(heading: str) -> list[tuple[str, str]]:
    """The two columns of the table under a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `(.+)` \| (.+) \|$", section, re.MULTILINE)
    return [(one.replace("\\|", "|"), other.strip()) for one, other in found]


CASES, MISTAKES = rows("By example"), rows("When it cannot be understood")


def fill(target: Any, values: dict[str, Any]) -> None:
    for key, value in values.items():
        target.add(key=key, value=any_value(value))


def the_request() -> bytes:
    """The span that the page describes."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    fill(resource.resource.attributes, {"service.name": "shop", "n": 7})
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = "lib", "1.2"
    fill(scope.scope.attributes, {"lib": True})
    span = scope.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="GET /cart", kind=2, trace_state="ot=th:8,x=y")
    span.start_time_unix_nano, span.end_time_unix_nano = START, START + 2_000_000_000
    span.status.code, span.status.message = 2, "timed out"
    fill(span.attributes, {"s": "checkout", "n": 42, "d": 2.5, "t": True, "tags": ["a", "b"], "num": "17", "zero": 0})
    fill(span.attributes, {"m": {"k": {"deep": 7}}, "b": b"\xc0\xff\xee", "url": "https://x.example/a/b"})
    event = span.events.add(name="exception", time_unix_nano=START + 5)
    fill(event.attributes, {"type": "Timeout", "retry": 3})
    return message.SerializeToString()


REQUEST = the_request()


def leaves(kernel: Kernel, *expressions: Any) -> list[bool]:
    """What these are of the one span of the page."""
    facts = {"leaves": list(expressions), "numbers": [], "keys": [], "compare": []}
    spec: Any = {"stages": [], "facts": facts, "limits": LIMITS, "context": 0}
    columns = kernel.compile(spec).digest(REQUEST).columns()
    return [bool(columns.masks[0] >> index & 1) for index in range(len(expressions))]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_the_table(kernel: Kernel, text: str, expected: str) -> None:
    """Guarantees: every row of the page is true, and `fails` is neither yes nor no."""
    context = "spanevent" if "spanevent" in text else "span"
    tree = compile_condition(text.replace('== attributes["gone"]', '== span.attributes["gone"]'), context)  # type: ignore[arg-type]
    tree = ["events", tree] if context == "spanevent" else tree
    answers = leaves(kernel, ["ottl", tree], ["ottl", ["not", tree]], ["ottl_fails", tree])
    assert answers == [expected == "yes", expected == "no", expected == "fails"]


def test_the_table_is_there() -> None:
    """Guarantees: the rows are found; every function that is supported stands in one, and on the page."""
    assert len(CASES) > 100
    assert len(MISTAKES) > 7
    assert {expected for _, expected in CASES} == {"yes", "no", "fails"}
    rare = {"Nanoseconds", "Microseconds", "Minutes", "Hours", "UnixMicro", "UnixMilli", "UnixSeconds", "ToLowerCase"}
    shown = {function for function in CONVERTERS if any(f"{function}(" in text for text, _ in CASES)}
    assert set(CONVERTERS) - shown <= rare
    assert all(f"`{function}`" in PAGE for function in CONVERTERS)


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=[text for text, _ in MISTAKES])
def test_mistakes(text: str, message: str) -> None:
    """Guarantees: the message is the one on the page."""
    with pytest.raises(ConditionError) as raised:
        compile_condition(text, "span")
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("true and Fnord(name)", 10, "the function Fnord is not supported: expected one of Concat"),
        ('IsMatsch(name, "x")', 1, "did you mean 'IsMatch'?"),
        ('ParseJSON(name)["a"] == 1', 1, "the function ParseJSON is not supported"),
        ("dropped_events_count > 1", 1, "the path dropped_events_count of a span is not supported"),
        ("spanevent.name == 1", 1, "spanevent.name is not there in the context span"),
        ("metric.name == 1", 1, "metric.name is not there in the context span"),
        ("Len(attributes) == 1", 5, 'attributes as a whole is no value here: expected attributes["key"]'),
        ("attributes[0] == 1", 1, "attributes have names"),
        ('name["a"] == 1', 1, "name has no keys"),
        ("(name == 1) == true", 2, "this is a condition, not a value"),
        ("IsRootSpan(1)", 1, "IsRootSpan takes no arguments"),
        ("IsRootSpan() == 1", 1, "IsRootSpan() is true or false"),
        ("Concat(name, 1) == 1", 8, "values must be a list"),
        ('IsMatch(name, "a", "b")', 20, "IsMatch takes at most 2 arguments"),
        ('IsMatch(name, patern="b")', 22, "IsMatch has no argument patern; did you mean 'pattern'?"),
        ("IsMatch(name, name)", 15, "IsMatch: pattern must be a text that is written out"),
        ("Substring(name, -1, 2) == 1", 1, "start is at least 0"),
        ('Duration("1 hour") < end_time - start_time', 1, "'1 hour' is no duration"),
        ("Seconds(name) > 1", 9, "Seconds takes a duration"),
        ("Len(start_time) > 1", 5, "Len cannot take a time"),
        ("SpanID(0x01) == span_id", 1, "SpanID needs 8 bytes"),
        ("trace_id == 0x123", 13, "has half a byte"),
        ("name == 99999999999999999999", 9, "too large"),
        ('{"a": 1} == 1', 7, "a list or a map is not supported here"),
        ("", 1, "the condition is empty"),
        ("attributes" + '["a"]' * 17 + " == 1", 1, "attributes has 17 keys: at most 16"),
        ("a" * 9000, 8193, "at most 8192 characters"),
        ("(" * 70 + "true", 61, "nested deeper than 60"),
        ("not " * 100 + "true", 165, "nested deeper than 40"),
        ('set(name, "x")', 4, "unexpected '('"),
    ],
)
def test_what_is_refused(text: str, column: int, words: str) -> None:
    """Guarantees: an error names what is not supported, and where it stands."""
    with pytest.raises(ConditionError) as raised:
        compile_condition(text, "span")
    assert words in raised.value.reason
    assert raised.value.column == column


@pytest.mark.parametrize(
    ("context", "text"), [("resource", "IsRootSpan()"), ("resource", "span.name == nil"), ("scope", "kind == 1")]
)
def test_contexts_see_only_what_is_above(context: Any, text: str) -> None:
    """Guarantees: a resource has no spans, a scope neither."""
    with pytest.raises(ConditionError, match=r"context|not supported"):
        compile_condition(text, context)


DEEP = [
    "(" * 38 + 'attributes["s"] == "x"' + ")" * 38,
    "not " * 38 + 'attributes["s"] == "x"',
    "Concat([" * 19 + "name" + '], "")' * 19 + ' == "x"',
    "-" * 30 + "attributes" + '["m"]' * 16 + " > " + " + ".join(["1"] * 30),
    " or ".join(['name == "x"'] * 500),
]


@pytest.mark.parametrize("text", DEEP, ids=range(len(DEEP)))
def test_what_is_accepted_compiles(kernel: Kernel, text: str) -> None:
    """Guarantees: what the language allows at most, both kernels take."""
    assert leaves(kernel, compile_conditions([text], "span", "propagate").holds) in ([True], [False])


FAILS, YES = 'attributes["s"] + 1 == 2', 'attributes["t"] == true'


def test_error_modes(kernel: Kernel) -> None:
    """Guarantees: ignore passes over what fails; propagate ends there, and says so; what is true before it counts."""
    for mode in ("ignore", "silent"):
        conditions = compile_conditions([FAILS, YES], "span", mode)  # type: ignore[arg-type]
        assert conditions.fails is None
        assert leaves(kernel, conditions.holds) == [True]
    failing, lucky = (compile_conditions(texts, "span", "propagate") for texts in ([FAILS, YES], [YES, FAILS]))
    assert leaves(kernel, failing.holds, failing.fails) == [False, True]
    assert leaves(kernel, lucky.holds, lucky.fails) == [True, False]


def test_events(kernel: Kernel) -> None:
    """Guarantees: conditions over events become one over the span: some event satisfies it, or fails on the way."""
    yes = of_events(compile_conditions(['name == "exception"'], "spanevent", "propagate"))
    no = of_events(compile_conditions(['name == "log"'], "spanevent", "ignore"))
    fails = of_events(compile_conditions(['attributes["type"] + 1 == 2'], "spanevent", "propagate"))
    assert leaves(kernel, yes.holds, yes.fails, no.holds, fails.holds, fails.fails) == [True, False, False, False, True]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*'()[]{}"+-*/=<>!.,: ', "and", "or", "not ", "name", "Len", "IsMatch", "nil", "1", "0x1", "where"]
        )
    )
)
def test_any_text(parts: list[str]) -> None:
    """Guarantees: whatever stands there, it is compiled or refused with its place; nothing else is raised."""
    text = "".join(parts)
    column = 1
    try:
        compile_condition(text, "span")
    except ConditionError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1
