"""The command line: `tailgate run` and what helps to write rules. `tailgate --config=FILE` is `tailgate run`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

# Before gRPC is imported: its C core would write lines of its own into the JSON log.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from .parser import Parser

COMMANDS = ("run", "validate", "test", "explain", "plan", "diff", "scrub", "schema", "demo", "version")
"""In the order in which they are listed; the module of each has its name."""


def build_parser(known: Sequence[str] = COMMANDS) -> Parser:
    """Return the parser of the command line; `known`: the commands that it has, whose modules are imported."""
    parser = Parser(
        prog="tailgate",
        description="Enrich, scrub, tail-sample and tag OpenTelemetry data on its way upstream.",
        epilog="Without a command it runs: `tailgate --config FILE` is `tailgate run --config FILE`. "
        "`tailgate COMMAND --help` says more about each.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in known:
        _module(name).add_parser(commands)
    return parser


def _module(command: str) -> ModuleType:
    """Import the module of a command, without looking for garbage meanwhile: there is none."""
    gc.disable()
    try:
        return import_module(f".{command}", __package__)
    finally:
        gc.enable()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        words = ["version"]
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help")):
        words.insert(0, "run")  # the collector is started without a subcommand
    # The proxy starts without what only the tools need.
    parsed = build_parser(words[:1] if words[0] in COMMANDS else COMMANDS).parse_args(words)
    try:
        code: int = parsed.function(parsed)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read it has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor is there anything left to flush at exit
        return 141  # as the shell says it of a process that SIGPIPE ended
    return code
