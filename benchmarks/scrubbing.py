"""What scrubbing alone costs: the kernel's walk with and without it, by the number of patterns, in one process.

The same requests go through every program in turn, round by round; CPU time of the process is counted. The walk without
scrubbing reads every span and computes no fact, so its time is small, and ratios to it are large; the difference is
what scrubbing costs.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import yaml
from tailgate.kernel import load
from tailgate.kernel.contract import Kernel, Program
from tailgate.processors import PROCESSORS
from tailgate.processors.base import BuildContext, Fused
from tailgate.processors.segments import LIMITS, NO_FACTS

from .traffic import Shape, build

JOBS = Path(__file__).parent / "jobs"
PATTERNS = (8, 24, 100)
PACKS: dict[str, Any] = {"packs": ["pii", "financial", "credentials", "network"]}
ROWS = {
    "walk without scrubbing": None,
    **{f"{count} patterns": ("redaction", f"scrub{count}") for count in PATTERNS},
    "all detectors": ("scrub", PACKS),
    "all detectors, statements, urls": ("scrub", {**PACKS, "statements": True, "urls": True}),
    "all detectors, numbers, attribute_key": (
        "scrub",
        {**PACKS, "numbers": True, "positions": ["resource", "scope", "span", "event", "link", "attribute_key"]},
    ),
}
"""What is measured: no stage, or a processor with a job's file or its configuration."""
WALK = "walk without scrubbing"


def _configuration(processor: str, given: Any) -> Any:
    if isinstance(given, str):
        return yaml.safe_load((JOBS / f"{given}.yaml").read_text())["processors"][processor]
    return given


def program(kernel: Kernel, row: tuple[str, Any] | None) -> Program:
    """Return the program of a row of the table."""
    stages: list[Any] = []
    if row is not None:
        spec = next(spec for spec in PROCESSORS if row[0] in (spec.name, *spec.aliases))
        context = BuildContext(row[0], "traces", kernel, kernel.labels(), [])
        part = spec.build(spec.config.model_validate(_configuration(*row)), context)
        assert isinstance(part, Fused)
        stages = list(part.stages)
    return kernel.compile({"stages": stages, "facts": NO_FACTS, "limits": LIMITS, "context": 0})


def cost(requests: int, rounds: int) -> dict[str, Any]:
    """Return CPU time per span (µs) of each row, and its ratio to the walk; values that repeat, and that do not.

    `again`: the requests of a round are those of the round before, so that every value has been seen; else every value
    that is different in each span is new in every round.
    """
    kernel = load("rust")
    programs = {name: program(kernel, row) for name, row in ROWS.items()}
    found: dict[str, dict[str, list[float]]] = {name: {"fresh": [], "again": []} for name in ROWS}
    shape = Shape()
    for number in range(rounds + 1):
        load_ = build(requests, shape, seed=number)
        for name, one in programs.items():
            for kind in ("fresh", "again"):
                begin = time.process_time()
                for request in load_:
                    one.digest(request)
                if number:
                    found[name][kind].append((time.process_time() - begin) / (requests * shape.spans_per_request) * 1e6)
    return {"requests": requests, "rounds": rounds, "batch": shape.spans_per_request, "rows": _rows(found)}


def _rows(found: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    walk = {kind: statistics.median(times) for kind, times in found[WALK].items()}
    return {
        name: {
            kind: {
                "cpu_us": [round(value, 4) for value in times],
                "cpu_us_median": round(statistics.median(times), 4),
                "ratio": round(statistics.median(times) / walk[kind], 2),
                "alone_us": round(statistics.median(times) - walk[kind], 4),
            }
            for kind, times in kinds.items()
        }
        for name, kinds in found.items()
    }
