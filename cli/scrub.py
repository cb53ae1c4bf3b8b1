"""`tailgate scrub`: show on a sample what scrubbing would change, by which rule, with the values masked."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from ..config.loader import ConfigErrors, load, shipped_paths
from ..config.model import Configuration, PipelineConfig
from ..kernel import KernelUnavailable
from ..kernel import load as load_kernel
from ..rules.values import any_value
from ..telemetry.signals import FACTS, Signal
from .options import add_config_option
from .recordings import Read, RecordingError, read_signals
from .scrubbing import Change, Scrubbing
from .strings import Numbering
from .tables import TABLES
from .terminal import Paint, columns, count

NOTHING = "the pipeline {!r} scrubs nothing: no scrub or redaction processor in it has a rule"


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "scrub",
        help="show what scrubbing would change in a sample, and by which rule",
        description="Show what scrubbing would change in a sample, and by which rule; the values are shown masked.",
        epilog="example: tailgate scrub --config scrubbing.yaml traces.jsonl",
    )
    parser.add_argument(
        "file", metavar="FILE", help="recorded traces, logs and metrics, OTLP JSON or protobuf; -: stdin"
    )
    add_config_option(parser, "without it the shipped configuration scrubs")
    parser.add_argument("--text", action="store_true", help="the file is plain text: each line is a value")
    parser.add_argument("--pipeline", metavar="ID", help="whose rules, for its signal; left out: the first that scrubs")
    parser.add_argument("--check", action="store_true", help="exit with 1 when something would be changed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(function=run)


def run(args: argparse.Namespace) -> int:
    """Show the changes; 0, with `--check` 1 when there are some, 2 when it cannot be done."""
    try:
        config = load(args.config or shipped_paths(os.environ), TABLES, os.environ, args.lenient)
        named = _named(config, args.pipeline)
        read = [text_request(args.file, _signal_of_text(config, named))] if args.text else read_signals(args.file)
        sample, kernel = sample_of(read), load_kernel()
        rows = [Scrubbing(config, row, kernel) for row in _rows(config, sample, args.file, named)]
        for row in rows:
            if not row.scrubs:
                print(NOTHING.format(row.pipeline.id), file=sys.stderr)
        if rows and not any(row.scrubs for row in rows):
            return 2
        changes = [change for row in rows for change in row.changes(sample.requests[row.pipeline.signal])]
    except (ConfigErrors, KernelUnavailable, RecordingError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(as_json(sample, changes) if args.json else text(args.file, sample, changes, Paint()))
    return 1 if args.check and changes else 0


@dataclass(frozen=True)
class Sample:
    """What was read, by signal."""

    requests: Mapping[Signal, Sequence[bytes]]
    """Numbered."""
    records: Mapping[Signal, int]
    """Spans, log records, data points; only signals that are there."""


def sample_of(read: Iterable[Read]) -> Sample:
    """Return requests numbered and by signal, without those that hold nothing. Raises RecordingError as they do."""
    numbering = Numbering()
    requests: dict[Signal, list[bytes]] = {}
    for signal, request in read:
        if numbered := numbering.numbered(signal, request):
            requests.setdefault(signal, []).append(numbered)
    return Sample(requests, numbering.records)


def _named(config: Configuration, name: str | None) -> PipelineConfig | None:
    if name is None or name in config.pipelines:
        return None if name is None else config.pipelines[name]
    raise ValueError(f"there is no pipeline {name!r}: there are {', '.join(config.pipelines)}")


def _rows(config: Configuration, sample: Sample, file: str, named: PipelineConfig | None) -> list[PipelineConfig]:
    """Return the pipeline for each signal of the sample. Raises ValueError where there is none."""
    if named is not None and sample.records and named.signal not in sample.records:
        raise ValueError(f"the pipeline {named.id!r} takes {named.signal}: {file} has only {_counts(sample)}")
    return [scrubbing_pipeline(config, signal, number, file, named) for signal, number in sample.records.items()]


def scrubbing_pipeline(
    config: Configuration, signal: Signal, number: int, file: str, named: PipelineConfig | None
) -> PipelineConfig:
    """Return the named pipeline if it is of the signal, else the first of these that scrubs, else the first.

    Raises ValueError when there is none for the `number` of records that the file has.
    """
    if named is not None and named.signal == signal:
        return named
    rows = [row for row in config.pipelines.values() if row.signal == signal]
    if not rows:
        raise ValueError(f"{file} has {_counted(signal, number)}: there is no pipeline of {signal}")
    types = ({config.processors[id_].type for id_ in row.processors} for row in rows)
    return next((row for row, has in zip(rows, types, strict=True) if has & {"scrub", "redaction"}), rows[0])


def _signal_of_text(config: Configuration, named: PipelineConfig | None) -> Signal:
    """Return the signal that lines of text stand for: spans where there is a choice."""
    signals = {row.signal for row in config.pipelines.values()} if named is None else {named.signal}
    return "logs" if "logs" in signals and "traces" not in signals else "traces"


def text_request(path: str, signal: Signal = "traces") -> Read:
    """Return a request of a text: each line is a span with the attribute `line`, or the body of a log record.

    Raises RecordingError.
    """
    try:
        body = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None
    lines = [any_value(line) for line in body.decode("utf-8", "replace").splitlines()]
    if signal == "logs":
        logs = ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord(body=line) for line in lines])])
        return signal, ExportLogsServiceRequest(resource_logs=[logs]).SerializeToString()
    spans = [Span(name="line", trace_id=bytes(16), span_id=bytes(8)) for _ in lines]
    for span, line in zip(spans, lines, strict=True):
        span.attributes.add(key="line").value.CopyFrom(line)
    group = ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])
    return "traces", ExportTraceServiceRequest(resource_spans=[group]).SerializeToString()


def _counted(signal: Signal, number: int) -> str:
    return count(number, FACTS[signal].one, FACTS[signal].many)


def _counts(sample: Sample) -> str:
    return ", ".join(_counted(signal, number) for signal, number in sample.records.items()) or "no records"


def text(file: str, sample: Sample, changes: Sequence[Change], paint: Paint) -> str:
    """Return the changes for people; what is replaced is masked."""
    head = f"{file}: {_counts(sample)}"
    if not changes:
        return f"{head}; {paint('green', 'nothing would be changed')}"
    rules = Counter((change.processor, change.rule) for change in changes)
    lines = [f"{head}; {count(len(changes), 'change')} by {count(len(rules), 'rule')}", ""]
    rows = [("rule", "where", "was (masked)", "becomes")]
    rows += [(change.rule, change.where, change.was, change.becomes) for change in changes]
    head_row, *others = columns(rows)
    lines += [paint("bold", head_row), *others, ""]
    totals = [(processor, rule, count(number, "change")) for (processor, rule), number in rules.most_common()]
    signals = Counter(change.signal for change in changes)
    parts = (f"{count(signals[one], 'change')} in {_counted(one, number)}" for one, number in sample.records.items())
    return "\n".join([*lines, *columns(totals), "", ", ".join(parts)])


def as_json(sample: Sample, changes: Sequence[Change]) -> str:
    """Return the changes as one JSON object."""
    found: dict[str, Any] = {
        "records": {FACTS[signal].unit: number for signal, number in sample.records.items()},
        "changes": [asdict(change) for change in changes],
        "by_rule": dict(Counter(change.rule for change in changes)),
    }
    return json.dumps(found, indent=2)
