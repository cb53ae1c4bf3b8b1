"""Policies that people write in Python: the base class, and a helper for their tests (`docs/custom-policies.md`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ...kernel import load
from ...kernel.contract import Columns
from ...rules.conditions import trace_condition
from ...rules.facts import FactsBuilder, Test, compile_test

Answer = float | None
"""The share of such traces to keep, 0 to 1: the trace's own randomness decides. None: the next policy is asked."""

_LIMITS: Any = {"max_bytes": 1 << 28, "max_spans": 1 << 20, "max_attributes": 1 << 14, "max_depth": 32}


@dataclass(frozen=True)
class Facts:
    """The facts of some traces, as columns: every sequence has an entry a trace, in the same order."""

    now: int
    """When they are judged, ns since the epoch. The only clock that a policy needs."""
    trace_ids: Sequence[bytes]
    """16 bytes each."""
    spans: Sequence[int]
    bytes: Sequence[int]
    """Of the span messages."""
    duration: Sequence[int]
    """From the earliest start to the latest end, ns."""
    conditions: Mapping[str, Sequence[bool]]
    """Each of the policy's `conditions`: where it holds."""
    keys: Mapping[str, Sequence[str | None]]
    """Each of the policy's `keys`: the attribute's value as text; None where it is absent."""

    def __len__(self) -> int:
        """Return how many traces there are."""
        return len(self.spans)


class Policy(ABC):
    """Base class: say in `conditions` and `keys` what you want to know of a trace, and answer in `decide`."""

    conditions: ClassVar[Mapping[str, str]] = {}
    """Names for conditions over the trace, in the language of `when`: `{"slow": "duration > 2s"}`."""
    keys: ClassVar[Mapping[str, str]] = {}
    """Names for attributes, whose value is the root span's, else the first span's: `{"user": "user.id"}`."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """`options` are those of the policy's entry; raise ValueError when they are wrong."""
        self.options = options

    @abstractmethod
    def decide(self, facts: Facts) -> Sequence[Answer]:
        """Return an answer a trace. Must be quick, and must not depend on the trace ids, or counts will be wrong."""

    def adopt(self, old: Self) -> None:  # noqa: B027 - may be left as it is
        """Take over what an instance with the same options has learned, when the rules are loaded again."""


class Compiled:
    """A policy's wishes as facts, and columns as `Facts` for it."""

    def __init__(self, policy: Policy, facts: FactsBuilder) -> None:
        """Add what the policy wants to know. Raises ConditionError."""
        self._facts = facts
        self._conditions: dict[str, Test] = {
            name: trace_condition(text, facts) for name, text in policy.conditions.items()
        }
        self._keys = {name: facts.key(["attr", "any", attribute]) for name, attribute in policy.keys.items()}

    def view(self, columns: Columns, now: int, rows: Sequence[int]) -> Facts:
        """Return these rows as the policy sees them; the facts must be complete."""
        masks, index = columns.masks, columns.mask_index
        held: dict[str, Sequence[bool]] = {}
        for name, test in self._conditions.items():
            true = [compile_test(test, self._facts)(mask) for mask in masks]
            held[name] = [true[index[row]] for row in rows]
        texts = {}
        for name, key in self._keys.items():
            values = columns.keys(key)
            texts[name] = [_text(values[row]) for row in rows]
        ids, spans, size, duration = columns.trace_ids(), columns.spans, columns.bytes, columns.duration
        return Facts(
            now,
            [ids[row] for row in rows],
            [spans[row] for row in rows],
            [size[row] for row in rows],
            [duration[row] for row in rows],
            held,
            texts,
        )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def checked(answers: Sequence[Answer], count: int) -> list[Answer]:
    """Return the answers as a list. Raises ValueError when they are not one share (0 to 1) or None a trace."""
    listed = list(answers)
    if len(listed) != count:
        raise ValueError(f"{len(listed)} answers for {count} traces")
    for answer in listed:
        if answer is not None and not 0 <= answer <= 1:
            raise ValueError(f"{answer!r} is no answer: expected a share between 0 and 1, or None")
    return listed


def try_policy(policy: Policy, request: bytes, now: int = 0) -> dict[bytes, Answer]:
    """Return what a policy answers about each trace of an `ExportTraceServiceRequest`, by trace id: for its tests.

    Conditions and keys are computed as in operation, by the kernel written in Python. Raises what the policy raises,
    ConditionError for a wrong condition, and ValueError for a wrong answer.
    """
    facts = FactsBuilder()
    compiled = Compiled(policy, facts)
    program = load("reference").compile({"stages": [], "facts": facts.spec(), "limits": _LIMITS, "context": 0})
    view = compiled.view(columns := program.digest(request).columns(), now, range(columns.count))
    return dict(zip(view.trace_ids, checked(policy.decide(view), len(view)), strict=True))
