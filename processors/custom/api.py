"""What people write: the base class, and a helper for their tests (`docs/custom-processors.md`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Request = ExportTraceServiceRequest
"""OTLP's own message: resource_spans, scope_spans, spans."""


class Processor(ABC):
    """Base class: `process` is given decoded requests (before a sampler) or kept traces (after one), one at a time.

    An instance lives in a process of its own. It is made anew after a crash, a call that took too long, or a change of
    its configuration, and nothing is carried over.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        """`options` are those of the configuration; raise ValueError when they are wrong."""
        self.options = options

    @abstractmethod
    def process(self, request: Request) -> None:
        """Edit the request in place. Spans may be changed, removed and added; what it raises is counted."""


def find_processor(module: str) -> type[Processor]:
    """Return the class that `package.module:Class` names; imports the module, and raises what that raises.

    ValueError when there is no such class or it is no `Processor`.
    """
    name, _, attribute = module.partition(":")
    found = getattr(import_module(name), attribute, None)
    if not isinstance(found, type) or not issubclass(found, Processor):
        raise ValueError(f"{module} is no subclass of tailgate.processors.custom.Processor")  # noqa: TRY004
    return found


def run_once(processor: Processor, request: bytes) -> bytes:
    """Return a serialized request as the processor leaves it. Raises what it raises; TypeError when it returns any."""
    message = Request.FromString(request)
    returned: object = processor.process(message)
    if returned is not None:
        raise TypeError("process edits the request in place: expected None")
    return message.SerializeToString()


def try_processor(processor: Processor, request: Request | bytes) -> Request:
    """Return a request as the processor leaves it, for its tests: coded and decoded as in operation, same process.

    The request that is given stays as it is. Raises what the processor raises, and TypeError when it returns anything.
    """
    given = request if isinstance(request, bytes) else request.SerializeToString()
    return Request.FromString(run_once(processor, given))
