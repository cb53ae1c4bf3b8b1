"""Alerts and dashboards as data: rules that wait for less, and the queries of panels with their variables filled."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tailgate.rules.durations import parse_duration

SECOND = 1_000_000_000
Rules = dict[str, Any]
"""A rule file of Prometheus, read."""


def seconds(duration: str) -> float:
    """Return a duration of Prometheus in seconds."""
    return parse_duration(duration) / SECOND


def hastened(rules: Rules, factor: float) -> Rules:
    """Return the same rules with every `for` divided by `factor`, at least a second; nothing else is changed."""
    out = copy.deepcopy(rules)
    for group in out["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = f"{max(1, round(seconds(rule['for']) / factor))}s"
    return out


def alerts(rules: Rules) -> dict[str, dict[str, Any]]:
    """Return the alerts of a rule file by name."""
    return {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"]}


def rules_of_configmap(file: Path) -> Rules:
    """Return the rules in the only key of a ConfigMap."""
    (text,) = yaml.safe_load(file.read_text(encoding="utf-8"))["data"].values()
    found: Rules = yaml.safe_load(text)
    return found


def rules_of_object(rendered: str) -> Rules:
    """Return the rules in the PrometheusRule among rendered objects."""
    objects = [one for one in yaml.safe_load_all(rendered) if one]
    (spec,) = [one["spec"] for one in objects if one["kind"] == "PrometheusRule"]
    return {"groups": spec["groups"]}


@dataclass(frozen=True)
class Query:
    """What one target of a panel asks."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """A panel with its place in the 24 columns."""

    title: str
    kind: str
    unit: str
    place: Mapping[str, int]
    queries: tuple[Query, ...]


def filled(expr: str, interval: str) -> str:
    """Return a query as Grafana sends it when all jobs and instances are chosen."""
    for name, value in (("$__rate_interval", interval), ("$job", ".*"), ("$instance", ".*")):
        expr = expr.replace(name, value)
    return expr


def panels(file: Path, interval: str) -> Iterator[Panel]:
    """Yield the panels of a dashboard, as exported or wrapped as the API takes it."""
    written = json.loads(file.read_text(encoding="utf-8"))
    for panel in written.get("dashboard", written)["panels"]:
        targets = panel.get("targets", [])
        queries = tuple(Query(filled(one["expr"], interval), one.get("legendFormat", "")) for one in targets)
        unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "short")
        yield Panel(panel["title"], panel["type"], unit, panel["gridPos"], queries)


def queries_of(page: Path) -> Iterator[str]:
    """Yield what a page for people asks Prometheus: what stands in backticks or in blocks and calls for a metric."""
    text = page.read_text(encoding="utf-8")
    parts = re.findall(r"^```promql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
    for part in parts:
        if re.search(r"\b(?:tailgate|otelcol|process|traces_s\w+)_\w{4,}", part):
            yield part
