"""OTLP over gRPC and HTTP."""

from .receiver import SPEC, OtlpReceiver

__all__ = ["SPEC", "OtlpReceiver"]
