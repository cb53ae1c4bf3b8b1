"""Batching on the way out, as pure logic: what waits, when enough has waited, and what goes together.

`ExportTraceServiceRequest` has one field and it is repeated, so two serialized requests side by side are one request:
merging is a concatenation of bytes, and a request that goes alone is the very object that came in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

MERGE_BYTES = 2 << 20
"""Requests are not merged beyond this; gRPC servers take 4 MiB unless told otherwise."""


@dataclass(frozen=True)
class BatchBounds:
    """When a batch goes and how large it may be. 0 stands for "no such bound"; without any minimum it goes at once."""

    min_spans: int = 8192
    min_bytes: int = MERGE_BYTES
    max_spans: int = 8192
    max_bytes: int = MERGE_BYTES
    timeout: float = 0.2
    """Seconds after which a batch goes whatever its size."""


class _Item(NamedTuple):
    data: bytes
    spans: int
    since: float


@dataclass(eq=False)
class Batch:
    """What is sent in one request; `Backlog.take` makes it, and it is settled once."""

    body: bytes
    spans: int
    requests: int
    """How many requests were merged."""
    settled: bool = False


class Backlog:
    """Requests that wait to be sent, first come first served. Time is seconds that never go back."""

    def __init__(self, bounds: BatchBounds) -> None:
        self.bounds = bounds
        self.spans = 0
        self.bytes = 0
        self._items: deque[_Item] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def push(self, now: float, data: bytes, spans: int) -> None:
        """Let a request wait."""
        self._items.append(_Item(data, spans, now))
        self.spans += spans
        self.bytes += len(data)

    def next_deadline(self) -> float | None:
        """Return when what waits goes at the latest, None when nothing waits."""
        return self._items[0].since + self.bounds.timeout if self._items else None

    def ready(self, now: float) -> bool:
        """Return whether a batch should go now."""
        bounds = self.bounds
        if not self._items:
            return False
        if now >= self._items[0].since + bounds.timeout or not (bounds.min_spans or bounds.min_bytes):
            return True
        return self._enough(self.spans, self.bytes) or self._too_much(self.spans, self.bytes)

    def take(self) -> Batch:
        """Return the next batch: requests from the front until there is enough, or the next one would be too much.

        A request is never split: one that alone exceeds the maximum goes alone. Raises IndexError when nothing waits.
        """
        parts: list[bytes] = []
        spans = size = 0
        while self._items and not (parts and self._enough(spans, size)):
            item = self._items[0]
            if parts and self._too_much(spans + item.spans, size + len(item.data)):
                break
            self._items.popleft()
            parts.append(item.data)
            spans += item.spans
            size += len(item.data)
        self.spans -= spans
        self.bytes -= size
        return Batch(parts[0] if len(parts) == 1 else b"".join(parts), spans, len(parts))

    def _enough(self, spans: int, size: int) -> bool:
        return 0 < self.bounds.min_spans <= spans or 0 < self.bounds.min_bytes <= size

    def _too_much(self, spans: int, size: int) -> bool:
        return 0 < self.bounds.max_spans < spans or 0 < self.bounds.max_bytes < size
