"""Tailgate: a streaming OpenTelemetry proxy that enriches, scrubs, tail-samples and tags with a retention."""

__version__ = "0.1.0"
