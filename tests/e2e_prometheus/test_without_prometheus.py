"""`make e2e-prometheus`: what can be said of it without a Prometheus."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from dashboard_svg import Drawn, Line, picture, shown, ticks
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_rules import Panel, alerts, filled, hastened, panels, rules_of_configmap, rules_of_object, seconds
from scripts import script
from shop_traffic import Shop
from tailgate.cli.tables import TABLES
from tailgate.config.loader import load
from tailgate.kernel import load as load_kernel
from tailgate.pipeline import Service
from tailgate.telemetry.metrics import MetricsPage

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


CONDITIONS = script(HERE / "conditions.py")
REPORT = script(HERE / "report.py")
RULES = yaml.safe_load((ROOT / "helm" / "tailgate" / "files" / "alerts.yaml").read_text(encoding="utf-8"))
BOARD = ROOT / "helm" / "tailgate" / "files" / "dashboards" / "tailgate.json"
FILES = HERE / "people"


def test_every_alert_has_a_condition() -> None:
    """Guarantees: each alert is made true by exactly one way."""
    ways = [alert for one in (*CONDITIONS.CONDITIONS, CONDITIONS.SCRUBBED) for alert in one.alerts]
    ways += [*CONDITIONS.TOGETHER]
    assert sorted(ways) == sorted(alerts(RULES))


@pytest.mark.parametrize("condition", [*CONDITIONS.CONDITIONS, CONDITIONS.SCRUBBED], ids=lambda one: one.name)
def test_configurations_load(condition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guarantees: the Tailgates of the conditions are ones that start."""
    monkeypatch.syspath_prepend(str(HERE))
    file = tmp_path / "tailgate.yaml"
    file.write_text(condition.config, encoding="utf-8")
    for name, text in condition.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert load([file], TABLES, {"UPSTREAM": "127.0.0.1:1"}).pipelines


def test_the_hastened_copy_differs_in_waiting_alone() -> None:
    """Guarantees: expressions, windows, labels and annotations are those that are shipped."""
    quick = hastened(RULES, 300)
    for name, rule in alerts(quick).items():
        shipped = alerts(RULES)[name]
        assert {key: rule[key] for key in rule if key != "for"} == {
            key: shipped[key] for key in shipped if key != "for"
        }
        assert seconds(rule["for"]) == max(1, round(seconds(shipped["for"]) / 300))


def test_the_object_has_the_alerts_of_the_file() -> None:
    """Guarantees: the chart's PrometheusRule says what the plain file says, but for what its values change."""
    golden = (ROOT / "tests" / "helm" / "golden" / "monitoring.yaml").read_text(encoding="utf-8")
    mine, shipped = alerts(rules_of_object(golden)), alerts(RULES)
    assert set(shipped) - {"TailgateRootsMissing"} <= set(mine)
    for name in set(mine) & set(shipped):
        assert mine[name]["for"] == shipped[name]["for"]
        assert mine[name]["annotations"]["description"] == shipped[name]["annotations"]["description"]


def test_alerts_that_people_have() -> None:
    """Guarantees: the two that work as they are written are word for word those that people have written."""
    peoples = alerts(rules_of_configmap(FILES / "alerts-configmap.yaml"))
    for name in ("HighTraceDropRate", "TracingCollectorDown"):
        assert peoples[name]["expr"].strip() == alerts(RULES)[name]["expr"]
        assert peoples[name]["for"] == alerts(RULES)[name]["for"]
        assert peoples[name]["labels"] == alerts(RULES)[name]["labels"]


def test_panels_are_read() -> None:
    """Guarantees: dashboards as exported and as the API takes them; no variable is left in a query."""
    for file, least in ((BOARD, 30), (ROOT / "tests" / "connectors" / "dashboard.json", 5)):
        queries = [query.expr for panel in panels(file, "10s") for query in panel.queries]
        assert len(queries) >= least
        assert not any("$__" in query or "$job" in query for query in queries)
    assert filled('rate(x{job=~"$job"}[$__rate_interval])', "1m") == 'rate(x{job=~".*"}[1m])'


