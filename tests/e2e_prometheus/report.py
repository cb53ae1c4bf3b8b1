"""docs/prometheus.md: what a real Prometheus has seen, written by the run that saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    """What a query of a panel has returned."""

    board: str
    panel: str
    series: int
    largest: str
    """The largest value, with its unit."""


@dataclass(frozen=True)
class Fired:
    """An alert that fired."""

    alert: str
    how: str
    seconds: float
    waited: str
    """Its `for` in the shortened copy."""
    said: str


HEAD = """\
# Seen by a real Prometheus

`make e2e-prometheus` builds Prometheus and promtool from their Go module (%s; a minute or two, outside of this
folder), starts Tailgates on loopback, and sends them traffic. `WRITE=1 make e2e-prometheus` writes this page. CI does
not need it: what can be said of alerts and dashboards without a Prometheus is in the default test-suite.

- `promtool check metrics` has nothing to say about the metrics of the shipped configuration: %s.
- `promtool check rules --lint=all --lint-fatal`: %s.
- `promtool test rules` (`tests/e2e_prometheus/waiting.yaml`): alerts wait for as long as they say.
- While all was well no alert fired but %s, whose condition the traffic makes true.
- %s, as people have written them for a collector, fired as well.
- Exemplars of the span metrics arrive: %d with a trace id.

"""
ALERTS = """\
## Alerts

Each has fired from a live Tailgate. Expressions and their windows are those of the shipped file; only `for` is a 300th
(at least a second), and rules are evaluated every second. Times count from when the condition was made true.

"""
BOARDS = """\
## Dashboards

Every query of every panel has returned data. `$__rate_interval` was 10 s, scrapes were a second apart. The pictures are
drawn from Prometheus' answers by `tests/support/dashboard_svg.py`, not by Grafana.

"""


def _table(head: str, rows: Sequence[Sequence[str]]) -> str:
    columns = head.count("|") - 1
    return "\n".join([head, "|" + "---|" * columns, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n\n"


def _alerts(fired: Sequence[Fired]) -> str:
    rows = [
        (f"`{one.alert}`", one.how, f"{one.seconds:.0f} s", one.waited, one.said.replace("|", "\\|"))
        for one in sorted(fired, key=lambda one: one.alert)
    ]
    return _table("| alert | how its condition was made true | fired after | `for` | what it said |", rows)


def _panels(asked: Sequence[Asked]) -> str:
    rows = [(one.board, one.panel, str(one.series), one.largest) for one in asked]
    return _table("| dashboard | panel | series | largest value |", rows)


@dataclass
class Seen:
    """All that the page tells."""

    version: str
    metrics: str = ""
    rules: list[str] = field(default_factory=list)
    well: list[str] = field(default_factory=list)
    """Alerts that fired while all was well."""
    peoples: list[str] = field(default_factory=list)
    """Alerts that people have written, and that fired."""
    exemplars: int = 0
    fired: list[Fired] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    pictures: dict[str, str] = field(default_factory=dict)
    """What they show, by their file's path."""


def _names(names: Sequence[str]) -> str:
    return " and ".join(f"`{name}`" for name in names) or "none"


def page(seen: Seen) -> str:
    """Return the page."""
    head = (seen.version, seen.metrics, "; ".join(seen.rules), _names(seen.well), _names(seen.peoples), seen.exemplars)
    pictures = "".join(f"![{what}]({path})\n\n" for path, what in seen.pictures.items())
    out = HEAD % head + ALERTS + _alerts(seen.fired) + BOARDS + pictures + _panels(seen.asked)
    return out.rstrip() + "\n"
