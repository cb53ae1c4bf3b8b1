"""How much memory there is and how much is used: the process, its control group (v1 and v2), the host.

All paths hang below `root`, so a fixture tree can stand in for a machine.
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .groups import ROOT, group_folders, read_lines, read_number

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""glibc's numbers for mallopt(3)."""
_LARGEST_KEPT, _MOST_KEPT = 8 << 20, (1 << 31) - 1
_UNLIMITED = 1 << 62
"""Version 1 says "no limit" with the largest whole page below 2**63."""


@dataclass(frozen=True)
class Group:
    """A control group with a memory limit."""

    limit: int
    """Bytes."""
    usage_file: Path
    stat_file: Path

    def working_set(self) -> int:
        """Return bytes used, without the file cache that the kernel would give back at once (as the kubelet counts)."""
        usage = read_number(self.usage_file) or 0
        return max(0, usage - _stat(self.stat_file, ("total_inactive_file", "inactive_file")))


def limiting_group(root: Path = ROOT) -> Group | None:
    """Return the control group, of this process and those above it, that has the smallest memory limit."""
    return min(_groups(root), key=lambda group: group.limit, default=None)


def total_bytes(root: Path = ROOT) -> int:
    """Return how much memory may be used in all: the control group's limit, else (or if smaller) the host's memory."""
    group = limiting_group(root)
    host = _stat(root / "proc/meminfo", ("MemTotal:",)) * 1024
    limits = [value for value in (group.limit if group else 0, host) if value > 0]
    return min(limits, default=0)


def resident_bytes(root: Path = ROOT) -> int:
    """Return the resident set of this process, 0 where /proc does not tell."""
    try:
        pages = (root / "proc/self/statm").read_bytes().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def release_memory() -> None:
    """Collect garbage and give free pages back to the system, where the C library can."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return


def keep_freed_memory(bytes_kept: int) -> None:
    """Let the C library keep so many freed bytes for the next requests instead of returning them page by page.

    Every request and every trace is a few hundred kilobytes that come and go; without this, glibc asks the system for
    them anew each time, and clearing those pages costs more than filling them. `release_memory` still returns them.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_TRIM_THRESHOLD, min(bytes_kept, _MOST_KEPT))
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)


def _groups(root: Path) -> Iterator[Group]:
    found = (_group(version, folder) for version, folder in group_folders(root, "memory"))
    return (group for group in found if group is not None)


def _group(version: int, folder: Path) -> Group | None:
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    limit = read_number(folder / names[0])
    if limit is None or not 0 < limit < _UNLIMITED:
        return None
    return Group(limit, folder / names[1], folder / "memory.stat")


def _stat(path: Path, names: tuple[str, ...]) -> int:
    """Return the number behind the first of `names` that stands in a file of `name number` lines, else 0."""
    found = {}
    for line in read_lines(path):
        words = line.split()
        if len(words) >= 2 and words[0] in names and words[1].isdigit():
            found[words[0]] = int(words[1])
    return next((found[name] for name in names if name in found), 0)


def settle_objects() -> None:
    """Leave what is there after the start (modules, schemas, rules) out of garbage collections.

    It is not looked through for garbage before: there is little (0.3 MB of the grammar's tables), and it takes 30 ms.
    """
    gc.freeze()
