"""Connectors in a configuration: as people copy them from the collector's, what is said of them, and what is wrong."""

from __future__ import annotations

import re

import pytest
from tailgate.cli.plan import sentences
from tailgate.config.errors import ConfigErrors

from .conftest import Load

COPIED = """
processors: {batch: , batch/metrics: {timeout: 10s}}
connectors:
  spanmetrics: {dimensions: [{name: http.method}]}
  servicegraph: {store: {ttl: 5s}}
exporters:
  debug:
  prometheus: {endpoint: "0.0.0.0:8889", namespace: app}
  prometheusremotewrite: {endpoint: "http://mimir/api/v1/push"}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [debug, spanmetrics, servicegraph]}
    metrics/spanmetrics: {receivers: [spanmetrics, servicegraph], processors: [batch/metrics], exporters: [%s]}
"""


def test_a_copied_configuration_runs(load_text: Load) -> None:
    """Scenario: connectors, with the pipeline of metrics that the collector needs. Guarantees: it loads as it stands.

    Each pipeline of metrics that has only connectors is named in a warning, with who gets nothing from it; what only it
    uses is no error, though Tailgate has none of it.
    """
    config = load_text(COPIED % "prometheus, prometheusremotewrite")
    (pipeline,) = config.pipelines.values()
    assert (pipeline.id, pipeline.exporters) == ("traces", ("debug",))
    assert pipeline.connectors == ("spanmetrics", "servicegraph")
    assert all(config.connectors[id_].enabled for id_ in pipeline.connectors)
    assert (config.connectors["spanmetrics"].type, set(config.processors)) == ("span_metrics", {"batch"})
    (said,) = [problem.message for problem in config.warnings if "/metrics" in problem.message]
    assert said.endswith("; 'prometheusremotewrite' gets nothing from here")
    assert config.metrics.also == (("0.0.0.0", 8889),)
    assert [p.path for p in config.warnings if "no effect" in p.message] == ["exporters.prometheus.namespace"]


def test_a_pipeline_that_can_send_is_kept(load_text: Load) -> None:
    """Scenario: connectors lead to an exporter that there is, to `prometheus`, and to one that there is not.

    Guarantees: the pipeline sends to the first and is scraped as the second says; the third is named in a warning.
    """
    config = load_text(COPIED % "debug, prometheus, prometheusremotewrite")
    row = config.pipelines["metrics/spanmetrics"]
    assert (row.receivers, row.sources) == ((), ("spanmetrics", "servicegraph"))
    assert (row.processors, row.exporters) == (("batch/metrics",), ("debug",))
    assert config.metrics.also == (("0.0.0.0", 8889),)
    (said,) = [problem.message for problem in config.warnings if "/metrics" in problem.message]
    assert said.endswith("; 'prometheusremotewrite' gets nothing from here")
    lines = list(sentences(config))
    assert "metrics/spanmetrics: from spanmetrics and servicegraph to debug" in lines


def test_a_misspelt_exporter_is_no_missing_one(load_text: Load) -> None:
    """Guarantees: what is no exporter of the collector's either is an error, not left out."""
    with pytest.raises(ConfigErrors, match="the exporter 'debgu' is not defined"):
        load_text(COPIED % "debgu, prometheus")


DELTAS = "span_metrics: {aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA, histogram: {exponential: {}}}"


@pytest.mark.parametrize(
    ("more", "paths"),
    [
        ("", ["aggregation_temporality", "histogram.exponential"]),
        (", metrics: {receivers: [otlp, span_metrics], exporters: [debug]}", []),
    ],
)
def test_what_only_pipelines_of_metrics_would_notice(load_text: Load, more: str, paths: list[str]) -> None:
    """Guarantees: a warning of options without an effect on what is scraped, where nobody receives."""
    config = load_text(ROW % (DELTAS, "otlp", "span_metrics, debug", more))
    assert [problem.path for problem in config.warnings] == [f"connectors.span_metrics.{path}" for path in paths]


