"""What the chart is made from: everything generated is current, every alert has its runbook, every metric exists."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import generate
import pytest
import render
import schema
import values
import yaml
from jsonschema import Draft202012Validator
from tailgate.cli import build_parser

ROOT = Path(__file__).resolve().parents[2]
RULES = yaml.safe_load((render.CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))
ALERTS: dict[str, Any] = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
DOCS = ROOT / "docs"
NOT_OURS = re.compile(r"up|process_\w+")


@pytest.mark.parametrize("path", generate.sources(), ids=lambda path: path.name)
def test_generated_files_are_current(path: Path) -> None:
    """Guarantees: schema, table, dashboard and shipped rules say what their sources say: `make manifest`."""
    assert path.read_text(encoding="utf-8") == generate.sources()[path], f"{path} is not current: run `make manifest`"


def documented() -> set[str]:
    """The metrics of docs/metrics.md, histograms by their series."""
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE)
    return {f"{n}{end}" for n, t in rows for end in (("_bucket", "_sum", "_count") if t == "histogram" else ("",))}


def queries() -> list[str]:
    """Every expression of the alerts and of the dashboard."""
    board = json.loads((render.CHART / "files" / "dashboards" / "tailgate.json").read_text(encoding="utf-8"))
    panels = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(panels) > 25
    return [*(rule["expr"] for rule in ALERTS.values()), *panels]


@pytest.mark.parametrize("query", queries())
def test_metrics_exist(query: str) -> None:
    """Guarantees: alerts and panels ask for what docs/metrics.md says there is."""
    bare = re.sub(r'"[^"]*"|\b(?:by|on|ignoring) \([^)]*\)|\[[^\]]*\]', "", query)
    found = set(re.findall(r"\b(?:tailgate|otelcol|process|traces)_\w+|\bup\b", bare))
    assert found, query
    assert [name for name in found if name not in documented() and not NOT_OURS.fullmatch(name)] == []


@pytest.mark.parametrize("name", ALERTS)
def test_alerts_are_complete(name: str) -> None:
    """Guarantees: a severity, a summary, a runbook that exists and is linked from the page of alerts."""
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    assert rule["annotations"]["runbook_url"].endswith(f"/docs/runbooks/{name}.md")
    page = (DOCS / "runbooks" / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n")
    assert "\n## Look\n" in page
    assert "\n## Do\n" in page
    assert f"| [`{name}`](runbooks/{name}.md) | {rule['labels']['severity']} |" in (DOCS / "alerts.md").read_text()


def test_every_runbook_is_of_an_alert() -> None:
    """Guarantees: no page is left behind, and links between pages lead somewhere."""
    pages = {path.stem: path for path in (DOCS / "runbooks").glob("*.md")}
    assert set(pages) == set(ALERTS)
    for path in [*pages.values(), render.CHART / "README.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
            assert "://" in target or (path.parent / target).exists(), f"{path.name} links to {target}"


RUNBOOKS = sorted((DOCS / "runbooks").glob("*.md"))


def quoted(page: Path) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_runbooks_name_what_is_there(page: Path) -> None:
    """Guarantees: metrics that are documented, commands that exist, values that the chart has."""
    parts = quoted(page)
    bare = [re.sub(r'"[^"]*"|\b(?:by|on|ignoring) \([^)]*\)|\[[^\]]*\]', "", part) for part in parts]
    metrics = {
        name
        for part in bare
        for name in re.findall(r"\b(?:tailgate|otelcol|process|traces_s)_?\w+", part)
        if "_" in name
    }
    assert [name for name in metrics if name not in documented() and not NOT_OURS.fullmatch(name)] == []
    actions = build_parser()._actions
    commands = {name for one in actions if isinstance(one, argparse._SubParsersAction) for name in one.choices}
    assert {name for part in parts for name in re.findall(r"^tailgate ([a-z]+)", part)} <= commands
    known = {".".join(value.path) for value in values.read()}
    tops = {name.partition(".")[0] for name in known} - {"config", "sending_queue"}
    for part in parts:
        if re.fullmatch(r"[a-zA-Z]+(\.[a-zA-Z]+)+", part) and part.partition(".")[0] in tops:
            assert any(f"{part}.".startswith(f"{name}.") or name.startswith(f"{part}.") for name in known), part


def test_alerts_as_people_have_them_work() -> None:
    """Guarantees: the two alerts that are common for collectors are here, word for word."""
    assert ALERTS["HighTraceDropRate"]["expr"] == "rate(otelcol_processor_dropped_spans[5m]) > 0.1"
    assert ALERTS["TracingCollectorDown"]["expr"] == 'up{job="opentelemetry-collector"} == 0'
    assert ALERTS["TracingCollectorDown"]["labels"]["severity"] == "critical"


def test_panels_do_not_overlap() -> None:
    """Guarantees: every panel has a place of its own within the 24 columns."""
    board = json.loads((render.CHART / "files" / "dashboards" / "tailgate.json").read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


VALIDATOR = Draft202012Validator(schema.build())
GIVEN = [*render.cases(), *sorted((render.CHART / "examples").glob("*.yaml")), render.CHART / "values.yaml"]


def errors(given: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(given)]


@pytest.mark.parametrize("path", GIVEN, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_values_fit_the_schema(path: Path) -> None:
    """Guarantees: defaults, examples and cases are what the schema allows."""
    assert errors(yaml.safe_load(path.read_text(encoding="utf-8"))) == []


def test_values_of_the_pages_fit_the_schema() -> None:
    """Guarantees: every block of values in docs/kubernetes.md can be given to the chart."""
    text = (DOCS / "kubernetes.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```text\n# values.yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        assert errors(yaml.safe_load(block)) == []


@pytest.mark.parametrize(
    "given",
    [
        {"tailSampling": {}},
        {"image": {"tagg": "1"}},
        {"config": {"processors": {"batch": {"timeoutt": "1s"}}}},
        {"rules": {"sampling.yaml": {"policies": [], "defualt": "1%"}}},
        {"ports": {"otlp-grpc": {"containerPort": 0}}},
    ],
)
def test_other_values_are_refused(given: Any) -> None:
    """Guarantees: a misspelt key of the chart, of the configuration or of a rule file is refused."""
    assert errors(given)


def test_every_value_is_described() -> None:
    """Guarantees: each key, or the one that it belongs to, says what it is."""
    said = {value.path: value.description for value in values.read()}
    plain = {"protocol", "appProtocol", "containerPort", "servicePort", "nodePort", "sampleLimit"}
    plain |= {"minReplicas", "maxReplicas", "minAvailable", "maxUnavailable"}
    for path, description in said.items():
        inner = any(other[: len(path)] == path and other != path for other in said)
        outer = any(said.get(path[:n]) for n in range(1, len(path)))
        assert description or inner or outer or path[-1] in plain, path
