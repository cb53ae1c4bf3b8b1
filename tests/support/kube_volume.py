"""A mounted volume, updated as the kubelet does it: files are links through `..data`, which is swapped at once."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path


class Volume:
    """A folder with the files of ConfigMaps, Secrets and the like."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder, self.files, self.swaps = folder, dict[str, str](), 0
        self._numbers, self._current = itertools.count(), Path()
        folder.mkdir(parents=True)
        self.update(files)

    def update(self, files: dict[str, str]) -> None:
        """Write a new version beside the old one, swap the link, take away what is not there any more."""
        old, self._current = self._current, self.folder / f"..2026_{next(self._numbers)}"
        self._current.mkdir()
        for name, text in files.items():
            (self._current / name).write_text(text, encoding="utf-8")
        link = self.folder / "..data_tmp"
        link.symlink_to(self._current.name)
        link.rename(self.folder / "..data")
        for name in files.keys() - self.files.keys():
            (self.folder / name).symlink_to(f"..data/{name}")
        for name in self.files.keys() - files.keys():
            (self.folder / name).unlink()
        if self.files or self.swaps:
            shutil.rmtree(old)
        self.files, self.swaps = dict(files), self.swaps + 1
