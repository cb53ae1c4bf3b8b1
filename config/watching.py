"""Watching files by looking at them: every change is seen, whatever way it came about.

A few files are looked at once a second; that costs about a tenth of a millisecond. Notifications (inotify, by the
library watchfiles) would come a second sooner and were weighed: a watch on a file sees only the first swap of the
symbolic links that a ConfigMap's files are; one on its folder does see all, but tells of folders and not of what is
read; network file systems send none; a node has few inotify instances to give, so that looking would be needed all the
same; and waiting for notifications in a thread costs ten times as much. What is looked at here is what is read: links
are followed, and only the content counts.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

MAX_BYTES = 1 << 20
"""Of one file; what stands behind is not looked at."""
RACE = 2_000_000_000
"""ns; a file that changed less than this before it was read may change again without a new time of change."""

TICK = 20_000_000
"""ns by which a file's times may lag behind the clock."""

Fingerprint = tuple[tuple[str, str], ...]
"""For each path what stands there: a digest of its content, or why there is none."""


class Watch:
    """What files hold. Files are read again only when their inode, size or times have changed, or did so lately."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}

    def look(self, paths: Iterable[str], now: int) -> Fingerprint:
        """Return what stands at these paths now (ns since the epoch)."""
        files = sorted(set(paths))
        self._known = {path: self._known[path] for path in files if path in self._known}
        return tuple((path, self._look(path, now)) for path in files)

    def read(self, paths: Iterable[str], before: Fingerprint, since: int, now: int) -> Fingerprint:
        """Return what somebody has read who began at `since`, when `before` was seen.

        What may have changed meanwhile is unknown: where the result differs from a later look, files are read again.
        """
        known = dict(before)
        return tuple(
            (path, known.get(path, "unknown" if _changed(path, since) else seen))
            for path, seen in self.look(paths, now)
        )

    def _look(self, path: str, now: int) -> str:
        try:
            found = os.stat(path)  # noqa: PTH116 - follows symbolic links
            if not stat.S_ISREG(found.st_mode):
                return "no file"  # a pipe can be read once only
            state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            known = self._known.get(path)
            if known is not None and known[0] == state:
                return known[1]
            digest = _digest(path)
        except (OSError, ValueError) as error:
            return type(error).__name__
        if now - max(found.st_mtime_ns, found.st_ctime_ns) > RACE:
            self._known[path] = state, digest
        return digest


def _changed(path: str, since: int) -> bool:
    try:
        return os.stat(path).st_ctime_ns > since - TICK  # noqa: PTH116 - follows symbolic links
    except (OSError, ValueError):
        return False


def _digest(path: str) -> str:
    with Path(path).open("rb") as stream:
        return hashlib.sha256(stream.read(MAX_BYTES)).hexdigest()


class Debounce:
    """Says when a change is worth a reload: when two looks in a row saw the same, and it is not what is in effect."""

    def __init__(self, seen: Fingerprint) -> None:
        """`seen`: what is in effect."""
        self._effective = self._last = seen

    def look(self, seen: Fingerprint) -> bool:
        """Take what was seen now; True once for each change, when it has come to rest."""
        resting, self._last = seen == self._last, seen
        if not resting or seen == self._effective:
            return False
        self._effective = seen
        return True

    def settle(self, seen: Fingerprint) -> None:
        """Say that a reload has just read this."""
        self._effective = self._last = seen
