"""`tailgate version`: the version, the kernel, and why it is not the fast one."""

from __future__ import annotations

import argparse
import platform
from typing import Any

from .. import __version__
from ..kernel import KernelUnavailable, load, why_not_rust


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "version",
        help="print the version and which kernel runs",
        description="Print the version, which kernel runs, and why it is not the fast one.",
    )
    parser.set_defaults(function=run)


def kernel_line() -> str:
    """Return which kernel runs, and if it is the reference, why the Rust kernel does not."""
    try:
        name = load().name
    except KernelUnavailable as error:
        return f"none: {error}"
    reason = why_not_rust() or "there, but TAILGATE_KERNEL asks for this one"
    return f"{name} (the Rust kernel is {reason})" if name == "reference" else name


def run(_: argparse.Namespace) -> int:
    """Print it."""
    print(f"tailgate {__version__}, Python {platform.python_version()}, kernel: {kernel_line()}")
    return 0
