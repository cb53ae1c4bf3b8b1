"""`make bench`, `make bench-peers`: the cells of the matrix, their results, the page that shows them, the baseline."""

from __future__ import annotations

import argparse
import fnmatch
import sys
import time
from pathlib import Path

from . import baseline, page, results, scrub_page
from .cells import Scale, cells
from .contest import Wrong, say
from .targets import verdicts


def chosen(patterns: list[str]) -> list[str]:
    """Return the names of the cells that match any of the patterns, in their order."""
    names = [name for name in cells() if not patterns or any(fnmatch.fnmatch(name, p) for p in patterns)]
    if not names:
        raise SystemExit(f"no cell matches; there are: {', '.join(cells())}")
    return names


def run(names: list[str], scale: Scale, path: Path) -> list[str]:
    """Run cells one after the other, storing each as it ends; return those that failed."""
    failed = []
    for name in names:
        begin = time.perf_counter()
        say(name)
        try:
            values = cells()[name].run(scale)
        except (RuntimeError, ExceptionGroup, OSError, KeyError) as error:  # one cell must not cost the others
            say(f"  FAILED: {type(error).__name__}: {error}")
            failed.append(name)
            continue
        results.store(name, values, path)
        for proxy, row in values.get("proxies", {}).items():
            say(f"  {proxy}: {row['cpu_us_median']} µs a span")
        say(f"  {time.perf_counter() - begin:.0f} s")
    return failed


def report(path: Path) -> int:
    """Print the targets and their verdicts; return how many do not hold."""
    missed = 0
    for target, value in verdicts(results.load(path)):
        if value is None:
            print(f"{'not measured':>14}  {target.what}")
            continue
        holds = target.holds(value.median)
        missed += not holds
        print(f"{value.median:10.3f} {'ok' if holds else 'MISSED':>7}  {target.what} ({target.bound()})")
    return missed


def main() -> int:
    """Exit 1 when a cell fails or, in the daily benchmark, when something is slower than its baseline."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    daily = commands.add_parser("daily", help="the small benchmark without peers, compared with the baseline")
    daily.add_argument("--write-baseline", action="store_true", help="make this run the baseline")
    daily.add_argument("--rounds", type=int, default=7)
    daily.add_argument("--size", type=float, default=1.0)
    peers = commands.add_parser("peers", help="the matrix, the targets and the page")
    peers.add_argument("--only", action="append", default=[], metavar="PATTERN", help="cells, such as 'jobs/*'")
    peers.add_argument("--size", type=float, default=1.0, help="requests in proportion to a whole run")
    peers.add_argument("--rounds", type=int, default=0, help="rounds of every cell; 0: as each has them")
    peers.add_argument("--results", type=Path, default=results.FILE, help="where results are merged into")
    peers.add_argument("--no-page", action="store_true", help="leave docs/benchmarks.md alone")
    scrub = commands.add_parser("scrub", help="what scrubbing alone costs, and docs/scrubbing-cost.md")
    scrub.add_argument("--size", type=float, default=1.0, help="requests in proportion to a whole run")
    scrub.add_argument("--rounds", type=int, default=0, help="rounds of every cell; 0: as each has them")
    scrub.add_argument("--results", type=Path, default=results.FILE, help="where results are merged into")
    scrub.add_argument("--no-page", action="store_true", help="leave docs/scrubbing-cost.md alone")
    commands.add_parser("page", help="write docs/benchmarks.md, docs/scrubbing-cost.md and the charts from the results")
    commands.add_parser("cells", help="list the cells")
    args = parser.parse_args()
    if args.command == "cells":
        print("\n".join(cells()))
        return 0
    if args.command == "page":
        page.write(results.load())
        scrub_page.write(results.load())
        return 0
    if args.command == "scrub":
        failed = run(chosen(["scrub/*"]), Scale(args.size, args.rounds), args.results)
        if not args.no_page:
            scrub_page.write(results.load(args.results))
        return int(bool(failed))
    if args.command == "peers":
        failed = run(chosen(args.only), Scale(args.size, args.rounds), args.results)
        if not args.no_page:
            page.write(results.load(args.results))
            scrub_page.write(results.load(args.results))
        report(args.results)
        if failed:
            say(f"failed: {' '.join(failed)}")
        return int(bool(failed))
    try:
        return baseline.daily(
            getattr(args, "rounds", 7), getattr(args, "size", 1.0), getattr(args, "write_baseline", False)
        )
    except Wrong as error:
        print(f"wrong: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
