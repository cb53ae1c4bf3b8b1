"""Options that several commands take."""

from __future__ import annotations

import argparse


def add_config_option(parser: argparse.ArgumentParser, without: str) -> None:
    """Add `--config FILE`, repeatable; `without` says what happens when it is not given."""
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE",
        help=f"configuration or rule file; may be repeated, later ones are merged over earlier ones ({without})",
    )
