"""Stage `scrub` beyond replacing: keys, numbers, what is tagged, what lets a span go, what is too large or deep."""

from __future__ import annotations

from typing import Any

import pytest
from kernel_helpers import (
    EVERYWHERE,
    all_spans,
    attributes,
    first_resource,
    first_span,
    grouped,
    pairs,
    redact,
    request,
    rule,
    run,
    scrub,
    scrubbed,
    span,
    span_attributes,
    spec,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tailgate.kernel.contract import BadProgram, Kernel

KEYS = [*EVERYWHERE, "attribute_key"]
DROP_SPAN = {"do": "drop_span"}


def tag(name: str) -> Any:
    return {"do": "tag", "as": name}


def limits(size: int = 8, depth: int = 1, do: str = "redact") -> Any:
    return {"size": size, "depth": depth, "do": do, "text": "[L]"}


KEY_CASES = [
    # (what, attributes, rules, after)
    ("a key", {"a1": 1}, [rule(r"\d")], [("aX", 1)]),
    ("key and value", {"a1": "2"}, [rule(r"\d")], [("aX", "X")]),
    ("keys of nested maps", {"m": {"k1": {"2": "3"}}}, [rule(r"\d")], [("m", {"kX": {"X": "X"}})]),
    ("maps in arrays", {"m": [{"1": True}]}, [rule(r"\d")], [("m", [{"X": True}])]),
    ("a key that is dropped", {"1": "a", "b": "c"}, [rule(r"\d", {"do": "drop"})], [("b", "c")]),
    ("keys that become the same", {"1": "a", "2": "b"}, [rule(r"\d")], [("X", "a"), ("X", "b")]),
]


@pytest.mark.parametrize(("values", "rules", "after"), [case[1:] for case in KEY_CASES], ids=[c[0] for c in KEY_CASES])
def test_keys_of_attributes(kernel: Kernel, values: Any, rules: Any, after: Any) -> None:
    """Scenario: the position `attribute_key`. Guarantees: keys go through the rules, too; without it they stay."""
    assert scrubbed(kernel, values, *rules, positions=KEYS) == after
    [(key, _), *_] = scrubbed(kernel, values, *rules)
    assert key == next(iter(attributes(values))).key or after[0][0] == "b"


def test_other_rules_ask_for_the_key_as_it_came(kernel: Kernel) -> None:
    """Guarantees: `skip` leaves the key alone; `allow` and `keys` see the key that came, the summary the new one."""
    values = {"s1": "1", "k1": "1", "z1": "1"}
    after = scrubbed(
        kernel,
        values,
        rule(r"\d"),
        positions=KEYS,
        skip="^s1$",
        allow="^[sk]1$",
        keys=[rule("^k1$", redact("K"))],
        summary="keys",
    )
    assert after[:2] == [("s1", "1"), ("kX", "K")]
    assert dict(after[2:]) == {
        "redaction.redacted.keys": "zX",
        "redaction.redacted.count": 1,
        "redaction.masked.keys": "kX",
        "redaction.masked.count": 1,
        "redaction.ignored.count": 1,
    }


def test_conditions_see_the_new_key(kernel: Kernel) -> None:
    """Guarantees: what a stage behind asks for by key is the key after scrubbing, on every level."""
    data = grouped(({"a1": "r"}, {"a1": "s"}, [span({"a1": "v"})]))
    insert = {"do": "insert", "key": "copy", "from": ["span", "aX"]}
    edit = {"kind": "edit", "on": "span", "if": ["and", ["exists", ["attr", "resource", "aX"]]], "actions": [insert]}
    out = run(kernel, data, scrub(rule(r"\d"), positions=KEYS), edit)
    assert span_attributes(out) == [("aX", "v"), ("copy", "v")]
    assert pairs(first_resource(out).scope_spans[0].scope.attributes) == [("aX", "s")]


NUMBERS = [
    ("an int", 4111, [("k", "X")]),
    ("a double", 4111.0, [("k", "X")]),
    ("a double with a fraction", 41.5, [("k", "X.X")]),
    ("not a bool", True, [("k", True)]),
    ("in an array", [5, "a", 1.5], [("k", ["X", "a", "X.X"])]),
    ("in a map", {"n": -7}, [("k", {"n": "-X"})]),
]


@pytest.mark.parametrize(("value", "after"), [case[1:] for case in NUMBERS], ids=[case[0] for case in NUMBERS])
def test_numbers(kernel: Kernel, value: Any, after: Any) -> None:
    """Scenario: `types: numbers`. Guarantees: a number in which something is found becomes the string that is left."""
    assert scrubbed(kernel, {"k": value}, rule(r"\d+"), types="numbers") == after
    assert scrubbed(kernel, {"k": value}, rule("x"), types="numbers") == [("k", value)]
    assert scrubbed(kernel, {"k": 5}, rule(r"\d+")) == [("k", 5)]


def test_a_number_is_dropped(kernel: Kernel) -> None:
    """Guarantees: `drop` removes the attribute, or the element of the array, that is the number."""
    assert scrubbed(kernel, {"k": 5, "l": [1, "a"]}, rule(r"\d", {"do": "drop"}), types="numbers") == [("l", ["a"])]


def test_tags(kernel: Kernel) -> None:
    """Guarantees: values stay; each level says what was found in it, events and links with their span."""
    one = span({"a": "1", "plain": "z"}, name="2")
    one.events.add(name="3")
    one.links.add(attributes=attributes({"l": "4"}))
    data = grouped(({"r": "5"}, {"s": "1"}, [one, span({"tag": "z,one"}, name="1")]))
    rules = [rule(digit, tag(name)) for digit, name in zip("12345", ("one", "two", "3", "four", "five"), strict=True)]
    stage = scrub(*rules, keys=[rule("^a$", tag("by key"))], tag="tag")
    program = kernel.compile(spec([stage]))
    out = program.digest(data).request()
    group = first_resource(out)
    assert pairs(group.resource.attributes) == [("r", "5"), ("tag", "five")]
    assert pairs(group.scope_spans[0].scope.attributes) == [("s", "1"), ("tag", "one")]
    first, second = all_spans(out)
    assert pairs(first.attributes) == [("a", "1"), ("plain", "z"), ("tag", "3,by key,four,one,two")]
    assert pairs(second.attributes) == [("tag", "one,z")]
    assert program.counters() == [1, 3, 1, 1, 1, 1]


def test_a_tag_hides_nothing(kernel: Kernel) -> None:
    """Guarantees: what is tagged goes on through the other rules, of `keys` and of `values`."""
    tags = [rule("^a", tag("t"))]
    assert scrubbed(kernel, {"ab": "1"}, rule("1"), keys=tags, tag="t") == [("ab", "X"), ("t", "t")]
    both = [*tags, rule("b$", redact("B"))]
    assert scrubbed(kernel, {"ab": "1"}, keys=both, tag="t") == [("ab", "B"), ("t", "t")]
    assert scrubbed(kernel, {"m": {"ab": 1}}, keys=tags, tag="t") == [("m", {"ab": 1}), ("t", "t")]
    assert scrubbed(kernel, {"k": "11"}, rule("1", tag("t")), rule("1"), tag="t") == [("k", "XX"), ("t", "t")]


def test_drop_span(kernel: Kernel) -> None:
    """Guarantees: a span in which the rule finds something anywhere goes; so do all spans below such a header."""
    in_event, in_status = span(name="event"), span(name="status", status=Status(message="no secret"))
    in_event.events.add(attributes=attributes({"k": ["secret"]}))
    spans = [span(name="kept"), span({"k": "a secret"}), in_event, in_status, span({"secret": "x"})]
    data = grouped((None, None, spans), ({"k": "secret"}, None, [span(), span()]), (None, {"k": "secret"}, [span()]))
    stage = scrub(rule("secret", DROP_SPAN), keys=[rule("^secret$", DROP_SPAN)])
    program = kernel.compile(spec([stage]))
    for times in (1, 2):  # headers are remembered from then on
        records = program.digest(data)
        assert [one.name for one in all_spans(records.request())] == ["kept"]
        assert (records.dropped, records.spans) == ([7], 1)
        assert program.counters() == [times, 5 * times]


def test_drop_span_counts_in_its_place(kernel: Kernel) -> None:
    """Guarantees: each stage that lets spans go counts its own; a span that goes sees no further stage."""
    filters = {"kind": "filter", "on": "span", "if": ["matches", ["field", "name"], "x"]}
    later = scrub(rule("a"))
    stages = [filters, scrub(rule("a", DROP_SPAN), limits=limits(3, 1, "drop")), filters, later]
    program = kernel.compile(spec(stages))
    names = ("x", "a", "long", "y", "long a")
    records = program.digest(request(*(span(name=name) for name in names)))
    assert records.dropped == [1, 1, 2, 0]
    assert [one.name for one in all_spans(records.request())] == ["y"]
    assert program.counters() == [1, 2, 0, 0, 0]


def test_refined_spans_go_too(kernel: Kernel) -> None:
    """Guarantees: spans that were held are dropped in the same way; their trace keeps its row."""
    records = kernel.compile(spec([])).digest(request(span({"k": "secret"}), span()))
    refined = kernel.compile(spec([scrub(rule("secret", DROP_SPAN))])).refine(records)
    assert (refined.dropped, refined.spans, refined.traces) == ([1], 1, records.traces)


LIMITS = [
    # (what, value, after, counters of size, depth and patience)
    ("as long as the limit", "12345678", "12345678", [0, 0, 0]),
    ("longer", "123456789", "[L]", [1, 0, 0]),
    ("longer in bytes", "éééé1", "[L]", [1, 0, 0]),
    ("longer, bytes", b"123456789", b"[L]", [1, 0, 0]),
    ("not UTF-8, so not looked at", b"\xff23456789", b"\xff23456789", [0, 0, 0]),
    ("as deep as the limit", ["x"], ["x"], [0, 0, 0]),
    ("deeper", ["x", ["y"], {"k": []}], ["x", "[L]", "[L]"], [0, 2, 0]),
    ("deeper in a map", {"m": {"k": "secret"}}, {"m": "[L]"}, [0, 1, 0]),
    ("both", ["123456789", ["y"]], ["[L]", "[L]"], [1, 1, 0]),
]


@pytest.mark.parametrize(("value", "after", "failures"), [case[1:] for case in LIMITS], ids=[c[0] for c in LIMITS])
def test_limits(kernel: Kernel, value: Any, after: Any, failures: list[int]) -> None:
    """Guarantees: what is beyond a limit does not pass unscrubbed: it is replaced, and with `drop` the span goes."""
    data = request(span({"k": value}))
    program = kernel.compile(spec([scrub(rule("secret"), limits=limits())]))
    for _ in range(2):  # and it is not remembered as clean
        assert span_attributes(program.digest(data).request()) == [("k", after)]
    assert program.counters() == [0, *(2 * count for count in failures)]
    dropping = kernel.compile(spec([scrub(rule("secret"), limits=limits(do="drop"))]))
    assert dropping.digest(data).dropped == [int(any(failures))]


def test_limits_in_headers_and_without_rules(kernel: Kernel) -> None:
    """Guarantees: limits hold for resources (whose spans go), names, keys; a stage without `values` has no length."""
    data = grouped(({"k": "123456789"}, None, [span()]))
    stage = scrub(rule("a"), limits=limits(do="drop"))
    assert kernel.compile(spec([stage])).digest(data).dropped == [1]
    assert first_span(run(kernel, request(span(name="a" * 9)), scrub(rule("z"), limits=limits()))).name == "[L]"
    keys = scrub(rule("z"), limits=limits(), positions=KEYS)
    assert span_attributes(run(kernel, request(span({"a" * 9: 1})), keys)) == [("[L]", 1)]
    assert scrubbed(kernel, {"k": "a" * 9, "d": [[]]}, limits=limits()) == [("k", "a" * 9), ("d", ["[L]"])]


def test_patience(kernel: Kernel) -> None:
    """Scenario: checks are no longer asked. Guarantees: what counts unchecked is counted, and may let the span go."""
    text = "a" * 3000
    for do, dropped in (("redact", []), ("drop", [1])):
        stage = scrub(rule("a+", check="payment_card"), limits=limits(1 << 20, 1, do), positions=["span_name"])
        program = kernel.compile(spec([stage]))
        assert program.digest(request(span(name=text))).dropped == dropped
        assert program.counters() == [1, 0, 0, 1]
    assert kernel.compile(spec([stage])).digest(request(span(name="a" * 30))).dropped == [0]


def test_places(kernel: Kernel) -> None:
    """Guarantees: every replacement is counted by position; a request that is refused counts nothing."""
    one = Span(name="1", trace_state="a=1", status=Status(message="1"))
    one.attributes.extend(attributes({"1": ["1", {"k": "11"}], "form": "x '1'"}))
    one.events.add(name="1", attributes=attributes({"k": "1"}))
    one.links.add(trace_state="b=1", attributes=attributes({"k": "1"}))
    data = grouped(({"k": "1"}, {"k": "1", "denied": 1}, [one]), name="1", version="1")
    stage = scrub(
        rule("1"),
        positions=KEYS,
        allow="^(k|1|form)$",
        forms=[{"as": "sql", "key": "^form$"}],
        limits=limits(100, 5),
        keys=[rule("^none$")],
    )
    program = kernel.compile(spec([stage]))
    for times in (1, 2):
        program.digest(data)
        assert program.places() == [
            (0, "scope", times),
            (2, "resource", times),
            (2, "scope", times),
            (2, "span", 4 * times),
            (2, "event", times),
            (2, "link", times),
            (2, "span_name", times),
            (2, "status", times),
            (2, "event_name", times),
            (2, "trace_state", 2 * times),
            (2, "scope_name", 2 * times),
            (2, "attribute_key", times),
            (3, "span", times),
        ]
        assert program.counters() == [times, 0, 16 * times, times, 0, 0, 0]
    with pytest.raises(ValueError, match=r".+"):
        program.digest(data[:-1])
    assert program.counters()[2] == 32


def test_other_signals(kernel: Kernel) -> None:
    """Guarantees: a log record goes for what is in its body, a metric for what is in a data point; both are tagged."""
    logs, metrics = ExportLogsServiceRequest(), ExportMetricsServiceRequest()
    records = logs.resource_logs.add().scope_logs.add().log_records
    for body in ("a secret", "long" * 9, "marked"):
        records.add().body.string_value = body
    points = metrics.resource_metrics.add().scope_metrics.add().metrics
    for text in ("a secret", "marked"):
        one = points.add(name=text).gauge.data_points.add()
        one.attributes.extend(attributes({"k": text, "l": "long" * 9}))
    stage = scrub(rule("secret", DROP_SPAN), rule("marked", tag("m")), limits=limits(20), tag="found")
    stages = {"logs": {**stage, "positions": ["log", "body"]}, "metrics": {**stage, "positions": ["datapoint"]}}
    seen = {}
    for signal, data in (("logs", logs), ("metrics", metrics)):
        program = kernel.compile({**spec([stages[signal]]), "signal": signal})
        records_left = program.digest(data.SerializeToString())
        assert records_left.dropped == [1]
        seen[signal] = type(data).FromString(records_left.request())
        assert program.counters()[:2] == [1, 1]
    first, second = seen["logs"].resource_logs[0].scope_logs[0].log_records
    assert (first.body.string_value, second.body.string_value) == ("[L]", "marked")
    assert pairs(second.attributes) == [("found", "m")]
    [left_over] = seen["metrics"].resource_metrics[0].scope_metrics[0].metrics
    assert pairs(left_over.gauge.data_points[0].attributes)[:2] == [("k", "marked"), ("l", "[L]")]


BROKEN = [
    scrub(rule("a", tag("t"))),
    scrub(rule("a", {"do": "tag"}), tag="t"),
    scrub(rule("a", {"do": "tag", "as": 1}), tag="t"),
    scrub(rule("a", {"do": "lines", "each": tag("t")}), tag="t"),
    scrub(rule("a", {"do": "lines", "each": DROP_SPAN})),
    scrub(rule("a", {"do": "drop_span", "text": "x"})),
    scrub(tag=1),
    scrub(limits={}),
    scrub(limits=limits(do="pass")),
    scrub(limits=limits(-1)),
    scrub(limits={**limits(), "more": 1}),
    scrub(types="number"),
    scrub(forms=[{"as": "uri", "key": "a"}]),
    scrub(forms=[{"as": "uri", "key": "a", "uri": {"path": True}}]),
    scrub(forms=[{"as": "uri", "key": "a", "uri": {"path": 1, "text": ""}}]),
    scrub(forms=[{"as": "query", "key": "a", "uri": {"path": True, "text": "", "allow": "("}}]),
    scrub(forms=[{"as": "sql", "key": "a", "uri": {"path": True, "text": ""}}]),
]


@pytest.mark.parametrize("stage", BROKEN, ids=range(len(BROKEN)))
def test_bad_programs(kernel: Kernel, stage: Any) -> None:
    """Guarantees: what makes no sense is refused when it is compiled, in both kernels."""
    with pytest.raises(BadProgram):
        kernel.compile(spec([stage]))
