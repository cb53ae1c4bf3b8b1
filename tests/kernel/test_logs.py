"""Programs of logs: edits, filters, conditions and scrubbing of log records and their bodies, on both kernels."""

from __future__ import annotations

import pytest
from kernel_helpers import EMPTY, Raw, edit, encoded, pairs, redact, request, rule, scrub, span
from signal_helpers import bodies, digested, log, logs, logs_of, spec_of
from tailgate.kernel import BadProgram, Malformed, OverLimit
from tailgate.kernel.stages import POSITIONS

FULL = log(
    {"k": "v"},
    "text",
    severity_number=9,
    severity_text="INFO",
    event_name="e",
    trace_id=b"\x0a" * 16,
    span_id=b"\x0b" * 8,
    flags=1,
    time_unix_nano=5,
    observed_time_unix_nano=6,
)


def everywhere(*rules, **more):
    return scrub(*rules, positions=[*POSITIONS["logs"]], **more)


def test_untouched(kernel):
    """Without a change the request is the very object that came."""
    data = logs(FULL, resource={"service.name": "a"})
    records = digested(kernel, "logs", data, everywhere(rule("nothing")))
    assert records.request() is data
    assert (records.spans, records.traces, records.bytes) == (1, 1, len(FULL.SerializeToString()))


CONDITIONS = [
    (["cmp", "==", ["field", "body"], "text"], True),
    (["matches", ["field", "body"], "^te"], True),
    (["exists", ["field", "body"]], True),
    (["cmp", ">=", ["field", "severity_number"], 9], True),
    (["cmp", "==", ["field", "severity_text"], "INFO"], True),
    (["cmp", "==", ["field", "event_name"], "e"], True),
    (["cmp", "==", ["field", "trace_id"], "0a" * 16], True),
    (["cmp", "==", ["field", "span_id"], "0b" * 8], True),
    (["bits", ["field", "flags"], 1], True),
    (["cmp", "==", ["field", "time"], 5], True),
    (["cmp", "==", ["field", "observed_time"], 6], True),
    (["cmp", "==", ["attr", "log", "k"], "v"], True),
    (["cmp", "==", ["attr", "any", "service.name"], "a"], True),
    (["cmp", "==", ["attr", "any", "k"], "v"], True),
    (["exists", ["attr", "log", "service.name"]], False),
    (["ottl", ["cmp", "==", ["call", "upper", ["field", "body"]], ["lit", "TEXT"]]], True),
]


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
def test_conditions(kernel, condition, holds):
    """What a condition sees of a log record."""
    data = logs(FULL, resource={"service.name": "a"})
    records = digested(kernel, "logs", data, {"kind": "filter", "on": "log", "if": condition})
    assert (records.spans, records.dropped) == ((0, [1]) if holds else (1, [0]))


def test_conditions_on_bodies(kernel):
    """A body is its value: an array by its elements, a map by `at`, absent where there is none."""
    data = logs(log(body=[1, "x"]), log(body={"k": "x"}), log(), log(body=Raw(b"")))
    for condition, left in (
        (["cmp", "==", ["field", "body"], "x"], 3),
        (["ottl", ["cmp", "==", ["at", ["field", "body"], "k"], ["lit", "x"]]], 3),
        (["exists", ["field", "body"]], 1),
    ):
        assert digested(kernel, "logs", data, {"kind": "filter", "on": "log", "if": condition}).spans == left


def test_edit(kernel):
    """Attributes of log records, with what stands around them."""
    stage = edit(
        {"do": "insert", "key": "n", "value": encoded(1)},
        {"do": "upsert", "key": "from", "from": ["resource", "service.name"]},
        {"do": "delete", "key": "k"},
        on="log",
        when=["cmp", ">", ["field", "severity_number"], 5],
    )
    data = logs(FULL, log({"k": 1}), resource={"service.name": "a"})
    first, second = logs_of(digested(kernel, "logs", data, stage).request())
    assert pairs(first.attributes) == [("n", 1), ("from", "a")]
    assert pairs(second.attributes) == [("k", 1)]


