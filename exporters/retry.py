"""Retrying, as pure logic: what an attempt can end in, and how long to wait before the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import grpc

RETRYABLE_CODES = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""gRPC codes after which OTLP lets a client try again; RESOURCE_EXHAUSTED joins them when it comes with RetryInfo."""

RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})
"""HTTP statuses after which OTLP lets a client try again."""

LONGEST_WAIT = 86_400.0
"""Seconds; an upstream that asks for more is asked again after these."""


@dataclass(frozen=True)
class Delivered:
    """The upstream took the request; `rejected` of its spans it did not keep (partial success)."""

    rejected: int = 0
    message: str = ""


@dataclass(frozen=True)
class Retryable:
    """The attempt failed in a way that may pass; `after` is the wait in seconds that the upstream asked for."""

    reason: str
    after: float | None = None


@dataclass(frozen=True)
class Permanent:
    """The upstream will never take the request."""

    reason: str


Answer = Delivered | Retryable | Permanent


@dataclass(frozen=True)
class RetryPolicy:
    """`retry_on_failure` in seconds; `max_elapsed` 0 means without end."""

    enabled: bool = True
    initial: float = 5.0
    maximum: float = 30.0
    max_elapsed: float = 300.0
    multiplier: float = 1.5
    randomization: float = 0.5


class Backoff:
    """The waits of one batch: exponential, spread by +-`randomization`, never shorter than the upstream asked for."""

    def __init__(self, policy: RetryPolicy, started: float, rng: Callable[[], float]) -> None:
        """`started` is when the first attempt began; `rng` returns numbers in [0, 1)."""
        self._policy = policy
        self._started = started
        self._rng = rng
        self._interval = min(policy.initial, policy.maximum)

    def next(self, now: float, after: float | None = None) -> float | None:
        """Return the seconds to wait before the next attempt, None when there shall be none."""
        policy = self._policy
        if not policy.enabled:
            return None
        delay = self._interval * (1 + policy.randomization * (2 * self._rng() - 1))
        self._interval = min(self._interval * policy.multiplier, policy.maximum)
        delay = max(delay, min(after or 0.0, LONGEST_WAIT))
        if policy.max_elapsed and now + delay - self._started > policy.max_elapsed:
            return None
        return delay


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number or an HTTP date (`now` is Unix time).

    None when it is absent or says nothing sensible; a date in the past is 0.
    """
    text = (value or "").strip()
    if not text:
        return None
    if text.replace(".", "", 1).isdigit() and text.isascii():
        return min(float(text), LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    return min(max(seconds, 0.0), LONGEST_WAIT)
