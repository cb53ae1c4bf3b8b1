"""Where strings stand that a scrub stage may look at."""

from __future__ import annotations

_SHARED = ("resource", "scope", "scope_name", "schema_url", "attribute_key")
_LOGS = ("log", "body", "severity_text")
_METRICS = ("metric", "datapoint", "exemplar", "metric_name", "metric_description", "metric_unit")
POSITIONS = (
    "resource",
    "scope",
    "span",
    "event",
    "link",
    "span_name",
    "status",
    "event_name",
    "trace_state",
    "scope_name",
    "schema_url",
    "attribute_key",
    *_LOGS,
    *_METRICS,
)
"""All, in the order in which they are counted."""

OF_SIGNAL = {
    "traces": POSITIONS[:12],
    "logs": (*_SHARED, *_LOGS, "event_name"),
    "metrics": (*_SHARED, *_METRICS),
}
