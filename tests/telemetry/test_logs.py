"""The log: JSON lines for everything, secrets masked, floods cut."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from tailgate.telemetry.logs import MASK, RateLimited, configure, get_logger, looks_secret, mask_secrets


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Configure the log onto a buffer at level info; everything is as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    buffer = io.StringIO()
    configure("info", buffer)
    yield buffer
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json(stream: io.StringIO) -> None:
    """Time (UTC, ISO), level, logger and event come first, then the fields."""
    get_logger("tailgate.test", exporter="otlp").info("sent", spans=3)
    (line,) = lines(stream)
    assert list(line)[:4] == ["timestamp", "level", "logger", "event"]
    assert (line["level"], line["logger"], line["event"]) == ("info", "tailgate.test", "sent")
    assert (line["exporter"], line["spans"]) == ("otlp", 3)
    assert datetime.fromisoformat(line["timestamp"]).utcoffset().total_seconds() == 0


def test_levels(stream: io.StringIO) -> None:
    """Below the level nothing is written; configuring again changes it, also for loggers that exist."""
    log = get_logger("tailgate.test")
    log.debug("hidden")
    log.info("shown")
    configure("error", stream)
    log.warning("hidden")
    log.error("shown too")
    configure("debug", stream)
    log.debug("shown as well")
    assert [line["event"] for line in lines(stream)] == ["shown", "shown too", "shown as well"]
    with pytest.raises(KeyError):
        configure("loud", stream)


def test_the_standard_library_is_routed(stream: io.StringIO) -> None:
    """What aiohttp, asyncio, grpc or `warnings` say becomes a JSON line as well, at its level, arguments filled in."""
    logging.getLogger("aiohttp.server").error("bad request from %s", "peer")
    logging.getLogger("asyncio").debug("hidden")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    first, second = lines(stream)
    assert (first["logger"], first["level"], first["event"]) == ("aiohttp.server", "error", "bad request from peer")
    assert second["logger"] == "py.warnings"


def test_a_task_that_fails_unseen(stream: io.StringIO) -> None:
    """An exception that nobody awaits is a line of the log with its traceback in one field."""

    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0.01)

    asyncio.run(main())
    (line,) = lines(stream)
    assert line["level"] == "error"
    assert "ZeroDivisionError" in line["exception"]


def test_exceptions(stream: io.StringIO) -> None:
    """`log.exception` keeps one line: the traceback is a field."""
    try:
        int("a bug")
    except ValueError:
        get_logger("tailgate.test").exception("crashed")
    (line,) = lines(stream)
    assert line["exception"].endswith("'a bug'")


def test_secrets_never_show(stream: io.StringIO) -> None:
    """Fields that are named like secrets are masked at any depth; bytes and SecretStr never show their content."""
    get_logger("tailgate.test").info(
        "started",
        authorization="Bearer hunter2",
        config={"headers": [{"x-api-key": "hunter2"}], "hmac_key": "hunter2", "endpoint": "collector:4317"},
        secret=SecretStr("hunter2"),
        plain=SecretStr("hunter2"),
        body=b"hunter2",
    )
    assert "hunter2" not in stream.getvalue()
    (line,) = lines(stream)
    assert line["authorization"] == MASK
    assert line["config"]["endpoint"] == "collector:4317"
    assert line["body"] == "<7 bytes>"


@pytest.mark.parametrize(
    "key",
    ["password", "db.password", "X-Auth-Token", "apiKey", "api_key", "secret", "clientSecret", "set-cookie",
     "authorization", "aws_access_key", "private_key", "credentials"],
)  # fmt: skip
def test_keys_that_look_secret(key: str) -> None:
    """Common spellings of secrets are masked."""
    assert looks_secret(key)
    assert mask_secrets(None, "", {key: "x"}) == {key: MASK}


@pytest.mark.parametrize("key", ["spans", "key", "monkey", "tokenizer", "author", "secretary", "passwordless", "event"])
def test_keys_that_do_not(key: str) -> None:
    """Words that merely contain one stay."""
    assert not looks_secret(key)


def test_rate_limited() -> None:
    """Each event has its share an interval; the first line of the next one says how many were left out."""
    now = [100.0]
    with structlog.testing.capture_logs() as logged:
        log = RateLimited(get_logger("tailgate.test"), interval=10, burst=2, clock=lambda: now[0])
        written = [log.warning("full", n=n) for n in range(5)]
        assert written == [True, True, False, False, False]
        assert log.error("other")
        now[0] = 109.9
        assert not log.warning("full", n=5)
        now[0] = 110.0
        assert log.warning("full", n=6)
        now[0] = 200.0
        assert log.warning("full", n=7)
    full = [(line["n"], line.get("suppressed")) for line in logged if line["event"] == "full"]
    assert full == [(0, None), (1, None), (6, 4), (7, None)]
    assert {line["log_level"] for line in logged} == {"warning", "error"}


def test_rate_limited_remembers_little() -> None:
    """Any number of event names takes a bounded memory."""
    with structlog.testing.capture_logs():
        log = RateLimited(get_logger("tailgate.test"), clock=lambda: 0.0)
        for number in range(RateLimited.MAX_EVENTS * 3):
            log.warning(f"event-{number}")
    assert len(log._events) <= RateLimited.MAX_EVENTS