def test_picture() -> None:
    """Guarantees: every panel is in the picture with its numbers; one without data says so."""
    place = {"x": 0, "y": 0, "w": 8, "h": 8}
    curve = Panel("Held", "timeseries", "bytes", place, ())
    line = Line("shop", tuple((1_700_000_000.0 + at, 1024.0 * at) for at in range(9)))
    empty = Panel("Nothing", "stat", "s", {**place, "x": 8}, ())
    svg = picture([Drawn(curve, (line,)), Drawn(empty, ())], (1_700_000_000.0, 1_700_000_008.0))
    for text in (">Held<", ">shop  8 KiB<", ">22:13:20<", ">no data<", "<polyline"):
        assert text in svg


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0000025, "s", "2.5 µs"),
        (90, "s", "1.5 min"),
        (3 << 20, "bytes", "3 MiB"),
        (0.138, "percentunit", "13.8 %"),
        (1620, "cps", "1.62k/s"),
        (float("nan"), "s", "-"),
    ],
)
def test_values_are_shown_with_their_unit(value: float, unit: str, text: str) -> None:
    """Guarantees: a panel's unit is read as Grafana reads it."""
    assert shown(value, unit) == text


def test_ticks() -> None:
    """Guarantees: round numbers that span the values."""
    assert ticks(0, 9) == [0, 2.5, 5, 7.5, 10]
    assert ticks(0, 3 << 20, "bytes") == [0, 1 << 20, 2 << 20, 3 << 20]
    assert len(ticks(5, 5)) > 1


def test_traffic() -> None:
    """Guarantees: requests are OTLP, with or without roots, with or without secrets."""
    plain = ExportTraceServiceRequest.FromString(Shop(secrets=False).request(50, rooted=False))
    spans = [span for block in plain.resource_spans for scope in block.scope_spans for span in scope.spans]
    assert len({span.trace_id for span in spans}) == 50
    assert all(span.parent_span_id for span in spans)
    assert b"@example.com" in Shop().request(50)
    assert not any(word in Shop(secrets=False).request(50) for word in (b"@example.com", b"4111", b"Bearer"))


def test_the_past_is_a_day_old() -> None:
    """Guarantees: the blocks of the day before cover the hour that the alert looks at, and end."""
    text = CONDITIONS.yesterday(1_700_100_000)
    times = [int(line.split()[-1]) for line in text.splitlines() if line.startswith("tailgate_scrubbed_total")]
    assert times[0] < 1_700_100_000 - 86_400 - 3600
    assert times[-1] > 1_700_100_000 - 86_400
    assert text.endswith("# EOF\n")


def test_the_page_tells_all() -> None:
    """Guarantees: alerts and panels are on the page."""
    seen = REPORT.Seen("v9", "9 series", ["the file 1 rules found"], ["A"], ["B", "C"])
    seen.fired.append(REPORT.Fired("Lost", "the upstream is away", 12.4, "1s", "a | b"))
    seen.asked.append(REPORT.Asked("tailgate", "Held", 3, "8 KiB"))
    text = REPORT.page(seen)
    for part in (
        "| `Lost` | the upstream is away | 12 s | 1s | a \\| b |",
        "8 KiB",
    ):
        assert part in text


def test_what_promtool_asks_of_metrics() -> None:
    """Guarantees: of the shipped configuration every metric has a help text, and counts in base units."""
    config = load([ROOT / "config" / "tailgate.yaml"], TABLES, {})
    service = Service(config, load_kernel("reference"))
    described = SimpleNamespace(metrics=config.metrics, hash="x")
    page = MetricsPage(service.samples, described, "reference").render()[0].decode()
    helps = dict(line.split(" ", 3)[2:4] for line in page.splitlines() if line.startswith("# HELP"))
    assert len(helps) > 30
    assert all(helps.values())
    assert [name for name in helps if re.search(r"milli|micro|nano|minutes|hours|kilo|mega|percent", name)] == []
