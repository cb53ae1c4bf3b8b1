"""Names and values of labels, as the collector's Prometheus exporter writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable

OVERFLOW = ("otel_metric_overflow", "true")
"""The label of a series that stands for those that had no room (OpenTelemetry's metrics SDK specification)."""
KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUSES = ("UNSET", "OK", "ERROR")
_NOT_ALLOWED = re.compile("[^a-zA-Z0-9_]")


def label_name(attribute: str) -> str:
    """Return the label of an attribute: `http_route` of `http.route`; one that begins with a digit gets `key_`."""
    name = _NOT_ALLOWED.sub("_", attribute)
    if name[:1].isdigit():
        return f"key_{name}"
    return f"key{name}" if name.startswith("_") and not name.startswith("__") else name


def metric_name(namespace: str, name: str) -> str:
    """Return a metric's name under a namespace such as `traces.span.metrics`, which may be empty."""
    return label_name(f"{namespace}.{name}" if namespace else name)


def kind_text(number: str | None) -> str:
    """Return `SPAN_KIND_SERVER` of `2`; empty for numbers that mean nothing."""
    return _named("SPAN_KIND_", KINDS, number)


def status_text(number: str | None) -> str:
    """Return `STATUS_CODE_ERROR` of `2`; empty for numbers that mean nothing."""
    return _named("STATUS_CODE_", STATUSES, number)


def _named(prefix: str, names: tuple[str, ...], number: str | None) -> str:
    known = number is not None and number.isdigit() and int(number) < len(names)
    return prefix + names[int(number or 0)] if known else ""


def clashes(attributes: Iterable[str]) -> list[str]:
    """Return the labels that several of these attributes would have."""
    seen: set[str] = set()
    found = []
    for attribute in attributes:
        name = label_name(attribute)
        if name in seen:
            found.append(name)
        seen.add(name)
    return found
