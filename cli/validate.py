"""`tailgate validate`: check a configuration as a start would, and say what it amounts to."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from ..config.errors import BuildError, Problem
from ..config.loader import ConfigErrors, load, shipped_paths
from ..config.model import Configuration, PipelineConfig
from ..kernel import KernelUnavailable
from ..kernel import load as load_kernel
from ..pipeline import Service
from .lint import lints
from .options import add_config_option
from .tables import TABLES
from .terminal import count
from .testing.discover import Discovery


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "validate",
        help="check a configuration without starting anything",
        description="Check a configuration as a start would; exit with 1 and every mistake, each as file:line:column.",
        epilog="example: tailgate validate --config sampling.yaml",
    )
    add_config_option(parser, "without it the shipped configuration is checked")
    parser.add_argument("--strict", action="store_true", help="warnings are failures too")
    parser.add_argument(
        "--node", action="store_true", help="also warn of rules that need whole traces, which one node does not see"
    )
    parser.add_argument("--ignore", action="append", default=[], metavar="CODE", help="a kind of warning to leave out")
    parser.set_defaults(function=run)


def run(args: argparse.Namespace) -> int:
    """Print every problem to stderr; 0 with a summary when there are warnings at most (`--strict`: none), else 1."""
    try:
        configuration = load(args.config, TABLES, os.environ, args.lenient)
        check_tests(configuration)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return 1
    files = ", ".join(args.config or [str(path) for path in shipped_paths(os.environ)])
    warnings = _warnings(configuration, args.node, args.ignore)
    for warning in warnings:
        print(warning, file=sys.stderr)
    try:
        Service(configuration, load_kernel())
    except (OSError, ValueError, KernelUnavailable) as error:
        print(error if isinstance(error, BuildError) else f"{files}: {error}", file=sys.stderr)
        return 1
    if args.strict and warnings:
        print(f"{files}: {count(len(warnings), 'warning')}, which --strict does not let pass", file=sys.stderr)
        return 1
    print(f"{files}: OK")
    for line in summary(configuration):
        print(line)
    return 0


def check_tests(config: Configuration) -> None:
    """Check the tests in the files of a configuration, without running them. Raises ConfigErrors."""
    problems = Discovery().within("", config.sources).problems
    if any(problem.severity == "error" for problem in problems):
        raise ConfigErrors(problems)


def _warnings(config: Configuration, node: bool, ignored: list[str]) -> list[Problem]:
    return [problem for problem in lints(config, node=node) if not problem.code or problem.code not in ignored]


def summary(configuration: Configuration) -> list[str]:
    """Return a line for each pipeline: receivers -> processors -> exporters."""
    return [_row(pipeline) for pipeline in configuration.pipelines.values()]


def _row(pipeline: PipelineConfig) -> str:
    begin = ", ".join((*pipeline.receivers, *pipeline.sources))
    ends = [begin, *pipeline.processors, ", ".join((*pipeline.exporters, *pipeline.connectors))]
    return f"  {pipeline.id}: {' -> '.join(ends)}"
