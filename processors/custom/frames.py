"""What goes over the pipes to a worker and back: a kind (1 byte), a length (4 bytes, big-endian), and so many bytes."""

from __future__ import annotations

import struct

HELLO, CALL = b"H", b"C"
"""To the worker: what to run (JSON), and a request (OTLP)."""
READY, ANSWER, FAILED, EXHAUSTED = b"R", b"A", b"F", b"M"
"""From it: it can be called; the request as it is now; what was raised (JSON); it is out of memory."""

HEAD = struct.Struct(">cI")
MAX_FRAME = 1 << 28


def frame(kind: bytes, body: bytes) -> bytes:
    """Return a frame's bytes."""
    return HEAD.pack(kind, len(body)) + body
