"""retention.yaml and preservation.yaml: how long traces are worth keeping, by condition."""

from __future__ import annotations

import pytest
from tailgate.cli.tables import TABLES
from tailgate.config.errors import ConfigErrors
from tailgate.config.loader import load

from .conftest import ERROR, FILES, Build, Planted

KEEP = {"http.request.header.x-force-trace": "1"}
"""The shipped sampling keeps the trace."""


def tags(build: Build, file: str, *spans: Planted) -> tuple[str | None, str | None]:
    forced = Planted(attributes=KEEP, name="forced")
    seen = build(file).one(*spans, forced)
    assert len(seen) == len(spans) + 1
    found = {(span.resource.get("retention.policy"), span.resource.get("retention.ttl")) for span in seen}
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], ("default", "3d")),
        ([Planted(status=ERROR)], ("errors", "7d")),
        ([Planted(attributes={"error": True})], ("errors", "7d")),
        ([Planted(ms=5000)], ("default", "3d")),
        ([Planted(ms=5001)], ("slow_requests", "7d")),
        ([Planted(attributes={"user.tier": "enterprise"})], ("vip_users", "30d")),
        ([Planted(attributes={"cost.total": 10.0})], ("default", "3d")),
        ([Planted(attributes={"cost.total": 10.5})], ("high_cost", "90d")),
        ([Planted(attributes={"cost.total": 6}), Planted(attributes={"cost.total": 6})], ("default", "3d")),
        ([Planted(status=ERROR), Planted(attributes={"user.tier": "enterprise"})], ("vip_users", "30d")),
        ([Planted(status=ERROR, ms=6000)], ("errors", "7d")),
    ],
)
def test_retention(build: Build, spans: list[Planted], expected: tuple[str, str]) -> None:
    """Guarantees: `max_age` of the policy whose `filter` holds; of several the longest, of equal ones the first."""
    assert tags(build, "retention.yaml", *spans) == expected


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], (None, None)),
        ([Planted(status=ERROR)], ("errors", "30d")),
        ([Planted(ms=5001)], ("slow_requests", "7d")),
        ([Planted(attributes={"cost.total": 11})], ("high_cost", "90d")),
        ([Planted(attributes={"user.tier": "enterprise"}, ms=5001)], ("vip_users", "30d")),
    ],
)
def test_preservation(build: Build, spans: list[Planted], expected: tuple[str | None, str | None]) -> None:
    """Guarantees: `ttl` of the longest rule whose condition holds; a trace that none is about has no tag."""
    assert tags(build, "preservation.yaml", *spans) == expected


def test_lifetimes_do_not_keep(build: Build) -> None:
    """Scenario: a slow trace that the sampler's chance is against. Guarantees: the rules say how long, not whether."""
    assert build("preservation.yaml").shares(100, Planted(attributes={"cost.total": 11})) == {"default": 10}


def test_late_spans_have_the_same_lifetime(build: Build) -> None:
    """Guarantees: a span that comes after the decision is tagged as the trace was."""
    proxy = build("retention.yaml")
    trace = bytes(15) + b"\x09"
    proxy.send(trace, Planted(status=ERROR))
    assert proxy.judge()
    proxy.send(trace, Planted(name="late"))
    ((late,),) = proxy.judge(1).values()
    assert (late.name, late.resource["retention.ttl"]) == ("late", "7d")


@pytest.mark.parametrize(
    ("file", "change", "expected"),
    [
        ("retention.yaml", ("max_age: 720h", "max_age: 720"),
         "17:16 retention.policies[2].max_age: 720 has no unit: expected a duration such as "),
        ("retention.yaml", ("max_age: 72h", "max_age: 0s"), "4:14 retention.default.max_age: nothing is kept for no "),
        ("retention.yaml", ("filter: 'error=true'", "fitler: 'error=true'"),
         "8:7 retention.policies[0].fitler: unknown key 'fitler', expected 'filter', 'max_age' or 'name'; did "),
        ("retention.yaml", ("user.tier=\"enterprise\"", "user.tier=enterprise"),
         "16:15 retention.policies[2].filter: column 11: enterprise needs quotes"),
        ("preservation.yaml", ('ttl: "30d"', 'ttl: "30 days"'), "5:10 preservation_rules[0].ttl: '30 days' is no "),
        ("preservation.yaml", ("condition: \"error = true\"", "when: error"),
         "3:5 preservation_rules[0]: the key 'condition' is missing"),
    ],
)  # fmt: skip
def test_errors(tmp_path, file: str, change: tuple[str, str], expected: str) -> None:
    """Guarantees: they stand at the line of this file and are in its own words."""
    text = (FILES / file).read_text()
    assert change[0] in text
    copy = tmp_path / file
    copy.write_text(text.replace(*change, 1))
    with pytest.raises(ConfigErrors) as raised:
        load([copy], TABLES, {})
    lines = [str(problem).replace(f"{copy}:", "") for problem in raised.value.problems]
    assert any(line.startswith(expected) for line in lines), lines
