"""The key of `hmac` and `token` is never shown: not by a tool, not by an error, not by what is built of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from recorded import line, span
from tailgate.cli.tables import TABLES
from tailgate.config.loader import ConfigErrors, load
from tailgate.kernel import load as load_kernel
from tailgate.kernel.contract import BadProgram
from tailgate.processors.building import build_row
from tailgate.processors.scrub.config import ScrubConfig

KEY, OTHER = "correct-horse-battery-staple-and-more", "another-key-that-nobody-is-to-see-ever"
RULES = "packs: []\nkeys: [{{pattern: user, action: {action}}}]\nhmac: {{{hmac}}}\n"
WHOLE = """
receivers: {otlp: {protocols: {grpc: }}}
exporters: {debug: }
processors:
  scrub: {rules: scrubbing.yaml}
service: {pipelines: {traces: {receivers: [otlp], processors: [scrub], exporters: [debug]}}}
"""
WAYS = {
    "key": f"key: {KEY}",
    "key_file": "key_file: key",
    "key_env": "key_env: SCRUB_KEY",
    "previous": f"key: {OTHER}, id: b, previous: {{key: {KEY}, id: a}}",
    "substituted": "key: '${env:SCRUB_KEY}'",
}
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def write(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """(hmac, action): a configuration with a recording and a key beside it."""
    monkeypatch.setenv("SCRUB_KEY", KEY)
    (folder / "key").write_text(KEY)
    (folder / "c.yaml").write_text(WHOLE)
    (folder / "t.json").write_text(line(span(1, name="a", attributes={"user": "jane", "note": KEY})))

    def put(hmac: str, action: str = "hmac") -> None:
        (folder / "scrubbing.yaml").write_text(RULES.format(hmac=hmac, action=action))

    return put


def never(text: str) -> None:
    """Neither key stands there, in no form in which it is kept."""
    for key in (KEY, OTHER):
        for form in (key, key.encode().hex(), json.dumps(key)[1:-1]):
            assert form not in text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("action", ["hmac", "token"])
def test_no_tool_shows_it(write: Callable[[str, str], None], tailgate: Call, way: str, action: str) -> None:
    """Guarantees: validate, plan, scrub and explain say nothing of the key, wherever it comes from."""
    write(WAYS[way], action)
    commands = [
        ("validate", "--config", "c.yaml"),
        ("plan", "--config", "c.yaml"),
        ("scrub", "t.json", "--config", "c.yaml", "--json"),
        ("schema", "scrubbing"),
    ]
    for words in commands:
        code, out, err = tailgate(*words)
        assert code == 0, err
        changes = out.replace(KEY, "", out.count(f'"note": "{KEY}"'))  # the sample has it as a value of its own
        never(changes + err)


BROKEN = [
    f"key: {KEY}, key_env: SCRUB_KEY",
    f"key: {KEY}, length: 0",
    f"key: {KEY}, previous: {{key: {OTHER}}}",
    f"key: {KEY}, colour: {OTHER}",
    f"key: [{KEY}]",
    f"keys: {KEY}",
    f"key: {KEY}, id: '{OTHER} '",
]


@pytest.mark.parametrize("hmac", BROKEN)
def test_no_error_shows_it(write: Callable[[str, str], None], tailgate: Call, hmac: str) -> None:
    """Guarantees: a mistake beside a key is told without the key."""
    write(hmac)
    code, out, err = tailgate("validate", "--config", "c.yaml")
    assert code != 0
    never((out + err).replace(OTHER, "") if f"'{OTHER} '" in hmac else out + err)


def test_no_object_shows_it(write: Callable[[str, str], None], folder: Path) -> None:
    """Guarantees: what is loaded and built does not say it when it is printed, nor does the kernel's refusal."""
    for way in ("key", "previous"):
        write(WAYS[way], "hmac")
        config = load([folder / "c.yaml"], TABLES, {})
        row, _ = build_row(config.pipelines["traces"], config, load_kernel())
        never(repr(config) + repr(row) + repr(vars(row)) + config.hash)
        never(repr(config.processors["scrub"].config) + str(config.processors["scrub"].config.model_dump()))
    for kernel in (load_kernel("reference"), load_kernel()):
        action = {"do": "hmac", "key": KEY, "length": 4, "prefix": ""}
        rule = {"pattern": "", "action": action}
        stage = {"kind": "scrub", "positions": [], "skip": None, "values": [], "keys": [rule]}
        facts = {"leaves": [], "numbers": [], "keys": [], "compare": []}
        limits = {"max_bytes": 1, "max_spans": 1, "max_attributes": 1, "max_depth": 1}
        with pytest.raises(BadProgram) as refused:
            kernel.compile({"stages": [stage], "facts": facts, "limits": limits, "context": 0})  # type: ignore[typeddict-item]
        never(str(refused.value))
    with pytest.raises(ValidationError) as invalid:
        ScrubConfig.model_validate({"hmac": {"key": KEY[:20]}, "keys": [{"pattern": "a", "action": "hmac"}]})
    assert KEY[:20] not in str(invalid.value)
    with pytest.raises(ConfigErrors):
        load([folder / "missing.yaml"], TABLES, {})
