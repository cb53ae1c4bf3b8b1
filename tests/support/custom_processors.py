"""Custom processors that do their job, and custom processors that do not; what they do depends on the spans' names."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from tailgate.processors.custom import Processor, Request


def each_span(request: Request) -> Any:
    return (span for block in request.resource_spans for scope in block.scope_spans for span in scope.spans)


class Shout(Processor):
    """Names in capitals; refuses an option."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        if options.get("wrong"):
            raise ValueError("wrong: expected nothing")

    def process(self, request: Request) -> None:
        print("what is printed goes nowhere")
        for span in each_span(request):
            span.name = span.name.upper() + self.options.get("end", "")


class Moody(Shout):
    """Does what the first span's name says."""

    def process(self, request: Request) -> None:
        super().process(request)
        name = next(each_span(request)).name
        if name == "RAISE":
            raise RuntimeError("secret-4711")
        if name == "LOOP":
            while True:
                pass
        if name == "STUCK":
            ctypes.PyDLL(None).usleep(60_000_000)  # keeps the interpreter's lock
        if name == "EXIT":
            os._exit(3)
        if name == "QUIT":
            sys.exit(3)
        if name == "HOG":
            self.hoard = bytearray(2 << 30)
        if name == "SLOW":
            time.sleep(0.2)
        if name == "GARBAGE":
            self.garbage(request)
        if name == "TWINS":
            scope = request.resource_spans[0].scope_spans[0]
            scope.spans.add().CopyFrom(scope.spans[0])
        if name == "EMPTY":
            request.Clear()
        return request if name == "RETURNS" else None  # type: ignore[return-value]

    def garbage(self, request: Request) -> None:
        """Nests a value more deeply than is taken."""
        value = request.resource_spans[0].resource.attributes.add(key="deep").value
        for _ in range(40):
            value = value.array_value.values.add()
        value.string_value = "bottom"


class NoProcessor:
    pass
