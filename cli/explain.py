"""`tailgate explain`: a trace goes in, and every policy's answer comes out with its reason."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..config.loader import ConfigErrors, load, shipped_paths
from ..config.model import Configuration, PipelineConfig
from ..kernel import KernelUnavailable
from ..kernel import load as load_kernel
from ..kernel.contract import Kernel, Malformed
from ..processors.base import Answer, Judgement
from ..rules.durations import format_duration
from .decoded import Seen, root_of, spans_of
from .options import add_config_option
from .recordings import RecordingError, read_requests
from .rehearsal import Rehearsal, trace_pipelines
from .tables import TABLES
from .terminal import Paint, columns, count, milliseconds, percent


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "explain",
        help="say what every policy answers about a trace, and why",
        description="Say what every policy answers about a trace, why, and what would be written on it.",
        epilog="example: tailgate explain --config sampling.yaml trace.json",
    )
    parser.add_argument(
        "trace", metavar="TRACE", help="a file with one or several traces, OTLP JSON or protobuf; -: stdin"
    )
    add_config_option(parser, "without it the shipped configuration answers")
    parser.add_argument("--trace-id", metavar="HEX", help="only this trace; the first digits are enough")
    parser.add_argument(
        "--header", action="append", default=[], metavar="NAME=VALUE", help="a header of the request that brings it"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for each trace and pipeline")
    parser.set_defaults(function=run)


@dataclass(frozen=True)
class Explanation:
    """What became of one trace in one pipeline, and why. Of the trace it has only what is scrubbed."""

    pipeline: PipelineConfig
    trace_id: bytes
    spans: list[Seen]
    """All of the trace, as enriched and scrubbed."""
    judgements: list[Judgement]
    out: list[Seen]
    """As they leave; none of a trace that is dropped."""
    written: dict[str, Any]
    """Attributes of the outgoing root span and its resource that it did not come with, or that were changed."""
    dropped: str
    """Why nothing came out, where no sampler says so."""


def run(args: argparse.Namespace) -> int:
    """Explain; 0 when there was a trace, else 1."""
    try:
        config = load(args.config or shipped_paths(os.environ), TABLES, os.environ, args.lenient)
        kernel = load_kernel()
        headers = _headers(args.header)
        requests = list(read_requests(args.trace))
        explained = list(explain(config, requests, kernel, headers, args.trace_id))
    except (ConfigErrors, KernelUnavailable, RecordingError, Malformed, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    if not explained:
        print(
            f"{args.trace}: no such trace in it" if args.trace_id else f"{args.trace}: no spans in it", file=sys.stderr
        )
        return 1
    paint = Paint()
    for at, one in enumerate(explained):
        print(json.dumps(as_dict(one), ensure_ascii=False) if args.json else ("\n" if at else "") + text(one, paint))
    return 0


def _headers(given: Iterable[str]) -> dict[str, str]:
    found = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals:
            raise ValueError(f"--header {entry}: expected NAME=VALUE")
        found[f"metadata.{name.strip().lower()}"] = value
    return found


def explain(
    config: Configuration,
    requests: Sequence[bytes],
    kernel: Kernel,
    metadata: Mapping[str, str] | None = None,
    trace_id: str | None = None,
) -> Iterable[Explanation]:
    """Yield an explanation for each trace and pipeline; every trace is looked at alone, with all limits full."""
    traces: dict[bytes, None] = {}
    for seen in spans_of(requests):
        if seen.span.trace_id.hex().startswith((trace_id or "").lower()):
            traces[seen.span.trace_id] = None
    for id_ in traces:
        alone = [only(request, id_) for request in requests]
        for pipeline in trace_pipelines(config):
            yield _explained(config, pipeline, kernel, [request for request in alone if request], id_, metadata)


def only(request: bytes, trace_id: bytes) -> bytes:
    """Return a request with the spans of one trace; empty when it has none of them."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    message = ExportTraceServiceRequest.FromString(request)
    for group in message.resource_spans:
        for scope in group.scope_spans:
            kept = [span for span in scope.spans if span.trace_id == trace_id]
            del scope.spans[:]
            scope.spans.extend(kept)
        full = [scope for scope in group.scope_spans if scope.spans]
        del group.scope_spans[:]
        group.scope_spans.extend(full)
    groups = [group for group in message.resource_spans if group.scope_spans]
    del message.resource_spans[:]
    message.resource_spans.extend(groups)
    return message.SerializeToString()


def _explained(
    config: Configuration,
    pipeline: PipelineConfig,
    kernel: Kernel,
    requests: list[bytes],
    trace_id: bytes,
    metadata: Mapping[str, str] | None,
) -> Explanation:
    rehearsal = Rehearsal(config, pipeline, kernel)
    clean = Rehearsal(config, pipeline, kernel).scrubbed(requests, metadata)
    now = max(seen.span.end_time_unix_nano for seen in spans_of(requests))
    for request in requests:
        rehearsal.offer(now, request, metadata)
    rehearsal.finish()
    out = list(spans_of(rehearsal.left.requests))
    came, left = root_of(spans_of(requests)), root_of(out)
    written = _written(came, left) if came is not None and left is not None else {}
    dropped = " and ".join(sorted(rehearsal.left.dropped)) if not out else ""
    return Explanation(pipeline, trace_id, list(spans_of(clean)), rehearsal.left.judged, out, written, dropped)


