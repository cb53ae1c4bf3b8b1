"""`tailgate scrub`: show on a sample what scrubbing would change, by which rule, with the values masked."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from ..config.loader import ConfigErrors, load, shipped_paths
from ..config.model import Configuration, PipelineConfig
from ..kernel import KernelUnavailable
from ..kernel import load as load_kernel
from ..rules.values import any_value
from .options import add_config_option
from .recordings import RecordingError, read_requests
from .rehearsal import NO_TRACES, trace_pipelines
from .scrubbing import Change, Scrubbing
from .tables import TABLES
from .terminal import Paint, columns, count


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser("scrub", help="show what scrubbing would change in a sample, and by which rule")
    parser.add_argument("file", metavar="FILE", help="recorded traces, OTLP JSON or protobuf; -: stdin")
    add_config_option(parser, "without it the shipped configuration scrubs")
    parser.add_argument("--text", action="store_true", help="the file is plain text: each line is a value")
    parser.add_argument("--pipeline", metavar="ID", help="whose rules; left out: the first that scrubs")
    parser.add_argument("--check", action="store_true", help="exit with 1 when something would be changed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(function=run)


def run(args: argparse.Namespace) -> int:
    """Show the changes; 0, with `--check` 1 when there are some, 2 when it cannot be done."""
    try:
        config = load(args.config or shipped_paths(os.environ), TABLES, os.environ, args.lenient)
        requests = [text_request(args.file)] if args.text else list(read_requests(args.file))
        scrubbing = Scrubbing(config, scrubbing_pipeline(config, args.pipeline), load_kernel())
        if not scrubbing.scrubs:
            print("this configuration scrubs nothing: no pipeline has a scrub or redaction processor", file=sys.stderr)
            return 2
        changes = scrubbing.changes(requests)
    except (ConfigErrors, KernelUnavailable, RecordingError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(as_json(changes) if args.json else text(args.file, _spans(requests), changes, Paint()))
    return 1 if args.check and changes else 0


def scrubbing_pipeline(config: Configuration, name: str | None) -> PipelineConfig:
    """Return the pipeline of that name, or the first that scrubs, or the first. Raises ValueError."""
    known = {row.id: row for row in trace_pipelines(config)}
    if not known or (name is not None and name not in known):
        raise ValueError(f"there is no pipeline {name!r}: there are {', '.join(known)}" if known else NO_TRACES)
    rows = [known[name]] if name is not None else list(known.values())
    types = ({config.processors[id_].type for id_ in row.processors} for row in rows)
    return next((row for row, has in zip(rows, types, strict=True) if has & {"scrub", "redaction"}), rows[0])


def text_request(path: str) -> bytes:
    """Return a request with a span for each line of a text, which is its attribute `line`. Raises RecordingError."""
    try:
        body = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None
    spans = []
    for line in body.decode("utf-8", "replace").splitlines():
        span = Span(name="line", trace_id=bytes(16), span_id=bytes(8))
        span.attributes.add(key="line").value.CopyFrom(any_value(line))
        spans.append(span)
    group = ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])
    return ExportTraceServiceRequest(resource_spans=[group]).SerializeToString()


def _spans(requests: Sequence[bytes]) -> int:
    found = (ExportTraceServiceRequest.FromString(request) for request in requests)
    return sum(len(scope.spans) for message in found for group in message.resource_spans for scope in group.scope_spans)


def text(file: str, spans: int, changes: Sequence[Change], paint: Paint) -> str:
    """Return the changes for people; what is replaced is masked."""
    head = f"{file}: {count(spans, 'span')}"
    if not changes:
        return f"{head}; {paint('green', 'nothing would be changed')}"
    rules = Counter((change.processor, change.rule) for change in changes)
    lines = [f"{head}; {count(len(changes), 'change')} by {count(len(rules), 'rule')}", ""]
    rows = [("rule", "where", "was (masked)", "becomes")]
    rows += [(change.rule, change.where, change.was, change.becomes) for change in changes]
    head_row, *others = columns(rows)
    lines += [paint("bold", head_row), *others, ""]
    totals = [(processor, rule, count(number, "change")) for (processor, rule), number in rules.most_common()]
    return "\n".join([*lines, *columns(totals)])


def as_json(changes: Sequence[Change]) -> str:
    """Return the changes as one JSON object."""
    rules = Counter(change.rule for change in changes)
    return json.dumps({"changes": [asdict(change) for change in changes], "by_rule": dict(rules)}, indent=2)
