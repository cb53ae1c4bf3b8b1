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


class NoMessage(Malformed):
    """A call ended without a message: given up by its sender, or larger than gRPC lets through."""


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

    def status(self) -> status_pb2.Status:
        """Return the `google.rpc.Status`, with a RetryInfo where a retry is welcome."""
        status = status_pb2.Status(code=self.code, message=self.message)
        if self.retry_after is not None:
            info = error_details_pb2.RetryInfo()
            info.retry_delay.FromMilliseconds(max(1, math.ceil(self.retry_after * 1000)))
            status.details.add().Pack(info)
        return status

    def body(self, content_type: str) -> bytes:
        """Return the status as an HTTP body of that type (`application/json`, else protobuf)."""
        if content_type == JSON:
            return json_format.MessageToJson(self.status(), indent=None).encode()
        return bytes(self.status().SerializeToString())

    def metadata(self) -> tuple[tuple[str, bytes], ...]:
        """Return gRPC trailing metadata."""
        return ((DETAILS_KEY, self.status().SerializeToString()),) if self.retry_after is not None else ()

    def headers(self) -> dict[str, str]:
        """Return HTTP headers: Retry-After in whole seconds."""
        return {} if self.retry_after is None else {"Retry-After": str(max(1, math.ceil(self.retry_after)))}


def answer_for(error: Exception) -> Answer:
    """Return the answer for what stopped a request; an unknown error is not described to the peer."""
    if isinstance(error, Refused):
        code, http = (RESOURCE_EXHAUSTED, 429) if error.exhausted else (UNAVAILABLE, 503)
        return Answer(code, http, f"refused: {error.reason}", error.reason, error.retry_after)
    if isinstance(error, OverLimit):
        return Answer(INVALID_ARGUMENT, 413, str(error), "over_limit")
    if isinstance(error, Malformed):
        reason = "no_message" if isinstance(error, NoMessage) else "malformed"
        return Answer(INVALID_ARGUMENT, 400, str(error), reason)
    if isinstance(error, TooSlow):
        return Answer(UNAVAILABLE, 408, "the request did not arrive in time", "too_slow", 1.0)
    return Answer(INTERNAL, 500, "internal error", "internal")
