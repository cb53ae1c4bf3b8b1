"""Connectors: pipelines of traces send to them, and they give metrics."""

from __future__ import annotations

from . import service_graph, span_metrics
from .base import ConnectorSpec

CONNECTORS: tuple[ConnectorSpec, ...] = (span_metrics.SPEC, service_graph.SPEC)
"""Every connector there is, in the order in which they are listed to people."""
