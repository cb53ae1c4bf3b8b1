"""Stage `scrub` with `allow`, `keep`, `types` and `summary`: what the collector's `redaction` asks for."""

from __future__ import annotations

import math

import pytest
from kernel_helpers import (
    EMPTY,
    EVERYWHERE,
    first_span,
    pairs,
    redact,
    request,
    rule,
    run,
    scrub,
    span,
    span_attributes,
    spec,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from tailgate.kernel.contract import BadProgram


def scrubbed(kernel, values, *rules, keys=(), skip=None, **more):
    """Return a span's attributes after these rules."""
    stage = scrub(*rules, keys=keys, skip=skip) | more
    return dict(span_attributes(run(kernel, request(span(values)), stage)))


def test_only_what_is_allowed_stays(kernel):
    """Guarantees: what is skipped stays although it is not allowed; removals are counted first."""
    stage = scrub(rule("x"), keys=[rule("k")], skip="^s") | {"allow": "^a|^k"}
    program = kernel.compile(spec([stage]))
    out = first_span(program.digest(request(span({"a": "x", "s": "x", "k": "y", "n": "x", "m": 1}))).request())
    assert pairs(out.attributes) == [("a", "X"), ("s", "x"), ("k", "X")]
    assert program.counters() == [2, 1, 1]


def test_an_allow_list_is_about_attributes(kernel):
    """Guarantees: keys inside maps are not asked for."""
    assert scrubbed(kernel, {"a": {"b": "x"}}, allow="a", keep=None) == {"a": {"b": "x"}}


@pytest.mark.parametrize("types", [None, "strings", "all"])
def test_what_is_kept(kernel, types):
    """Guarantees: a value in which `keep` is found stays, under a rule for its key too."""
    values = {"k": "my x", "l": "x my", "n": 12}
    out = scrubbed(kernel, values, rule("x"), keys=[rule("k|n")], keep="^my|^1", types=types)
    assert out == {"k": "my x", "l": "X my", "n": "X" if types == "strings" else 12}


TEXTS = [
    (True, "true"),
    (-7, "-7"),
    (0.1, "0.1"),
    (1e-6, "0.000001"),
    (1.5e-7, "1.5e-7"),
    (1e20, "100000000000000000000"),
    (1e21, "1e+21"),
    (-0.0, "-0"),
    (math.nan, "json: unsupported value: NaN"),
    (-math.inf, "json: unsupported value: -Inf"),
    (b"\x00\xff", "AP8="),
    (EMPTY, ""),
    ([1, EMPTY, "a\tb", [True]], r'[1,null,"a\tb",[true]]'),
    ({"b": b"hi", "a": '<\u2028&\x01\b\x7f"\\é'}, '{"a":"\\u003c\\u2028\\u0026\\u0001\\b\x7f\\"\\\\é","b":"aGk="}'),
    ([math.inf], ""),
]


@pytest.mark.parametrize(("value", "text"), TEXTS, ids=[str(text) for _, text in TEXTS])
def test_texts_of_all_types(kernel, value, text):
    """Guarantees: what is no string is seen as the collector's `pdata` writes it, which Go's encoding/json defines."""
    out = scrubbed(kernel, {"k": value}, keys=[rule("k", {"do": "redact", "text": "X"})], types="all")
    assert out == {"k": "X"}
    digest = {"do": "lines", "each": {"do": "mask", "keep_first": 1000}}
    assert scrubbed(kernel, {"k": value}, keys=[rule("k", digest)], types="all") == {"k": text}


def test_a_key_that_stands_twice_in_a_map(kernel):
    """Guarantees: JSON has the last of them."""
    twice = AnyValue()
    for text in ("one", "two"):
        twice.kvlist_value.values.add(key="k").value.string_value = text
    data = ExportTraceServiceRequest()
    data.resource_spans.add().scope_spans.add().spans.add().attributes.add(key="m").value.CopyFrom(twice)
    stage = scrub(rule("two")) | {"types": "all"}
    out = first_span(run(kernel, data.SerializeToString(), stage))
    assert pairs(out.attributes) == [("m", '{"k":"X"}')]


def test_what_is_not_found_keeps_its_type(kernel):
    """Guarantees: nothing is made a string for being looked at, and strings inside are still found by themselves."""
    values = {"i": 5, "b": [1.5, "ax"], "m": {"k": "x"}}
    out = scrubbed(kernel, values, rule("^x$"), types="all")
    assert out == {"i": 5, "b": [1.5, "ax"], "m": {"k": "X"}}


def test_summary(kernel):
    """Guarantees: each kind of attribute is named and counted, in this order, behind the others."""
    values = {"z": 1, "b": "x", "a": "ax", "ok": "fine", "s": "x", "k": 2, "same": "y"}
    rules = {"keys": [rule("k$")], "skip": "^s$", "allow": "a|b|k|same", "keep": "fine"}
    stage = scrub(rule("x")) | rules
    out = first_span(run(kernel, request(span(values)), stage | {"summary": "keys"}))
    assert pairs(out.attributes) == [
        ("b", "X"),
        ("a", "aX"),
        ("ok", "fine"),
        ("s", "x"),
        ("k", "X"),
        ("same", "y"),
        ("redaction.redacted.keys", "z"),
        ("redaction.redacted.count", 1),
        ("redaction.masked.keys", "a,b,k"),
        ("redaction.masked.count", 3),
        ("redaction.allowed.keys", "ok"),
        ("redaction.allowed.count", 1),
        ("redaction.ignored.count", 1),
    ]
    counted = first_span(run(kernel, request(span(values)), stage | {"summary": "counts"}))
    assert [key for key, _ in pairs(counted.attributes)[6:]] == [
        f"redaction.{name}.count" for name in ("redacted", "masked", "allowed", "ignored")
    ]


def test_a_summary_adds_to_one_that_is_there(kernel):
    """Guarantees: keys are merged and sorted, numbers added; what is of another type is replaced."""
    values = {
        "b": "x",
        "redaction.masked.keys": "c,a",
        "redaction.masked.count": 2**63 - 1,
        "redaction.ignored.count": "1",
        "s": 1,
    }
    out = scrubbed(kernel, values, rule("^x"), skip="^s$", summary="keys")
    assert out == {
        "b": "X",
        "redaction.masked.keys": "a,b,c",
        "redaction.masked.count": -(2**63),
        "redaction.ignored.count": 1,
        "s": 1,
    }


def test_summaries_stand_where_things_were_done(kernel):
    """Guarantees: resource, scope, each event and each link has its own, and the span none of theirs."""
    data = ExportTraceServiceRequest()
    group = data.resource_spans.add()
    group.resource.attributes.add(key="r").value.string_value = "x"
    scope = group.scope_spans.add()
    scope.scope.attributes.add(key="s").value.string_value = "x"
    one = scope.spans.add()
    one.events.add().attributes.add(key="e").value.string_value = "x"
    one.events.add(name="clean")
    one.links.add().attributes.add(key="l").value.string_value = "x"
    one.attributes.add(key="p").value.string_value = "x"
    out = ExportTraceServiceRequest.FromString(
        run(kernel, data.SerializeToString(), scrub(rule("x")) | {"summary": "keys"})
    )
    scoped = out.resource_spans[0].scope_spans[0]
    changed = scoped.spans[0]
    owners = [out.resource_spans[0].resource, scoped.scope, changed.events[0], changed.links[0], changed]
    for key, owner in zip("rselp", owners, strict=True):
        assert pairs(owner.attributes) == [(key, "X"), ("redaction.masked.keys", key), ("redaction.masked.count", 1)]
    assert not changed.events[1].attributes


def test_nothing_to_say_leaves_the_bytes(kernel):
    """Guarantees: a request in which nothing was done is returned as the same object."""
    data = request(span({"a": "b", "n": 1}))
    stage = scrub(rule("x"), positions=EVERYWHERE) | {"summary": "keys", "types": "all", "allow": ".", "keep": "zz"}
    assert kernel.compile(spec([stage])).digest(data).request() is data


WRONG = [{"allow": "("}, {"keep": 1}, {"types": "some"}, {"types": 1}, {"summary": "debug"}, {"summary": True}]


@pytest.mark.parametrize("more", WRONG, ids=str)
def test_what_is_refused(kernel, more):
    with pytest.raises(BadProgram, match=r"\w"):
        kernel.compile(spec([scrub(rule("x", redact())) | more]))
