"""The time that the pipelines go by."""

from __future__ import annotations

import time


class Clock:
    """Wall-clock nanoseconds that never go back."""

    def __init__(self) -> None:
        self._offset = time.time_ns() - time.monotonic_ns()

    def __call__(self) -> int:
        """Return now."""
        return time.monotonic_ns() + self._offset
