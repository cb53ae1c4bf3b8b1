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

ROOT = Path("/")
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
        usage = _number(self.usage_file) or 0
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
    for version, folder, top in _folders(root):
        while True:
            group = _group(version, folder)
            if group is not None:
                yield group
            if folder == top:
                break
            folder = folder.parent


def _group(version: int, folder: Path) -> Group | None:
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    limit = _number(folder / names[0])
    if limit is None or not 0 < limit < _UNLIMITED:
        return None
    return Group(limit, folder / names[1], folder / "memory.stat")


def _folders(root: Path) -> Iterator[tuple[int, Path, Path]]:
    """Yield version, own folder and mount point of every hierarchy that has memory files for this process."""
    own = _own_paths(root)
    for line in _lines(root / "proc/self/mountinfo"):
        left, _, right = line.partition(" - ")
        mount, kind = left.split(), right.split()
        if len(mount) < 5 or len(kind) < 3:
            continue
        version = {"cgroup2": 2, "cgroup": 1}.get(kind[0], 0)
        if version == 0 or (version == 1 and "memory" not in kind[2].split(",")):
            continue
        top = root / mount[4].lstrip("/")
        yield version, _below(top, mount[3], own.get(version, "/")), top


def _below(top: Path, mounted: str, path: str) -> Path:
    """Return the folder of group `path` where `mounted` is what stands at `top`; `top` when it is not to be seen."""
    inside = path.removeprefix(mounted) if path.startswith(mounted) else ""
    folder = top / inside.strip("/")
    return folder if ".." not in inside.split("/") and folder.is_dir() else top


def _own_paths(root: Path) -> dict[int, str]:
    """Return the path of this process's group by version, from `/proc/self/cgroup`."""
    paths = {}
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            paths[2] = path
        elif "memory" in controllers.split(","):
            paths[1] = path
    return paths


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _stat(path: Path, names: tuple[str, ...]) -> int:
    """Return the number behind the first of `names` that stands in a file of `name number` lines, else 0."""
    found = {}
    for line in _lines(path):
        words = line.split()
        if len(words) >= 2 and words[0] in names and words[1].isdigit():
            found[words[0]] = int(words[1])
    return next((found[name] for name in names if name in found), 0)


def settle_objects() -> None:
    """Leave what is there after the start (modules, schemas, rules) out of later garbage collections."""
    gc.collect()
    gc.freeze()
