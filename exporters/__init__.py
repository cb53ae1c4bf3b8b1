"""Exporters: queue, batch, retry, send; answer for what was lost."""

from __future__ import annotations

from . import debug, otlp_grpc, otlp_http
from .base import ExporterSpec

EXPORTERS: tuple[ExporterSpec, ...] = (otlp_grpc.SPEC, otlp_http.SPEC, debug.SPEC)
"""Every exporter there is, in the order in which they are listed to people."""
