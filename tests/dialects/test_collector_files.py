"""collector-helm-values.yaml and collector.yaml: whole configurations of the collector."""

from __future__ import annotations

import random

import pytest
from tailgate.cli.tables import TABLES
from tailgate.config.errors import ConfigErrors
from tailgate.config.loader import load

from .conftest import ERROR, FILES, OK, SECOND, UNSET, Build, Planted

HELM, WHOLE = "collector-helm-values.yaml", "collector.yaml"


def errors(file: str, lenient: bool) -> list[str]:
    with pytest.raises(ConfigErrors) as raised:
        load([FILES / file], TABLES, {}, lenient)
    problems = [problem for problem in raised.value.problems if problem.severity == "error"]
    return [str(problem).partition(f"{file}:")[2] for problem in problems]


def test_each_missing_component_is_one_error() -> None:
    """Guarantees: what Tailgate does not have is named at its line, once, with what to do about it."""
    jaeger_in, zipkin, jaeger, elastic = [
        line for line in errors(WHOLE, lenient=False) if "processors.span" not in line
    ]
    assert jaeger_in.startswith("10:3 receivers.jaeger: the collector's receiver 'jaeger' does not exist in Tailgate")
    assert zipkin.startswith("17:3 receivers.zipkin: the collector's receiver 'zipkin' does not exist in Tailgate")
    assert jaeger.startswith("51:3 exporters.jaeger: the collector's exporter 'jaeger' does not exist in Tailgate")
    assert "OTLP on port 4317" in jaeger
    assert elastic.startswith("64:3 exporters.elasticsearch: the collector's exporter 'elasticsearch' does not exist")
    assert all("--lenient" in line for line in (jaeger_in, zipkin, jaeger, elastic))


def test_helm_values_are_opened() -> None:
    """Guarantees: places and paths are those of the values file."""
    lines = errors(HELM, lenient=False)
    assert [line.partition(": ")[0] for line in lines] == [
        "12:5 config.receivers.prometheus",
        "63:5 config.exporters.jaeger",
        "68:5 config.exporters.prometheus",
    ]


def test_lenient_leaves_out_what_is_missing(build: Build) -> None:
    """Guarantees: with `--lenient` the same are warnings, and what is left runs: a row, in the order written."""
    config = build(HELM, lenient=True).config
    (row,) = config.pipelines.values()
    assert row.receivers == ("otlp",)
    assert row.processors == ("memory_limiter", "batch", "attributes", "resource", "tail_sampling")
    assert row.exporters == ("logging",)
    left_out = [problem.path for problem in config.warnings if problem.message.endswith("left out")]
    assert left_out == [
        "config.receivers.prometheus",
        "config.exporters.jaeger",
        "config.exporters.prometheus",
        "config.service.pipelines.metrics",
    ]


def test_an_old_name_is_a_warning(build: Build) -> None:
    """Guarantees: `logging` is taken for `debug`, and says so."""
    config = build(HELM, lenient=True).config
    assert config.exporters["logging"].type == "debug"
    assert any("the collector calls 'logging' 'debug' now" in problem.message for problem in config.warnings)


@pytest.mark.parametrize(
    ("spans", "kept"),
    [
        ([Planted(status=ERROR)], True),
        ([Planted(status=UNSET), Planted(status=ERROR)], True),
        ([Planted(ms=1001)], True),
        ([Planted(ms=1000, status=OK)], False),
    ],
)
def test_helm_values_sample(build: Build, spans: list[Planted], kept: bool) -> None:
    """Scenario: traces that the collector's hash is against. Guarantees: errors and slow traces are kept."""
    assert bool(build(HELM, lenient=True).one(*spans)) is kept


def test_helm_values_keep_ten_percent_of_the_rest(build: Build) -> None:
    """Scenario: 2,000 calm traces. Guarantees: the collector's hash keeps about one of ten, after ten seconds."""
    proxy = build(HELM, lenient=True)
    ids = random.Random(7)
    for _ in range(2000):
        proxy.send(ids.randbytes(16))
    assert proxy.judge(9.9) == {}
    assert 160 < len(proxy.judge(0.2)) < 240


def test_helm_values_edit(build: Build) -> None:
    """Guarantees: `attributes` and `resource` do what they say, before sampling."""
    proxy = build(HELM, lenient=True)
    pod = {"k8s.pod.name": "cart-7f"}
    one, two = proxy.one(Planted(status=ERROR, resource=pod, attributes={"environment": "test"}), Planted())
    assert one.attributes == {"environment": "production", "service.namespace": "mcp-mesh"} == two.attributes
    assert one.resource == {**pod, "service.instance.id": "cart-7f"}
    assert two.resource == {}


def test_helm_values_limits(build: Build) -> None:
    """Guarantees: the memory's limit, batches and the number of traces are those of the file."""
    processors = build(HELM, lenient=True).config.processors
    memory = processors["memory_limiter"].config
    assert (memory.limit_mib, memory.spike_limit_mib) == (1024, 256)
    assert (processors["batch"].config.send_batch_size, processors["batch"].config.timeout) == (1024, SECOND)
    assert processors["tail_sampling"].config.num_traces == 100_000


