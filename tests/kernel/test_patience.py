"""A text made to tire the scrubber costs linear time, and loses too much rather than too little."""

from __future__ import annotations

import time
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel.contract import Kernel


def scrubbed(kernel: Kernel, text: str, pattern: str, check: str | None, group: int = 0) -> str:
    rule = {"pattern": pattern, "check": check, "group": group, "action": {"do": "redact", "text": "[X]"}}
    stage: dict[str, Any] = {"kind": "scrub", "positions": ["span_name"], "skip": None, "keys": [], "values": [rule]}
    program = kernel.compile(
        {
            "stages": [stage],
            "facts": {"leaves": [], "numbers": [], "keys": [], "compare": []},
            "limits": {"max_bytes": 1 << 24, "max_spans": 1, "max_attributes": 0, "max_depth": 0},
            "context": 0,
        }
    )
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.add(name=text)
    out = ExportTraceServiceRequest.FromString(program.digest(message.SerializeToString()).request())
    return out.resource_spans[0].scope_spans[0].spans[0].name


@pytest.mark.parametrize(
    ("pattern", "check", "group", "unit"),
    [(r"ey[JA][\w-]+\.?", "jwt", 0, "eyJ-"), (r"[a-z]+|([0-9])", None, 1, "abcd"), (r"[0-9 ]+", "iban", 0, "12 3")],
)
def test_refused_matches_cost_linear_time(
    kernel: Kernel, pattern: str, check: str | None, group: int, unit: str
) -> None:
    """Scenario: 150 KiB in which every place begins a match that does not count. Guarantees: well under a second."""
    text = unit * (150 * 1024 // len(unit))
    start = time.process_time()
    scrubbed(kernel, text, pattern, check, group)
    assert time.process_time() - start < 2


def test_when_patience_is_spent_a_match_counts(kernel: Kernel) -> None:
    """Guarantees: up to the bound checks decide; beyond it what is found is replaced, in both kernels alike."""
    assert scrubbed(kernel, "a" * 80, "a+", "payment_card") == "a" * 80
    size, patience, asked = 3000, 8 * 3000 + 4096, 0
    while patience > 0:
        patience -= size - asked
        asked += 1
    assert asked == 10
    assert scrubbed(kernel, "a" * size, "a+", "payment_card") == "a" * asked + "[X]"


def test_without_the_group_nothing_is_replaced(kernel: Kernel) -> None:
    """Guarantees: a branch that only shields its text shields it also when patience is spent."""
    text = "ab" * 3000
    assert scrubbed(kernel, text, "[a-z]+|([0-9])", None, 1) == text
    assert scrubbed(kernel, text + " 7", "[a-z]+|([0-9])", None, 1) == text + " [X]"
