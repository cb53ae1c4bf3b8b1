"""What compiling all shipped detectors costs the Rust kernel; equal rules are compiled once while a program holds them.

Times are CPU of this process, the best of three, and the bounds are several times what is measured: only a regression
by a factor breaks them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel.contract import Kernel, Program, Signal
from tailgate.processors.base import BuildContext, Fused
from tailgate.processors.scrub import SPECS

PACKS = ["pii", "financial", "credentials", "network", "national"]
NO_FACTS: Any = {"leaves": [], "numbers": [], "keys": [], "compare": []}
LIMITS: Any = {"max_bytes": 1 << 24, "max_spans": 1000, "max_attributes": 1000, "max_depth": 32}
SECONDS = 0.7
"""It takes 0.2 s; it took 1.1 s when everything was worked out anew for each rule and each step."""

_unused = count(1)


def detectors(kernel: Kernel, variant: int, signal: Signal = "traces", more: int = 0) -> Any:
    """Return a program of all detectors, spelled unlike other variants but with their meaning, and `more` rules."""
    scrub = next(spec for spec in SPECS if spec.name == "scrub")
    context = BuildContext("scrub", str(signal), kernel, kernel.labels(), context=[], signal=signal)
    part = scrub.build(scrub.config.model_validate({"packs": PACKS}), context)
    assert isinstance(part, Fused)
    (stage,) = (dict(stage) for stage in part.stages)
    stage["values"] = [{**rule, "pattern": "(?:)" * variant + rule["pattern"]} for rule in stage["values"]]
    own = {"group": 0, "check": None, "near": None, "skip": None, "action": {"do": "redact", "text": ""}}
    stage["values"] += [{**own, "pattern": f"own-{variant}-{number}@"} for number in range(more)]
    facts = NO_FACTS if signal == "traces" else None
    return {"stages": [stage], "facts": facts, "limits": LIMITS, "context": 0, "signal": signal}


def compiled(kernel: Kernel, program: Any) -> tuple[Program, float]:
    """Compile; also return the seconds of CPU that it took."""
    start = time.process_time()
    new = kernel.compile(program)
    return new, time.process_time() - start


@pytest.fixture(scope="module")
def first(rust: Kernel) -> Iterator[tuple[int, float]]:
    """A variant that is held, and the best of what it took to compile one that nobody held."""
    runs = [(variant, *compiled(rust, detectors(rust, variant))) for variant in (next(_unused) for _ in range(3))]
    yield runs[-1][0], min(took for _, _, took in runs)
    del runs


def best_of_three(rust: Kernel, program: Any) -> float:
    """Compile what is held or given up at once; return the best of what it took."""
    return min(compiled(rust, program)[1] for _ in range(3))


def test_all_detectors_compile_in_a_fraction_of_a_second(first: tuple[int, float]) -> None:
    """Scenario: 141 detectors, nothing of them known. Guarantees: a start does not wait for them for long."""
    assert first[1] < SECONDS


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_equal_rules_are_compiled_once(rust: Kernel, first: tuple[int, float], signal: Signal) -> None:
    """Scenario: another pipeline, or a reload, has the rules of a program that is held. Guarantees: it shares them."""
    assert best_of_three(rust, detectors(rust, first[0], signal)) < first[1] / 8


def test_a_changed_rule_does_not_compile_the_others_again(rust: Kernel, first: tuple[int, float]) -> None:
    """Scenario: a reload adds a rule. Guarantees: it is looked for with the others, which are not derived again."""
    assert best_of_three(rust, detectors(rust, first[0], more=1)) < first[1] * 0.7


def test_what_no_program_holds_is_given_up(rust: Kernel, first: tuple[int, float]) -> None:
    """Scenario: rules come and go. Guarantees: nothing is kept of those that no program has."""
    variant = next(_unused)
    took, again = (compiled(rust, detectors(rust, variant))[1] for _ in range(2))
    assert again > took / 4


def test_rules_that_are_shared_count_for_each_program(rust: Kernel, first: tuple[int, float]) -> None:
    """Guarantees: programs that share compiled rules share no counters."""
    one, two = (rust.compile(detectors(rust, first[0])) for _ in range(2))
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.add(name="mail jane.doe@example.com")
    assert b"jane.doe" not in one.digest(message.SerializeToString()).request()
    assert (sum(one.counters()), sum(two.counters())) == (1, 0)
