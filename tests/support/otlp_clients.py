"""What the clients in the receivers' tests share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from google.rpc import status_pb2

JSON = {"Content-Type": "application/json"}
HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
"""The beginning of a request by hand."""


def status_of(answer: tuple[int, dict[str, str], bytes]) -> status_pb2.Status:
    """Return what the answer (status, headers, body) to a protobuf request says went wrong."""
    assert answer[1]["content-type"] == "application/x-protobuf"
    return status_pb2.Status.FromString(answer[2])


def wait_until(condition: Callable[[], Any], seconds: float = 10) -> None:
    """Wait for something to be so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
