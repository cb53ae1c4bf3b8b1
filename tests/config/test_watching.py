"""Watching: whatever way a file changes, it is seen, once, when it has come to rest. No test sleeps."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tailgate.config.watching import MAX_BYTES, RACE, Debounce, Watch

LATER = 1 << 62
"""A `now` at which every file has been at rest for long."""


@pytest.fixture
def watch() -> Watch:
    return Watch()


def rewrite(file: Path) -> None:
    file.write_text("b")


def replace(file: Path) -> None:
    other = file.with_suffix(".new")
    other.write_text("b")
    other.rename(file)


def backdated(file: Path) -> None:
    """The same size, and the time of change of before (as `cp -p` and `tar` leave it)."""
    before = file.stat()
    file.write_text("b")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(file: Path) -> None:
    """As the kubelet updates a ConfigMap: `..data` is renamed over, the old folder goes."""
    folder = file.parent
    old = (folder / "..data").resolve()
    (folder / "..2").mkdir()
    (folder / "..2" / file.name).write_text("b")
    (folder / "..data_tmp").symlink_to("..2")
    (folder / "..data_tmp").rename(folder / "..data")
    shutil.rmtree(old)


def mounted(folder: Path) -> Path:
    (folder / "..1").mkdir()
    (folder / "..1" / "s.yaml").write_text("a")
    (folder / "..data").symlink_to("..1")
    (folder / "s.yaml").symlink_to("..data/s.yaml")
    return folder / "s.yaml"


@pytest.mark.parametrize("now", [0, LATER], ids=["just written", "at rest"])
@pytest.mark.parametrize("change", [rewrite, replace, backdated, swap, Path.unlink])
def test_every_change_is_seen(tmp_path: Path, watch: Watch, change: Callable[[Path], None], now: int) -> None:
    """Guarantees: another content (or none) is another fingerprint, and the old content again the old one."""
    file = mounted(tmp_path) if change is swap else tmp_path / "s.yaml"
    if change is not swap:
        file.write_text("a")
    paths = [str(file), str(tmp_path / "none")]
    before = watch.look(paths, now)
    assert watch.look(paths, now) == before
    change(file)
    after = watch.look(paths, now)
    assert after != before
    if change is not Path.unlink:
        file.write_text("a")
        assert watch.look(paths, now) == before


def test_a_file_at_rest_is_not_read_again(tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guarantees: content is read while it may change unseen, then only when the file's inode, size or times change."""
    file = tmp_path / "s.yaml"
    file.write_text("a")
    changed, reads = file.stat().st_ctime_ns, []
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *a: reads.append(path) or opened(path, *a))
    for now, wanted in ((changed, 1), (changed + RACE, 2), (changed + RACE + 1, 3), (LATER, 3)):
        watch.look([str(file)], now)
        assert len(reads) == wanted


def test_what_cannot_be_read_twice_is_not_read(tmp_path: Path, watch: Watch) -> None:
    """Scenario: a pipe, a folder, an impossible name. Guarantees: no look blocks or raises; they never change."""
    os.mkfifo(tmp_path / "pipe")
    paths = [str(tmp_path / "pipe"), str(tmp_path), "\0", "/dev/null"]
    assert watch.look(paths, 0) == watch.look(paths, LATER)


def test_large_files_are_looked_at_up_to_the_bound(tmp_path: Path, watch: Watch) -> None:
    """Guarantees: so much is read and no more; the loader refuses larger files anyway."""
    file = tmp_path / "s.yaml"
    file.write_bytes(b"a" * MAX_BYTES)
    before = watch.look([str(file)], 0)
    file.write_bytes(b"a" * MAX_BYTES + b"b")
    assert watch.look([str(file)], 0) == before
    file.write_bytes(b"a" * (MAX_BYTES - 1) + b"b")
    assert watch.look([str(file)], 0) != before


def test_what_changes_while_it_is_read_is_looked_at_again(tmp_path: Path, watch: Watch) -> None:
    """Guarantees: nothing that changed after a reader began passes for read; what was named anew and rested does."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("a")
    new.write_text("a")
    began = new.stat().st_ctime_ns + (1 << 40)
    before = watch.look([str(old)], LATER)
    assert watch.read([str(old), str(new)], before, began, LATER) == watch.look([str(old), str(new)], LATER)
    old.write_text("b")
    read = watch.read([str(old), str(new)], before, began, LATER)
    assert read != watch.look([str(old), str(new)], LATER)
    read = watch.read([str(old), str(new)], before, 0, LATER)
    assert dict(read)[str(new)] == "unknown"


A, B, C = ((("f", name),) for name in "abc")


@pytest.mark.parametrize(
    ("looks", "due"),
    [
        ([A, A], [0, 0]),
        ([B, B, B], [0, 1, 0]),
        ([B, C, B, C, C, C], [0, 0, 0, 0, 1, 0]),
        ([B, A, A], [0, 0, 0]),
        ([B, B, A, A], [0, 1, 0, 1]),
    ],
)
def test_a_change_counts_once_it_has_come_to_rest(looks: list, due: list[int]) -> None:
    """Guarantees: one reload a change, none while files are still being written, none when they are as they were."""
    debounce = Debounce(A)
    assert [int(debounce.look(seen)) for seen in looks] == due


def test_what_a_reload_has_read_is_no_change() -> None:
    """Scenario: SIGHUP came first. Guarantees: the files do not ask for the same reload again."""
    debounce = Debounce(A)
    debounce.settle(B)
    assert not debounce.look(B)
    assert not debounce.look(B)
    assert [debounce.look(C), debounce.look(C)] == [False, True]