def test_set(kernel):
    """Fields of log records, the body to any value; nil and other types do nothing."""
    values = [("body", ["field", "event_name"]), ("event_name", ["lit", "x"]), ("severity_number", ["lit", 17])]
    values += [("severity_text", ["lit", 3]), ("body", ["attr", "log", "none"])]
    stage = edit(*[{"do": "set", "field": name, "of": value} for name, value in values], on="log")
    first, second = logs_of(digested(kernel, "logs", logs(FULL, log()), stage).request())
    assert (first.body.string_value, first.event_name, first.severity_number) == ("e", "x", 17)
    assert first.severity_text == "INFO"
    assert (second.body.string_value, second.event_name, second.severity_number) == ("", "x", 17)
    copied = edit({"do": "set", "field": "body", "of": ["attr", "log", "k"]}, on="log")
    data = logs(log({"k": {"a": [1]}}))
    assert bodies(digested(kernel, "logs", data, copied).request()) == [{"a": [1]}]


def test_replace_in_bodies(kernel):
    """Of a string; anything else stays."""
    stage = edit({"do": "replace", "field": "body", "pattern": "e(x)", "with": [1, "-"]}, on="log")
    data = logs(log(body="text"), log(body=["ex"]), log())
    assert bodies(digested(kernel, "logs", data, stage).request()) == ["tx-t", ["ex"], EMPTY]


def test_filtered_out(kernel):
    """A scope, and a resource, all of whose log records went are left out; dropped ones see no further stage."""
    stages = [{"kind": "filter", "on": "log", "if": ["true"]}, everywhere(rule("."))]
    program = kernel.compile(spec_of("logs", *stages))
    records = program.digest(logs(FULL, FULL))
    assert (records.request(), records.dropped, program.counters()) == (b"", [2], [0])
    drop = edit({"do": "delete", "key": "k", "drop_if": ["cmp", "==", ["attr", "log", "k"], "v"]}, on="log")
    assert digested(kernel, "logs", logs(FULL, log()), drop).dropped == [1]


BODIES = [
    ("a secret", "a X"),
    (["secret", {"k": "secret"}, 1], ["X", {"k": "X"}, 1]),
    ({"k": "secret", "password": 5, "deep": {"password": "p"}}, {"k": "X", "password": "P", "deep": {"password": "P"}}),
    (b"secret", b"X"),
    (b"secret\xff", b"secret\xff"),
    (5, 5),
]


@pytest.mark.parametrize(("body", "expected"), BODIES)
def test_scrubbed_bodies(kernel, body, expected):
    """Strings, arrays, maps (rules of keys, too), UTF-8 bytes, at any depth."""
    stage = everywhere(rule("secret"), keys=[rule("password", redact("P"))])
    assert bodies(digested(kernel, "logs", logs(log(body=body)), stage).request()) == [expected]


def test_entries_of_a_body_are_attributes(kernel):
    """A body that is a map obeys what says something of keys; the summary is one of attributes."""
    body = {"skipped": "secret", "gone": "x", "ok": "secret", "kept": "keep secret", "deep": {"gone": "secret"}}
    stage = everywhere(
        rule("secret"), skip="^skipped$", allow="^(ok|kept|deep|skipped)$", keep="^keep", summary="counts"
    )
    [record] = logs_of(digested(kernel, "logs", logs(log(body=body)), stage).request())
    data = logs(record)
    assert bodies(data) == [{"skipped": "secret", "ok": "X", "kept": "keep secret", "deep": {"gone": "X"}}]
    assert pairs(record.attributes) == []


def test_dropped_in_bodies(kernel):
    """A body whose own string is dropped becomes empty; entries and elements go alone."""
    stage = everywhere(rule("secret", {"do": "drop"}))
    data = logs(log(body="secret"), log(body={"a": "secret", "b": 1}), log(body=["secret", 1]))
    assert bodies(digested(kernel, "logs", data, stage).request()) == [EMPTY, {"b": 1}, [1]]


def test_each_position_alone(kernel):
    """A position that is not named is left alone, each named one is scrubbed."""
    record = log({"k": "secret"}, "secret", severity_text="secret", event_name="secret")
    seen = {
        "log": lambda one: one.attributes[0].value.string_value,
        "body": lambda one: one.body.string_value,
        "severity_text": lambda one: one.severity_text,
        "event_name": lambda one: one.event_name,
    }
    for position in seen:
        stage = scrub(rule("secret"), positions=[position])
        program = kernel.compile(spec_of("logs", stage))
        [after] = logs_of(program.digest(logs(record)).request())
        found = {name for name, read in seen.items() if read(after) == "X"}
        assert found == {position}
        assert program.places() == [(0, position, 1)]


def test_tags_and_doom(kernel):
    """What rules that tag find stands on the log record; those that let go take it, once the rest is done."""
    tags = everywhere(rule("secret", {"do": "tag", "as": "found"}), tag="tags")
    [record] = logs_of(digested(kernel, "logs", logs(log(body="a secret")), tags).request())
    assert pairs(record.attributes) == [("tags", "found")]
    dooms = everywhere(rule("secret", {"do": "drop_span"}))
    records = digested(kernel, "logs", logs(log(body={"k": "secret"}), log(body="ok")), dooms)
    assert (records.spans, records.dropped, bodies(records.request())) == (1, [1], ["ok"])


