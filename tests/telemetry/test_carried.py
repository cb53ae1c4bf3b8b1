"""Counters that outlive what counts them."""

from __future__ import annotations

from types import SimpleNamespace

from tailgate.telemetry.carried import Carried
from tailgate.telemetry.histogram import Histogram
from tailgate.telemetry.metrics import MetricsPage
from tailgate.telemetry.samples import Sample


def counter(name: str, value: float, **labels: str) -> Sample:
    return Sample(name, "counter", "", value, labels)


def test_sums_go_on_by_name_and_labels() -> None:
    """Guarantees: counters of the same series add up, in whatever order labels come; gauges and zeros are left."""
    carried = Carried()
    carried.retire([counter("a", 1, x="1", y="2"), counter("a", 5), Sample("g", "gauge", "", 9), counter("z", 0)])
    carried.retire([counter("a", 2, y="2", x="1")])
    assert [(one.name, one.value, dict(one.labels)) for one in carried.samples()] == [
        ("a", 5, {}),
        ("a", 3, {"x": "1", "y": "2"}),
    ]


def test_histograms_go_on_too() -> None:
    """Guarantees: buckets, count and sum add up, in what is remembered and on the page beside what counts now."""
    carried, now = Carried(), Histogram((1, 10))
    for value in (1, 5, 50):
        before = Histogram((1, 10))
        before.observe(value)
        carried.retire([before.sample("h", "", {"x": "1"}), Histogram((1, 10)).sample("empty", "", {})])
    now.observe(0, 4)
    config = SimpleNamespace(hash="", metrics=SimpleNamespace(legacy_names=False))
    samples = [now.sample("h", "", {"x": "1"}), *carried.samples()]
    page = MetricsPage(lambda: samples, config, "any", process=False).render()[0].decode()
    lines = [line for line in page.splitlines() if line.startswith(("h", "empty"))]
    assert lines == [
        'h_bucket{le="1",x="1"} 5.0',
        'h_bucket{le="10",x="1"} 6.0',
        'h_bucket{le="+Inf",x="1"} 7.0',
        'h_count{x="1"} 7.0',
        'h_sum{x="1"} 56.0',
    ]


def test_at_most_so_many_series() -> None:
    """Guarantees: at the bound all stay; past it those go that were retired longest ago."""
    carried = Carried(most=2)
    carried.retire([counter("a", 1), counter("b", 1)])
    assert len(list(carried.samples())) == 2
    carried.retire([counter("a", 1), counter("c", 1)])
    assert sorted(one.name for one in carried.samples()) == ["a", "c"]
