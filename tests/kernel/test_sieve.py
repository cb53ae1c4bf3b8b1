"""The accelerator passes over texts in which no pattern can be found; it must never pass over one in which one is."""

from __future__ import annotations

import random
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tailgate.kernel import load, why_not_rust

ATOMS = (
    "@",
    "#",
    "Q",
    "k",
    "s",
    "é",
    "7",
    "_",
    " ",
    "[@#]",
    "[^@]",
    "[Q-S]",
    r"\w",
    r"\d",
    "[k~]",
    "(?i:k)",
    "(?i:sk)",
    ".",
)
BORDERS = ("^", r"\b", "$", r"\B", "(?m:^)")
TEXT = "@#QRk Ks\u017f\u212a7_é~\n xé"
PATTERNS, TEXTS = 1200, 60


def pattern(rng: random.Random, depth: int = 0) -> str:
    """Return a random pattern over few and mostly rare characters."""
    parts = []
    for _ in range(rng.randint(1, 4)):
        kind = rng.random()
        if kind < 0.12:
            parts.append(rng.choice(BORDERS))
            continue
        if kind < 0.4 and depth < 3:
            choices = [pattern(rng, depth + 1) for _ in range(rng.randint(1, 3))]
            atom = f"(?:{'|'.join(choices)})"
        else:
            atom = rng.choice(ATOMS)
        parts.append(atom + rng.choice(("", "", "", "?", "*", "+", "{2}", "{2,3}", "{3,}")))
    return "".join(parts)


def text(rng: random.Random) -> str:
    return "".join(rng.choice(TEXT) for _ in range(rng.randint(0, 14)))


def scrubbed(kernel: Any, patterns: list[str], texts: list[str]) -> list[str]:
    """Return the texts after a stage with these patterns."""
    values = [{"pattern": one, "group": 0, "check": None, "action": {"do": "redact", "text": "<>"}} for one in patterns]
    stage = {"kind": "scrub", "positions": ["span_name"], "skip": None, "keys": [], "values": values}
    facts: dict[str, list[object]] = {"leaves": [], "numbers": [], "keys": [], "compare": []}
    limits = {"max_bytes": 1 << 20, "max_spans": 1000, "max_attributes": 9, "max_depth": 9}
    program = kernel.compile({"stages": [stage], "facts": facts, "limits": limits, "context": 0})
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend([Span(name=one) for one in texts])
    after = ExportTraceServiceRequest.FromString(program.digest(request.SerializeToString()).request())
    return [span.name for span in after.resource_spans[0].scope_spans[0].spans]


@pytest.mark.skipif(why_not_rust() is not None, reason=f"the Rust kernel is not there: {why_not_rust()}")
@pytest.mark.parametrize("together", [1, 6])
def test_nothing_is_passed_over(together: int) -> None:
    """Scenario: random patterns, alone and several at once. Guarantees: both kernels find the same in every text."""
    rng, rust, reference = random.Random(together), load("rust"), load("reference")
    for _ in range(PATTERNS // together):
        patterns = [pattern(rng) for _ in range(together)]
        texts = [text(rng) for _ in range(TEXTS)]
        assert scrubbed(rust, patterns, texts) == scrubbed(reference, patterns, texts), patterns