def test_limits_of_scrubbing(kernel):
    """Too long, and too deep bodies become the text."""
    limits = {"size": 5, "depth": 1, "do": "redact", "text": "!"}
    data = logs(log(body="longer"), log(body={"a": {"b": 1}, "c": 2}), log(body="short"))
    records = digested(kernel, "logs", data, everywhere(rule("x"), limits=limits))
    assert bodies(records.request()) == ["!", {"a": "!", "c": 2}, "short"]


BAD = [
    edit({"do": "delete", "key": "k"}, on="span"),
    edit({"do": "delete", "key": "k"}, on="datapoint"),
    edit({"do": "delete", "key": "k"}, on="log", when=["root"]),
    edit({"do": "delete", "key": "k"}, on="log", when=["exists", ["attr", "span", "k"]]),
    edit({"do": "delete", "key": "k"}, on="log", when=["exists", ["field", "duration"]]),
    edit({"do": "delete", "key": "k"}, on="log", when=["exists", ["state", "k"]]),
    edit({"do": "delete", "key": "k"}, on="resource", when=["exists", ["attr", "log", "k"]]),
    edit({"do": "set", "field": "name", "of": ["lit", ""]}, on="log"),
    edit({"do": "replace", "field": "severity_number", "pattern": "", "with": []}, on="log"),
    edit({"do": "parse_name", "patterns": [], "rename": True, "first": True}, on="log"),
    edit({"do": "insert", "key": "k", "from": ["span", "k"]}, on="log"),
    {"kind": "filter", "on": "span", "if": ["true"]},
    {"kind": "filter", "on": "resource", "if": ["true"]},
    {"kind": "sample", "mode": "hash_seed", "seed": 0, "buckets": 1, "ratio": 1, "precision": 4, "fail_closed": True},
    {"kind": "measure", "in": 0, "count": True, "exemplars": False},
    scrub(rule("x"), positions=["span"]),
    scrub(rule("x"), positions=["datapoint"]),
]


@pytest.mark.parametrize("stage", BAD, ids=range(len(BAD)))
def test_stages_of_other_signals(kernel, stage):
    """What is not there for logs does not compile."""
    with pytest.raises(BadProgram):
        kernel.compile(spec_of("logs", stage))


def test_facts_and_signals(kernel):
    """Facts are those of traces; a signal is one of three."""
    assert kernel.compile(spec_of("logs") | {"facts": None})
    assert kernel.compile(spec_of("logs") | {"facts": {"leaves": [], "numbers": []}})
    for more in ({"facts": {"leaves": [["true"]]}}, {"facts": []}, {"facts": {"x": []}}, {"signal": "profiles"}):
        with pytest.raises(BadProgram):
            kernel.compile(spec_of("logs") | more)
    with pytest.raises(BadProgram):
        kernel.compile(spec_of("traces"))
    records = digested(kernel, "logs", logs(FULL))
    with pytest.raises(ValueError, match="facts"):
        records.columns()


def test_limits(kernel):
    """At the limit, and just past it."""
    data = logs(FULL, log({"a": 1, "b": 2}, [[1]]))
    exact = {"max_spans": 2, "max_attributes": 2, "max_depth": 2, "max_bytes": len(data)}
    assert kernel.compile(spec_of("logs", **exact)).digest(data).spans == 2
    for name, value in exact.items():
        with pytest.raises(OverLimit, match=name):
            kernel.compile(spec_of("logs", **exact | {name: value - 1})).digest(data)


def test_other_requests_are_malformed_or_unknown(kernel):
    """A request of traces is read by the schema of logs, as upb does."""
    with pytest.raises(Malformed):
        digested(kernel, "logs", b"\x0a\x01")
    assert digested(kernel, "logs", request(span(name=""))).spans == 1


def test_requests(kernel):
    """On the way out: grouped, cut by number and size, counted."""
    data = logs(*[log(event_name=str(number)) for number in range(5)], resource={"a": 1})
    records = digested(kernel, "logs", data)
    cut = records.requests(2, 0)
    assert [count for _, count in cut] == [2, 2, 1]
    assert [one.event_name for part, _ in cut for one in logs_of(part)] == list("01234")
    assert records.requests(0, 0) == [(data, 5)]
