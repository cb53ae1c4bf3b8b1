"""Folding and drawing of stacks, the span-by-span comparison, the peers' recipe, and one contest as a whole."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.cli import main
from tailgate.kernel import why_not_rust

from benchmarks import cells, flame
from benchmarks.agree import canonical, compare
from benchmarks.contest import Contest, Wrong
from benchmarks.peers import collector
from benchmarks.process import Ports, Process
from benchmarks.proxies import JOBS, Setting
from benchmarks.servers import Upstream, inflated, read_dump
from benchmarks.traffic import Shape, build_load

RUST = "_native::walk::span::h0123456789abcdef (a/b/_native.cpython-311-x86_64-linux-gnu.so)"
STACKS = [
    f"main (cli/run.py:51);take (pipeline.py:70);{RUST} 30",
    "main (cli/run.py:51);0x7f00 (grpc/_cython/cygrpc.cpython-311-x86_64-linux-gnu.so);sendmsg (libc.so.6) 10",
    "main (cli/run.py:51);epoll_wait (libc.so.6) 60",
    "not a stack",
]


def test_stacks_are_folded_without_waiting() -> None:
    """Guarantees: samples are summed by frame, threads that wait are left out, hashes and folders are gone."""
    top = flame.fold(STACKS)
    assert top.samples == 40
    main_frame = top.below["main (run.py:51)"]
    assert main_frame.samples == 40
    assert main_frame.below["take (pipeline.py:70)"].below["_native::walk::span (_native)"].samples == 30
    assert flame.share(top) == {"rust": 0.75, "python": 0.0, "grpc": 0.0, "native": 0.25}
    assert flame.tops(top, 1) == [("_native::walk::span (_native)", 0.75)]


def test_the_flame_graph_names_rust_and_python_frames() -> None:
    svg = flame.draw(flame.fold(STACKS), "a <title>")
    ET.fromstring(svg)
    assert "_native::walk::span (_native)" in svg
    assert "take (pipeline.py:70)" in svg
    ET.fromstring(flame.draw(flame.fold([]), "nothing"))


def test_spans_are_compared_whatever_their_order() -> None:
    """Scenario: attributes in another order, spans in other requests. Guarantees: equal; a changed value is not."""
    bodies = build_load(3, Shape(spans_per_request=16)).requests
    turned = []
    for body in reversed(bodies):
        request = ExportTraceServiceRequest.FromString(body)
        for span in request.resource_spans[0].scope_spans[0].spans:
            attributes = list(reversed(span.attributes))
            del span.attributes[:]
            span.attributes.extend(attributes)
            span.status.SetInParent()
        turned.append(request.SerializeToString())
    assert compare(canonical(bodies), canonical(turned)) == {
        "equal": 48,
        "different": 0,
        "only_left": 0,
        "only_right": 0,
    }
    request = ExportTraceServiceRequest.FromString(turned[0])
    request.resource_spans[0].resource.attributes[0].value.string_value = "other"
    changed = compare(canonical(bodies), canonical([request.SerializeToString(), turned[1]]))
    assert changed == {"equal": 16, "different": 16, "only_left": 16, "only_right": 0}
    with pytest.raises(ValueError, match="came twice"):
        canonical([*bodies, bodies[0]])


@pytest.mark.parametrize("job", sorted(path.stem for path in JOBS.glob("*.yaml") if path.stem != "base"))
def test_every_job_is_a_configuration(
    job: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in Setting(Ports()).environment(Ports()).items():
        monkeypatch.setenv(name, value)
    assert main(["validate", "--config", str(JOBS / "base.yaml"), "--config", str(JOBS / f"{job}.yaml")]) == 0
    capsys.readouterr()


@pytest.mark.parametrize("form", ["own", "same"])
def test_more_policies_keep_the_jobs_own(form: str) -> None:
    names = [policy["name"] for policy in cells.more_policies(form, 100)["policies"]]
    assert len(set(names)) == 100
    assert names[:2] == ["errors", "slow"]


def test_the_collectors_manifest_names_public_modules_only() -> None:
    plan = collector.manifest(Path("out"), {})
    modules = [
        entry["gomod"] for kind in ("receivers", "processors", "exporters", "extensions") for entry in plan[kind]
    ]
    assert all(m.startswith(("go.opentelemetry.io/", "github.com/open-telemetry/")) for m in modules)
    assert all(m.endswith(f" {collector.VERSION}") for m in modules)
    assert plan["connectors"] == []


async def _collect(folder: Path) -> tuple[bytes, list[bytes]]:
    upstream, bodies = Upstream(), build_load(2, Shape(spans_per_request=16)).requests
    for body in bodies:
        await upstream.take(body)
    counted = upstream.count(b"")
    upstream.dump(str(folder / "dump").encode())
    assert upstream.count(b"") == b"0"
    assert read_dump(folder / "dump") == bodies
    return counted, bodies


def test_the_upstream_keeps_counts_and_hands_over(tmp_path: Path) -> None:
    import asyncio

    counted, bodies = asyncio.run(_collect(tmp_path))
    assert counted == b"32"
    import gzip

    assert inflated(gzip.compress(bodies[0]), "gzip") == bodies[0]
    assert inflated(bodies[0], "") == bodies[0]


@pytest.mark.slow
@pytest.mark.skipif(why_not_rust() is not None, reason="the Rust kernel is not built")
def test_a_contest_measures_and_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario: a bare server and Tailgate, real processes. Guarantees: both are measured; a wrong outcome stops it."""
    monkeypatch.chdir(Path(__file__).parent.parent.parent)
    shape = Shape(spans_per_request=64, secret_share=0.2)
    found = Contest([cells.BARE, cells.OWN], shape, requests=4, rounds=1, wait="200ms").run()
    assert found["tailgate"]["cpu_us_median"] > 0
    assert 0 < found["tailgate"]["spans_out"] < found["tailgate"]["spans_in"] == 256
    assert found["bare receiver"]["spans_out"] == 0
    leaky = replace(cells.same("tailgate", "pass"), scrubs=8)
    with pytest.raises(Wrong, match="leaks"):
        Contest([leaky], shape, requests=2, rounds=1).run()
    assert os.getpid()


def test_a_process_runs_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario: the load generator has left a core to the proxy. Guarantees: the proxy runs there, not beside it."""
    asked: list[list[str]] = []

    def popen(command: list[str], **_: object) -> None:
        asked.append(command)
        raise InterruptedError

    monkeypatch.setattr("benchmarks.process.subprocess.Popen", popen)
    monkeypatch.setattr("benchmarks.process.os.sched_getaffinity", lambda _: {1})
    for cores in ({0}, {0, 1}, {1}):
        with pytest.raises(InterruptedError):
            Process(["proxy"], {}, Ports(), cores)
    assert asked == [["taskset", "-c", "0", "proxy"], ["taskset", "-c", "0,1", "proxy"], ["proxy"]]
