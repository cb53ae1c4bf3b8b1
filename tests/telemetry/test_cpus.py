"""How many CPUs there are, read from fixture trees that stand for machines."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tailgate.telemetry.cpus import spare_threads, usable_cpus

MOUNT = "30 23 0:26 / /{at} rw,nosuid shared:9 - {kind} {kind} {options}\n"


def write(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))


@pytest.mark.usefixtures("many")
def test_without_quotas_it_is_the_affinity(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == 16


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("text", "cpus"), [("max 100000", 16), ("150000 100000", 1.5), ("2400000 100000", 16), ("", 16)]
)
def test_version_2(tmp_path: Path, text: str, cpus: float) -> None:
    """Scenario: a pod with and without a CPU limit. Guarantees: the limit, a fraction too; no limit is none."""
    write(tmp_path, "proc/self/cgroup", "0::/\n")
    write(tmp_path, "proc/self/mountinfo", MOUNT.format(at="sys/fs/cgroup", kind="cgroup2", options="rw"))
    write(tmp_path, "sys/fs/cgroup/cpu.max", text + "\n")
    assert usable_cpus(tmp_path) == cpus


@pytest.mark.usefixtures("many")
def test_the_smallest_quota_above_counts(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/tenant.slice/app.service\n")
    write(tmp_path, "proc/self/mountinfo", MOUNT.format(at="sys/fs/cgroup", kind="cgroup2", options="rw"))
    write(tmp_path, "sys/fs/cgroup/tenant.slice/cpu.max", "300000 100000\n")
    write(tmp_path, "sys/fs/cgroup/tenant.slice/app.service/cpu.max", "max 100000\n")
    assert usable_cpus(tmp_path) == 3


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(("quota", "cpus"), [("400000", 4), ("-1", 16)])
def test_version_1(tmp_path: Path, quota: str, cpus: float) -> None:
    """Scenario: a container on an old node, where memory is another hierarchy. Guarantees: the quota of `cpu`."""
    write(tmp_path, "proc/self/cgroup", "12:cpu,cpuacct:/docker/abc\n5:memory:/docker/abc\n")
    line = MOUNT.format(at="sys/fs/cgroup/cpu", kind="cgroup", options="rw,cpu,cpuacct").replace(" / ", " /docker/abc ")
    write(tmp_path, "proc/self/mountinfo", line)
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota + "\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    assert usable_cpus(tmp_path) == cpus


@pytest.mark.parametrize(("cpus", "threads"), [(0.2, 0), (1, 0), (1.9, 0), (2, 1), (4.5, 3), (9, 8), (128, 8)])
def test_threads_are_what_the_event_loop_leaves(cpus: float, threads: int) -> None:
    assert spare_threads(cpus) == threads
