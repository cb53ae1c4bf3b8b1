"""`custom`: processors that people write in Python, each in a worker process (`docs/custom-processors.md`).

The worker imports this package too, so it has only what people write their processors with.
"""

from .api import Processor, Request, try_processor

__all__ = ["Processor", "Request", "try_processor"]
