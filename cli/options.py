"""Options that several commands take."""

from __future__ import annotations

import argparse


def seconds(text: str) -> float:
    """Return a number of seconds above 0. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def add_config_option(parser: argparse.ArgumentParser, without: str) -> None:
    """Add `--config FILE`, repeatable, and `--lenient`; `without` says what happens without a file."""
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE",
        help=f"configuration or rule file; may be repeated, later ones are merged over earlier ones ({without})",
    )
    parser.add_argument(
        "--lenient",
        action="store_true",
        help="leave out, with a warning, what the collector has and Tailgate does not (a receiver, an exporter, ...)",
    )
