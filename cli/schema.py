"""`tailgate schema`: the JSON Schema of a configuration or of a kind of rule file, and the reference page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..config.reference import page
from ..config.schema import KINDS, WHOLE, texts
from .tables import TABLES


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "schema",
        help="print the JSON Schema of a configuration or a kind of rule file",
        description="Print a JSON Schema; editors complete and check YAML with it.",
        epilog="example: tailgate schema sampling > sampling.schema.json",
    )
    text = f"{WHOLE} (a whole configuration, the default), or a kind of rule file: %(choices)s"
    parser.add_argument("kind", nargs="?", default=WHOLE, choices=KINDS, metavar="KIND", help=text)
    parser.add_argument("--write", metavar="FOLDER", type=Path, help="write all of them as KIND.schema.json there")
    parser.add_argument("--reference", action="store_true", help="print the reference page (Markdown) instead")
    parser.set_defaults(function=run)


def run(args: argparse.Namespace) -> int:
    """Print or write."""
    if args.reference:
        print(page(TABLES), end="")
    elif args.write is None:
        print(texts(TABLES)[f"{args.kind}.schema.json"], end="")
    else:
        args.write.mkdir(parents=True, exist_ok=True)
        for name, text in texts(TABLES).items():
            (args.write / name).write_text(text, encoding="utf-8")
    return 0
