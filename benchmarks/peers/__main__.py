"""`make peers`: build the OpenTelemetry Collector from its public Go modules and install rotel from its package."""

from __future__ import annotations

import argparse
import sys

from . import collector, rotel
from .home import home


def main() -> int:
    """Build what is asked for and print where it is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--only", choices=["collector", "rotel"], help="one of them alone")
    parser.add_argument("--again", action="store_true", help="also where it exists already")
    args = parser.parse_args()
    print(f"peers live in {home()}", file=sys.stderr)
    if args.only != "rotel":
        print(collector.build(again=args.again))
    if args.only != "collector":
        print(rotel.install(again=args.again))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
