"""The command line: `tailgate run` and what helps to write rules. `tailgate --config=FILE` is `tailgate run`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

# Before gRPC is imported: its C core would write lines of its own into the JSON log.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from . import demo, diff, explain, plan, run, schema, scrub, test, validate, version

COMMANDS = (run, validate, test, explain, plan, diff, scrub, schema, version, demo)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="tailgate", description="Enrich, scrub, tail-sample and tag OpenTelemetry traces on their way upstream."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        words = ["version"]
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help")):
        words.insert(0, "run")  # the collector is started without a subcommand
    parsed = build_parser().parse_args(words)
    try:
        code: int = parsed.function(parsed)
    except KeyboardInterrupt:
        return 130
    return code
