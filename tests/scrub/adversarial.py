"""`make scrub-adversarial`: what each adversarial text of 1 MiB costs, the most first."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import planting
from adversarial_texts import TEXTS, text_of
from measure import NATIONAL, Scrubber
from tailgate.kernel import load

LIMIT = 0.05
"""Seconds of CPU for a text of 1 MiB."""
TRIES = 10
NOMINAL = 0.04
"""Seconds that `fixed_work` takes on the machine for which `LIMIT` is meant; a quiet server core takes less."""
TABLE, BUFFER, TIMES = bytes(reversed(range(256))), bytes(range(256)) * (1 << 14), 16


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of this thread that some work takes."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def fixed_work() -> None:
    """Look into a table for each of 64 MiB, as a kernel does: about as long as a text may take."""
    for _ in range(TIMES):
        BUFFER.translate(TABLE)


@dataclass
class Cost:
    """What a text costs: the best of the tries so far."""

    first: float = 0.0
    """Seconds of the first try, which is the one that builds what is not there yet."""
    best: float = float("inf")
    machine: float = float("inf")
    """The best time of the fixed work, done between the tries: as it is the best one, and asked for only when all tries
    are made, what disturbs some of them loosens no limit: only a machine that is slow all the time counts as slow."""

    @property
    def limit(self) -> float:
        """The limit in seconds for this machine, never below that of the one it is meant for."""
        return LIMIT * max(1.0, self.machine / NOMINAL)


def tries(name: str, scrubber: Scrubber) -> Iterator[Cost]:
    """Yield what is known of a text's cost after each try; the fixed work comes before each."""
    body = planting.planted("span", text_of(name)).SerializeToString()
    cost = Cost()
    for number in range(TRIES):
        cost.machine = min(cost.machine, seconds(fixed_work))
        taken = seconds(partial(scrubber.run, body))
        cost.best, cost.first = min(cost.best, taken), cost.first if number else taken
        yield cost


def main() -> int:
    """Print the table; return 1 if a text is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="parts of names")
    only = parser.parse_args().only
    scrubber, costs = Scrubber(load("rust"), NATIONAL), {}
    for name in TEXTS:
        if not only or any(one in name for one in only):
            costs[name] = [*tries(name, scrubber)][-1]
    print(f"{'text of 1 MiB':50} {'best ms':>8} {'first ms':>8}")
    for name, cost in sorted(costs.items(), key=lambda item: -item[1].best):
        print(f"{name:50} {1000 * cost.best:8.1f} {1000 * cost.first:8.1f}")
    over = sum(cost.best >= cost.limit for cost in costs.values())
    times = min(cost.machine for cost in costs.values()) / NOMINAL
    print(f"{len(costs)} texts, {over} over the limit; this machine takes {times:.2f} times as long as the nominal one")
    return over > 0


if __name__ == "__main__":
    raise SystemExit(main())
