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
NOMINAL = 0.003
"""Seconds that `calibrate` takes on the machine for which `LIMIT` is meant; a quiet server core takes 0.0024."""
CALIBRATIONS = 4
BUFFER = bytes(range(256)) * (1 << 14)
TABLE = bytes(reversed(range(256)))


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of this thread that some work takes."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def calibrate() -> float:
    """Return the least that a fixed piece of work takes: a look into a table for each of 4 MiB, as a kernel looks."""
    return min(seconds(lambda: BUFFER.translate(TABLE)) for _ in range(CALIBRATIONS))


@dataclass
class Cost:
    """What a text costs: the best of the tries so far."""

    first: float = 0.0
    """Seconds of the first try, which is the one that builds what is not there yet."""
    best: float = float("inf")
    machine: float = float("inf")
    """The best of all calibrations, made between the tries: what disturbs some of them loosens no limit, only a machine
    that is slow all the time is taken for a slow one."""

    @property
    def limit(self) -> float:
        """The limit in seconds for this machine, never below that of the one it is meant for."""
        return LIMIT * max(1.0, self.machine / NOMINAL)


def tries(name: str, scrubber: Scrubber) -> Iterator[Cost]:
    """Yield what is known of a text's cost after each try; a calibration comes before each."""
    body = planting.planted("span", text_of(name)).SerializeToString()
    cost = Cost()
    for number in range(TRIES):
        cost.machine = min(cost.machine, calibrate())
        taken = seconds(partial(scrubber.run, body))
        cost.best, cost.first = min(cost.best, taken), cost.first if number else taken
        yield cost


def main() -> None:
    """Print the table."""
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


if __name__ == "__main__":
    main()
