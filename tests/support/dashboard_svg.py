"""A dashboard as a picture: its panels in their places, drawn from what Prometheus answered. SVG, text and lines alone.

This is no Grafana, but shows what Grafana would: units, legends with the last value, the same 24 columns.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from prometheus_rules import Panel

COLUMN, LINE, GAP = 46, 30, 6
FONT = "font-family='Helvetica,Arial,sans-serif'"
INK, MUTED, GRID, PAPER = "#1f2328", "#59636e", "#e3e7eb", "#f4f5f7"
COLOURS = ("#0b7285", "#b35c00", "#7a5195", "#2f7d32", "#c2255c", "#1c5fb8", "#7c6a00", "#6b7280", "#d9480f", "#087f5b")
HEAT = ("#e7f1f3", "#b9dbe1", "#86bfca", "#4f9fae", "#0b7285", "#07505d")


@dataclass(frozen=True)
class Line:
    """One series: a name and its values by time (seconds)."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Drawn:
    """A panel and what its queries have answered."""

    panel: Panel
    lines: tuple[Line, ...]


def _scaled(value: float, steps: Sequence[tuple[float, str]]) -> str:
    for size, name in steps:
        if abs(value) >= size:
            return f"{value / size:.3g}{name}"
    return f"{value / steps[-1][0]:.3g}{steps[-1][1]}"


def _digits(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


_SECONDS = ((3600, " h"), (60, " min"), (1, " s"), (1e-3, " ms"), (1e-6, " µs"))
_BYTES = ((1 << 30, " GiB"), (1 << 20, " MiB"), (1 << 10, " KiB"), (1, " B"))
_THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
UNITS: dict[str, Callable[[float], str]] = {
    "s": lambda value: _scaled(value, _SECONDS) if value else "0 s",
    "ms": lambda value: _scaled(value / 1000, _SECONDS) if value else "0 ms",
    "bytes": lambda value: _scaled(value, _BYTES),
    "percentunit": lambda value: f"{_digits(100 * value)} %",
    "percent": lambda value: f"{_digits(value)} %",
    "cps": lambda value: f"{_number(value)}/s",
    "reqps": lambda value: f"{_number(value)} req/s",
    "currencyUSD": lambda value: f"${_number(value)}",
    "bool": lambda value: "yes" if value else "no",
}


def _number(value: float) -> str:
    return _scaled(value, _THOUSANDS) if abs(value) >= 1000 else _digits(value)


def shown(value: float, unit: str) -> str:
    """Return a value with its unit; numbers of which there is none are a dash."""
    return UNITS.get(unit, _number)(value) if math.isfinite(value) else "-"


def ticks(low: float, high: float, unit: str = "short") -> list[float]:
    """Return a few round numbers that span a range; round as the unit counts."""
    if unit == "bool":
        return [0, 1]
    if unit == "bytes":
        size = next((size for size, _ in _BYTES if high >= size), 1)
        return [size * tick for tick in ticks(low / size, high / size)]
    if high <= low:
        high = low + (abs(low) or 1)
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * at, 12) for at in range(first, last + 1)]


def _text(x: float, y: float, text: str, size: float = 11, anchor: str = "start", fill: str = INK) -> str:
    end = "" if anchor == "start" else f" text-anchor='{anchor}'"
    return f"<text x='{x:.0f}' y='{y:.0f}' font-size='{size:g}'{end} fill='{fill}'>{escape(text)}</text>"


def _clipped(text: str, width: float, size: float = 11) -> str:
    room = int(width / (size * 0.55))
    return text if len(text) <= room else f"{text[: max(1, room - 1)]}…"


@dataclass(frozen=True)
class Box:
    """Where something is drawn, in pixels."""

    x: float
    y: float
    width: float
    height: float


def _box(panel: Panel) -> Box:
    place = panel.place
    return Box(
        place["x"] * COLUMN + GAP,
        place["y"] * LINE + GAP,
        place["w"] * COLUMN - GAP,
        place["h"] * LINE - GAP,
    )


def _legend(drawn: Drawn, box: Box) -> tuple[list[str], float]:
    """Return the legend along the bottom, and its height; every series is in it, with its last value."""
    size, line = 10, 14
    out, x, rows = [], box.x + 10, [[]]
    for index, one in enumerate(drawn.lines):
        last = next((value for _, value in reversed(one.points) if math.isfinite(value)), math.nan)
        label = _clipped(f"{one.name}  {shown(last, drawn.panel.unit)}", box.width - 40, size)
        width = 20 + len(label) * size * 0.53
        if x + width > box.x + box.width and rows[-1]:
            rows.append([])
            x = box.x + 10
        rows[-1].append((x, index, label))
        x += width
    height = line * len(rows) + 4
    for number, row in enumerate(rows):
        y = box.y + box.height - height + line * number + 10
        for left, index, label in row:
            colour = COLOURS[index % len(COLOURS)]
            out.append(f"<path d='M{left:.0f} {y - 4:.0f}h10' stroke='{colour}' stroke-width='3'/>")
            out.append(_text(left + 14, y, label, size, fill=MUTED))
    return out, height


