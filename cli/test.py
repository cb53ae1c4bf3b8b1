"""`tailgate test`: run the tests of rule files."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from ..config.errors import ConfigErrors, Problem
from ..kernel import KernelUnavailable
from ..kernel import load as load_kernel
from .terminal import Paint
from .testing.discover import Discovery, Suite
from .testing.report import Ran, as_json, as_junit, text
from .testing.runner import run_case

PASSED, FAILED, NOT_RUN = 0, 1, 2
"""Exit codes; `NOT_RUN`: a file is wrong, or there are no tests."""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "test",
        help="run the tests in rule files, and in files of tests beside them",
        description="Run the tests in rule files, and in files of tests beside them.",
        epilog="example: tailgate test sampling.yaml",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="rule files, configurations, files of tests, folders")
    parser.add_argument(
        "--config", action="append", default=[], metavar="FILE", help="test this configuration, whatever the files name"
    )
    parser.add_argument("-k", dest="only", metavar="TEXT", help="only tests whose name has this text in it")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--junit", metavar="FILE", help="also write the results as JUnit XML")
    parser.set_defaults(function=run)


def run(args: argparse.Namespace) -> int:
    """Run the tests; 0 when all are as expected, 1 when some are not, 2 when they cannot be run."""
    try:
        kernel = load_kernel()
    except KernelUnavailable as error:
        print(error, file=sys.stderr)
        return NOT_RUN
    suites = Discovery(os.environ, args.config).suites(args.paths)
    problems = [problem for suite in suites for problem in suite.problems]
    ran: list[Ran] = []
    for suite in suites:
        try:
            ran.append((_title(suite), _run(suite, kernel, args.only)))
        except ConfigErrors as errors:
            problems.extend(errors.problems)
    return _report(args, [entry for entry in ran if entry[1]], problems)


def _title(suite: Suite) -> str:
    tested = ", ".join(suite.files)
    return suite.title if tested == suite.title else f"{suite.title} ({tested})"


def _run(suite: Suite, kernel: Any, only: str | None) -> list[Any]:
    cases = [(case, node) for case, node in suite.cases if only is None or only.lower() in case.name.lower()]
    if not cases or suite.problems:
        return []
    config = suite.configuration(os.environ)
    return [run_case(case, node, config, kernel) for case, node in cases]


def _report(args: argparse.Namespace, ran: list[Ran], problems: list[Problem]) -> int:
    errors = ConfigErrors(problem for problem in problems if problem.severity == "error")
    if errors.problems and not args.json:
        print(errors, file=sys.stderr)
    if args.json:
        print(as_json(ran, errors.problems))
    elif ran:
        print(text(ran, Paint()))
    if args.junit:
        Path(args.junit).write_text(as_junit(ran), encoding="utf-8")
    if errors.problems or not ran:
        if not errors.problems and not args.json:
            print(f"no tests in {', '.join(args.paths)}", file=sys.stderr)
        return NOT_RUN
    return PASSED if all(result.ok for _, results in ran for result in results) else FAILED
