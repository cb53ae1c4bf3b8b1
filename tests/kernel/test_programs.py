"""Programs that cannot be compiled: each is a BadProgram with a message, and nothing else is raised."""

from __future__ import annotations

import base64

import pytest
from kernel_helpers import edit, encoded, redact, rule, scrub, spec
from tailgate.kernel import BadProgram

ATTR = ["attr", "span", "k"]
PUT = {"do": "insert", "key": "k", "value": encoded(1)}

CONDITIONS = [
    None,
    True,
    "true",
    [],
    [None],
    ["nope"],
    [["true"]],
    ["true", 1],
    ["not"],
    ["not", ["true"], ["true"]],
    ["and", "true"],
    ["exists"],
    ["exists", "k"],
    ["exists", []],
    ["exists", ["attr", "span"]],
    ["exists", ["attr", "event", "k"]],
    ["exists", ["attr", "span", 1]],
    ["exists", ["attr", ["span"], "k"]],
    ["exists", ["field", "nope"]],
    ["exists", ["field", ["name"]]],
    ["exists", ["field", "name", "x"]],
    ["exists", ["context", "0"]],
    ["cmp", "!=", ATTR, 1],
    ["cmp", "=", ATTR, 1],
    ["cmp", None, ATTR, 1],
    ["cmp", ["=="], ATTR, 1],
    ["cmp", "==", ATTR],
    ["cmp", "==", ATTR, None],
    ["cmp", "==", ATTR, [1]],
    ["cmp", "==", ATTR, {"a": 1}],
    ["cmp", "==", ATTR, 2**63],
    ["cmp", "==", ATTR, -(2**63) - 1],
    ["cmp", "==", ATTR, float("nan")],
    ["cmp", "==", ATTR, float("inf")],
    ["is", ATTR, None],
    ["in", ATTR, "abc"],
    ["in", ATTR, [None]],
    ["in", ATTR],
    ["matches", ATTR, 1],
    ["matches", ATTR, "("],
    ["contains", ATTR, 1],
    ["text_matches", ATTR, "["],
    ["go_str_in", ATTR, [1]],
    ["go_str_in", ATTR, "a"],
    ["go_str_matches", ATTR, "(?=a)"],
    ["go_int_between", ATTR, 1],
    ["go_int_between", ATTR, "1", 2],
    ["go_int_between", ATTR, 1.5, 2],
    ["go_int_between", ATTR, True, 2],
    ["go_int_between", ATTR, 2**63, None],
    ["go_bool_is", ATTR, 1],
    ["go_bool_is", ATTR, None],
    ["root", 1],
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_conditions(kernel, condition):
    """A condition that is none is refused as a leaf, inside others, and of a number; of an edit too unless null."""
    for leaves in ([condition], [["and", ["true"], ["not", condition]]]):
        with pytest.raises(BadProgram, match=r"\w"):
            kernel.compile(spec(leaves=leaves))
    if condition is not None:
        with pytest.raises(BadProgram, match=r"\w"):
            kernel.compile(spec(numbers=[{"value": None, "if": condition}]))
        with pytest.raises(BadProgram, match=r"\w"):
            kernel.compile(spec([edit(PUT, when=condition)]))


ABOVE = [
    ("resource", ["exists", ATTR]),
    ("resource", ["exists", ["attr", "scope", "k"]]),
    ("resource", ["exists", ["attr", "any", "k"]]),
    ("resource", ["exists", ["field", "name"]]),
    ("resource", ["exists", ["field", "scope.name"]]),
    ("resource", ["root"]),
    ("scope", ["exists", ATTR]),
    ("scope", ["exists", ["attr", "any", "k"]]),
    ("scope", ["exists", ["field", "kind"]]),
    ("scope", ["not", ["root"]]),
]


@pytest.mark.parametrize(("on", "condition"), ABOVE, ids=str)
def test_conditions_see_their_level_and_above(kernel, on, condition):
    """A condition on a resource sees no scope and no span, one on a scope no span; on a span all is seen."""
    with pytest.raises(BadProgram, match=r"\w"):
        kernel.compile(spec([edit(PUT, on=on, when=condition)]))
    kernel.compile(spec([edit(PUT, on="span", when=condition)]))


ACTIONS = [
    None,
    "insert",
    {},
    {"do": "nope", "key": "k"},
    {"do": ["insert"], "key": "k"},
    {"do": "insert", "value": encoded(1)},
    {"do": "insert", "key": 1, "value": encoded(1)},
    {"do": "insert", "key": "k"},
    {"do": "insert", "key": "k", "value": "!"},
    {"do": "insert", "key": "k", "value": 1},
    {"do": "insert", "key": "k", "value": base64.b64encode(b"\x0a\x05").decode()},
    {"do": "insert", "key": "k", "value": base64.b64encode(b"\x0a\x01\xff").decode()},
    {"do": "insert", "key": "k", "from": "span"},
    {"do": "insert", "key": "k", "from": ["span"]},
    {"do": "insert", "key": "k", "from": ["any", "k"]},
    {"do": "insert", "key": "k", "from": ["span", 1]},
    {"do": "insert", "key": "k", "context": 2},
    {"do": "insert", "key": "k", "context": -1},
    {"do": "insert", "key": "k", "context": "0"},
    {"do": "insert", "key": "k", "value": encoded(1), "context": 0},
    {"do": "delete"},
    {"do": "delete", "key": 1},
    {"do": "delete", "pattern": "("},
    {"do": "hash"},
    {"do": "hash", "pattern": r"\C"},
    {"do": "extract", "key": "k"},
    {"do": "extract", "pattern": "(?P<a>)"},
    {"do": "extract", "key": "k", "pattern": "("},
    {"do": "convert", "key": "k"},
    {"do": "convert", "key": "k", "to": "bool"},
    {"do": "convert", "to": "int"},
]


@pytest.mark.parametrize("action", ACTIONS, ids=str)
def test_actions(kernel, action):
    """An action that is none is refused, also after others."""
    with pytest.raises(BadProgram, match=r"\w"):
        kernel.compile(spec([edit(PUT, action)], context=2))


@pytest.mark.parametrize(("on", "where"), [("resource", "scope"), ("resource", "span"), ("scope", "span")])
def test_sources_see_their_level_and_above(kernel, on, where):
    """A resource cannot take from a scope or span, a scope not from a span."""
    with pytest.raises(BadProgram, match=r"\w"):
        kernel.compile(spec([edit({"do": "insert", "key": "k", "from": [where, "k"]}, on=on)]))


ACTION_CASES = [
    None,
    {},
    {"do": "nope"},
    {"do": "redact"},
    {"do": "redact", "text": 1},
    {"do": "lines"},
    {"do": "lines", "each": {"do": "drop"}},
    {"do": "lines", "each": {"do": "lines", "each": {"do": "redact", "text": "x"}}},
    {"do": "digest"},
    {"do": "token"},
    {"do": "token", "key": "0"},
    {"do": "truncate"},
    {"do": "truncate", "keep": -1},
    {"do": "network", "v4": 33, "v6": 0},
    {"do": "network", "v4": 0, "v6": 129},
    {"do": "network", "v4": 0},
    {"do": "hmac", "key": "00", "also": {"key": ""}},
    {"do": "hmac", "key": "00", "also": {"key": "00", "length": 4}},
    {"do": "digest", "function": "sha256"},
    {"do": "hmac", "key": "00", "function": "md5"},
    {"do": "hmac", "key": "00", "length": 129, "function": "sha512"},
    {"do": "mask", "keep_last": -1, "keep_first": 0, "char": "*"},
    {"do": "mask", "keep_last": "1", "keep_first": 0, "char": "*"},
    {"do": "mask", "keep_last": 1, "keep_first": 0, "char": ""},
    {"do": "mask", "keep_last": 1, "keep_first": 0, "char": "**"},
    {"do": "hmac", "key": "", "length": 8, "prefix": ""},
    {"do": "hmac", "key": "0", "length": 8, "prefix": ""},
    {"do": "hmac", "key": "zz", "length": 8, "prefix": ""},
    {"do": "hmac", "key": "00", "length": 65, "prefix": ""},
    {"do": "hmac", "length": 8, "prefix": ""},
]


@pytest.mark.parametrize("action", ACTION_CASES, ids=str)
def test_scrub_actions(kernel, action):
    """An action of a scrub rule that is none is refused, in `keys` and in `values`."""
    for stage in (scrub({"pattern": "a", "action": action}), scrub(keys=[{"pattern": "a", "action": action}])):
        with pytest.raises(BadProgram, match=r"\w"):
            kernel.compile(spec([stage]))


STAGES = [
    None,
    {},
    {"kind": "nope"},
    {"kind": "edit"},
    edit(PUT, on="link"),
    edit(PUT, on=["span"]),
    {"kind": "edit", "on": "span", "if": None},
    {"kind": "edit", "on": "span", "if": None, "actions": PUT},
    {"kind": "scrub"},
    scrub(positions=["nope"]),
    scrub(positions=[["span"]]),
    scrub(positions="span"),
    scrub(skip="("),
    scrub(rule("a", check="nope")),
    scrub(rule("a", check=["iban"])),
    scrub(rule("a", group=1)),
    scrub(rule("(a)", group=2)),
    scrub(rule("a", group=-1)),
    scrub(rule("a", group="0")),
    scrub({"action": redact()}),
    scrub(keys=[rule("a", group=0)]),
    scrub(keys=[rule("a", check="iban")]),
]


@pytest.mark.parametrize("stage", STAGES, ids=str)
def test_stages(kernel, stage):
    """A stage that is none is refused."""
    with pytest.raises(BadProgram, match=r"\w"):
        kernel.compile(spec([stage]))


FACTS = [
    {"keys": [["attr", "span"]]},
    {"keys": ["name"]},
    {"numbers": [None]},
    {"numbers": [{"value": "n", "if": None}]},
    {"compare": [{"of": ["sum", 0], "op": ">", "value": "1"}]},
    {"compare": [{"of": ["sum"], "op": ">", "value": "1"}]},
    {"compare": [{"of": ["spans", 0], "op": ">", "value": "1"}]},
    {"compare": [{"of": ["nope"], "op": ">", "value": "1"}]},
    {"compare": [{"of": [], "op": ">", "value": "1"}]},
    {"compare": [{"of": "spans", "op": ">", "value": "1"}]},
    {"compare": [{"of": ["spans"], "op": "!=", "value": "1"}]},
    {"compare": [{"of": ["spans"], "op": ">", "value": 1}]},
    {"compare": [{"of": ["spans"], "op": ">", "value": "1.5"}]},
    {"compare": [{"of": ["spans"], "op": ">", "value": ""}]},
    {"compare": [{"of": ["spans"], "op": ">", "value": str(2**127)}]},
]


@pytest.mark.parametrize("facts", FACTS, ids=str)
def test_facts(kernel, facts):
    """Facts that are none are refused."""
    with pytest.raises(BadProgram, match=r"\w"):
        kernel.compile(spec(**facts))


@pytest.mark.parametrize("name", ["max_bytes", "max_spans", "max_attributes", "max_depth"])
@pytest.mark.parametrize("value", [-1, "1", None, 1.5])
def test_limits(kernel, name, value):
    """A limit that is no natural number is refused."""
    with pytest.raises(BadProgram, match=r"\w"):
        kernel.compile(spec(**{name: value}))


@pytest.mark.parametrize("part", ["stages", "facts", "limits", "context"])
def test_missing_parts(kernel, part):
    """Each part of a program must be there."""
    program = spec()
    del program[part]
    with pytest.raises(BadProgram, match=r"\w"):
        kernel.compile(program)


def test_unknown_keys(kernel):
    """A key that no one knows is a mistake, wherever it stands."""
    for program in (
        spec() | {"stage": []},
        spec([edit(PUT) | {"when": None}]),
        spec([edit(PUT | {"pattern": "a"})]),
        spec([scrub() | {"rules": []}]),
        spec([scrub(rule("a", redact() | {"char": "*"}))]),
        spec(nope=1),
    ):
        with pytest.raises(BadProgram, match=r"\w"):
            kernel.compile(program)


def test_bad_program_is_a_value_error(kernel):
    """Who catches ValueError catches it; its message names the pattern."""
    with pytest.raises(ValueError, match=r"oops\("):
        kernel.compile(spec([scrub(rule("oops("))]))


def test_nested_conditions(kernel):
    """Conditions may be nested a hundred levels."""
    condition = ["true"]
    for _ in range(100):
        condition = ["not", condition]
    kernel.compile(spec(leaves=[condition]))
