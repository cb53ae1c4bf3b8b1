"""`docs/scrubbing-cost.md`, written from the results of the cells `scrub/*` and from nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .charts import number
from .page import DOCS, table
from .results import Results

TEXT = Path(__file__).parent / "scrub_page.md"


def kernel(results: Results) -> str:
    """Return the table of the walk by the number of patterns."""
    cell = results["cells"].get("scrub/kernel")
    if cell is None:
        return "Not measured."
    values = cell["values"]
    head = ("", "µs a span", "scrubbing alone", "ratio to the walk", "seen before: µs", "alone", "ratio")
    rows = [(name, *_numbers(row["fresh"]), *_numbers(row["again"])) for name, row in values["rows"].items()]
    size = f"{values['requests']} requests of {values['batch']} spans, {values['rounds']} rounds; medians."
    return f"{table(head, rows)}\n\n{size}"


def _numbers(row: dict[str, Any]) -> tuple[str, ...]:
    return number(row["cpu_us_median"]), number(row["alone_us"]), f"{row['ratio']:.1f}"


def collector(results: Results) -> str:
    """Return the table beside the collector: each with and without the patterns, and the difference."""
    cell = results["cells"].get("scrub/collector")
    if cell is None:
        return "Not measured."
    values, rows = cell["values"], []
    for kind in ("tailgate", "collector"):
        without, with_ = (values["proxies"][f"{kind}, {job}"] for job in ("pass", "scrub8"))
        alone = with_["cpu_us_median"] - without["cpu_us_median"]
        spread = f"{number(min(with_['cpu_us']))} to {number(max(with_['cpu_us']))}"
        rows.append((kind, number(without["cpu_us_median"]), number(with_["cpu_us_median"]), spread, number(alone)))
    about = values["about"]
    size = f"{about['requests']} requests of {about['batch']} spans over gRPC, {about['rounds']} rounds; medians."
    head = ("CPU µs a span", "pass through", "with 8 patterns", "spread", "scrubbing alone")
    return f"{table(head, rows)}\n\n{size}"


def machines(results: Results) -> str:
    """Return where and when the two were measured."""
    found = {name: cell for name, cell in results["cells"].items() if name.startswith("scrub/")}
    rows = [
        (name, cell["measured"], cell["on"]["processor"], cell["on"]["tailgate"], cell["on"]["collector"])
        for name, cell in found.items()
    ]
    return table(("cell", "measured", "on", "Tailgate", "collector"), rows) if rows else "Nothing has been measured."


def render(results: Results) -> str:
    """Return the page."""
    text = TEXT.read_text()
    for name, part in (("kernel", kernel), ("collector", collector), ("machine", machines)):
        text = text.replace("{{" + name + "}}", part(results))
    return text


def write(results: Results, docs: Path = DOCS) -> None:
    """Write the page."""
    (docs / "scrubbing-cost.md").write_text(render(results))
