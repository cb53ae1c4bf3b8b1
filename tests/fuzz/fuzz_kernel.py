"""A fuzz target: upb and both kernels must agree on any bytes. Needs `pip install atheris`; not part of the suite.

python tests/fuzz/fuzz_kernel.py -max_len=4096 [folder of requests to start from]

Every input is taken for a request of traces, of logs and of metrics.
"""

from __future__ import annotations

import sys
from array import array

import atheris
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel import Malformed, OverLimit, load
from tailgate.kernel.stages import POSITIONS

with atheris.instrument_imports():
    from tailgate.kernel import reference

PROGRAM = {
    "stages": [
        {
            "kind": "edit",
            "on": "span",
            "if": ["not", ["root"]],
            "actions": [{"do": "convert", "key": "k", "to": "string"}],
        },
        {
            "kind": "scrub",
            "positions": [*POSITIONS["traces"]],
            "skip": "^skip",
            "keys": [{"pattern": "pass", "action": {"do": "drop"}}],
            "values": [{"pattern": r"\d+", "check": "payment_card", "action": {"do": "redact", "text": "X"}}],
        },
        {"kind": "measure", "in": 0, "count": True, "exemplars": True},
        {"kind": "measure", "in": 1, "count": True, "exemplars": False},
    ],
    "facts": {
        "leaves": [["matches", ["attr", "any", "k"], "a+"], ["cmp", ">", ["field", "duration"], 5]],
        "numbers": [{"value": ["attr", "span", "k"], "if": None}],
        "keys": [["field", "name"]],
        "compare": [{"of": ["sum", 0], "op": ">", "value": "1"}],
    },
    "limits": {"max_bytes": 1 << 20, "max_spans": 100, "max_attributes": 100, "max_depth": 20},
    "context": 0,
}
REQUESTS = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
OTHERS = {
    "logs": ("log", "log", [*POSITIONS["logs"]]),
    "metrics": ("metric", "datapoint", [*POSITIONS["metrics"]]),
}


def program_of(signal: str) -> dict:
    """Return a program of logs or metrics."""
    level, part, positions = OTHERS[signal]
    convert = {"do": "convert", "key": "k", "to": "string"}
    stages = [
        {"kind": "edit", "on": level, "if": None, "actions": [convert]},
        {"kind": "edit", "on": part, "if": ["exists", ["attr", "any", "k"]], "actions": [convert]},
        PROGRAM["stages"][1] | {"positions": positions},
        {"kind": "filter", "on": part, "if": ["matches", ["attr", part, "k"], "a+"]},
    ]
    return {"signal": signal, "stages": stages, "limits": PROGRAM["limits"], "context": 0}


LABEL = {"keep": True, "span": [], "resource": [], "threshold": "set"}


METER = {
    "kind": "spans",
    "by": [{"of": [["field", "name"]], "default": None}, {"of": [["attr", "any", "k"]], "default": None}],
    "bounds": [5, 1000],
    "keys": 4,
    "series": 3,
    "groups": 1,
    "exemplars": 2,
}


class Side:
    """One kernel with a program and a label."""

    def __init__(self, kernel) -> None:
        self.kernel, self.book, self.meter = kernel, kernel.labels(), kernel.meter(METER)
        self.summed = kernel.meter(METER | {"value": ["attr", "any", "k"]})
        self.program = kernel.compile(PROGRAM, [], [self.meter, self.summed])
        self.label = self.book.add(LABEL)
        self.others = {signal: kernel.compile(program_of(signal)) for signal in OTHERS}

    def outcome(self, signal: str, data: bytes):
        """Return everything that can be seen of a request, or why it was refused."""
        try:
            records = self.others.get(signal, self.program).digest(data)
        except OverLimit:
            return "over a limit"
        except Malformed:
            return "malformed"
        if signal == "traces":
            return self.filed(records)
        if signal == "logs":
            self.kernel.table(self.program, self.book, 1, 1).follow(records, 1)
        counts = records.spans, records.bytes, records.dropped, self.others[signal].counters()
        return records.request(), counts, records.requests(3, 500)

    def filed(self, records):
        """Return what becomes of spans in a table."""
        table = self.kernel.table(self.program, self.book, 1, 1)
        table.file(records, 1)
        due = table.due(1, None, 1000)
        kept = table.settle(due, array("I", [self.label] * due.count), None).kept
        records.measure(1)
        counted = self.meter.series(), self.summed.series()
        facts = counted, due.masks, list(due.mask_index), list(due.randomness), due.keys(0), due.trace_ids()
        return records.request(), facts, kept and kept.requests(3, 500), self.program.counters()


SIDES = [Side(reference.ReferenceKernel()), Side(load("rust"))]


def check(data: bytes) -> None:
    """Compare the two kernels with each other and with upb, for each signal."""
    for signal in REQUESTS:
        check_signal(signal, data)


def check_signal(signal: str, data: bytes) -> None:
    """Compare them for one signal."""
    try:
        REQUESTS[signal].FromString(data)
        accepted = True
    except DecodeError:
        accepted = False
    ours, theirs = (side.outcome(signal, data) for side in SIDES)
    if accepted:
        assert ours == theirs, (ours, theirs)
        assert ours != "malformed"
    else:
        assert isinstance(ours, str), ours
        assert isinstance(theirs, str), theirs


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
