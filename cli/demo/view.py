"""How the demo looks in a terminal: a table that is drawn again every second, and a summary."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from .summary import Summary

WIDTH = 78


def _columns(title: str, rows: Mapping[str, int], unit: str) -> list[str]:
    lines = [title]
    most = max(rows.values(), default=1)
    for name, count in list(rows.items())[:8]:
        bar = "#" * max(1, round(30 * count / most))
        lines.append(f"  {name:<26} {count:>7} {unit:<7} {bar}")
    return lines if rows else [*lines, "  (nothing yet)"]


def table(summary: Summary) -> str:
    """Return the live table."""
    dropped = sum(summary.dropped_spans.values())
    head = (
        f"spans: {summary.received_spans} received = {summary.exported_spans} exported + {dropped} dropped "
        f"+ {summary.held_spans} held + {summary.queued_spans} on the way"
    )
    return "\n".join(
        [
            "-" * WIDTH,
            head,
            *_columns("kept, by policy (why)", summary.by_policy, "traces"),
            *_columns("scrubbed, by rule", summary.scrubbed, "values"),
            *_columns("kept for, by retention", summary.retention, "traces"),
            "-" * WIDTH,
        ]
    )


class View:
    """Draws on a terminal in place, elsewhere line by line; nothing when it is not live."""

    def __init__(self, live: bool) -> None:
        self.live, self._lines = live, 0

    def opening(self, kernel: str, endpoints: Mapping[str, str], upstream: str, seconds: float) -> None:
        """Say what is running."""
        if self.live:
            print(f"kernel: {kernel}")
            print(
                f"shop (OpenTelemetry SDK) -> Tailgate {endpoints['grpc']} gRPC, {endpoints['http']} HTTP -> {upstream}"
            )
            print(f"open for {seconds:g} s; a trace is judged 3 s after its first span", flush=True)

    def update(self, summary: Summary) -> None:
        """Draw the table again."""
        if not self.live:
            return
        text = table(summary)
        if sys.stdout.isatty():
            self.clear()
            print(text, flush=True)
            self._lines = text.count("\n") + 1
        else:
            print(text.splitlines()[1], flush=True)

    def clear(self) -> None:
        """Take the table away, so that the summary stands in its place."""
        if self._lines:
            print(f"\x1b[{self._lines}F\x1b[J", end="", flush=True)
            self._lines = 0


def render_summary(summary: Summary) -> str:
    """Return the closing summary."""
    dropped = ", ".join(f"{count} {reason}" for reason, count in summary.dropped_spans.items()) or "0"
    spans = f"received {summary.received_spans} spans; exported {summary.exported_spans}; dropped: {dropped}"
    verdict = "the numbers add up: every span is accounted for" if summary.adds_up else "THE NUMBERS DO NOT ADD UP"
    return "\n".join(
        [
            table(summary),
            f"{spans}; held {summary.held_spans}; refused {summary.refused_spans}; failed {summary.failed_spans}",
            f"kept {summary.kept_traces} traces",
            verdict,
        ]
    )
