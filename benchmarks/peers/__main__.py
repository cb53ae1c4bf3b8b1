"""`make peers`: build the OpenTelemetry Collector from its public Go modules and install rotel from its package."""

from __future__ import annotations

import argparse
import sys

from . import collector, kubernetes, prometheus, rotel
from .home import home

COMPARED = {"collector": collector.build, "rotel": rotel.install}
ON_DEMAND = {"kubernetes": kubernetes.build, "prometheus": prometheus.build}
"""No proxies to compare with: `make e2e-kubernetes` and `make e2e-prometheus` need them."""


def main() -> int:
    """Build what is asked for and print where it is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--only", choices=[*COMPARED, *ON_DEMAND], help="one of them alone")
    parser.add_argument("--again", action="store_true", help="also where it exists already")
    args = parser.parse_args()
    print(f"peers live in {home()}", file=sys.stderr)
    builders = {**COMPARED, **ON_DEMAND}
    for name in [args.only] if args.only else COMPARED:
        print(builders[name](again=args.again))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
