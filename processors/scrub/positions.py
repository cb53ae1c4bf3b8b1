"""The string positions of each signal, as `docs/kernel.md` names them."""

from __future__ import annotations

from collections.abc import Mapping

from ...kernel.contract import Signal

TRACES = (
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
)
LOGS = ("resource", "scope", "log", "body", "severity_text", "event_name", "scope_name", "schema_url")
METRICS = (
    "resource",
    "scope",
    "metric",
    "datapoint",
    "exemplar",
    "metric_name",
    "metric_description",
    "metric_unit",
    "scope_name",
    "schema_url",
)
BY_SIGNAL: Mapping[Signal, tuple[str, ...]] = {"traces": TRACES, "logs": LOGS, "metrics": METRICS}
POSITIONS = tuple(dict.fromkeys((*TRACES, *LOGS, *METRICS)))
"""Every string position of any signal, but for the keys of attributes."""
ATTRIBUTES = ("resource", "scope", "span", "event", "link", "log", "metric", "datapoint", "exemplar")
"""Those that are attributes."""
ATTRIBUTE_KEY = "attribute_key"


def positions_in(signal: Signal, wanted: tuple[str, ...] | list[str] = POSITIONS) -> list[str]:
    """Return those of some positions that a signal has; the keys of attributes only beside some attributes."""
    found = [position for position in wanted if position in BY_SIGNAL[signal]]
    keys = [ATTRIBUTE_KEY] if ATTRIBUTE_KEY in wanted and set(found) & set(ATTRIBUTES) else []
    return [*found, *keys]
