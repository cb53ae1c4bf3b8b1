"""`make peers`: build the OpenTelemetry Collector from its public Go modules and install rotel from its package.

Prometheus is built only when it is asked for: no benchmark needs it.
"""

from __future__ import annotations

import argparse
import sys

from . import collector, prometheus, rotel
from .home import home


def main() -> int:
    """Build what is asked for and print where it is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--only", choices=["collector", "prometheus", "rotel"], help="one of them alone")
    parser.add_argument("--again", action="store_true", help="also where it exists already")
    args = parser.parse_args()
    print(f"peers live in {home()}", file=sys.stderr)
    if args.only == "prometheus":
        print(prometheus.build(again=args.again))
    if args.only in (None, "collector"):
        print(collector.build(again=args.again))
    if args.only in (None, "rotel"):
        print(rotel.install(again=args.again))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
