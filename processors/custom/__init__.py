"""`custom`: processors that people write in Python, each in a worker process (`docs/custom-processors.md`)."""

from .api import Processor, Request, try_processor
from .build import SPEC

__all__ = ["SPEC", "Processor", "Request", "try_processor"]