def test_the_whole_configuration(build: Build) -> None:
    """Guarantees: with `--lenient` collector.yaml runs as the row it names, without what does not exist."""
    config = build(WHOLE, lenient=True).config
    (row,) = config.pipelines.values()
    assert (row.receivers, row.exporters) == (("otlp",), ("otlp", "logging"))
    assert row.processors == ("memory_limiter", "batch", "resource", "span")
    memory, batch = config.processors["memory_limiter"].config, config.processors["batch"].config
    assert (memory.limit_mib, memory.spike_limit_mib, memory.check_interval) == (512, 128, 5 * SECOND)
    assert (batch.send_batch_size, batch.send_batch_max_size, batch.timeout) == (1024, 2048, SECOND)
    said = [str(problem).partition(f"{WHOLE}:")[2] for problem in config.warnings]
    assert any(line.startswith("48:9 processors.span.name.to_attributes.separator: warning: ") for line in said)


def test_the_whole_configuration_edits(build: Build) -> None:
    """Guarantees: `resource` overwrites, and `span` makes an attribute of what stands in the name."""
    proxy = build(WHOLE, lenient=True)
    proxy.send(bytes(15) + b"\1", Planted(name="/api/v1/users/42", resource={"service.name": "mine", "k": "v"}))
    ((span,),) = proxy.left().values()
    assert span.resource == {
        "service.name": "my-app",
        "service.version": "1.0.0",
        "deployment.environment": "production",
        "k": "v",
    }
    assert (span.name, span.attributes) == ("/api/v1/users/{user_id}", {"user_id": "42"})


ROW = """\
receivers: {otlp: {protocols: {grpc: }}, %s}
processors: {%s}
exporters: {debug: , %s}
connectors: {%s}
service:
  pipelines:
    traces: {receivers: [%s], processors: [%s], exporters: [%s]}
"""


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("jaeger: ", "", "zipkin: ", "", "jaeger", "", "debug"),
         "7:14 service.pipelines.traces.receivers: the pipeline 'traces' is left without receivers: Tailgate has "),
        (("", "", "zipkin: , kafka: ", "", "otlp", "", "zipkin, kafka"),
         "7:49 service.pipelines.traces.exporters: the pipeline 'traces' is left without exporters: Tailgate "),
        (("", "", "debgu: ", "", "otlp", "", "debug"), "3:22 exporters.debgu: unknown exporter type 'debgu', "),
        (("", "transfrom: ", "", "", "otlp", "", "debug"), "2:14 processors.transfrom: unknown processor type"),
        (("", "log_dedup: ", "", "", "otlp", "log_dedup", "debug"),
         "2:14 processors.log_dedup: the collector's processor 'log_dedup' does not exist in Tailgate"),
    ],
)  # fmt: skip
def test_lenient_is_not_careless(tmp_path, parts: tuple[str, ...], expected: str) -> None:
    """Guarantees: no pipeline without an end, no spelling mistake left out, no processor that may take data out."""
    file = tmp_path / "c.yaml"
    file.write_text(ROW % parts)
    with pytest.raises(ConfigErrors) as raised:
        load([file], TABLES, {}, lenient=True)
    lines = [str(p).replace(f"{file}:", "") for p in raised.value.problems if p.severity == "error"]
    assert len(lines) == 1, lines
    assert lines[0].startswith(expected)


def test_lenient_leaves_out_connectors_and_processors_that_add(tmp_path) -> None:
    """Guarantees: they leave the pipelines too, and a component that nobody here knows is left out as well."""
    file = tmp_path / "c.yaml"
    parts = ("mycorp: ", "geoip: ", "", "routing: ", "otlp, mycorp", "geoip", "debug, routing")
    file.write_text(ROW % parts)
    config = load([file], TABLES, {}, lenient=True)
    (row,) = config.pipelines.values()
    assert (row.receivers, row.processors, row.exporters) == (("otlp",), (), ("debug",))
    assert sum(problem.message.endswith("left out") for problem in config.warnings) == 3


def test_lenient_without_any_pipeline_left(tmp_path) -> None:
    """Guarantees: a configuration whose only pipeline has lost an end, or is of profiles, is an error."""
    file = tmp_path / "c.yaml"
    file.write_text((ROW % ("jaeger: ", "", "", "", "jaeger", "", "debug")).replace("traces:", "metrics:"))
    with pytest.raises(ConfigErrors, match=r"service\.pipelines: no pipeline is left"):
        load([file], TABLES, {}, lenient=True)
    file.write_text((ROW % ("", "", "", "", "otlp", "", "debug")).replace("traces:", "profiles:"))
    with pytest.raises(ConfigErrors, match=r"service\.pipelines: no pipeline is left"):
        load([file], TABLES, {}, lenient=True)
