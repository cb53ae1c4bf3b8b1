"""`tailgate validate`: check a configuration as a start would, and say what it amounts to."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from ..config.errors import BuildError
from ..config.loader import ConfigErrors, load, shipped_paths
from ..config.model import Configuration, PipelineConfig
from ..kernel import KernelUnavailable
from ..kernel import load as load_kernel
from ..pipeline import Service
from .options import add_config_option
from .tables import TABLES


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("validate", help="check a configuration without starting anything")
    add_config_option(parser, "without it the shipped configuration is checked")
    parser.set_defaults(function=run)


def run(args: argparse.Namespace) -> int:
    """Print every problem to stderr; 0 with a summary when there are warnings at most, else 1."""
    try:
        configuration = load(args.config, TABLES, os.environ, args.lenient)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return 1
    files = ", ".join(args.config or [str(path) for path in shipped_paths(os.environ)])
    for warning in (*configuration.warnings, *held_before_scrubbed(configuration)):
        print(warning, file=sys.stderr)
    try:
        Service(configuration, load_kernel())
    except (OSError, ValueError, KernelUnavailable) as error:
        print(error if isinstance(error, BuildError) else f"{files}: {error}", file=sys.stderr)
        return 1
    print(f"{files}: OK")
    for line in summary(configuration):
        print(line)
    return 0


def held_before_scrubbed(configuration: Configuration) -> list[str]:
    """Return a warning for each pipeline that holds spans before their secrets are taken out."""
    warnings = []
    for pipeline in configuration.pipelines.values():
        types = [configuration.processors[id_].type for id_ in pipeline.processors]
        scrubbers = [types.index(type_) for type_ in ("scrub", "redaction") if type_ in types]
        if scrubbers and "tail_sampling" in types[: min(scrubbers)]:
            message = "tail_sampling stands before the scrubber, so spans are held with what is scrubbed later"
            warnings.append(f"service.pipelines.{pipeline.id}: warning: {message}")
    return warnings


def summary(configuration: Configuration) -> list[str]:
    """Return a line for each pipeline: receivers -> processors -> exporters."""
    return [_row(pipeline) for pipeline in configuration.pipelines.values()]


def _row(pipeline: PipelineConfig) -> str:
    ends = [", ".join(pipeline.receivers), *pipeline.processors, ", ".join(pipeline.exporters)]
    return f"  {pipeline.id}: {' -> '.join(ends)}"
