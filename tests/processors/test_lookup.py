"""`lookup`: attributes from a table, by an attribute or a request value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tailgate.config.lookups import MAX_BYTES, TableErrors, read_rows
from tailgate.processors.lookup import LookupConfig

from .conftest import Walk, request

CSV = "service,team,tier\ncheckout,payments,1\nshop-*,web,\n"
YAML = "checkout: {team: payments, tier: 1, vip: true, share: 0.5}\nshop-*: {team: web}\n"


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """(name, text) -> the path of a file that holds it."""

    def write(name: str, text: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    return write


def service(name: str, **more: Any) -> bytes:
    return request({"name": "x"}, resource={"service.name": name, **more})


@pytest.mark.parametrize(
    ("name", "text", "tier"), [("t.csv", CSV, "1"), ("t.yaml", YAML, 1), ("T.CSV", "\ufeff" + CSV, "1")]
)
def test_a_service_gets_its_row(walk: Walk, written: Any, name: str, text: str, tier: Any) -> None:
    """Scenario: a file of teams. Guarantees: columns are attributes with their types; `*` stands for a beginning."""
    config = {"table_file": written(name, text), "key": "service.name"}
    found = walk("lookup", config, service("checkout"))
    assert (found.resource["team"], found.resource["tier"], found.lookups) == ("payments", tier, [(1, 0)])
    assert walk("lookup", config, service("shop-7")).resource == {"service.name": "shop-7", "team": "web"}
    missing = walk("lookup", config, service("other"))
    assert (missing.resource, missing.lookups) == ({"service.name": "other"}, [(0, 1)])


TABLE = {"checkout": {"team": "payments", "tier": 1}}


@pytest.mark.parametrize(
    ("options", "before", "after"),
    [
        ({}, {"team": "mine"}, {"team": "mine", "tier": 1}),
        ({"write": "upsert"}, {"team": "mine"}, {"team": "payments", "tier": 1}),
        ({"write": "fill"}, {"team": ""}, {"team": "payments", "tier": 1}),
        ({"columns": ["tier"]}, {}, {"tier": 1}),
        ({"columns": {"team": "service.team"}}, {}, {"service.team": "payments"}),
        ({"when": 'region == "eu"'}, {"region": "us"}, {"region": "us"}),
        ({"when": 'region == "eu"'}, {"region": "eu"}, {"region": "eu", "team": "payments", "tier": 1}),
        ({"enabled": False}, {}, {}),
    ],
)
def test_options(walk: Walk, options: Any, before: Any, after: Any) -> None:
    """Guarantees: `write`, `columns`, `when` and `enabled` do what their descriptions say."""
    found = walk("lookup", {"table": TABLE, "key": "service.name", **options}, service("checkout", **before))
    assert found.resource == {"service.name": "checkout", **after}


def test_a_span_is_looked_up_by_its_own_attribute_then_by_its_resources(walk: Walk) -> None:
    """Guarantees: a condition's order of looking for attributes is the lookup's too."""
    config = {"table": {"a": {"x": 1}, "b": {"x": 2}}, "key": "k", "on": "span"}
    data = request({"k": "a"}, {"name": "two"}, resource={"k": "b"})
    spans = walk("lookup", config, data).spans
    assert [{a.key: a.value.int_value for a in span.attributes}.get("x") for span in spans] == [1, 2]


def test_a_tenants_tier_comes_from_a_header(walk: Walk) -> None:
    """Scenario: a tenant is named by request metadata. Guarantees: header names are in any case; without it nothing."""
    config = {"table": {"acme": {"user.tier": "enterprise"}}, "from_context": "metadata.X-Tenant", "on": "span"}
    data = request({"name": "x"})
    assert walk("lookup", config, data, {"metadata.x-tenant": "acme"}).attributes == {"user.tier": "enterprise"}
    assert walk("lookup", config, data).attributes == {}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("t.csv", "service,team\ncheckout\n", "t.csv:2:1 : expected 2 cells, found 1"),
        ("t.csv", "service,team\na,b\na,c\n", "t.csv:3:1 : the row 'a' stands twice"),
        ("t.csv", "service\na\n", "expected the names of at least two columns"),
        ("t.csv", "service,team,team\n", "expected the names of at least two columns"),
        ("t.csv", "", "expected the names of at least two columns"),
        ("t.csv", 'service,team\n"a', "this is no CSV"),
        ("t.yaml", "- a\n", "t.yaml:1:1 : expected a mapping of rows"),
        ("t.yaml", "a: b\n", "t.yaml:1:1 a: expected a mapping of columns"),
        ("t.yaml", "a: {b: [c]}\n", "t.yaml:1:5 a.b: expected a text, a number, true or false"),
        ("t.yaml", "a: {b: 1}\na: {b: 2}\n", "stands twice, first in line 1"),
        ("t.yaml", "a: {b\n", "this is no YAML"),
        ("t.yaml", b"a: {b: \xff}\n", "this is no UTF-8"),
        ("t.yaml", "#" * (MAX_BYTES + 1), f"larger than {MAX_BYTES} bytes"),
        ("t.csv", "a,b\n" + "".join(f"{n},1\n" for n in range(20_001)), "20001 rows, expected at most 20000"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(written: Any, name: str, text: Any, problem: str) -> None:
    """Guarantees: file, line and what was expected; nothing is taken of a table that is wrong anywhere."""
    with pytest.raises(TableErrors) as error:
        read_rows(written(name, text))
    assert problem.replace(" :", "") in str(error.value).replace(" :", "")


def test_the_largest_table_is_read(written: Any) -> None:
    """Guarantees: the limits are those that are stated."""
    assert len(read_rows(written("t.csv", "a,b\n" + "".join(f"{n},1\n" for n in range(20_000))))) == 20_000
    assert read_rows(written("t.yaml", "#" * (MAX_BYTES - 11) + "\na: {b: 1}")) == {"a": {"b": 1}}


def test_a_table_that_cannot_be_used_is_refused(walk: Walk, written: Any) -> None:
    """Scenario: the file is not there; a column is misspelt. Guarantees: nothing is built."""
    with pytest.raises(OSError, match="No such file"):
        walk("lookup", {"table_file": "/nowhere/t.csv", "key": "k"}, service("a"))
    with pytest.raises(ValueError, match=r"no row of the table has taem, expected some of team, tier"):
        walk("lookup", {"table_file": written("t.csv", CSV), "key": "k", "columns": ["taem"]}, service("a"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "k"},
        {"table": TABLE, "table_file": "t.csv", "key": "k"},
        {"table": TABLE},
        {"table": TABLE, "key": "k", "from_context": "client.address"},
        {"table": TABLE, "from_context": "auth.subject"},
        {"table": TABLE, "key": "k", "when": "duration >"},
        {"table": TABLE, "key": "k", "write": "replace"},
        {"table": {"a": {"b": [1]}}, "key": "k"},
        {"table": TABLE, "key": "k", "colums": []},
    ],
)
def test_contradictions_are_errors(wrong: Any) -> None:
    """Guarantees: one table, one way to find a row, conditions that compile, no unknown keys."""
    with pytest.raises(ValidationError):
        LookupConfig.model_validate(wrong)
