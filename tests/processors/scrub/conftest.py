"""Scrubbing through a kernel: `scrubber` compiles a configuration once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel.contract import Kernel, Program
from tailgate.processors.base import BuildContext, Fused
from tailgate.processors.scrub import SPECS

NO_FACTS: Any = {"leaves": [], "numbers": [], "keys": [], "compare": []}
LIMITS: Any = {"max_bytes": 1 << 24, "max_spans": 1000, "max_attributes": 1000, "max_depth": 32}


class Scrubber:
    """One configuration of `scrub` or `redaction`, compiled."""

    def __init__(self, kernel: Kernel, config: Mapping[str, Any], processor: str) -> None:
        spec = next(spec for spec in SPECS if spec.name == processor)
        context = BuildContext(id=processor, pipeline="traces", kernel=kernel, labels=kernel.labels(), context=[])
        part = spec.build(spec.config.model_validate(config), context)
        assert isinstance(part, Fused)
        self.names = [name for _, name in part.counters]
        self.program: Program = kernel.compile(
            {"stages": part.stages, "facts": NO_FACTS, "limits": LIMITS, "context": 0}
        )

    def request(self, request: bytes) -> bytes:
        """Return the request after the stage."""
        return self.program.digest(request).request()

    def parsed(self, request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
        """The same for messages."""
        return ExportTraceServiceRequest.FromString(self.request(request.SerializeToString()))

    def text(self, text: str) -> str:
        """Return what becomes of a span attribute `note`."""
        request = ExportTraceServiceRequest()
        span = request.resource_spans.add().scope_spans.add().spans.add()
        span.attributes.add(key="note").value.string_value = text
        out = self.parsed(request).resource_spans[0].scope_spans[0].spans[0]
        return out.attributes[0].value.string_value if out.attributes else "(dropped)"

    def counted(self) -> dict[str, int]:
        """Return replacements by rule so far, those that had some."""
        counters = self.program.counters()
        assert len(counters) == len(self.names)
        return {name: count for name, count in zip(self.names, counters, strict=True) if count}


@pytest.fixture(scope="session")
def scrubber(kernel: Kernel) -> Callable[..., Scrubber]:
    """Return a function from a configuration (and the processor's name) to its `Scrubber`, cached."""

    @cache
    def compiled(config: str, processor: str) -> Scrubber:
        return Scrubber(kernel, json.loads(config), processor)

    def get(config: Mapping[str, Any] | None = None, processor: str = "scrub", fresh: bool = False) -> Scrubber:
        if fresh:
            return Scrubber(kernel, config or {}, processor)
        return compiled(json.dumps(config or {}, sort_keys=True), processor)

    return get


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a module's tables `FOUND` and `IGNORED` (texts by detector) to its tests, a text a test."""
    for argument in ("found", "ignored"):
        if argument in metafunc.fixturenames:
            table: Mapping[str, list[str]] = getattr(metafunc.module, argument.upper())
            rows = [(detector, text.replace("·", "")) for detector, texts in table.items() for text in texts]
            metafunc.parametrize(
                ("detector", argument), rows, ids=lambda value: value[:40].encode("unicode_escape").decode()
            )


def _only(detector: str) -> dict[str, Any]:
    return {"packs": [], "detectors": [detector], "default_keys": False}


def _replacement(detector: str, secret: str) -> str:
    """Return what the detector makes of a secret, by rules written down here a second time."""
    if detector not in ("payment_card", "iban"):
        return f"[{LABELS.get(detector, detector.upper())}]"
    alphanumeric = [i for i, character in enumerate(secret) if character.isalnum() or not character.isascii()]
    kept = {*alphanumeric[-4:], *(alphanumeric[:2] if detector == "iban" else ())}
    return "".join(
        "*" if index in alphanumeric and index not in kept else secret[index] for index in range(len(secret))
    )


LABELS = {
    "url_userinfo": "CREDENTIALS",
    "basic_credentials": "CREDENTIALS",
    "authorization": "TOKEN",
    "bearer_token": "TOKEN",
    "cookie_header": "COOKIE",
    "url_query_secret": "SECRET",
    "assigned_secret": "SECRET",
    "us_ssn": "SSN",
    "webhook_url": "WEBHOOK",
    "ipv4": "IP",
    "ipv6": "IP",
}


@pytest.fixture
def finds(scrubber: Callable[..., Scrubber]) -> Callable[[str, str], None]:
    """Return a check: (detector, text with what it must replace between « and »)."""

    def check(detector: str, marked: str) -> None:
        secrets = re.findall("«(.*?)»", marked, re.DOTALL)
        assert secrets
        text = marked.replace("«", "").replace("»", "")
        expected = re.sub("«(.*?)»", lambda match: _replacement(detector, match[1]), marked, flags=re.DOTALL)
        assert scrubber(_only(detector)).text(text) == expected
        shipped = scrubber().text(text)
        assert not [secret for secret in secrets if len(secret) > 5 and secret in shipped]
        assert scrubber().text(shipped) == shipped  # a gateway behind a sidecar changes nothing more

    return check


@pytest.fixture
def leaves(scrubber: Callable[..., Scrubber]) -> Callable[[str, str], None]:
    """Return a check: (detector, text that it must leave alone)."""

    def check(detector: str, text: str) -> None:
        assert scrubber(_only(detector)).text(text) == text

    return check