def _curves(drawn: Drawn, box: Box, span: tuple[float, float]) -> Iterator[str]:
    legend, height = _legend(drawn, box)
    values = [value for one in drawn.lines for _, value in one.points if math.isfinite(value)]
    levels = ticks(min([0.0, *values]), max([0.0, *values]), drawn.panel.unit)
    labels = [shown(level, drawn.panel.unit) for level in levels]
    left = box.x + 14 + 5.6 * max(map(len, labels))
    plot = Box(left, box.y + 30, box.x + box.width - 12 - left, box.height - 30 - height - 20)

    def at(when: float, value: float) -> tuple[float, float]:
        across = (when - span[0]) / (span[1] - span[0])
        up = (value - levels[0]) / (levels[-1] - levels[0])
        return plot.x + across * plot.width, plot.y + plot.height * (1 - up)

    for level, label in zip(levels, labels, strict=True):
        y = at(span[0], level)[1]
        yield f"<path d='M{plot.x:.0f} {y:.1f}h{plot.width:.0f}' stroke='{GRID}'/>"
        yield _text(plot.x - 5, y + 4, label, 10, "end", MUTED)
    for part in (0, 0.5, 1):
        when = span[0] + part * (span[1] - span[0])
        x = plot.x + part * plot.width
        anchor = "start" if part == 0 else "end" if part == 1 else "middle"
        yield _text(x, plot.y + plot.height + 14, time.strftime("%H:%M:%S", time.gmtime(when)), 10, anchor, MUTED)
    for index, one in enumerate(drawn.lines):
        spots = [at(when, value) for when, value in one.points if math.isfinite(value)]
        path = " ".join(f"{x:.0f},{y:.1f}" for x, y in spots)
        colour = COLOURS[index % len(COLOURS)]
        yield f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='1.5'/>"
    yield from legend


def _stat(drawn: Drawn, box: Box, _span: tuple[float, float]) -> Iterator[str]:
    values = [(one.name, one.points[-1][1]) for one in drawn.lines if one.points]
    for index, (name, value) in enumerate(values[:3]):
        x = box.x + box.width * (index + 0.5) / min(3, len(values))
        yield _text(x, box.y + box.height / 2 + 16, shown(value, drawn.panel.unit), 24, "middle", COLOURS[index])
        yield _text(x, box.y + box.height / 2 + 34, name, 10, "middle", MUTED)


def _rows(drawn: Drawn, box: Box, _span: tuple[float, float]) -> Iterator[str]:
    """A table: names and last values, the largest first."""
    values = [(one.name, one.points[-1][1]) for one in drawn.lines if one.points]
    values.sort(key=lambda row: -row[1] if math.isfinite(row[1]) else math.inf)
    most = int((box.height - 40) / 18)
    for index, (name, value) in enumerate(values[:most]):
        y = box.y + 46 + 18 * index
        yield _text(box.x + 12, y, _clipped(name, box.width - 110))
        yield _text(box.x + box.width - 12, y, shown(value, drawn.panel.unit), anchor="end")


def _heat(drawn: Drawn, box: Box, span: tuple[float, float]) -> Iterator[str]:
    """A histogram over time: each bucket without those below it."""
    bounds = sorted(drawn.lines, key=lambda one: float(one.name))
    plot = Box(box.x + 60, box.y + 32, box.width - 72, box.height - 58)
    cells: list[tuple[int, float, float]] = []
    below: Mapping[float, float] = {}
    for row, one in enumerate(bounds):
        mine = dict(one.points)
        cells += [(row, when, max(0.0, value - below.get(when, 0.0))) for when, value in mine.items()]
        below = mine
    most = max((value for _, _, value in cells), default=0) or 1
    wide = plot.width / max(1, len({when for _, when, _ in cells}))
    high = plot.height / max(1, len(bounds))
    for row, when, value in cells:
        if value > 0:
            x = plot.x + (when - span[0]) / (span[1] - span[0]) * (plot.width - wide)
            y = plot.y + plot.height - (row + 1) * high
            colour = HEAT[min(len(HEAT) - 1, int(len(HEAT) * value / most))]
            yield f"<rect x='{x:.1f}' y='{y:.1f}' width='{wide:.1f}' height='{high:.1f}' fill='{colour}'/>"
    every = max(1, math.ceil(len(bounds) * 12 / plot.height))
    for row, one in enumerate(bounds):
        if row % every == 0:
            yield _text(plot.x - 5, plot.y + plot.height - row * high - high / 2 + 4, one.name, 10, "end", MUTED)


KINDS = {"stat": _stat, "table": _rows, "nodeGraph": _rows, "heatmap": _heat}


def _panel(drawn: Drawn, span: tuple[float, float]) -> Iterator[str]:
    box = _box(drawn.panel)
    if drawn.panel.kind == "row":
        yield _text(box.x + 4, box.y + 18, drawn.panel.title, 14)
        return
    yield (
        f"<rect x='{box.x:.0f}' y='{box.y:.0f}' width='{box.width:.0f}' height='{box.height:.0f}' rx='3' "
        f"fill='#ffffff' stroke='{GRID}'/>"
    )
    yield _text(box.x + 10, box.y + 19, _clipped(drawn.panel.title, box.width - 20, 12), 12)
    if any(one.points for one in drawn.lines):
        yield from KINDS.get(drawn.panel.kind, _curves)(drawn, box, span)
    else:
        yield _text(box.x + box.width / 2, box.y + box.height / 2, "no data", 14, "middle", MUTED)


def picture(drawn: Sequence[Drawn], span: tuple[float, float]) -> str:
    """Return the dashboard over a span of time (seconds since 1970)."""
    width = 24 * COLUMN + GAP
    height = max(one.panel.place["y"] + one.panel.place["h"] for one in drawn) * LINE + GAP
    parts = [part for one in drawn for part in _panel(one, span)]
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' {FONT}>"
    return "\n".join([head, f"<rect width='{width}' height='{height}' fill='{PAPER}'/>", *parts, "</svg>\n"])
