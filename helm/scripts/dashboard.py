"""The Grafana dashboard, written as rows of (title, unit, kind, queries)."""

from __future__ import annotations

import json
from typing import Any

I = "$__rate_interval"  # noqa: E741 - Grafana's own name is too long for queries
W = 'job=~"$job", instance=~"$instance"'
Query = tuple[str, str]
Panel = tuple[str, str, str, list[Query]]

JUDGED = f"otelcol_processor_tail_sampling_global_count_traces_sampled_total{{{W}}}"
TICK = "tailgate_decision_tick_seconds_bucket"
LATE = "otelcol_processor_tail_sampling_sampling_late_span_age_seconds_bucket"
AGE = "otelcol_processor_tail_sampling_sampling_trace_removal_age_seconds_bucket"


def rate(metric: str, by: str, extra: str = "") -> str:
    """Return the sum of a counter's rate by labels."""
    return f"sum by ({by}) (rate({metric}{{{W}{extra}}}[{I}]))"


def effective() -> str:
    """Return how many instances run which configuration, by the beginning of its hash."""
    short = f'label_replace(tailgate_config_info{{{W}}}, "short", "$1", "hash", "(.{{8}}).*")'
    return f"count by (short) ({short})"


def some(query: str) -> str:
    """Return a query without the series that are 0: of very many only those that matter are drawn."""
    return f"{query} > 0"


def quantile(share: float, metric: str) -> str:
    """Return a quantile of a histogram over all instances."""
    return f"histogram_quantile({share}, {rate(metric, 'le')})"


ROWS: dict[str, list[Panel]] = {
    "Overview": [
        ("Spans in", "cps", "stat", [(rate("tailgate_pipeline_accepted_spans_total", "pipeline"), "{{pipeline}}")]),
        ("Spans out", "cps", "stat", [(rate("tailgate_pipeline_out_spans_total", "pipeline"), "{{pipeline}}")]),
        (
            "Kept",
            "percentunit",
            "stat",
            [
                (
                    (
                        f"sum(rate(tailgate_pipeline_out_spans_total{{{W}}}[{I}])) "
                        f"/ sum(rate(tailgate_pipeline_accepted_spans_total{{{W}}}[{I}]))"
                    ),
                    "of the spans",
                )
            ],
        ),
        ("Lost", "cps", "stat", [(f"sum(rate(otelcol_processor_dropped_spans{{{W}}}[{I}]))", "spans")]),
        ("Held traces", "short", "stat", [(f"sum(tailgate_pipeline_held_traces{{{W}}})", "now")]),
        (
            "CPU per span",
            "s",
            "stat",
            [
                (
                    (
                        f"sum(rate(process_cpu_seconds_total{{{W}}}[{I}])) "
                        f"/ sum(rate(tailgate_pipeline_accepted_spans_total{{{W}}}[{I}]))"
                    ),
                    "a span",
                )
            ],
        ),
    ],
    "Sampling": [
        (
            "Kept traces by policy",
            "cps",
            "timeseries",
            [(rate("tailgate_policy_kept_total", "policy", ', mode="enforce"'), "{{policy}}")],
        ),
        (
            "Traces by policy and its answer",
            "cps",
            "timeseries",
            [
                (
                    some(rate("otelcol_processor_tail_sampling_count_traces_sampled_total", "policy, decision")),
                    "{{policy}}: {{decision}}",
                )
            ],
        ),
        (
            "Dropped spans, and why",
            "cps",
            "timeseries",
            [(rate("tailgate_pipeline_dropped_spans_total", "reason"), "{{reason}}")],
        ),
        (
            "Matched, but over a limit",
            "cps",
            "timeseries",
            [(rate("tailgate_policy_over_limit_total", "policy"), "{{policy}}")],
        ),
        (
            "Shadow policies: would have kept",
            "cps",
            "timeseries",
            [(rate("tailgate_policy_kept_total", "policy", ', mode="shadow"'), "{{policy}}")],
        ),
        (
            "Share of traces kept",
            "percentunit",
            "timeseries",
            [
                (
                    f'sum(rate({JUDGED[:-1]}, sampled="true"}}[{I}])) / sum(rate({JUDGED}[{I}]))',
                    "kept",
                )
            ],
        ),
    ],
    "Held traces and decisions": [
        (
            "Held traces",
            "short",
            "timeseries",
            [(f"sum by (instance) (tailgate_pipeline_held_traces{{{W}}})", "{{instance}}")],
        ),
        (
            "Held bytes",
            "bytes",
            "timeseries",
            [(f"sum by (instance) (tailgate_pipeline_held_bytes{{{W}}})", "{{instance}}")],
        ),
        (
            "Judging what is due, a tick",
            "s",
            "timeseries",
            [(quantile(0.5, TICK), "median"), (quantile(0.99, TICK), "99 %")],
        ),
        (
            "How long traces are held",
            "s",
            "timeseries",
            [(quantile(0.5, AGE), "median"), (quantile(0.99, AGE), "99 %")],
        ),
        (
            "How late spans come after the decision",
            "s",
            "timeseries",
            [(quantile(0.5, LATE), "median"), (quantile(0.99, LATE), "99 %")],
        ),
        (
            "Judged early, or without a root",
            "cps",
            "timeseries",
            [
                (rate("tailgate_traces_judged_early_total", "reason"), "early: {{reason}}"),
                (rate("tailgate_traces_judged_without_root_total", "pipeline"), "without root"),
            ],
        ),
    ],
    "Scrubbing, retention, cost": [
        (
            "Values scrubbed, by rule",
            "cps",
            "timeseries",
            [(some(rate("tailgate_scrubbed_total", "rule")), "{{rule}}")],
        ),
        (
            "Could not be scrubbed, and did not pass",
            "cps",
            "timeseries",
            [(rate("tailgate_scrub_failures_total", "reason"), "{{reason}}")],
        ),
        (
            "Kept traces by retention",
            "cps",
            "timeseries",
            [(rate("tailgate_retention_traces_total", "class"), "{{class}}")],
        ),
        ("Spans by retention", "cps", "timeseries", [(rate("tailgate_retention_spans_total", "class"), "{{class}}")]),
        (
            "Budget spent, an hour",
            "currencyUSD",
            "timeseries",
            [(f"3600 * {rate('tailgate_budget_spent_total', 'processor')}", "{{processor}}")],
        ),
        (
            "Budget left",
            "currencyUSD",
            "timeseries",
            [(f"sum by (instance) (tailgate_budget_left{{{W}}})", "{{instance}}")],
        ),
        (
            "Cost of calls, an hour, by service",
            "currencyUSD",
            "timeseries",
            [(f"3600 * {rate('tailgate_cost_total', 'service_name')}", "{{service_name}}")],
        ),
        (
            "Cost of calls, an hour, by model",
            "currencyUSD",
            "timeseries",
            [(f"3600 * {rate('tailgate_cost_total', 'gen_ai_request_model')}", "{{gen_ai_request_model}}")],
        ),
        (
            "Rows looked up: pods, prices, tables",
            "cps",
            "timeseries",
            [(rate("tailgate_lookups_total", "table, result"), "{{table}}: {{result}}")],
        ),
    ],
    "Receivers and exporters": [
        (
            "Requests by answer",
            "reqps",
            "timeseries",
            [(rate("tailgate_receiver_requests_total", "transport, code"), "{{transport}} {{code}}")],
        ),
        (
            "Refused requests",
            "reqps",
            "timeseries",
            [(rate("tailgate_receiver_refused_requests_total", "reason"), "{{reason}}")],
        ),
        ("Sent", "cps", "timeseries", [(rate("otelcol_exporter_sent_spans_total", "exporter"), "{{exporter}}")]),
        (
            "Lost",
            "cps",
            "timeseries",
            [(rate("tailgate_exporter_failed_spans_total", "exporter, reason"), "{{exporter}}: {{reason}}")],
        ),
        (
            "Queues",
            "percentunit",
            "timeseries",
            [
                (
                    (
                        f"max by (instance, exporter) (otelcol_exporter_queue_size{{{W}}} "
                        f"/ otelcol_exporter_queue_capacity{{{W}}})"
                    ),
                    "{{instance}} {{exporter}}",
                )
            ],
        ),
    ],
    "Process": [
        (
            "CPU (cores)",
            "short",
            "timeseries",
            [(f"sum by (instance) (rate(process_cpu_seconds_total{{{W}}}[{I}]))", "{{instance}}")],
        ),
        (
            "Memory",
            "bytes",
            "timeseries",
            [
                (f"sum by (instance) (tailgate_memory_used_bytes{{{W}}})", "{{instance}}"),
                (f"max by (level) (tailgate_memory_limit_bytes{{{W}}})", "limit: {{level}}"),
            ],
        ),
        (
            "Byte budget used",
            "bytes",
            "timeseries",
            [(f"sum by (kind) (tailgate_memory_budget_used_bytes{{{W}}})", "{{kind}}")],
        ),
        (
            "Configurations in effect",
            "short",
            "timeseries",
            [(effective(), "{{short}}")],
        ),
        (
            "Last reload worked",
            "bool",
            "timeseries",
            [(f"min by (instance) (tailgate_config_last_reload_successful{{{W}}})", "{{instance}}")],
        ),
    ],
}


