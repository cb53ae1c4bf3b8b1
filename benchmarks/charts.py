"""Charts as SVG, of plain rectangles, lines and text: bars with their numbers, and lines over logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

FONT = "font-family='Helvetica,Arial,sans-serif'"
INK, MUTED, GRID = "#1f2328", "#59636e", "#d8dee4"
COLOURS = {"tailgate": "#0b7285", "collector": "#7a5195", "rotel": "#b35c00", "bare": "#9aa1ab"}
WIDTH = 760


def colour(name: str) -> str:
    """Return the colour of a proxy; variants of one have the same."""
    return next((value for key, value in COLOURS.items() if name.startswith(key)), MUTED)


def number(value: float) -> str:
    """Return a number with as many digits as are of use."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _text(
    x: float, y: float, text: str, size: int = 13, anchor: str = "start", fill: str = INK, bold: bool = False
) -> str:
    weight = " font-weight='600'" if bold else ""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' {FONT} font-size='{size}'{weight} text-anchor='{anchor}' "
        f"fill='{fill}'>{escape(text)}</text>"
    )


def _svg(height: float, parts: Sequence[str]) -> str:
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0f}' width='{WIDTH}' "
        f"height='{height:.0f}' role='img'>"
    )
    return "\n".join([head, f"<rect width='{WIDTH}' height='{height:.0f}' fill='#ffffff'/>", *parts, "</svg>\n"])


def bars(title: str, unit: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Return horizontal bars, group by group, each with its number at its end; all on one linear scale from zero."""
    left, right, bar = 200, 90, 18
    top = max(value for rows in groups.values() for value in rows.values())
    scale = (WIDTH - left - right) / top
    parts, y = [_text(16, 28, title, 16, bold=True), _text(16, 48, unit, 12, fill=MUTED)], 70.0
    for group, rows in groups.items():
        if len(groups) > 1:
            parts.append(_text(16, y + 12, group, 13, bold=True))
            y += 22
        for name, value in rows.items():
            width = max(value * scale, 1)
            parts.append(_text(left - 8, y + 13, name, 12, "end"))
            parts.append(f"<rect x='{left}' y='{y:.1f}' width='{width:.1f}' height='{bar - 3}' fill='{colour(name)}'/>")
            parts.append(_text(left + width + 6, y + 13, number(value), 12))
            y += bar
        y += 10
    return _svg(y + 6, parts)


def _ticks(low: float, high: float) -> list[float]:
    """Return the powers of ten around a range, and those within."""
    return [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def lines(title: str, unit: str, axis: str, series: Mapping[str, Mapping[float, float]]) -> str:
    """Return lines over two logarithmic axes, each named at its right end; a variant (`a, b`) is dashed.

    `series`: name to {x: y}.
    """
    left, right, top, bottom, height = 64, 190, 70, 52, 380
    xs = sorted({x for points in series.values() for x in points})
    ys = _ticks(*(f(y for points in series.values() for y in points.values()) for f in (min, max)))
    if len(ys) == 1:
        ys = [ys[0], ys[0] * 10]

    def at(x: float, y: float) -> tuple[float, float]:
        across = math.log(x / xs[0]) / math.log(xs[-1] / xs[0])
        up = math.log(y / ys[0]) / math.log(ys[-1] / ys[0])
        return left + across * (WIDTH - left - right), height - bottom - up * (height - top - bottom)

    parts = [_text(16, 28, title, 16, bold=True), _text(16, 48, unit, 12, fill=MUTED)]
    for y in ys:
        _, level = at(xs[0], y)
        parts.append(f"<line x1='{left}' x2='{WIDTH - right}' y1='{level:.1f}' y2='{level:.1f}' stroke='{GRID}'/>")
        parts.append(_text(left - 8, level + 4, f"{y:g}", 12, "end", MUTED))
    parts += [_text(at(x, ys[0])[0], height - bottom + 20, f"{x:,.0f}", 12, "middle", MUTED) for x in xs]
    parts.append(_text((left + WIDTH - right) / 2, height - 12, axis, 12, "middle", MUTED))
    ends: list[float] = []
    for name, points in sorted(series.items(), key=lambda item: -list(item[1].values())[-1]):
        dash = " stroke-dasharray='5 4'" if ", " in name else ""
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in (at(x, y) for x, y in sorted(points.items())))
        parts.append(f"<polyline points='{path}' fill='none' stroke='{colour(name)}' stroke-width='2.2'{dash}/>")
        spots = [at(x, y) for x, y in points.items()]
        parts += [f"<circle cx='{px:.1f}' cy='{py:.1f}' r='3' fill='{colour(name)}'/>" for px, py in spots]
        last = max(points)
        px, py = at(last, points[last])
        label = max(py + 4, ends[-1] + 15) if ends else py + 4
        ends.append(label)
        parts.append(_text(px + 10, label, f"{name} {number(points[last])}", 12, fill=INK))
    return _svg(height, parts)
