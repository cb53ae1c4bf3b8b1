"""tracing.yaml: `tracing.sampling` with a default rate and rules by condition; what stands beside it."""

from __future__ import annotations

import pytest
from tailgate.cli.tables import TABLES
from tailgate.config.errors import ConfigErrors
from tailgate.config.loader import load

from .conftest import ERROR, FILES, MS, SECOND, Build, Planted

FILE = "tracing.yaml"
SLOW, VIP = 1001, {"user.tier": "enterprise"}


@pytest.mark.parametrize(
    ("span", "kept"),
    [
        (Planted(status=ERROR), {"errors": 1000}),
        (Planted(attributes={"error": True}), {"errors": 1000}),
        (Planted(ms=SLOW), {"slow_requests": 500}),
        (Planted(ms=1000), {"default": 10}),
        (Planted(attributes=VIP), {"vip_users": 100}),
        (Planted(), {"default": 10}),
        (Planted(status=ERROR, ms=SLOW, attributes=VIP), {"errors": 1000}),
        (Planted(ms=SLOW, attributes=VIP), {"slow_requests": 500}),
    ],
)
def test_rates(build: Build, span: Planted, kept: dict[str, int]) -> None:
    """Scenario: 1,000 traces of a kind. Guarantees: the first rule whose condition holds decides, by its own rate;
    what no rule is about is kept at `default_rate`.
    """
    assert build(FILE).shares(1000, span) == kept


def test_the_service_fills_gaps(build: Build) -> None:
    """Scenario: one span says which service it is of, the other does not. Guarantees: only what is missing is added."""
    proxy = build(FILE, {"SERVICE_NAME": "cart", "SERVICE_VERSION": "1.0", "ENVIRONMENT": "staging"})
    known = {"service.name": "checkout", "service.version": "7"}
    one, two = proxy.one(Planted(status=ERROR, name="a"), Planted(resource=known, name="b"))
    added = {"service.name": "cart", "service.version": "1.0", "deployment.environment": "staging"}
    assert added.items() <= one.resource.items()
    assert {**added, **known}.items() <= two.resource.items()


def test_variables_that_are_not_set_add_nothing(build: Build) -> None:
    """Guarantees: without SERVICE_NAME and the others there is a warning for each, and no attribute."""
    proxy = build(FILE)
    (span,) = proxy.one(Planted(status=ERROR))
    assert "service.name" not in span.resource
    assert sum("is not set" in problem.message for problem in proxy.config.warnings) == 3
    assert proxy.config.pipelines["traces"].processors[:2] == ("memory_limiter", "enrich")


def test_its_own_attributes_are_added_before_anything_else(build: Build) -> None:
    """Guarantees: after the memory limiter, so that no other rule has put something else there."""
    processors = build(FILE, {"ENVIRONMENT": "staging"}).config.pipelines["traces"].processors
    assert processors[:3] == ("memory_limiter", "enrich/tracing", "enrich")


def test_span_processors(build: Build) -> None:
    """Guarantees: batching and the memory's limit are those of the file."""
    processors = build(FILE).config.processors
    batch, memory = processors["batch"].config, processors["memory_limiter"].config
    assert (batch.send_batch_size, batch.send_batch_max_size, batch.timeout) == (512, 512, 5 * SECOND)
    assert (memory.limit_mib, memory.check_interval, memory.limit_percentage) == (512, 1000 * MS, 0)


def test_what_has_no_effect_is_said(build: Build) -> None:
    """Guarantees: a warning with its place for each part that a proxy does not do."""
    said = [str(problem).partition("tracing.yaml:")[2] for problem in build(FILE).config.warnings]
    for place in ("8:3 tracing.jaeger", "24:3 tracing.propagation", "33:7 tracing.span_processors[0].max_queue_size"):
        assert any(line.startswith(f"{place}: warning: ") for line in said), place


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("enabled: true", "enabled: false"), "3:12 tracing.enabled: this file switches tracing off"),
        (("default_rate: 0.01", "default_rate: 1.5"), "12:19 tracing.sampling.default_rate: 1.5 is not between 0 "),
        (("default_rate", "defualt_rate"), "11:3 tracing.sampling: the key 'default_rate' is missing"),
        (("duration > 1000", "duration >> 1000"),
         "18:20 tracing.sampling.rules[1].condition: column 11: unexpected '>': expected "),
        (("rate: 0.5", "rat: 0.5"), "19:9 tracing.sampling.rules[1].rat: unknown key 'rat', expected 'condition', "),
        (("type: batch", "type: bath"),
         "32:13 tracing.span_processors[0].type: expected 'batch' or 'memory_limiter', found 'bath'"),
        (("name: vip_users", "name: errors"),
         "20:15 tracing.sampling.rules[2].name: two policies have the name 'errors'"),
    ],
)  # fmt: skip
def test_errors(tmp_path, change: tuple[str, str], expected: str) -> None:
    """Guarantees: they stand at the line of this file and are in its own words."""
    text = (FILES / FILE).read_text()
    assert change[0] in text
    file = tmp_path / "tracing.yaml"
    file.write_text(text.replace(*change, 1))
    with pytest.raises(ConfigErrors) as raised:
        load([file], TABLES, {})
    lines = [str(problem).replace(f"{file}:", "") for problem in raised.value.problems]
    assert any(line.startswith(expected) for line in lines), lines


def test_a_block_may_name_it(build: Build, tmp_path) -> None:
    """Guarantees: under `rules` of tail_sampling its sampling is taken, and its environment is substituted once."""
    (tmp_path / "tracing.yaml").write_text((FILES / FILE).read_text().replace("name: errors", 'name: "$${x}"'))
    whole = tmp_path / "whole.yaml"
    whole.write_text(
        "receivers: {otlp: {protocols: {grpc: }}}\nexporters: {debug: }\n"
        "processors: {tail_sampling: {rules: tracing.yaml, decision_wait: 3s}}\n"
        "service: {pipelines: {traces: {receivers: [otlp], processors: [tail_sampling], exporters: [debug]}}}\n"
    )
    proxy = build(whole)
    assert proxy.policy(Planted(status=ERROR)) == "${x}"
    assert proxy.config.processors["tail_sampling"].config.decision_wait == 3 * SECOND
