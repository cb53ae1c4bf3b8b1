"""Conformance cases: what a processor of the collector does, written as data, and Tailgate run on it.

`tests/conformance/<component>/*.yaml` are lists of cases:

    case: a name, unique in its file         shows: [rows of rows.yaml]
    processors: {tail_sampling: {...}}       in the order of the row
    spans: [...]  or  steps: [{at: 1s, ...}] what comes in (see `otlp_words`)
    end: wait | shutdown                     how the rest is let go of
    expect: {...}                            see `Expected`
    differs: why Tailgate is meant to differ from the collector here (listed in docs/collector.md)
    collector: {...}                         with `differs`: what the collector does
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from otlp_words import Words, canonical, canonical_pairs, nanoseconds, request, spans
from services import Clock, MemoryConfig, MemoryExporter
from tailgate.config.errors import ConfigErrors
from tailgate.config.loader import load
from tailgate.config.model import Configuration, Tables
from tailgate.exporters.base import ExportContext, ExporterSpec
from tailgate.kernel.contract import Kernel
from tailgate.pipeline import Intake, Pipeline, Service
from tailgate.processors import PROCESSORS
from tailgate.receivers import RECEIVERS
from tailgate.receivers.base import Refused
from tailgate.receivers.otlp.metadata import lookup

FOLDER = Path(__file__).parents[1] / "conformance"
SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
"""When the first step of a case comes in."""
EXPECTATIONS = {"spans", "kept", "kept_spans", "kept_at", "error", "warns"}


Headers = dict[str, list[str]]


@dataclass(frozen=True)
class Case:
    """One case; its id is `component/file/name`."""

    id: str
    words: Words

    @property
    def shows(self) -> list[str]:
        return list(self.words["shows"])

    @property
    def steps(self) -> list[Words]:
        return self.words.get("steps") or [{k: v for k, v in self.words.items() if k in {"resource", "scope", "spans"}}]

    @property
    def panics(self) -> bool:
        """Whether the collector does not survive it: it cannot be asked."""
        return bool(self.words.get("collector", {}).get("panics"))

    def requests(self, base: int = T0) -> Iterator[tuple[int, bytes, Headers]]:
        """Yield when each request comes in (ns from the first), the request, and its headers with all their values."""
        first = 1
        for step in self.steps:
            headers = {k: v if isinstance(v, list) else [v] for k, v in step.get("metadata", {}).items()}
            yield nanoseconds(step.get("at", 0)), request(step, base, first), headers
            first += len(step["spans"])


KEYS = {"case", "shows", "processors", "spans", "resource", "scope", "steps", "end", "expect", "differs", "collector"}


def cases() -> list[Case]:
    """Every case there is."""
    found = []
    for file in sorted(FOLDER.glob("*/*.yaml")):
        for words in yaml.safe_load(file.read_text(encoding="utf-8")):
            name = f"{file.parent.name}/{file.stem}/{words['case']}"
            assert set(words) <= KEYS, f"{name}: unknown keys {set(words) - KEYS}"
            assert set(words["expect"]) <= EXPECTATIONS, f"{name}: {words['expect']}"
            found.append(Case(name, words))
    return found


def rows() -> dict[str, str]:
    """The rows of the reference by id (`section/row`), each with what it says."""
    listed = yaml.safe_load((FOLDER / "rows.yaml").read_text(encoding="utf-8"))
    return {f"{section}/{row}": text for section, rows_ in listed.items() for row, text in rows_.items()}


class DatedExporter(MemoryExporter):
    """Keeps what it is given, and when."""

    def __init__(self, config: MemoryConfig, context: ExportContext) -> None:
        super().__init__(config, context)
        self.clock, self.dated = Clock(T0), list[tuple[int, bytes]]()

    def offer(self, requests: Sequence[tuple[bytes, int]]) -> None:
        super().offer(requests)
        self.dated += [(self.clock() - T0, data) for data, _ in requests]


TABLES = Tables(RECEIVERS, PROCESSORS, (ExporterSpec("memory", MemoryConfig, DatedExporter),))


@dataclass
class Result:
    """What came of a case."""

    error: str = ""
    warnings: str = ""
    out: list[tuple[int, bytes]] = field(default_factory=list)
    """(ns from the first step, request)"""
    base: int = T0
    in_order: bool = True
    """Spans came out in the order in which they went in; otherwise they are taken by their ids."""

    def spans(self) -> list[Words]:
        found = list(spans((data for _, data in self.out), self.base))
        return found if self.in_order else sorted(found, key=lambda span: span["id"])

    def kept(self) -> Counter[int | str]:
        """Spans that left, by trace."""
        return Counter(span["trace"] for span in self.spans())

    def kept_at(self) -> dict[int | str, int]:
        """When the first span of each trace left."""
        times: dict[int | str, int] = {}
        for at, data in self.out:
            for span in spans([data], self.base):
                times.setdefault(span["trace"], at)
        return times


def configuration(case: Case, folder: Path) -> Configuration:
    """Load the case's processors in a row between a receiver and a memory. Raises ConfigErrors."""
    processors = case.words["processors"]
    whole = {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "127.0.0.1:0"}}}},
        "processors": processors,
        "exporters": {"memory": None},
        "service": {
            "pipelines": {"traces": {"receivers": ["otlp"], "processors": list(processors), "exporters": ["memory"]}}
        },
    }
    file = folder / "case.yaml"
    file.write_text(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return load([file], TABLES, {})


def run(case: Case, kernel: Kernel, folder: Path) -> Result:
    """Take a case through Tailgate in this process; time is given, nothing sleeps."""
    try:
        config = configuration(case, folder)
    except ConfigErrors as errors:
        return Result(error=str(errors))
    service, clock = Service(config, kernel), Clock(T0)
    service.clock = clock  # type: ignore[assignment]
    (exporter,) = service.exporters.values()
    assert isinstance(exporter, DatedExporter)
    exporter.clock = clock
    pipeline = service.pipelines["traces"]
    intake = Intake([pipeline], service.governor, service.clock)
    for at, data, headers in case.requests():
        _wait(pipeline, clock, T0 + at)
        _give(intake, pipeline, clock, data, headers)
    if case.words.get("end") == "shutdown":
        pipeline.judge(clock.now, "drain")
    else:
        _wait(pipeline, clock, None)
    assert pipeline.accepted == pipeline.out + pipeline.dropped.total() + pipeline.row.held()[1]
    return Result(warnings="\n".join(map(str, config.warnings)), out=exporter.dated)


def _give(intake: Intake, pipeline: Pipeline, clock: Clock, data: bytes, headers: Headers) -> None:
    """Send one request; who is refused comes again when something has fallen due."""
    given = {name.lower(): values for name, values in headers.items()}
    while True:
        try:
            intake.consume(data, lookup(lambda name: given.get(name, ()), lambda: "127.0.0.1"))
        except Refused:
            due = pipeline.row.next_deadline()
            if due is None or due <= clock.now:
                raise
            _wait(pipeline, clock, due)
        else:
            return


def _wait(pipeline: Pipeline, clock: Clock, until: int | None) -> None:
    """Judge whatever falls due, at the moment that it does."""
    while (due := pipeline.row.next_deadline()) is not None and (until is None or due <= until):
        clock.now = max(clock.now, due)
        pipeline.judge(clock.now)
    clock.now = max(clock.now, until or 0)


def failures(result: Result, expected: Words) -> list[str]:
    """Return in words where a result is not what was expected."""
    wrong = _config_failures(result, expected)
    if wrong or "error" in expected:
        return wrong
    if "kept" in expected:
        wrong += _kept_failures(result, expected["kept"])
    if "kept_spans" in expected and result.kept().total() != expected["kept_spans"]:
        wrong.append(f"{result.kept().total()} spans were kept, expected {expected['kept_spans']}")
    if "kept_at" in expected:
        wanted = {trace: nanoseconds(at) for trace, at in expected["kept_at"].items()}
        wrong += [f"left at {result.kept_at()}, expected {wanted}"] if result.kept_at() != wanted else []
    if "spans" in expected:
        wrong += _span_failures(result.spans(), expected["spans"])
    return wrong


def _config_failures(result: Result, expected: Words) -> list[str]:
    wrong = []
    for kind, said in (("error", result.error), ("warns", result.warnings)):
        if kind in expected and not re.search(expected[kind], said):
            wrong.append(f"{kind}: expected {expected[kind]!r}, got {said!r}")
    if result.error and "error" not in expected:
        wrong.append(f"refused: {result.error}")
    return wrong


def _kept_failures(result: Result, expected: Any) -> list[str]:
    kept = result.kept()
    got: Any = dict(kept) if isinstance(expected, dict) else sorted(kept, key=str)
    wanted = expected if isinstance(expected, dict) else sorted(expected, key=str)
    return [] if got == wanted else [f"kept {got}, expected {wanted}"]


def _span_failures(got: list[Words], expected: list[Words]) -> list[str]:
    if len(got) != len(expected):
        return [f"{len(got)} spans came out, expected {len(expected)}: {got}"]
    wrong = []
    for number, (span, words) in enumerate(zip(got, expected, strict=True)):
        for key, wanted in words.items():
            shown, meant = _shown(key, span[key]), _shown(key, wanted, span[key])
            if shown != meant:
                wrong.append(f"span {number} {key}: {shown}, expected {meant}")
    return wrong


def _shown(key: str, value: Any, like: Any = None) -> str:
    """Return what is compared of a field; what an expectation leaves out of it is taken from `like`."""
    if key in {"attributes", "resource"}:
        return canonical_pairs(value)
    if key == "status" and isinstance(value, str):
        value = {"code": value}
    if key in {"events", "links"}:
        like = like or [{}] * len(value)
        shown = [_item({**(like[at] if at < len(like) else {}), **item}) for at, item in enumerate(value)]
        return str(shown)
    if isinstance(value, dict):
        return _item({**(like or {}), **value})
    if key in {"start", "duration"} and isinstance(value, str):
        value = nanoseconds(value)
    return canonical(value)


def _item(words: Words) -> str:
    return str({k: canonical_pairs(v) if k == "attributes" else canonical(v) for k, v in sorted(words.items())})
