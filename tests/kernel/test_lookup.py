"""Lookups: rows by a text, written by the action `lookup` or read by values, changed while programs run."""

from __future__ import annotations

import pytest
from kernel_helpers import (
    EMPTY,
    Raw,
    any_value,
    edit,
    encoded,
    field,
    first_resource,
    pairs,
    request,
    run,
    span,
    span_attributes,
    spec,
)
from tailgate.kernel.contract import BadProgram

TEAMS = {"shop": {"team": "web", "tier": 1}, "pay": {"team": "money", "tier": 0}, "a\0b": {"team": "joined"}}
PREFIXES = {"shop-": {"team": "web too"}, "shop-x": {"team": "longest"}, "": {"team": "nobody"}}


def rows(given):
    return {
        text: [(key, any_value(one).SerializeToString()) for key, one in row.items()] for text, row in given.items()
    }


@pytest.fixture
def teams(kernel):
    """A table of services."""
    lookup = kernel.lookup()
    lookup.fill(rows(TEAMS))
    return lookup


def action(write="insert", by=None, number=0):
    return {"do": "lookup", "in": number, "by": by or [[{"from": ["span", "s"]}]], "write": write}


def looked_up(kernel, lookup, values, *actions):
    """Return a span's attributes after these actions, and what was counted."""
    program = kernel.compile(spec([edit(*actions)]), [lookup])
    out = program.digest(request(span(values))).request()
    return span_attributes(out), program.lookups()


@pytest.mark.parametrize(
    ("values", "write", "expected", "counted"),
    [
        ({"s": "shop"}, "insert", [("s", "shop"), ("team", "web"), ("tier", 1)], (1, 0)),
        ({"s": "nobody"}, "insert", [("s", "nobody")], (0, 1)),
        ({"s": "shop", "team": "x"}, "insert", [("s", "shop"), ("team", "x"), ("tier", 1)], (1, 0)),
        ({"s": "shop", "team": "x"}, "upsert", [("s", "shop"), ("team", "web"), ("tier", 1)], (1, 0)),
        ({"s": "shop", "team": ""}, "fill", [("s", "shop"), ("team", "web"), ("tier", 1)], (1, 0)),
        ({"s": "shop", "team": EMPTY}, "fill", [("s", "shop"), ("team", "web"), ("tier", 1)], (1, 0)),
        ({"s": "shop", "team": 0}, "fill", [("s", "shop"), ("team", 0), ("tier", 1)], (1, 0)),
        ({"s": "shop"}, "nothing", [("s", "shop")], (1, 0)),
        ({"s": ""}, "insert", [("s", "")], (0, 0)),
        ({"s": ["shop"]}, "insert", [("s", ["shop"])], (0, 0)),
        ({}, "upsert", [], (0, 0)),
        ([("team", "x"), ("s", "shop"), ("team", 2)], "upsert",
         [("team", "web"), ("s", "shop"), ("team", "web"), ("tier", 1)], (1, 0)),
    ],
)  # fmt: skip
def test_a_row_is_written(kernel, teams, values, write, expected, counted):
    """As `write` says, wherever the key stands; what identifies nothing is not counted as missing."""
    assert looked_up(kernel, teams, values, action(write)) == (expected, [counted])


def test_keys_that_the_program_names_are_seen_by_what_follows(kernel, teams):
    """A row's attribute can be deleted, copied and asked for by the actions behind the lookup."""
    later = [{"do": "insert", "key": "copy", "from": ["span", "team"]}, {"do": "delete", "key": "tier"}]
    assert looked_up(kernel, teams, {"s": "pay"}, action(), *later)[0] == [
        ("s", "pay"), ("team", "money"), ("copy", "money"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "team"),
    [("shop", "web"), ("shop-1", "web too"), ("shop-x1", "longest"), ("other", "nobody"), ("shopé", "nobody")],
)
def test_the_longest_prefix_is_found_where_the_text_has_no_row(kernel, text, team):
    """Its own row goes before all prefixes."""
    lookup = kernel.lookup()
    lookup.fill(rows({"shop": {"team": "web"}}), rows(PREFIXES))
    assert dict(looked_up(kernel, lookup, {"s": text}, action())[0])["team"] == team


def test_the_first_alternative_whose_parts_are_all_there_decides(kernel, teams):
    """Even when its text has no row; parts are joined by the character 0."""
    both = [{"from": ["span", "x"]}, {"from": ["span", "y"]}]
    by = [both, [{"from": ["span", "s"]}], [{"value": encoded("pay")}]]
    found, _ = looked_up(kernel, teams, {"x": "a", "y": "b", "s": "shop"}, action(by=by))
    assert dict(found)["team"] == "joined"
    found, _ = looked_up(kernel, teams, {"x": "a", "s": "shop"}, action(by=by))
    assert dict(found)["team"] == "web"
    assert "team" not in dict(looked_up(kernel, teams, {"x": "a", "s": "none"}, action(by=by))[0])
    assert dict(looked_up(kernel, teams, {}, action(by=by))[0])["team"] == "money"


