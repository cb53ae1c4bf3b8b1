"""Where the control groups of this process stand, versions 1 and 2.

All paths hang below `root`, so a fixture tree can stand in for a machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def group_folders(root: Path, controller: str) -> Iterator[tuple[int, Path]]:
    """Yield version and folder of the process's groups that a controller (`memory`, `cpu`) has files in, inside out."""
    for version, folder, top in _hierarchies(root, controller):
        while True:
            yield version, folder
            if folder == top:
                break
            folder = folder.parent


def _hierarchies(root: Path, controller: str) -> Iterator[tuple[int, Path, Path]]:
    """Yield version, own folder and mount point of every hierarchy that has the controller's files."""
    own = _own_paths(root, controller)
    for line in read_lines(root / "proc/self/mountinfo"):
        left, _, right = line.partition(" - ")
        mount, kind = left.split(), right.split()
        if len(mount) < 5 or len(kind) < 3:
            continue
        version = {"cgroup2": 2, "cgroup": 1}.get(kind[0], 0)
        if version == 0 or (version == 1 and controller not in kind[2].split(",")):
            continue
        top = root / mount[4].lstrip("/")
        yield version, _below(top, mount[3], own.get(version, "/")), top


def _below(top: Path, mounted: str, path: str) -> Path:
    """Return the folder of group `path` where `mounted` is what stands at `top`; `top` when it is not to be seen."""
    inside = path.removeprefix(mounted) if path.startswith(mounted) else ""
    folder = top / inside.strip("/")
    return folder if ".." not in inside.split("/") and folder.is_dir() else top


def _own_paths(root: Path, controller: str) -> dict[int, str]:
    """Return the path of this process's group by version, from `/proc/self/cgroup`."""
    paths = {}
    for line in read_lines(root / "proc/self/cgroup"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            paths[2] = path
        elif controller in controllers.split(","):
            paths[1] = path
    return paths


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file, none when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def read_number(path: Path) -> int | None:
    """Return the number that is all a file says, None when it cannot be read or says something else."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
