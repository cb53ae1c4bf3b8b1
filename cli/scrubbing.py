"""What scrubbing would change in a sample, and by which rule: the pipeline's own stages, one rule after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ..config.model import Configuration, PipelineConfig
from ..kernel.contract import Kernel, Program, Stage
from ..processors.base import Fused
from ..processors.building import build_parts, new_context
from ..processors.segments import LIMITS, NO_FACTS
from ..telemetry.signals import Signal
from .strings import strings_of

MOST_SHOWN = 48
"""Characters of a value that are shown."""
_GOES: dict[Signal, str] = {"traces": "span", "logs": "log record", "metrics": "metric"}
"""What goes as a whole where a rule lets something go."""


@dataclass(frozen=True)
class Change:
    """One string that one rule would change."""

    signal: Signal
    processor: str
    rule: str
    where: str
    """Such as `span 2 attributes.user.email`; spans are numbered through the sample, and so is everything else."""
    was: str
    """The shape of what is replaced: letters and digits are masked."""
    becomes: str
    """The string once all rules have been applied; `(removed)` when it is taken out; what else happens in brackets."""


@dataclass(frozen=True)
class _Rule:
    """A rule that has found something, at its place."""

    stage: int
    kind: str
    """`allow`, `keys`, `values`, `forms` or `limits`."""
    index: int
    name: tuple[str, str]
    does: str
    """What else it does than to replace: `tag`, `drop_span` or nothing of the kind."""


class Scrubbing:
    """The stages of one pipeline, and what each of their rules changes."""

    def __init__(self, config: Configuration, pipeline: PipelineConfig, kernel: Kernel) -> None:
        """Raises ValueError when a stage cannot be built."""
        self._kernel, self.pipeline = kernel, pipeline
        context = new_context(pipeline, kernel)
        self._stages: list[Stage] = []
        self._rules: list[_Rule] = []
        for _, part in build_parts(pipeline, config, context):
            if isinstance(part, Fused):
                self._add(part)
        self._keys = Keys(self._stages, kernel)
        self._context, self._lookups = len(context.context), [named.lookup for named in context.lookups]

    @property
    def scrubs(self) -> bool:
        """Whether the pipeline has any rule at all."""
        return bool(self._rules)

    def _add(self, part: Fused) -> None:
        names = iter(part.counters)
        for stage in (one for one in part.stages if one["kind"] != "measure"):
            if stage["kind"] == "scrub":
                at = len(self._stages)
                self._rules.extend(_Rule(at, kind, index, next(names), does) for kind, index, does in _rules(stage))
            self._stages.append(stage)

    def changes(self, requests: Sequence[bytes]) -> list[Change]:
        """Return everything that would be changed, in the order of effect. Raises `Malformed`.

        The requests are of the pipeline's signal, and numbered (see `strings.Numbering`).
        """
        whole = self._compile(self._stages)
        for request in requests:
            self._run(whole, request)
        active = [rule for rule, number in zip(self._rules, whole.counters(), strict=True) if number]
        shown = self._compile([self._shown(number) for number in range(len(self._stages))])
        final = [self._strings(shown, request) for request in requests]
        found: list[Change] = []
        for at, rule in enumerate(active):
            before, after = (self._compile(self._with(active[:upto], rule)) for upto in (at, at + 1))
            for request, last in zip(requests, final, strict=True):
                old, new = (self._strings(program, request) for program in (before, after))
                found.extend(_changed(self.pipeline.signal, rule, old, new, last))
        return found

    def _shown(self, number: int) -> Stage:
        """Return a stage that drops no span, and replaces what is tagged once all else is done."""
        stage = self._stages[number]
        if stage["kind"] != "scrub":
            return stage
        sorted_rules = {kind: sorted(stage[kind], key=lambda rule: _does(rule) == "tag") for kind in ("keys", "values")}
        return {**_staying(stage), **{kind: list(map(_plain, rules)) for kind, rules in sorted_rules.items()}}

    def _with(self, rules: Sequence[_Rule], last: _Rule) -> list[Stage]:
        """Return the stages up to that of the last rule, with some of their rules only; none drops a span.

        A rule that tags replaces nothing, but for the last one: that shows what it has found.
        """
        stages: list[Stage] = []
        for number, stage in enumerate(self._stages[: last.stage + 1]):
            if stage["kind"] != "scrub":
                stages.append(stage)
                continue
            mine = [rule for rule in rules if rule.stage == number]
            chosen = {
                kind: [
                    _plain(stage[kind][rule.index])
                    for rule in mine
                    if rule.kind == kind and (rule.does != "tag" or rule == last)
                ]
                for kind in ("keys", "values", "forms")
                if kind in stage
            }
            kinds = {rule.kind for rule in mine}
            stage = _staying(stage)
            allow, limits = (stage.get(name) if name in kinds else None for name in ("allow", "limits"))
            stages.append({**stage, **chosen, "allow": allow, "limits": limits, "summary": None})
        return stages

    def _compile(self, stages: list[Stage]) -> Program:
        signal = self.pipeline.signal
        spec: Any = {"stages": stages, "facts": NO_FACTS, "limits": LIMITS, "context": self._context, "signal": signal}
        return self._kernel.compile(spec, self._lookups)

    def _strings(self, program: Program, request: bytes) -> dict[str, str]:
        return strings_of(self.pipeline.signal, self._run(program, request), self._keys, looks=self._keys.looks)

    def _run(self, program: Program, request: bytes) -> bytes:
        return program.digest(request, [None] * self._context).request()


def _rules(stage: Stage) -> Iterator[tuple[str, int, str]]:
    """Yield what a scrub stage counts, in that order: kind, place among its kind, and what else it does."""
    if stage.get("allow") is not None:
        yield "allow", 0, ""
    for kind in ("keys", "values", "forms"):
        yield from ((kind, at, _does(rule)) for at, rule in enumerate(stage.get(kind) or ()))
    if limits := stage.get("limits"):
        yield from (("limits", at, "drop_span" if limits["do"] == "drop" else "") for at in range(3))


def _does(rule: Mapping[str, Any]) -> str:
    return str(rule.get("action", {}).get("do", ""))


def _plain(rule: dict[str, Any]) -> dict[str, Any]:
    """Return the rule for a tool that shows what would be done: it replaces, whatever it does."""
    if _does(rule) == "tag":
        return {**rule, "action": {"do": "redact", "text": f"<{rule['action']['as']}>"}}
    return {**rule, "action": {"do": "redact", "text": ""}} if _does(rule) == "drop_span" else rule


def _staying(stage: Stage) -> dict[str, Any]:
    """Return a stage whose limits let no span go."""
    limits = stage.get("limits")
    return {**stage, "limits": {**limits, "do": "redact"}} if limits else {**stage}


class Keys:
    """What becomes of the keys of attributes, where a stage looks at them: they are shown as they leave."""

    def __init__(self, stages: Sequence[Stage], kernel: Kernel) -> None:
        looking = [stage for stage in stages if "attribute_key" in stage.get("positions", ())]
        self.looks = bool(looking)
        names = [
            {"kind": "scrub", "positions": ["span_name"], "skip": None, "keys": [], "values": _all_plain(stage)}
            for stage in looking
        ]
        spec: Any = {"stages": names, "facts": NO_FACTS, "limits": LIMITS, "context": 0}
        self._program, self._known = kernel.compile(spec), dict[str, str]()

    def __call__(self, key: str) -> str:
        """Return the key as it leaves."""
        if self.looks and key not in self._known:
            request = ExportTraceServiceRequest()
            request.resource_spans.add().scope_spans.add().spans.add(name=key)
            out = ExportTraceServiceRequest.FromString(self._program.digest(request.SerializeToString()).request())
            self._known[key] = out.resource_spans[0].scope_spans[0].spans[0].name
        return self._known.get(key, key)


def _all_plain(stage: Stage) -> list[dict[str, Any]]:
    return list(map(_plain, stage["values"]))


def _changed(
    signal: Signal, rule: _Rule, old: Mapping[str, str], new: Mapping[str, str], last: Mapping[str, str]
) -> Iterator[Change]:
    for where, before in old.items():
        after = new.get(where)
        if after != before:
            becomes = shortened(last[where]) if where in last else "(removed)"
            goes = f"(the {_GOES[signal]} is dropped)"
            becomes = {"tag": f"(tagged) {becomes}", "drop_span": goes}.get(rule.does, becomes)
            yield Change(signal, *rule.name, where, shape(_middle(before, after or "")), becomes)


def _middle(before: str, after: str) -> str:
    """Return the part of `before` that is not in `after`."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end]


def shape(text: str) -> str:
    """Return what a text looks like without what it says: `aaaa@aaaaaaa.aaa`, `9999-9999`."""
    masked = "".join("9" if char.isdigit() else "a" if char.isalpha() or ord(char) > 126 else char for char in text)
    return shortened(masked)


def shortened(text: str) -> str:
    """Return a text in one line of bounded length."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= MOST_SHOWN else line[: MOST_SHOWN - 3] + "..."
