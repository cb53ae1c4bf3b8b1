"""Ratios, verdicts, the page, the charts and the baseline, from results as they are stored."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from benchmarks import baseline, charts, page, results, scrub_page
from benchmarks.__main__ import chosen
from benchmarks.cells import HELD_RATE, cells
from benchmarks.stats import percentile, ratio
from benchmarks.targets import TARGETS, verdicts


def contest(**cpu: list[float]) -> dict[str, Any]:
    names = {"own": "tailgate", "yaml": "tailgate, collector's YAML", "go": "collector", "bare": "bare receiver"}
    names |= {"gopass": "collector, pass-through", "rotel": "rotel, Python processor"}
    rest = {"p50_ms": 1.5, "p99_ms": 4.25, "spans_per_s": 100_000, "spans_in": 1000, "spans_out": 100}
    rest |= {"rss_mib": 80.0, "peak_mib": 90.0, "startup_s": 0.5}
    rows = {
        names[key]: {"cpu_us": times, "cpu_us_median": sorted(times)[len(times) // 2], **rest}
        for key, times in cpu.items()
    }
    return {"about": {}, "proxies": rows}


def everything() -> dict[str, Any]:
    policies = {"proxies": {}}
    for count in (5, 20, 100):
        row = contest(own=[3.0 + count / 100] * 3)["proxies"]["tailgate"]
        policies["proxies"][f"tailgate {count}"] = row
    held = {
        f"tailgate {n}": {"traces": n, "held_traces": n, "cpu_us": [4.0, 4.2], "cpu_us_median": 4.1, "rss_mib": 99.0}
        for n in (10_000, 1_000_000)
    }
    saturated = {
        "one": {"spans_per_s": [100, 110, 120], "cores_used": 0.9, "own_us": 2.0, "others_us": 0.5},
        "two": {"spans_per_s": [190, 200, 240], "cores_used": 1.7, "own_us": 2.1, "others_us": 0.4},
        "attainable": 1.61,
    }
    late = {
        "saturation_spans_per_s": 1000,
        "offered_spans_per_s": 500,
        "requests": 9,
        "p50_ms": 1.0,
        "p99_ms": 11.0,
        "max_ms": 20.0,
    }
    values = {
        "jobs/full": contest(
            own=[4.0, 4.0, 5.0],
            yaml=[3.0] * 3,
            go=[100.0, 120.0, 100.0],
            gopass=[5.0] * 3,
            bare=[2.0] * 3,
            rotel=[50.0] * 3,
        ),
        "jobs/pass": contest(own=[2.0] * 3, go=[5.0, 6.0, 7.0]),
        "http/full": contest(own=[5.0] * 3, bare=[1.0] * 3),
        "batch/grpc/8": contest(own=[60.0] * 3, go=[140.0] * 3),
        "batch/grpc/512": contest(own=[4.0] * 3, go=[110.0] * 3),
        "batch/http/8": contest(own=[30.0] * 3, go=[138.0] * 3),
        "policies": policies,
        "held": {"rate": HELD_RATE, "rows": held},
        "memory": {
            "tailgate": {"spans": 10, "wire_bytes_per_span": 546.0, "memory_bytes_per_span": 600.0, "ratio": 1.1}
        },
        "latency": {"tailgate": late},
        "cores": {"tailgate": {"generator_shares_cores": True, **saturated}},
        "startup": {"tailgate": {"seconds": [0.5, 0.6], "median": 0.55}},
        "tick": {
            "traces": 99_840,
            "total_ms": 160.0,
            "longest_slice_ms": 11.0,
            "outside": {"calm_p99_ms": 3.0, "due_p99_ms": 9.0, "due_max_ms": 15.0},
        },
        "agreement": {"full: tailgate, collector": {"equal": 560, "different": 0, "only_left": 0, "only_right": 0}},
    }
    on = {"processor": "Test 9000", "tailgate": "0.1", "command": "python -m benchmarks peers"}
    return {"cells": {name: {"measured": "2026-01-02 03:04 UTC", "on": on, "values": v} for name, v in values.items()}}


def test_a_ratio_is_the_median_over_the_pairs() -> None:
    """Scenario: in one round the machine was slow, for both. Guarantees: that round does not move the result."""
    found = ratio([10.0, 30.0, 11.0], [5.0, 15.0, 5.0])
    assert (found.median, found.low, found.high) == (2.0, 2.0, 2.2)
    assert ratio([10.0, 20.0, 30.0], [5.0]).median == 4.0


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (0, 1)])
def test_percentile_is_the_nearest_rank(percent: float, value: float) -> None:
    assert percentile(list(range(1, 101)), percent) == value


def test_every_target_is_measured_by_a_cell_that_exists() -> None:
    assert {target.cell for target in TARGETS} <= set(cells())


def test_verdicts() -> None:
    """Scenario: results in which each number is known. Guarantees: each target reads the right ones."""
    found = {target.key: (target, value) for target, value in verdicts(everything())}
    numbers = {key: value.median for key, (_, value) in found.items() if value}
    assert numbers == pytest.approx(
        {
            "full": 25.0,
            "full-yaml": 100 / 3,
            "full-pass": 0.8,
            "full-bare": 2.0,
            "http-bare": 5.0,
            "pass": 3.0,
            "rotel": 12.5,
            "small-grpc": 140 / 60,
            "small-http": 4.6,
            "memory": 1.1,
            "held": 1.0,
            "policies": 4.0 / 3.05,
            "cores": 1.9,
            "latency": 11.0,
            "tick": 160.0,
            "stall": 9.0,
        }
    )
    missed = {key for key, (target, value) in found.items() if value and not target.holds(value.median)}
    assert missed == {"http-bare", "latency"}


def test_the_page_has_every_row_of_the_targets_and_of_the_matrix() -> None:
    text = page.render(everything(), ["jobs.svg"])
    assert "{{" not in text
    for target in TARGETS:
        assert f"| {target.what} | {target.bound()} |" in text
    assert text.count("**missed**") == 2
    assert text.count("| holds |") == len(TARGETS) - 2
    for row in (
        "the full job: collector |",
        "8 spans, http: tailgate |",
        "traces to hold",
        "Test 9000",
        "charts/jobs.svg",
        "| tailgate, two cores | 200 | 1.7 | 2.1 | 0.4 |",
        "so many times as much as one: 1.61 (tailgate).",
    ):
        assert row in text


def test_what_is_not_measured_is_said_to_be_so() -> None:
    text = page.render({"cells": {}}, [])
    assert text.count("not measured") == len(TARGETS)


def test_charts_are_well_formed_and_say_their_numbers() -> None:
    drawn = page.draw(everything())
    assert set(drawn) == {"jobs.svg", "batches-grpc.svg", "policies.svg", "held.svg"}
    for svg in drawn.values():
        ET.fromstring(svg)
    assert ">100<" in drawn["jobs.svg"]


def test_bars_are_as_long_as_their_numbers() -> None:
    root = ET.fromstring(charts.bars("t", "u", {"g": {"tailgate": 5.0, "collector": 10.0}}))
    widths = [float(r.get("width")) for r in root.iter("{http://www.w3.org/2000/svg}rect") if r.get("height") == "15"]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)


def test_a_partial_run_is_merged(tmp_path: Path) -> None:
    """Scenario: one cell is measured again. Guarantees: the others stay as they were."""
    path = tmp_path / "results.json"
    path.write_text(json.dumps(everything()))
    results.store("tick", {"total_ms": 1.0}, path)
    merged = results.load(path)
    assert merged["cells"]["tick"]["values"] == {"total_ms": 1.0}
    assert merged["cells"]["jobs/full"] == everything()["cells"]["jobs/full"]
    assert list(merged["cells"]) == list(everything()["cells"])


def test_cells_are_chosen_by_pattern() -> None:
    assert chosen(["jobs/*", "tick"]) == [name for name in cells() if name.startswith("jobs/") or name == "tick"]
    assert chosen([]) == list(cells())
    with pytest.raises(SystemExit):
        chosen(["nothing"])


def test_a_regression_shows() -> None:
    found = baseline.changes({"a": 1.19, "b": 1.21, "c": 9.0}, {"a": 1.0, "b": 1.0})
    assert [change.regressed for change in found] == [False, True, False]


def test_the_committed_baseline_names_what_is_measured() -> None:
    assert set(json.loads(baseline.FILE.read_text())) == set(baseline.STEPS)


def test_the_committed_page_is_made_of_the_committed_results() -> None:
    """Guarantees: nobody has edited the page by hand."""
    stored = results.load()
    drawn = page.draw(stored)
    assert (page.DOCS / "benchmarks.md").read_text() == page.render(stored, drawn)
    assert (page.DOCS / "scrubbing-cost.md").read_text() == scrub_page.render(stored)
    for name, svg in drawn.items():
        assert (page.DOCS / "charts" / name).read_text() == svg
