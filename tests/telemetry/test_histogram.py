"""Histograms, and how they stand on the page."""

from __future__ import annotations

from types import SimpleNamespace

from prometheus_client.parser import text_string_to_metric_families
from tailgate.telemetry.histogram import Histogram
from tailgate.telemetry.metrics import MetricsPage


def test_values_are_counted_up_to_each_bound():
    """A value at a bound counts there; one above all counts in the last."""
    histogram = Histogram((1, 2.5))
    for value in (0, 1, 1.5, 2.5, 3):
        histogram.observe(value)
    histogram.observe(2, times=10)
    sample = histogram.sample("h", "text", {"a": "b"})
    assert sample.buckets == (("1", 2), ("2.5", 14), ("+Inf", 15))
    assert (sample.kind, sample.value, sample.labels) == ("histogram", 28, {"a": "b"})


def test_a_histogram_on_the_page():
    """Scenario: two series of one histogram. Guarantees: a scraper reads buckets, counts and sums of both."""
    one, two = Histogram((1,)), Histogram((1,))
    one.observe(0.5)
    two.observe(5, times=2)
    samples = [each.sample("tailgate_h", "text", {"of": name}) for name, each in (("one", one), ("two", two))]
    config = SimpleNamespace(metrics=SimpleNamespace(legacy_names=True), hash="x")
    page = MetricsPage(lambda: samples, config, "reference", process=False).render()[0].decode()
    (family,) = [found for found in text_string_to_metric_families(page) if found.name == "tailgate_h"]
    assert family.type == "histogram"
    values = {(s.name.removeprefix("tailgate_h_"), s.labels["of"], s.labels.get("le")): s.value for s in family.samples}
    assert values == {
        ("bucket", "one", "1"): 1, ("bucket", "one", "+Inf"): 1, ("count", "one", None): 1, ("sum", "one", None): 0.5,
        ("bucket", "two", "1"): 0, ("bucket", "two", "+Inf"): 2, ("count", "two", None): 2, ("sum", "two", None): 10,
    }  # fmt: skip
