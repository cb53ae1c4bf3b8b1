"""`docs/benchmarks.md` and its charts, written from the results and from nothing else."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from . import charts
from .cells import HELD_RATE, JOBS
from .results import Results
from .targets import median_cpu, verdicts

DOCS = Path(__file__).parent.parent / "docs"
TITLES = {
    "pass": "pass through",
    "enrich": "enrich",
    "scrub8": "scrub, 8 patterns",
    "scrub24": "scrub, 24 patterns",
    "sample": "tail-sample 10 %",
    "full": "the full job",
}


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; all columns but the first are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def _values(results: Results, name: str) -> dict[str, Any] | None:
    cell = results["cells"].get(name)
    return cell["values"] if cell else None


def targets(results: Results) -> str:
    """Return the table of the targets: the measured number, how far single rounds were off, the verdict."""
    rows = []
    for target, value in verdicts(results):
        if value is None:
            rows.append((target.what, target.bound(), "not measured", "", ""))
            continue
        spread = "" if value.low == value.high else f"{charts.number(value.low)} to {charts.number(value.high)}"
        verdict = "holds" if target.holds(value.median) else "**missed**"
        rows.append((target.what, target.bound(), charts.number(value.median) + target.unit, spread, verdict))
    return table(("what", "target", "measured", "spread", "verdict"), rows)


def _proxy_rows(results: Results, names: Sequence[tuple[str, str]]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for title, name in names:
        values = _values(results, name)
        for proxy, row in (values or {"proxies": {}})["proxies"].items():
            spread = f"{charts.number(min(row['cpu_us']))} to {charts.number(max(row['cpu_us']))}"
            rows.append(
                (
                    f"{title}: {proxy}",
                    charts.number(row["cpu_us_median"]),
                    spread,
                    f"{row['p50_ms']:.1f}",
                    f"{row['p99_ms']:.1f}",
                    f"{row['rss_mib']:.0f}",
                    f"{row['peak_mib']:.0f}",
                    f"{row['spans_in']:,}",
                    f"{row['spans_out']:,}",
                )
            )
    return rows


HEAD = ("", "CPU s per million spans", "spread", "ack p50 ms", "p99 ms", "memory MiB", "peak MiB", "spans in", "out")


def matrix(results: Results) -> str:
    """Return one table for each dimension of the matrix."""
    parts = []
    dimensions = {
        "Jobs": [(TITLES[job], f"jobs/{job}") for job in TITLES],
        "The full job over HTTP": [("HTTP", "http/full")],
        "Batch sizes": [
            (f"{batch:,} spans, {way}", f"batch/{way}/{batch}")
            for way in ("grpc", "http")
            for batch in (8, 64, 512, 8192)
        ],
        "Compression": [
            (f"{way}, {how}", f"compression/{way}/{how}") for way in ("grpc", "http") for how in ("gzip", "zstd")
        ],
        "Trace sizes": [(f"traces of {size:,}", f"traces/{size}") for size in (1, 8, 200, 50_000)],
        "Policies": [("policies", "policies")],
    }
    for title, names in dimensions.items():
        if rows := _proxy_rows(results, names):
            parts += [f"### {title}", "", table(HEAD, rows), ""]
    return "\n".join(parts)


def held(results: Results) -> str:
    """Return the table of held traces."""
    if (values := _values(results, "held")) is None:
        return ""
    rows = [
        (
            name.rsplit(" ", 1)[0],
            f"{row['traces']:,}",
            f"{row['held_traces']:,.0f}" if row["held_traces"] else "",
            charts.number(row["cpu_us_median"]),
            f"{row['rss_mib']:.0f}",
        )
        for name, row in values["rows"].items()
    ]
    head = ("", "traces to hold", "held at the end", "CPU s per million spans", "memory MiB")
    return "\n".join(
        ["### Held traces", "", f"Spans come at {values['rate']:,.0f} a second.", "", table(head, rows), ""]
    )


def others(results: Results) -> str:
    """Return the tables of what is no contest of rounds."""
    parts: list[str] = []
    rows: list[tuple[object, ...]]
    if values := _values(results, "memory"):
        rows = [
            (name, f"{row['spans']:,}", row["wire_bytes_per_span"], row["memory_bytes_per_span"], row["ratio"])
            for name, row in values.items()
        ]
        head = ("", "spans held", "bytes on the wire", "bytes of memory", "ratio")
        parts += ["### Memory of what is held", "", table(head, rows), ""]
    if values := _values(results, "latency"):
        rows = [
            (
                name,
                f"{row['saturation_spans_per_s']:,}",
                f"{row['offered_spans_per_s']:,}",
                *(f"{row[key]:.1f}" for key in ("p50_ms", "p99_ms", "max_ms")),
            )
            for name, row in values.items()
        ]
        head = ("full job", "saturated, spans/s", "offered, spans/s", "ack p50 ms", "p99 ms", "most ms")
        parts += ["### Latency at half of saturation", "", table(head, rows), ""]
    if values := _values(results, "cores"):
        parts += ["### Cores", "", *_cores(values), ""]
    if values := _values(results, "startup"):
        rows = [
            (name, row["median"], f"{min(row['seconds'])} to {max(row['seconds'])}") for name, row in values.items()
        ]
        parts += ["### Start", "", table(("", "seconds until it takes connections", "spread"), rows), ""]
    if values := _values(results, "tick"):
        parts += ["### The decision tick", "", _tick(values), ""]
    return "\n".join(parts)


def _cores(values: dict[str, Any]) -> Iterable[str]:
    """Yield the table of one core and two, and what could be had at most."""
    rows = [
        (
            f"{name}, {count} core{'s' * (count == 'two')}",
            f"{statistics.median(row[count]['spans_per_s']):,.0f}",
            row[count]["cores_used"],
            row[count].get("own_us", ""),
            row[count].get("others_us", ""),
        )
        for name, row in values.items()
        for count in ("one", "two")
    ]
    yield table(("full job", "saturated, spans/s", "cores used", "CPU µs a span", "of generator and upstream"), rows)
    first = next(iter(values.values()))
    if first["generator_shares_cores"]:
        yield ""
        yield "This machine has two cores: with two, the load generator and the upstream share them with the proxy."
    if "attainable" in first:
        least = ", ".join(f"{row['attainable']:.2f} ({name})" for name, row in values.items())
        yield f"Were no moment of two cores lost, two would do so many times as much as one: {least}."


def _tick(values: dict[str, Any]) -> str:
    outside = values["outside"]
    rows = [
        ("traces that fall due at once, 20 policies", f"{values['traces']:,}"),
        ("all of it, ms", values["total_ms"]),
        ("the longest slice, ms", values["longest_slice_ms"]),
        ("ack p99 of small requests before, ms", outside["calm_p99_ms"]),
        ("ack p99 while they fall due, ms", outside["due_p99_ms"]),
        ("the slowest ack, ms", outside["due_max_ms"]),
    ]
    return table(("", "measured"), rows)


def agreement(results: Results) -> str:
    """Return what the span-by-span comparison found."""
    if (values := _values(results, "agreement")) is None:
        return "Not measured.\n"
    rows = [
        (name, row["equal"], row["different"], row["only_left"] + row["only_right"]) for name, row in values.items()
    ]
    return table(("job", "equal spans", "different", "on one side only"), rows) + "\n"


def _machines(results: Results) -> str:
    """Return machine and versions; cells that were measured elsewhere or at another time are named.

    Those of scrubbing alone have a page of their own.
    """
    cells = {name: cell for name, cell in results["cells"].items() if not name.startswith("scrub/")}
    if not cells:
        return "Nothing has been measured.\n"
    seen: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, cell in cells.items():
        seen.setdefault(tuple((k, v) for k, v in cell["on"].items() if k != "command"), []).append(name)
    parts = []
    for facts, names in seen.items():
        times = sorted(cells[name]["measured"] for name in names)
        rows = [*facts, ("measured", times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}")]
        if len(seen) > 1:
            rows.append(("cells", ", ".join(names)))
        parts += [table(("", ""), rows), ""]
    return "\n".join(parts)


def draw(results: Results) -> dict[str, str]:
    """Return the charts that the results allow, by file name."""
    out = {}
    jobs = {TITLES[job]: _values(results, f"jobs/{job}") for job in (*JOBS, "full")}
    groups = {
        title: {name: row["cpu_us_median"] for name, row in values["proxies"].items() if "reference" not in name}
        for title, values in jobs.items()
        if values
    }
    if groups:
        out["jobs.svg"] = charts.bars(
            "CPU by job", "CPU seconds per million spans, batches of 512, gRPC; less is better", groups
        )
    for way in ("grpc", "http"):
        found = {batch: _values(results, f"batch/{way}/{batch}") for batch in (8, 64, 512, 8192)}
        series: dict[str, dict[float, float]] = {}
        for batch, values in found.items():
            for name in (values or {"proxies": {}})["proxies"]:
                series.setdefault(name, {})[batch] = median_cpu(values or {}, name)
        if len(next(iter(series.values()), {})) > 1:
            title = f"The full job by batch size, {'gRPC' if way == 'grpc' else 'HTTP'}"
            unit = "CPU seconds per million spans; less is better"
            out[f"batches-{way}.svg"] = charts.lines(title, unit, "spans in a request", series)
    if values := _values(results, "policies"):
        series = {}
        for name, row in values["proxies"].items():
            proxy, count = name.rsplit(" ", 1)
            series.setdefault(proxy, {})[float(count)] = row["cpu_us_median"]
        out["policies.svg"] = charts.lines(
            "Policies", "CPU seconds per million spans; less is better", "policies", series
        )
    if values := _values(results, "held"):
        series = {}
        for name, row in values["rows"].items():
            proxy, count = name.rsplit(" ", 1)
            series.setdefault(proxy, {})[float(count)] = row["cpu_us_median"]
        series = {name: points for name, points in series.items() if len(points) > 1}
        unit = f"CPU seconds per million spans at {HELD_RATE:,} spans a second; less is better"
        out["held.svg"] = charts.lines("Held traces", unit, "traces held", series)
    return out


def flames(folder: Path) -> str:
    """Return the flame graphs that `make flamegraph` has left in a folder."""
    names = {"flame-full-job-before.svg": "before it was worked on", "flame-full-job.svg": "now"}
    found = [f"![The full job, {what}](charts/{name})" for name, what in names.items() if (folder / name).exists()]
    return "\n\n".join(found) or "`make flamegraph` draws it."


def render(results: Results, drawn: Iterable[str], folder: Path = DOCS / "charts") -> str:
    """Return the page."""
    text = (Path(__file__).parent / "page.md").read_text()
    alts = {"jobs.svg": "CPU by job", "batches-grpc.svg": "CPU by batch size over gRPC"}
    images = "\n\n".join(f"![{alts.get(name, name.removesuffix('.svg'))}](charts/{name})" for name in drawn)
    parts = {
        "targets": targets(results),
        "charts": images,
        "machine": _machines(results),
        "matrix": "\n".join(part for part in (matrix(results), held(results), others(results)) if part),
        "agreement": agreement(results),
        "flames": flames(folder),
    }
    for name, part in parts.items():
        text = text.replace("{{" + name + "}}", part.strip())
    return text


def write(results: Results, docs: Path = DOCS) -> None:
    """Write the page and its charts."""
    folder = docs / "charts"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = draw(results)
    for name, svg in drawn.items():
        (folder / name).write_text(svg)
    (docs / "benchmarks.md").write_text(render(results, drawn, folder))