def _written(came: Seen, left: Seen) -> dict[str, Any]:
    found = {}
    for before, after in ((came.resource, left.resource), (came.attributes, left.attributes)):
        found.update({key: value for key, value in after.items() if key not in before or before[key] != value})
    return found


def text(one: Explanation, paint: Paint) -> str:
    """Return an explanation for people."""
    lines = [paint("bold", f"trace {one.trace_id.hex()}") + f": {about(one.spans)}"]
    lines.append(f"pipeline {one.pipeline.id}: {' -> '.join(one.pipeline.processors) or 'no processors'}")
    for judgement in one.judgements:
        lines += ["", f"{judgement.processor}: {_verdict(judgement, paint)}", *_answers(judgement, paint)]
    lines += ["", *_out(one, paint)]
    return "\n".join(lines)


def about(spans: Sequence[Seen]) -> str:
    """Return a trace in one line: how many spans and services, how long, which root, how many errors."""
    root = root_of(spans)
    if root is None:
        return "no spans are left"
    services = {seen.service for seen in spans if seen.service}
    start = min(seen.span.start_time_unix_nano for seen in spans)
    duration = max(seen.span.end_time_unix_nano for seen in spans) - start
    errors = sum(seen.span.status.code == 2 for seen in spans)
    name = f"{'root' if root.root else 'no root; first'} {root.span.name!r}" + (
        f" of {root.service}" if root.service else ""
    )
    said = [count(len(spans), "span"), count(len(services), "service"), milliseconds(max(0, duration)), name]
    return ", ".join([*said, count(errors, "error") if errors else "no error"])


def _verdict(judgement: Judgement, paint: Paint) -> str:
    said = paint("green", "KEPT") if judgement.kept else paint("red", "DROPPED")
    who = f" by {judgement.policy}" if judgement.policy else ""
    retention = f", for {format_duration(judgement.retention)}" if judgement.retention is not None else ""
    chance = judgement.probability
    share = f"; {percent(chance)} of traces like this one are kept" if chance is not None else ""
    return f"{said}{who} ({judgement.reason}){retention}{share}"


def _answers(judgement: Judgement, paint: Paint) -> list[str]:
    rows, parts = [], []
    for at, answer in enumerate(judgement.answers, 1):
        rows.append((f"{at}.", answer.policy, _said(answer), answer.why))
        parts.append([(holds, part) for part, holds in answer.parts])
    lines = []
    for line, answer, own in zip(columns(rows, "  ", right=(0,)), judgement.answers, parts, strict=True):
        lines.append(line if answer.asked and not answer.shadow else paint("dim", line))
        if answer.asked:
            lines.extend(f"         {_truth(holds, paint)}  {part}" for holds, part in own)
    return lines


def _said(answer: Answer) -> str:
    if not answer.asked:
        return "not asked"
    if answer.shadow:
        return f"shadow: {answer.says}"
    return answer.says if answer.says == "pass" else answer.says.upper()


def _truth(holds: bool | None, paint: Paint) -> str:
    return "-  " if holds is None else paint("green", "yes") if holds else paint("red", "no ")


def _out(one: Explanation, paint: Paint) -> list[str]:
    if not one.out:
        said = "nothing goes on" + (f": {one.dropped}" if one.dropped else "")
        return [paint("red", said)]
    goes = "goes" if len(one.out) == 1 else "go"
    said = f"{count(len(one.out), 'span')} {goes} on to {', '.join(one.pipeline.exporters) or 'its connectors'}"
    lines = [paint("green", said)]
    if one.written:
        rows = [(key, json.dumps(value, ensure_ascii=False, default=str)) for key, value in one.written.items()]
        lines += ["written on the root span and its resource:", *columns(rows, "  ")]
    return lines


def as_dict(one: Explanation) -> dict[str, Any]:
    """Return an explanation as data."""
    return {
        "trace_id": one.trace_id.hex(),
        "pipeline": one.pipeline.id,
        "spans": len(one.spans),
        "judgements": [_judgement(judgement) for judgement in one.judgements],
        "spans_out": len(one.out),
        "dropped": one.dropped or None,
        "written": json.loads(json.dumps(one.written, default=str)),
    }


def _judgement(judgement: Judgement) -> dict[str, Any]:
    return {
        "processor": judgement.processor,
        "verdict": "keep" if judgement.kept else "drop",
        "policy": judgement.policy,
        "reason": judgement.reason,
        "probability": judgement.probability,
        "retention": None if judgement.retention is None else format_duration(judgement.retention),
        "policies": [
            {
                "policy": answer.policy,
                "says": answer.says,
                "asked": answer.asked,
                "shadow": answer.shadow,
                "why": answer.why,
                "conditions": [{"condition": part, "holds": holds} for part, holds in answer.parts],
            }
            for answer in judgement.answers
        ],
    }
