"""The log: structlog events as JSON lines on standard error, the standard library's loggers through the same door."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
MASK = "[masked]"

_SECRET = re.compile(
    r"(?:^|[^a-z])(?:password|passwd|passphrase|pwd|secrets?|tokens?|authorization|cookies?|credentials?"
    r"|api_?key|access_?key|private_?key|hmac_?key|key_?pem)(?:$|[^a-z])"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def looks_secret(key: str) -> bool:
    """Return whether a field of this name is likely to hold a secret (`api_key`, `x-auth-token`, `setCookie`)."""
    return _SECRET.search(_CAMEL.sub("_", key).lower().replace("-", "_").replace(".", "_")) is not None


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: MASK if looks_secret(str(key)) else _masked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(item) for item in value]
    return value


def mask_secrets(_logger: Any, _method: str, event: Any) -> Any:
    """Replace the value of every field whose key looks like a secret's, at any depth; a structlog processor."""
    return _masked(event)


def _plain(value: Any) -> str:
    """Stand in for what JSON has no form for; bytes are never shown."""
    return f"<{len(value)} bytes>" if isinstance(value, (bytes, bytearray, memoryview)) else repr(value)


def _json(event: Any, **options: Any) -> str:
    return json.dumps(event, **{**options, "default": _plain})


def _lift_event(_logger: Any, _method: str, event: Any) -> Any:
    """Put time, level and event first, where eyes look for them."""
    first = {key: event.pop(key) for key in ("timestamp", "level", "logger", "event") if key in event}
    return first | event


def _shared() -> list[Any]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send everything that is logged from `level` (debug, info, warn, error) on to `stream` (stderr), a line each.

    May be called again; the last call holds. Raises KeyError for an unknown level.
    """
    threshold = LEVELS[level]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _lift_event,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str, **fields: Any) -> Any:
    """Return a structlog logger; `fields` stand on each of its lines. Usable before `configure`."""
    return structlog.get_logger(name, **fields)


class RateLimited:
    """A logger for what may happen thousands of times a second: `burst` lines per event name and interval.

    The first line of the next interval says how many were left out (`suppressed`). At most `MAX_EVENTS` names are
    remembered; they are literals in the code, so that bound is a guard and not a limit that is met.
    """

    MAX_EVENTS = 256

    def __init__(
        self, logger: Any, interval: float = 10.0, burst: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`interval` in seconds; `clock` returns seconds that never go back."""
        self._logger = logger
        self._interval = interval
        self._burst = burst
        self._clock = clock
        self._events: dict[str, tuple[float, int, int]] = {}

    def warning(self, event: str, **fields: Any) -> bool:
        """Log a warning unless its event had its share; return whether it was written."""
        return self._log("warning", event, fields)

    def error(self, event: str, **fields: Any) -> bool:
        """Log an error unless its event had its share; return whether it was written."""
        return self._log("error", event, fields)

    def _log(self, method: str, event: str, fields: dict[str, Any]) -> bool:
        now = self._clock()
        since, written, suppressed = self._events.get(event, (now, 0, 0))
        if now - since >= self._interval:
            since, written = now, 0
        if written >= self._burst:
            self._events[event] = (since, written, suppressed + 1)
            return False
        if event not in self._events and len(self._events) >= self.MAX_EVENTS:
            self._events.clear()
        self._events[event] = (since, written + 1, 0)
        extra = {"suppressed": suppressed} if suppressed else {}
        getattr(self._logger, method)(event, **fields, **extra)
        return True
