"""The metrics page, read back by Prometheus' own parsers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
import tailgate
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain
from tailgate.telemetry.histogram import Histogram
from tailgate.telemetry.metrics import MetricsPage
from tailgate.telemetry.samples import Sample

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def page(samples: Iterable[Sample], legacy: bool = False, process: bool = False) -> MetricsPage:
    config = SimpleNamespace(metrics=SimpleNamespace(legacy_names=legacy), hash="abc")
    return MetricsPage(lambda: samples, config, "reference", process=process)


def values(text: bytes, parse: Any = parse_plain) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every series with its value; a series that stands twice is an error."""
    found: dict[Any, float] = {}
    for family in parse(text.decode()):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = sample.value
    return found


SAMPLES = [
    Sample("otelcol_exporter_sent_spans", "counter", "Sent", 3, {"exporter": "otlp"}),
    Sample("tailgate_held_spans", "gauge", "Held", 7),
    Sample("otelcol_exporter_sent_spans", "counter", "Sent", 4, {"exporter": 'a"b\\c\nd'}),
    Sample("tailgate_judged_total", "counter", "Judged", 5),
]


@pytest.mark.parametrize(
    ("accept", "parse"), [(None, parse_plain), ("text/plain", parse_plain), (OPENMETRICS, parse_openmetrics)]
)
def test_read_back(accept: str | None, parse: Any) -> None:
    """Both formats parse; counters end in `_total` once, gauges do not; labels survive quoting."""
    text, content_type = page(SAMPLES).render(accept)
    assert content_type.startswith(accept.partition(";")[0] if accept else "text/plain")
    found = values(text, parse)
    assert found[("otelcol_exporter_sent_spans_total", (("exporter", "otlp"),))] == 3
    assert found[("otelcol_exporter_sent_spans_total", (("exporter", 'a"b\\c\nd'),))] == 4
    assert found[("tailgate_held_spans", ())] == 7
    assert found[("tailgate_judged_total", ())] == 5
    assert not any("_total_total" in name for name, _ in found)
    assert ("otelcol_exporter_sent_spans", (("exporter", "otlp"),)) not in found


def test_types_and_help() -> None:
    """Families come together with their type and help, however scattered the samples were."""
    families = {family.name: family for family in parse_plain(page(SAMPLES).render()[0].decode())}
    sent = families["otelcol_exporter_sent_spans"]
    assert (sent.type, sent.documentation, len(sent.samples)) == ("counter", "Sent", 2)
    assert families["tailgate_held_spans"].type == "gauge"


def test_legacy_names() -> None:
    """With `legacy_names` every counter stands under its old name too, whatever format is asked for."""
    text, content_type = page(SAMPLES, legacy=True).render(OPENMETRICS)
    assert content_type.startswith("text/plain")
    found = values(text)
    labels = (("exporter", "otlp"),)
    assert found[("otelcol_exporter_sent_spans", labels)] == found[("otelcol_exporter_sent_spans_total", labels)] == 3
    assert found[("tailgate_judged", ())] == 5
    assert ("tailgate_held_spans_total", ()) not in found


def test_what_runs() -> None:
    """The page says which Tailgate runs, on which kernel, with which configuration."""
    found = {name: dict(labels) for name, labels in values(page([]).render()[0])}
    info = found["tailgate_build_info"]
    assert (info["version"], info["kernel"]) == (tailgate.__version__, "reference")
    assert set(info) == {"version", "kernel", "python"}
    assert found["tailgate_config_info"] == {"hash": "abc"}


def test_process_metrics() -> None:
    """CPU and memory of the process are there under their usual names."""
    found = {name for name, _ in values(page([], process=True).render()[0])}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"} <= found


def test_one_pass_a_scrape() -> None:
    """All sources are read exactly once a scrape, before anything is written: a snapshot."""
    passes: list[str] = []

    def sources() -> Iterator[Sample]:
        passes.append("begin")
        yield Sample("a", "counter", "", len(passes))
        yield Sample("b", "gauge", "", len(passes))
        passes.append("end")

    config = SimpleNamespace(metrics=SimpleNamespace(legacy_names=True), hash="")
    made = MetricsPage(sources, config, "rust", process=False)
    assert passes == []
    found = values(made.render()[0])
    assert passes == ["begin", "end"]
    assert (found[("a_total", ())], found[("b", ())]) == (1, 1)


def test_a_series_stands_once() -> None:
    """Two samples of one series become one (else the scrape is refused): counters add up, a gauge's last holds."""
    twice = [Sample("c", "counter", "", 1), Sample("c", "counter", "", 2), Sample("g", "gauge", "", 1)]
    found = values(page([*twice, Sample("g", "gauge", "", 5)]).render()[0])
    assert (found[("c_total", ())], found[("g", ())]) == (3, 5)


def test_a_name_with_two_kinds() -> None:
    """A name that is used for a counter and a gauge keeps the first; the page stays readable and the log says so."""
    with structlog.testing.capture_logs() as logged:
        clash = [Sample("x", "counter", "", 1), Sample("x", "gauge", "", 2)]
        found = values(page(clash).render()[0])
    assert found[("x_total", ())] == 1
    assert ("x", ()) not in found
    assert logged[0]["event"] == "metric_kinds_clash"


def test_a_counter_without_total() -> None:
    """`unknown` is a counter under its bare name, in both formats; two samples of a series add up."""
    twice = [Sample("dropped", "unknown", "", 1), Sample("dropped", "unknown", "", 2)]
    for accept, parse in ((None, parse_plain), (OPENMETRICS, parse_openmetrics)):
        text = page(twice).render(accept)[0]
        assert values(text, parse)[("dropped", ())] == 3
        assert {family.name: family.type for family in parse(text.decode())}["dropped"] == "unknown"


def test_milliseconds_on_request() -> None:
    """With `legacy_names` the collector's histogram in milliseconds stands beside ours; without, ours alone."""
    histogram = Histogram((0.001, 0.25, 10))
    for seconds in (0.001, 0.2, 11):
        histogram.observe(seconds)
    samples = [histogram.sample("tailgate_decision_tick_seconds", "", {"pipeline": "traces"})]
    name = "otelcol_processor_tail_sampling_sampling_decision_timer_latency_milliseconds"
    found = values(page(samples, legacy=True).render()[0])
    buckets = {dict(labels)["le"]: value for (series, labels), value in found.items() if series == f"{name}_bucket"}
    assert buckets == {"1": 1, "250": 2, "10000": 2, "+Inf": 3}
    assert found[(f"{name}_sum", (("pipeline", "traces"),))] == pytest.approx(11_201)
    assert not any(name in series for series, _ in values(page(samples).render()[0]))
