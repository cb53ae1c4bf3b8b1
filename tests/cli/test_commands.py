"""What each command imports: the proxy starts without what only the tools need."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tailgate.cli import COMMANDS, build_parser

TOOLS = ("demo", "diff", "explain", "plan", "schema", "scrub", "test", "testing", "validate")


def imported(statement: str) -> set[str]:
    """Return what is imported after a statement in a process of its own."""
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_run_starts_without_the_tools() -> None:
    """Guarantees: `tailgate run` imports no other command, nor what watches Kubernetes unless a rule asks for it."""
    modules = imported("from tailgate.cli import build_parser; build_parser(['run'])")
    assert "tailgate.cli.run" in modules
    assert not modules & {*(f"tailgate.cli.{tool}" for tool in TOOLS), "lightkube", "opentelemetry.sdk", "jsonschema"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_listed_command_has_its_module(command: str) -> None:
    """Guarantees: the list of commands and their modules agree, and each parser knows its command alone."""
    parser = build_parser([command])
    assert f"{{{command}}}" in parser.format_usage() or command in parser.format_help()
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([command, "--help"])
    assert ended.value.code == 0
