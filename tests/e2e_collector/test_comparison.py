"""The comparison with a real collector (`make e2e-collector`): what can be said of it without one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from otlp_words import Words, request
from peer_collector import whole
from peer_compare import DIFFERENCES, compare, of_traffic
from peer_traffic import BASE, Traffic, features
from scripts import script
from tailgate.cli.tables import TABLES
from tailgate.config.errors import ConfigErrors
from tailgate.config.loader import load

HERE = Path(__file__).parent


SCRIPT = script(HERE / "compare.py")
SCENARIOS: dict[str, Words] = SCRIPT.scenarios()
HAVE = {name: row for name, row in SCENARIOS.items() if name not in SCRIPT.WAITING}
ENVIRONMENT = {"UPSTREAM": "1", "METRICS": "2", "HEALTH": "3"} | {f"PORT_{name}": "4" for name in SCENARIOS}


def test_the_traffic_has_what_may_be_read_differently() -> None:
    """Guarantees: late spans, every type, keys twice, keys of resource and span; the same each time."""
    counts = features(Traffic().steps)
    assert all(count >= 20 for count in counts.values()), counts
    assert [request(s, BASE) for s in Traffic().steps] == [request(s, BASE) for s in Traffic().steps]


def test_the_scenarios_are_one_configuration(tmp_path: Path) -> None:
    """Guarantees: what both are given loads here."""
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(whole(HAVE), sort_keys=False), encoding="utf-8")
    config = load([file], TABLES, ENVIRONMENT)
    assert set(config.pipelines) == {f"traces/{name}" for name in HAVE}


@pytest.mark.parametrize("name", SCRIPT.WAITING)
def test_what_waits_is_refused(name: str, tmp_path: Path) -> None:
    """Guarantees: a scenario is compared as soon as Tailgate takes it."""
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(whole({name: SCENARIOS[name]}), sort_keys=False), encoding="utf-8")
    with pytest.raises(ConfigErrors, match=SCRIPT.WAITING[name]):
        load([file], TABLES, ENVIRONMENT)


def test_each_mutation_changes_one_option_and_still_loads(tmp_path: Path) -> None:
    """Guarantees: at least twenty mutations; a mutant runs, so that it is the comparison that notices it."""
    changes = [change for change in SCRIPT.mutations() if change["scenario"] in HAVE]
    assert len(changes) >= 20
    rows = {f"m{at}": SCRIPT.mutated(HAVE[c["scenario"]], c["path"], c["value"]) for at, c in enumerate(changes)}
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(whole(rows), sort_keys=False), encoding="utf-8")
    load([file], TABLES, ENVIRONMENT | {f"PORT_{name}": "4" for name in rows})
    assert all(row != HAVE[change["scenario"]] for row, change in zip(rows.values(), changes, strict=True))


def test_every_scenario_has_mutations() -> None:
    """Guarantees: no scenario is compared whose traffic was not shown to tell something."""
    assert {change["scenario"] for change in SCRIPT.mutations()} == set(SCENARIOS)


STEP: Words = {
    "at": "0s",
    "resource": {"r": 1},
    "resource_schema": "https://a.example",
    "scope_schema": "",
    "scope": {"name": "lib", "attributes": {"s": 1}},
    "metadata": {},
    "spans": [
        {"trace": 1, "id": 1, "attributes": [("a", 1), ("a", 2)], "events": [{"name": "e", "attributes": {"x": "y"}}]},
        {"trace": 1, "id": 2, "parent": 1, "attributes": [("m", {"k": "secret"})], "links": [{"trace": 2}]},
    ],
}
ROW: Words = {"redaction": {"blocked_values": ["secret"]}}


def outcome(theirs: Words, ours: Words, row: Words = ROW) -> tuple[dict[str, int], int]:
    found = compare([request(theirs, BASE)], [request(ours, BASE)], of_traffic([STEP], row))
    return dict(found.explained), len(found.wrong)


def with_span(number: int, **change: object) -> Words:
    spans = [{**span, **change} if at == number else span for at, span in enumerate(STEP["spans"])]
    return {**STEP, "spans": spans}


def test_equal_outputs_are_equal() -> None:
    assert outcome(STEP, STEP) == ({}, 0)
    turned = with_span(0, attributes=[("a", 2), ("a", 1)])
    assert outcome(STEP, turned) == ({}, 0), "attributes have no order"


@pytest.mark.parametrize(
    "ours",
    [
        {**STEP, "spans": STEP["spans"][:1]},
        {**STEP, "spans": [*STEP["spans"], STEP["spans"][0]]},
        {**STEP, "resource": {"r": 1.0}},
        {**STEP, "resource_schema": ""},
        {**STEP, "scope": {"name": "lib", "attributes": {"s": "1"}}},
        with_span(0, name="other"),
        with_span(0, start="1ms"),
        with_span(0, flags=1),
        with_span(0, dropped=1),
        with_span(0, events=[{"name": "e", "start": "1ms", "attributes": {"x": "y"}}]),
        with_span(1, status={"code": "ERROR"}),
        with_span(1, links=[{"trace": 3}]),
        with_span(1, attributes=[("m", {"k": "other"})]),
        with_span(1, attributes=[("m", {"k": "****"}), ("n", 1)]),
        with_span(1, state="x=y"),
    ],
)
def test_a_difference_is_noticed(ours: Words) -> None:
    """Guarantees: whatever differs and is not written down is said, once a span."""
    explained, wrong = outcome(STEP, ours)
    assert wrong >= 1
    assert not explained


def test_written_differences_are_excused_and_counted() -> None:
    """Guarantees: each of them is excused where it is what differs, and only in the direction that is written."""
    lost = {**STEP, "resource_schema": ""}
    masked = with_span(1, attributes=[("m", {"k": "****"})])
    both = with_span(0, attributes=[("a", "new"), ("a", "new")])
    first = with_span(0, attributes=[("a", "new"), ("a", 2)])
    assert outcome(lost, STEP)[0]["schema-url"] >= 1
    assert outcome(STEP, masked) == ({"nested-masking": 1}, 0)
    assert outcome(masked, STEP) == ({}, 1), "not the other way round"
    assert outcome(STEP, masked, {"redaction": {}}) == ({}, 1), "only where the row masks"
    assert outcome(first, both) == ({"key-twice": 1}, 0)
    assert {"schema-url", "nested-masking", "key-twice"} == set(DIFFERENCES)
