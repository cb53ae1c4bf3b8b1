"""How much memory there is, read from fixture trees that stand for machines."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from tailgate.telemetry.memory import limiting_group, release_memory, resident_bytes, total_bytes

MIB = 1 << 20
GIB = 1 << 30
UNLIMITED_V1 = "9223372036854771712\n"


class Machine:
    """A tree of files as below `/`."""

    def __init__(self, root: Path, host: int = 8 * GIB) -> None:
        self.root = root
        self.mounts: list[str] = []
        self.write("proc/meminfo", f"MemTotal:       {host // 1024} kB\nMemFree:        100 kB\n")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def own(self, *lines: str) -> None:
        self.write("proc/self/cgroup", "\n".join(lines) + "\n")

    def mount(self, kind: str, at: str, options: str = "rw", part: str = "/") -> None:
        self.mounts.append(f"30 23 0:26 {part} /{at} rw,nosuid shared:9 - {kind} {kind} {options}")
        self.write("proc/self/mountinfo", "\n".join(self.mounts) + "\n")
        (self.root / at).mkdir(parents=True, exist_ok=True)

    def group2(self, path: str, limit: str, usage: int = 0, inactive: int = 0) -> None:
        self.write(f"{path}/memory.max", f"{limit}\n")
        self.write(f"{path}/memory.current", f"{usage}\n")
        self.write(f"{path}/memory.stat", f"anon 5\ninactive_file {inactive}\nactive_file 7\n")

    def group1(self, path: str, limit: str, usage: int = 0, inactive: int = 0) -> None:
        self.write(f"{path}/memory.limit_in_bytes", f"{limit}\n")
        self.write(f"{path}/memory.usage_in_bytes", f"{usage}\n")
        self.write(f"{path}/memory.stat", f"cache 9\ninactive_file 1\ntotal_inactive_file {inactive}\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_version_2_in_a_container(machine: Machine) -> None:
    """Scenario: a pod on a current node; the group's own namespace shows it as `/`. Guarantees: its limit and usage."""
    machine.own("0::/")
    machine.mount("cgroup2", "sys/fs/cgroup")
    machine.group2("sys/fs/cgroup", str(512 * MIB), 300 * MIB, 100 * MIB)
    group = limiting_group(machine.root)
    assert group is not None
    assert (group.limit, group.working_set()) == (512 * MIB, 200 * MIB)
    assert total_bytes(machine.root) == 512 * MIB


def test_version_2_the_smallest_above_counts(machine: Machine) -> None:
    """Scenario: a service below a slice that is smaller. Guarantees: the slice's limit, with the slice's usage."""
    machine.own("0::/tenant.slice/app.service")
    machine.mount("cgroup2", "sys/fs/cgroup")
    machine.group2("sys/fs/cgroup/tenant.slice", str(GIB), 700 * MIB)
    machine.group2("sys/fs/cgroup/tenant.slice/app.service", str(2 * GIB), 1 * MIB)
    group = limiting_group(machine.root)
    assert group is not None
    assert (group.limit, group.working_set()) == (GIB, 700 * MIB)


def test_version_1_in_a_container(machine: Machine) -> None:
    """Scenario: Docker on an old node: the path is the host's, the mount shows only the container's group."""
    machine.own("12:cpu,cpuacct:/docker/abc", "5:memory:/docker/abc", "0::/system.slice")
    machine.mount("cgroup", "sys/fs/cgroup/cpu", "rw,cpu,cpuacct", part="/docker/abc")
    machine.mount("cgroup", "sys/fs/cgroup/memory", "rw,memory", part="/docker/abc")
    machine.group1("sys/fs/cgroup/memory", str(256 * MIB), 200 * MIB, 50 * MIB)
    group = limiting_group(machine.root)
    assert group is not None
    assert (group.limit, group.working_set()) == (256 * MIB, 150 * MIB)


def test_version_1_on_the_host(machine: Machine) -> None:
    """Scenario: a nested group, its mount the whole hierarchy; the inner one has no limit of its own."""
    machine.own("5:memory:/outer/inner")
    machine.mount("cgroup", "sys/fs/cgroup/memory", "rw,memory")
    machine.group1("sys/fs/cgroup/memory", UNLIMITED_V1)
    machine.group1("sys/fs/cgroup/memory/outer", str(GIB), 5 * MIB)
    machine.group1("sys/fs/cgroup/memory/outer/inner", UNLIMITED_V1)
    assert total_bytes(machine.root) == GIB


def test_hybrid(machine: Machine) -> None:
    """Scenario: memory in version 1 beside an empty version 2 tree. Guarantees: version 1 is found."""
    machine.own("4:memory:/a", "0::/")
    machine.mount("cgroup2", "sys/fs/cgroup/unified")
    machine.mount("cgroup", "sys/fs/cgroup/memory", "rw,memory")
    machine.group1("sys/fs/cgroup/memory/a", str(GIB))
    assert total_bytes(machine.root) == GIB


@pytest.mark.parametrize("limit", ["max", "0", "garbage", ""])
def test_without_a_limit_the_host_counts(machine: Machine, limit: str) -> None:
    machine.own("0::/")
    machine.mount("cgroup2", "sys/fs/cgroup")
    machine.group2("sys/fs/cgroup", limit)
    assert limiting_group(machine.root) is None
    assert total_bytes(machine.root) == 8 * GIB


def test_a_limit_above_the_host(machine: Machine) -> None:
    machine.own("0::/")
    machine.mount("cgroup2", "sys/fs/cgroup")
    machine.group2("sys/fs/cgroup", str(64 * GIB))
    assert total_bytes(machine.root) == 8 * GIB


@pytest.mark.parametrize(
    ("cgroup", "mountinfo"),
    [("", ""), ("garbage\n::\n", "garbage\na b c - d\n"), ("0::/../../x\n", "1 2 3:4 / /sys rw - cgroup2 c rw\n")],
)
def test_unreadable_machines(tmp_path: Path, cgroup: str, mountinfo: str) -> None:
    """Scenario: no such files, or files with something else in them. Guarantees: no error, nothing known."""
    assert total_bytes(tmp_path) == 0
    assert resident_bytes(tmp_path) == 0
    machine = Machine(tmp_path)
    machine.write("proc/self/cgroup", cgroup)
    machine.write("proc/self/mountinfo", mountinfo)
    machine.write("proc/meminfo", "MemTotal: x kB\n")
    assert limiting_group(tmp_path) is None
    assert total_bytes(tmp_path) == 0


def test_files_that_go_away(machine: Machine) -> None:
    """Scenario: the group's usage cannot be read any more. Guarantees: 0, no error on the timer that reads it."""
    machine.own("0::/")
    machine.mount("cgroup2", "sys/fs/cgroup")
    machine.group2("sys/fs/cgroup", str(GIB), 5)
    group = limiting_group(machine.root)
    assert group is not None
    group.usage_file.unlink()
    assert group.working_set() == 0


def test_this_process() -> None:
    """Guarantees: the resident set is what the system says, and real memory shows up in it."""
    assert resident_bytes() == pytest.approx(psutil.Process(os.getpid()).memory_info().rss, rel=0.1)
    before = resident_bytes()
    block = b"x" * (64 * MIB)
    assert resident_bytes() - before > 48 * MIB
    del block
    release_memory()
    assert resident_bytes() - before < 32 * MIB
