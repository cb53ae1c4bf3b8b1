"""The examples of docs/scrubbing.md are true."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.processors.scrub.config import ScrubConfig
from tailgate.processors.scrub.detectors import BY_NAME, NATIONAL, PACKS
from tailgate.processors.scrub.names import NAMES

PAGE = (Path(__file__).parents[3] / "docs" / "scrubbing.md").read_text()
EXAMPLES = re.findall(r"^\| `([a-z0-9_]+)` \| `(.+)` \| `(.+)` \|$", PAGE.partition("## Detectors")[2], re.MULTILINE)


@pytest.mark.parametrize(("detector", "before", "after"), EXAMPLES)
def test_example(detector: str, before: str, after: str, scrubber: Callable[..., Any]) -> None:
    """Each row holds for the detector alone and for the shipped row."""
    only = {"packs": [], "detectors": [detector], "default_keys": False}
    assert scrubber(only).text(before) == after
    packs = [*PACKS, NATIONAL] if BY_NAME[detector].pack == NATIONAL else [*PACKS]
    assert scrubber({"packs": packs}).text(before) == after


def test_every_detector_has_an_example_in_its_pack() -> None:
    """No detector, pack or key rule is left out of the page."""
    assert {name for name, _, _ in EXAMPLES} == set(BY_NAME)
    for pack in (*PACKS, NATIONAL):
        section = PAGE.partition(f"### Pack `{pack}`")[2].partition("\n#")[0]
        names = set(re.findall(r"^\| `([a-z0-9_]+)`", section, re.MULTILINE))
        assert names == {name for name, detector in BY_NAME.items() if detector.pack == pack}
    for name in NAMES:
        assert f"`key:{name.kind}`" in PAGE


@pytest.mark.parametrize("row", re.findall(r"^\| (`key:.*) \|$", PAGE, re.MULTILINE))
def test_keys(row: str) -> None:
    """The keys of the table are found, or stay, as it says."""
    from tailgate.processors.scrub.names import key_pattern

    rules, found, stays = (re.findall("`([^`]+)`", cell) for cell in row.split(" | "))
    patterns = [re.compile(key_pattern(name)) for name in NAMES if f"key:{name.kind}" in rules]
    assert all(any(pattern.search(key) for pattern in patterns) for key in found)
    assert not any(re.search(key_pattern(name), key) for name in NAMES for key in stays)


def test_the_configuration_is_valid() -> None:
    """The example of a configuration is one, its HMAC key's file aside."""
    block = re.search(r"^    scrub:\n((?:      .*\n)+)", PAGE, re.MULTILINE)
    assert block is not None
    ScrubConfig.model_validate(yaml.safe_load(block[1]))


KNOWN = PAGE.partition("## Known texts")[2].partition("\n## ")[0]


@pytest.mark.parametrize("row", re.findall(r"^\| ([^|]+ \| `[^`]+`[^|]* \| `[^`]+`) \|$", KNOWN, re.MULTILINE))
def test_known_texts(row: str, scrubber: Callable[..., Any]) -> None:
    """The rows of the two tables hold: statements by their database, URLs whatever stands in them."""
    system, before, after = (re.findall("`([^`]+)`", cell)[:1] or [""] for cell in row.split(" | "))
    key = "url.full" if re.match("[a-z]*:?/", before[0]) else "db.query.text"
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    for name, value in (("db.system.name", system[0]), (key, before[0])):
        span.attributes.add(key=name).value.string_value = value
    subject = scrubber({"statements": True, "urls": True, "packs": [], "default_keys": False})
    out = subject.parsed(request).resource_spans[0].scope_spans[0].spans[0]
    assert out.attributes[1].value.string_value == after[0]


def test_the_shorter_configurations_are_valid() -> None:
    """So are the short ones."""
    blocks = re.findall(r"^    scrub:\n((?:      .*\n)+)", PAGE, re.MULTILINE)
    assert len(blocks) == 3
    for block in blocks:
        ScrubConfig.model_validate(yaml.safe_load(block))
