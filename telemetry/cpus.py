"""How many CPUs this process may use: by its affinity, and by the quotas of its control groups (v1 and v2)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .groups import ROOT, group_folders, read_lines, read_number

MOST_THREADS = 8
"""Threads beside the event loop; more would wait for it."""


def usable_cpus(root: Path = ROOT) -> float:
    """Return how many CPUs may be used at a time; a quota may be a fraction."""
    try:
        own = len(os.sched_getaffinity(0))
    except AttributeError:  # not everywhere
        own = os.cpu_count() or 1
    return min([float(own), *_quotas(root)])


def spare_threads(cpus: float) -> int:
    """Return how many threads can work beside the event loop: those of the whole CPUs that it leaves, at most 8."""
    return min(MOST_THREADS, max(0, int(cpus) - 1))


def _quotas(root: Path) -> Iterator[float]:
    """Yield the limits, in CPUs, of the process's groups and of those above them."""
    for version, folder in group_folders(root, "cpu"):
        quota, period = _version_2(folder) if version == 2 else _version_1(folder)
        if quota > 0 and period > 0:
            yield quota / period


def _version_2(folder: Path) -> tuple[int, int]:
    """Read `QUOTA PERIOD`, in which the quota may be `max`."""
    words = " ".join(read_lines(folder / "cpu.max")).split()
    return (int(words[0]), int(words[1])) if len(words) == 2 and all(word.isdigit() for word in words) else (0, 0)


def _version_1(folder: Path) -> tuple[int, int]:
    """Read two files; a quota of -1 is none."""
    return read_number(folder / "cpu.cfs_quota_us") or 0, read_number(folder / "cpu.cfs_period_us") or 0