@pytest.mark.parametrize(
    ("written", "said"),
    [("{}", "exporters.prometheus: endpoint is missing"), ("{endpoint: 8889}", "exporters.prometheus.endpoint: ")],
)
def test_where_an_exporter_is_scraped_must_be_said(load_text: Load, written: str, said: str) -> None:
    """Guarantees: an exporter `prometheus` that could not be scraped is an error, as in the collector."""
    with pytest.raises(ConfigErrors, match=re.escape(said)):
        load_text((COPIED % "prometheus").replace('{endpoint: "0.0.0.0:8889", namespace: app}', written))


def test_the_plan_says_where_spans_are_counted(load_text: Load) -> None:
    """Guarantees: `tailgate plan` names the connectors, and that they see spans before they are sampled."""
    lines = list(sentences(load_text(COPIED % "prometheus, prometheusremotewrite")))
    assert lines[0] == "traces: from otlp to debug, spanmetrics and servicegraph"
    assert [line.split()[0] for line in lines[-2:]] == ["spanmetrics", "servicegraph"]
    assert all("before any are sampled" in line for line in lines[-2:])


ROW = """
exporters: {debug: }
connectors: {%s}
service: {pipelines: {traces: {receivers: [%s], exporters: [%s]}%s}}
"""


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (("span_metrics: {dimensoins: []}", "otlp", "span_metrics", ""), "connectors.span_metrics.dimensoins"),
        (("spanmetrcs: ", "otlp", "spanmetrcs", ""), "unknown connector type 'spanmetrcs'"),
        (("routing: ", "otlp", "debug, routing", ""), "the collector's connector 'routing' does not exist in Tailgate"),
        (("span_metrics: ", "otlp, span_metrics", "debug, span_metrics", ""),
         "the connector 'span_metrics' gives metrics: pipelines of metrics can receive from it, this is 'traces'"),
        (("span_metrics: ", "otlp", "debug", ", metrics: {receivers: [otlp, span_metrics], exporters: [debug]}"),
         "no pipeline sends to the connector 'span_metrics'"),
        (("span_metrics: {metrics_flush_interval: 0}", "otlp", "span_metrics", ""), "metrics_flush_interval"),
        (("span_metrics: ", "otlp", "debug", ", metrics: {receivers: [otlp], exporters: [debug, span_metrics]}"),
         "the connector 'span_metrics' takes 'traces' only"),
        (("span_metrics/a: , span_metrics/b: ", "otlp", "span_metrics/a, span_metrics/b", ""),
         "the connectors 'span_metrics/a' and 'span_metrics/b' would both write traces_spanmetrics_calls"),
    ],
)  # fmt: skip
def test_what_is_wrong(load_text: Load, parts: tuple[str, ...], said: str) -> None:
    """Guarantees: each mistake is named where it stands; two connectors cannot write one metric."""
    with pytest.raises(ConfigErrors) as raised:
        load_text(ROW % parts)
    assert any(said in str(problem) for problem in raised.value.problems)


def test_two_connectors_under_different_namespaces(load_text: Load) -> None:
    """Guarantees: then both may be used; a pipeline may end in connectors alone."""
    text = ROW % ("span_metrics/a: , span_metrics/b: {namespace: b}", "otlp", "span_metrics/a, span_metrics/b", "")
    (pipeline,) = load_text(text).pipelines.values()
    assert (pipeline.exporters, len(pipeline.connectors)) == ((), 2)


def test_a_connector_that_nobody_uses(load_text: Load) -> None:
    """Guarantees: a warning, and the connector is not built."""
    config = load_text(ROW % ("span_metrics: ", "otlp", "debug", ""))
    assert not config.connectors["span_metrics"].enabled
    assert "no pipeline uses the connector 'span_metrics'" in [problem.message for problem in config.warnings]
