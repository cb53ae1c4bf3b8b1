"""What the shipped `scrub` does to the corpus: what it finds, what it leaves, what it takes by mistake, by detector."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import planting
from corpus import Negative, Positive, one_by_one
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel.contract import Kernel
from tailgate.processors.base import BuildContext, Fused
from tailgate.processors.scrub import SPECS
from texts import Text

NO_FACTS: Any = {"leaves": [], "numbers": [], "keys": [], "compare": []}
LIMITS: Any = {"max_bytes": 1 << 26, "max_spans": 10_000, "max_attributes": 10_000, "max_depth": 32}
LIMIT_NAMES = {"value_too_large", "too_deep", "unchecked"}
"""Counted beside the rules: records that were beyond a limit."""
SIGNS = string.punctuation + "\u3002\u300d\u3001\uff0c\xbb\uff09"
"""Those of English, and the full stop, closing marks and commas of others."""
SHIPPED: Mapping[str, Any] = {"packs": ["pii", "financial", "credentials", "network"]}
NATIONAL: Mapping[str, Any] = {"packs": [*SHIPPED["packs"], "national"]}


class Scrubber:
    """A configuration of `scrub`, compiled by a kernel."""

    def __init__(self, kernel: Kernel, config: Mapping[str, Any] = SHIPPED, signal: str = "traces") -> None:
        spec = next(spec for spec in SPECS if spec.name == "scrub")
        named: Any = {} if signal == "traces" else {"signal": signal}
        context = BuildContext("scrub", signal, kernel, kernel.labels(), [], **named)
        part = spec.build(spec.config.model_validate(config), context)
        assert isinstance(part, Fused)
        self._names = [name for _, name in part.counters]
        program: Any = {"stages": part.stages, "limits": LIMITS, "context": 0}
        self._program = kernel.compile({**program, **(named or {"facts": NO_FACTS})})
        self._before = self._program.counters()

    def run(self, body: bytes) -> tuple[bytes, Counter[str]]:
        """Return what becomes of a request, and how often each detector (or `key`) replaced something in it."""
        out = self._program.digest(body).request()
        if out is body:
            return out, Counter()
        now = self._program.counters()
        fired: Counter[str] = Counter()
        for name, before, after in zip(self._names, self._before, now, strict=True):
            if after != before:
                fired[name.partition(".")[0] if not name.startswith("key:") else "key"] += after - before
        self._before = now
        return out, fired

    def detectors(self) -> set[str]:
        """Return the detectors' names."""
        return {name.partition(".")[0] for name in self._names if not name.startswith("key:")} - LIMIT_NAMES


@dataclass
class Score:
    """Counts for a detector, a kind of secret or a kind of look-alike."""

    examples: int = 0
    gone: int = 0
    """Examples of which nothing has survived."""
    named: int = 0
    """Of these: found by a detector that should."""
    right: int = 0
    """Examples in which this detector replaced the secret and nothing else."""
    wrong: int = 0
    """Negatives in which this detector replaced something, and examples in which it took more than the secret."""

    @property
    def recall(self) -> float:
        """In per cent."""
        return 100 * self.gone / self.examples if self.examples else 0.0

    @property
    def precision(self) -> float:
        """In per cent."""
        return 100 * self.right / (self.right + self.wrong) if self.right + self.wrong else 0.0


def _around(text: Text, out: str) -> bool:
    """Return whether what stands around the secret is still there; signs right at it may have gone with it."""
    before = text.before.rstrip(SIGNS)
    behind = text.behind.lstrip(SIGNS)
    return out.startswith(before) and out.endswith(behind)


@dataclass
class Scores:
    """Everything that was measured."""

    detectors: dict[str, Score] = field(default_factory=dict)
    kinds: dict[str, Score] = field(default_factory=dict)
    negatives: dict[tuple[str, str], Score] = field(default_factory=dict)
    """By source and kind; `wrong` counts those that were changed."""
    missed: list[Positive] = field(default_factory=list)
    took_more: list[tuple[Positive, str]] = field(default_factory=list)
    mistaken: list[tuple[Negative, str, str, Counter[str]]] = field(default_factory=list)
    """With a string of it as it was, and what became of it."""

    def positive(self, example: Positive, out: bytes, fired: Counter[str]) -> None:
        """Count a positive and what became of it."""
        kept = planting.strings(ExportTraceServiceRequest.FromString(out))
        gone = not any(part in text for part in example.must_go() for text in kept)
        clean = any(_around(example.text, text) for text in kept)
        named = bool(set(fired) & set(example.kind.detectors))
        kind = self.kinds.setdefault(example.kind.name, Score())
        for score in (kind, *([self.detectors.setdefault(example.kind.detectors[0], Score())] * example.kind.counted)):
            score.examples += 1
            score.gone += gone
            score.named += gone and named
        if not gone and example.kind.counted:
            self.missed.append(example)
        if gone and not clean:
            self.took_more.append((example, max(kept, key=len)))
        for name in fired:
            score = self.detectors.setdefault(name, Score())
            score.right += gone and clean
            score.wrong += not clean

    def negative(self, example: Negative, out: bytes, fired: Counter[str]) -> None:
        """Count a negative and what became of it."""
        score = self.negatives.setdefault((example.source, example.kind), Score())
        score.examples += example.records
        if out == example.body:
            return
        score.wrong += 1
        for name in fired:
            self.detectors.setdefault(name, Score()).wrong += 1
        before, after = (planting.strings(ExportTraceServiceRequest.FromString(body)) for body in (example.body, out))
        changed = next(((b, a) for b, a in zip(before, after, strict=False) if b != a), ("", ""))
        self.mistaken.append((example, *changed, fired))


def measure(scrubber: Scrubber, positives: Iterable[Positive], negatives: Iterable[Negative]) -> Scores:
    """Return what a scrubber does to examples."""
    scores = Scores()
    for positive in positives:
        scores.positive(positive, *scrubber.run(positive.request()))
    for negative in negatives:
        out, fired = scrubber.run(negative.body)
        if fired and negative.records > 1:
            for one in one_by_one(negative):
                scores.negative(one, *scrubber.run(one.body))
        else:
            scores.negative(negative, out, fired)
    return scores
