"""`tailgate diff`: which verdicts change between two sets of rules, over recorded traces, and what that means a day."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from ..config.loader import ConfigErrors, load
from ..kernel import KernelUnavailable
from ..kernel import load as load_kernel
from ..kernel.contract import Malformed
from .recordings import RecordingError, read_requests
from .rehearsal import Rehearsal, pipeline_of
from .replay import Fate, Recording, Replay, TraceIn, replay
from .tables import TABLES
from .terminal import Paint, columns, count, large, milliseconds, percent, size

MOST_ROWS = 20
SAME, DIFFERENT, TROUBLE = 0, 1, 2
"""Exit codes; `DIFFERENT` with `--exit-code` only."""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "diff",
        help="say which verdicts change between two sets of rules, over recorded traces",
        description="Say which verdicts change between two sets of rules, and what that means a day.",
        epilog="example: tailgate diff sampling.yaml new-sampling.yaml traces.jsonl",
    )
    parser.add_argument("old", metavar="OLD", help="a configuration or rule file; several, with commas, are merged")
    parser.add_argument("new", metavar="NEW", help="the same, as it would be")
    parser.add_argument("traces", nargs="+", metavar="TRACES", help="recorded traces, OTLP JSON lines, JSON, protobuf")
    parser.add_argument("--pipeline", metavar="ID", help="left out: the first that samples")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 when a verdict changes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(function=run)


def run(args: argparse.Namespace) -> int:
    """Compare; 0, with `--exit-code` 1 when a verdict changes, 2 when it cannot be done."""
    try:
        kernel = load_kernel()
        configs = [load(files.split(","), TABLES, os.environ) for files in (args.old, args.new)]
        players = [Replay(config, args.pipeline, kernel) for config in configs]
        shown = Rehearsal(configs[1], pipeline_of(configs[1], args.pipeline), kernel)
        requests = chain.from_iterable(read_requests(path) for path in args.traces)
        difference = compare(replay(requests, players, shown), *players)
    except KeyError as error:
        print(f"there is no pipeline {error}", file=sys.stderr)
        return TROUBLE
    except (ConfigErrors, KernelUnavailable, RecordingError, Malformed, ValueError) as error:
        print(error, file=sys.stderr)
        return TROUBLE
    if not difference.recording.traces:
        print(f"{', '.join(args.traces)}: no spans in it", file=sys.stderr)
        return TROUBLE
    print(as_json(difference) if args.json else "\n".join(text(difference, Paint())))
    return DIFFERENT if args.exit_code and difference.changed else SAME


@dataclass
class Group:
    """Traces with something in common."""

    traces: int = 0
    spans: int = 0
    size: int = 0
    """Bytes of span messages."""
    example: bytes = b""

    def add(self, trace_id: bytes, spans: int, size: int) -> None:
        """Count a trace."""
        self.traces += 1
        self.spans += spans
        self.size += size
        self.example = self.example or trace_id


Groups = defaultdict[tuple[str, ...], Group]


def _groups() -> Groups:
    return defaultdict(Group)


@dataclass
class Difference:
    """What two sets of rules do with the same traces."""

    recording: Recording
    old: Group = field(default_factory=Group)
    """What is kept."""
    new: Group = field(default_factory=Group)
    by_policy: Groups = field(default_factory=_groups)
    """Traces whose verdict changes, by (old decider, new decider)."""
    by_service: Groups = field(default_factory=_groups)
    """The same, by (service, `kept` or `dropped`)."""
    renamed: Groups = field(default_factory=_groups)
    """Traces that another policy keeps."""

    @property
    def changed(self) -> int:
        """How many verdicts change."""
        return sum(group.traces for group in self.by_policy.values())


def compare(recording: Recording, old: Replay, new: Replay) -> Difference:
    """Return the difference between two replays of one recording."""
    found = Difference(recording)
    for trace_id, trace in recording.traces.items():
        before, after = old.fate(trace_id), new.fate(trace_id)
        for total, fate in ((found.old, before), (found.new, after)):
            if fate.kept:
                total.add(trace_id, fate.spans, fate.bytes)
        _compare(found, trace_id, trace, before, after)
    return found


def _compare(found: Difference, trace_id: bytes, trace: TraceIn, before: Fate, after: Fate) -> None:
    counted = (trace_id, trace.spans, trace.bytes)
    if before.kept != after.kept:
        found.by_policy[before.by, after.by].add(*counted)
        found.by_service[trace.service or "(no service)", "kept" if after.kept else "dropped"].add(*counted)
    elif after.kept and before.by != after.by:
        found.renamed[before.by, after.by].add(*counted)


def text(found: Difference, paint: Paint) -> Iterator[str]:
    """Yield the lines for people."""
    yield _recorded(found.recording)
    yield ""
    yield from _totals(found, paint)
    yield ""
    if not found.changed:
        yield paint("green", "no verdict changes")
    else:
        now_kept = sum(group.traces for (_, verdict), group in found.by_service.items() if verdict == "kept")
        yield paint("bold", f"{count(found.changed, 'verdict')} {'changes' if found.changed == 1 else 'change'}") + (
            f": {now_kept:,} now kept, {found.changed - now_kept:,} now dropped"
        )
        yield from _policies("by policy", found.by_policy, paint)
        yield from _services(found, paint)
    if found.renamed:
        kept = sum(group.traces for group in found.renamed.values())
        yield from _policies(f"{count(kept, 'trace')} kept by another policy", found.renamed, paint)


def _recorded(recording: Recording) -> str:
    spans = sum(trace.spans for trace in recording.traces.values())
    bytes_ = sum(trace.bytes for trace in recording.traces.values())
    took = milliseconds(round(recording.seconds * 1e9))
    return f"{count(len(recording.traces), 'trace')}, {count(spans, 'span')}, {size(bytes_)} recorded in {took}"


def _totals(found: Difference, paint: Paint) -> Iterator[str]:
    traces, days = len(found.recording.traces), found.recording.days
    rows = [("", "kept traces", "", "spans a day", "bytes a day")]
    for name, group in (("old", found.old), ("new", found.new)):
        a_day = ("-", "-") if days is None else (large(group.spans * days), size(group.size * days))
        rows.append((name, f"{group.traces:,}", percent(group.traces / traces), *a_day))
    yield from columns(rows, right=(1, 2, 3, 4))
    if days is None:
        yield paint("yellow", "the recording is too short to say what this means a day")
    elif found.old.spans:
        change = found.new.spans / found.old.spans - 1
        yield f"spans a day: {change:+.1%}" if change else "spans a day: the same"


def _largest(groups: Groups) -> list[tuple[tuple[str, ...], Group]]:
    return sorted(groups.items(), key=lambda item: (-item[1].traces, item[0]))


def _policies(title: str, groups: Groups, paint: Paint) -> Iterator[str]:
    yield ""
    yield paint("bold", title)
    rows = [
        (old, "->", new, f"{group.traces:,}", "traces" if group.traces != 1 else "trace", f"{group.spans:,}", "spans",
         f"such as {group.example.hex()}")
        for (old, new), group in _largest(groups)[:MOST_ROWS]
    ]  # fmt: skip
    yield from columns(rows, "  ", right=(3, 5))
    yield from _more(len(groups))


def _services(found: Difference, paint: Paint) -> Iterator[str]:
    yield ""
    yield paint("bold", "by service")
    rows = [
        (service, f"now {verdict}", f"{group.traces:,}", "traces" if group.traces != 1 else "trace",
         f"{group.spans:,}", "spans")
        for (service, verdict), group in _largest(found.by_service)[:MOST_ROWS]
    ]  # fmt: skip
    yield from columns(rows, "  ", right=(2, 4))
    yield from _more(len(found.by_service))


def _more(rows: int) -> Iterator[str]:
    if rows > MOST_ROWS:
        yield f"  ... and {count(rows - MOST_ROWS, 'row')} more (--json has all)"


def as_json(found: Difference) -> str:
    """Return all of it as one JSON object."""
    recording = found.recording
    body = {
        "traces": len(recording.traces),
        "seconds": recording.seconds,
        "changed": found.changed,
        "old": _per_day(found.old, recording.days),
        "new": _per_day(found.new, recording.days),
        "by_policy": [_row(("old", "new"), key, group) for key, group in _largest(found.by_policy)],
        "by_service": [_row(("service", "now"), key, group) for key, group in _largest(found.by_service)],
        "kept_by_another_policy": [_row(("old", "new"), key, group) for key, group in _largest(found.renamed)],
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def _per_day(group: Group, days: float | None) -> dict[str, Any]:
    return {
        "traces": group.traces,
        "spans": group.spans,
        "bytes": group.size,
        "spans_per_day": None if days is None else round(group.spans * days),
        "bytes_per_day": None if days is None else round(group.size * days),
    }


def _row(names: Sequence[str], key: tuple[str, ...], group: Group) -> dict[str, Any]:
    head = dict(zip(names, key, strict=True))
    return {**head, "traces": group.traces, "spans": group.spans, "bytes": group.size, "example": group.example.hex()}