def _targets(queries: list[Query]) -> list[dict[str, Any]]:
    return [{"refId": chr(65 + at), "expr": expr, "legendFormat": legend} for at, (expr, legend) in enumerate(queries)]


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    title, unit, kind, queries = panel
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10}
    defaults = {"unit": unit, **({"custom": custom} if kind == "timeseries" else {})}
    return {
        "id": number,
        "title": title,
        "type": kind,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": _targets(queries),
    }


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": title, "gridPos": {"h": 1, "w": 24, "x": 0, "y": top}}
        )
        wide, high = (24 // len(row), 4) if row[0][2] == "stat" else (8, 8)
        for at, panel in enumerate(row):
            place = {"h": high, "w": wide, "x": at * wide % 24, "y": top + 1 + at * wide // 24 * high}
            panels.append(_panel(panel, len(panels) + 1, place))
        top += 1 + -(-len(row) * wide // 24) * high
    return panels


def _variable(name: str, query: str) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    choice = {"includeAll": True, "multi": True, "allValue": ".*", "refresh": 2, "sort": 1}
    return {"name": name, "type": "query", "datasource": source, "query": query, **choice}


def build() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    variables = [
        {"name": "datasource", "type": "datasource", "query": "prometheus"},
        _variable("job", "label_values(tailgate_build_info, job)"),
        _variable("instance", 'label_values(tailgate_build_info{job=~"$job"}, instance)'),
    ]
    return {
        "title": "Tailgate",
        "uid": "tailgate",
        "tags": ["tailgate", "opentelemetry", "tracing"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": variables},
        "panels": _panels(),
    }


def text() -> str:
    """Return it as it is written into the chart."""
    return json.dumps(build(), indent=1) + "\n"
