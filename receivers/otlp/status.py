"""Answers that are no success, as `google.rpc.Status` says them in gRPC and in HTTP bodies."""

from __future__ import annotations

import math
from typing import NamedTuple

from google.protobuf import json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2

from ...kernel.contract import Malformed, OverLimit
from ..base import Refused

DETAILS_KEY = "grpc-status-details-bin"
PROTOBUF, JSON = "application/x-protobuf", "application/json"

INVALID_ARGUMENT: int = code_pb2.INVALID_ARGUMENT
RESOURCE_EXHAUSTED: int = code_pb2.RESOURCE_EXHAUSTED
UNAVAILABLE: int = code_pb2.UNAVAILABLE
UNIMPLEMENTED: int = code_pb2.UNIMPLEMENTED
NOT_FOUND: int = code_pb2.NOT_FOUND
INTERNAL: int = code_pb2.INTERNAL
DEADLINE_EXCEEDED: int = code_pb2.DEADLINE_EXCEEDED


class TooLarge(OverLimit):
    """A body or message is larger than the receiver takes, as it comes or inflated."""


class TooSlow(Exception):
    """A peer did not send its request within the time it has."""


class Answer(NamedTuple):
    """A failed request's answer."""

    code: int
    """Of `google.rpc.Code`."""
    http: int
    message: str
    reason: str
    """Why, as one word for metrics."""
    retry_after: float | None = None
    """Seconds; None: do not retry."""