def test_resources_are_looked_up_by_request_values_and_see_changes_at_once(kernel, teams):
    """What is remembered of a resource is not used once rows have changed; every occurrence is counted."""
    by = [[{"context": 0}]]
    program = kernel.compile(spec([edit(action(by=by), on="resource")], context=1), [teams])
    data = request(span(), resource={"n": 1})

    def team(address):
        out = program.digest(data, [address]).request()
        return dict(pairs(first_resource(out).resource.attributes)).get("team")

    assert [team("shop"), team("shop"), team("pay"), team("none"), team(None)] == ["web", "web", "money", None, None]
    assert program.lookups() == [(3, 1)]
    teams.update(rows({"shop": {"team": "new"}}) | {"pay": None})
    assert [team("shop"), team("pay")] == ["new", None]
    teams.fill(rows({"pay": {"team": "back"}}))
    assert [team("shop"), team("pay"), len(teams)] == [None, "back", 1]


PRICES = {"gpt": {"in": 2.5, "out": 10}, "7": {"in": 1}}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"m": "gpt", "i": 1000, "o": 10}, 2600.0),
        ({"m": "gpt", "i": 1000}, 2500.0),
        ({"m": "gpt", "o": 10}, 100),
        ({"m": "gpt", "i": "1000", "o": 10}, 100),
        ({"m": 7, "i": 3, "o": 10}, 3),
        ({"m": "gpt"}, EMPTY),
        ({"m": "other", "i": 1000}, EMPTY),
        ({"i": 1000}, EMPTY),
    ],
)
def test_values_are_multiplied_with_a_column_and_summed(kernel, values, expected):
    """The sum passes over what is no number and what fails; with nothing to add it is nil."""
    lookup = kernel.lookup()
    lookup.fill(rows(PRICES))
    part = [["*", ["attr", "span", key], ["lookup", 0, column, ["attr", "span", "m"]]]
            for key, column in (("i", "in"), ("o", "out"))]  # fmt: skip
    found, _ = looked_up(kernel, lookup, values, {"do": "insert", "key": "cost", "of": ["sum", *part]})
    found = dict(found).get("cost")
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("values", "expected"),
    [({"a": 1, "b": 2}, 1), ({"b": 2}, 2), ({"a": EMPTY, "b": ""}, ""), ({}, EMPTY), ({"c": "x", "b": 2}, 2)],
)
def test_the_first_value_that_is_there(kernel, values, expected):
    """What is nil or fails is passed over."""
    of = ["first", ["+", ["attr", "span", "c"], ["lit", 1]], ["attr", "span", "a"], ["attr", "span", "b"]]
    found, _ = looked_up(kernel, kernel.lookup(), values, {"do": "insert", "key": "k", "of": of})
    assert dict(found).get("k") == expected


@pytest.mark.parametrize("value", [7, 2.5, -(2**63), -0.0])
def test_a_number_is_its_own_number(kernel, value):
    """What `int` and `double` have nothing to do about stays what it is."""
    call = ["call", "int" if isinstance(value, int) else "double", ["attr", "span", "n"]]
    found, _ = looked_up(kernel, kernel.lookup(), {"n": value}, {"do": "insert", "key": "k", "of": call})
    assert dict(found)["k"] == value


def test_leaves_compare_with_a_column(kernel, teams):
    """A condition may look up, too."""
    leaf = ["ottl", ["cmp", "==", ["lookup", 0, "team", ["attr", "span", "s"]], ["lit", "web"]]]
    program = kernel.compile(spec(leaves=[leaf]), [teams])
    masks = [program.digest(request(span({"s": one}))).columns().masks[0] & 1 for one in ("shop", "pay", "none")]
    assert masks == [1, 0, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        action(number=1),
        action(number=-1),
        action("replace"),
        action(by=[[]]),
        action(by=[[{"from": ["event", "s"]}]]),
        action(by=[[{"context": 0}]]),
        action(by=[[{"from": ["span", "s"], "key": "k"}]]),
        {**action(), "key": "k"},
        {"do": "upsert", "key": "k", "of": ["lookup", 1, "k", ["lit", "x"]]},
        {"do": "upsert", "key": "k", "of": ["lookup", 0, 1, ["lit", "x"]]},
        {"do": "upsert", "key": "k", "of": ["lookup", 0, "k"]},
    ],
)
def test_programs_that_cannot_look_up_do_not_compile(kernel, teams, wrong):
    """A lookup that is not there, no such way to write, parts of nothing, sources of another level."""
    with pytest.raises(BadProgram):
        kernel.compile(spec([edit(wrong)]), [teams])


def test_events_have_no_lookup(kernel, teams):
    """Only what has an identity of its own is looked up."""
    with pytest.raises(BadProgram):
        kernel.compile(spec([edit(action(), on="event")]), [teams])


def test_rows_are_checked_and_a_bad_change_changes_nothing(kernel, teams):
    """A value that is no AnyValue, a key that stands twice."""
    for bad in ([("k", b"\xff")], [("k", b""), ("k", b"")]):
        with pytest.raises(ValueError, match=r"lookup: .k. (of|stands)"):
            teams.fill({"x": bad})
        with pytest.raises(ValueError, match="lookup"):
            teams.update({"shop": None, "x": bad})
    assert len(teams) == len(TEAMS)


def test_a_program_without_lookups_counts_none(kernel):
    """And raw values are written as they are."""
    assert kernel.compile(spec()).lookups() == []
    lookup = kernel.lookup()
    lookup.fill({"x": [("k", Raw(field(1, b"v") + b"\xf8\x01\x01"))]})
    program = kernel.compile(spec([edit(action())]), [lookup])
    assert b"\xf8\x01\x01" in program.digest(request(span({"s": "x"}))).request()
    assert run(kernel, request(span({"s": "x"}))) == request(span({"s": "x"}))
