"""What scrubbing would change in a sample, and by which rule: the pipeline's own stages, one rule after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count as numbers
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ..config.model import Configuration, PipelineConfig
from ..kernel.contract import Kernel, Program, Stage
from ..processors.base import BuildContext, Fused
from ..processors.segments import LIMITS, NO_FACTS

MOST_SHOWN = 48
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class Change:
    """One string that one rule would change."""

    processor: str
    rule: str
    where: str
    """Such as `span 2 attributes.user.email`."""
    was: str
    """The shape of what is replaced: letters and digits are masked."""
    becomes: str
    """The string once all rules have been applied; `(removed)` when it is taken out."""


@dataclass(frozen=True)
class _Rule:
    """A rule that has found something, at its place."""

    stage: int
    kind: str
    """`allow`, `keys`, `values` or `forms`."""
    index: int
    name: tuple[str, str]


class Scrubbing:
    """The stages of one pipeline, and what each of their rules changes."""

    def __init__(self, config: Configuration, pipeline: PipelineConfig, kernel: Kernel) -> None:
        """Raises ValueError when a stage cannot be built."""
        self._kernel = kernel
        context = BuildContext("", pipeline.id, kernel, kernel.labels(), [])
        self._stages: list[Stage] = []
        self._rules: list[_Rule] = []
        for id_ in pipeline.processors:
            component = config.processors[id_]
            context.id = component.id
            part = component.spec.build(component.config, context)
            if isinstance(part, Fused):
                self._add(part)
        self._context, self._lookups = len(context.context), [named.lookup for named in context.lookups]

    @property
    def scrubs(self) -> bool:
        """Whether the pipeline has any rule at all."""
        return bool(self._rules)

    def _add(self, part: Fused) -> None:
        names = iter(part.counters)
        for stage in part.stages:
            if stage["kind"] == "scrub":
                for kind, number in _rules(stage):
                    self._rules.extend(_Rule(len(self._stages), kind, at, next(names)) for at in range(number))
            self._stages.append(stage)

    def changes(self, requests: Sequence[bytes]) -> list[Change]:
        """Return everything that would be changed, in the order of effect. Raises `Malformed`."""
        whole = self._compile(self._stages)
        final = [_strings(self._run(whole, request)) for request in requests]
        active = [rule for rule, number in zip(self._rules, whole.counters(), strict=True) if number]
        found: list[Change] = []
        for at, rule in enumerate(active):
            before, after = (self._compile(self._with(active[:upto], rule.stage)) for upto in (at, at + 1))
            for request, last in zip(requests, final, strict=True):
                old, new = (_strings(self._run(program, request)) for program in (before, after))
                found.extend(_changed(rule, old, new, last))
        return found

    def _with(self, rules: Sequence[_Rule], upto: int) -> list[Stage]:
        """Return the stages up to one of them, with some of their rules only."""
        stages: list[Stage] = []
        for number, stage in enumerate(self._stages[: upto + 1]):
            if stage["kind"] != "scrub":
                stages.append(stage)
                continue
            mine = [rule for rule in rules if rule.stage == number]
            chosen = {
                kind: [stage[kind][rule.index] for rule in mine if rule.kind == kind]
                for kind in ("keys", "values", "forms")
                if kind in stage
            }
            allow = stage.get("allow") if any(rule.kind == "allow" for rule in mine) else None
            stages.append({**stage, **chosen, "allow": allow, "summary": None})
        return stages

    def _compile(self, stages: list[Stage]) -> Program:
        spec: Any = {"stages": stages, "facts": NO_FACTS, "limits": LIMITS, "context": self._context}
        return self._kernel.compile(spec, self._lookups)

    def _run(self, program: Program, request: bytes) -> bytes:
        return program.digest(request, [None] * self._context).request()


def _rules(stage: Stage) -> Iterator[tuple[str, int]]:
    """Yield what kinds of rules a scrub stage counts, in that order, and how many of each."""
    yield "allow", int(stage.get("allow") is not None)
    yield "keys", len(stage["keys"])
    yield "values", len(stage["values"])
    yield "forms", len(stage.get("forms") or ())


def _changed(rule: _Rule, old: Mapping[str, str], new: Mapping[str, str], last: Mapping[str, str]) -> Iterator[Change]:
    for where, before in old.items():
        after = new.get(where)
        if after != before:
            becomes = shortened(last[where]) if where in last else "(removed)"
            yield Change(*rule.name, where, shape(_middle(before, after or "")), becomes)


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


def _strings(request: bytes) -> dict[str, str]:
    """Return every string of a request by where it stands."""
    found: dict[str, str] = {}
    number = numbers(1)
    for at, group in enumerate(ExportTraceServiceRequest.FromString(request).resource_spans, 1):
        found.update(_attributes(f"resource {at} attributes", group.resource.attributes))
        found[f"resource {at} schema_url"] = group.schema_url
        for scope in group.scope_spans:
            head = f"resource {at} scope"
            found.update({f"{head} name": scope.scope.name, f"{head} version": scope.scope.version})
            found.update(_attributes(f"{head} attributes", scope.scope.attributes))
            for span in scope.spans:
                found.update(_span(f"span {next(number)}", span))
    return {where: text for where, text in found.items() if text}


def _span(head: str, span: Span) -> Iterator[tuple[str, str]]:
    yield f"{head} name", span.name
    yield f"{head} trace_state", span.trace_state
    yield f"{head} status.message", span.status.message
    yield from _attributes(f"{head} attributes", span.attributes)
    for at, event in enumerate(span.events):
        yield f"{head} events[{at}].name", event.name
        yield from _attributes(f"{head} events[{at}]", event.attributes)
    for at, link in enumerate(span.links):
        yield f"{head} links[{at}].trace_state", link.trace_state
        yield from _attributes(f"{head} links[{at}]", link.attributes)


def _attributes(head: str, pairs: Sequence[KeyValue]) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    for pair in pairs:
        seen[pair.key] = seen.get(pair.key, 0) + 1
        again = f"#{seen[pair.key]}" if seen[pair.key] > 1 else ""
        yield from _value(f"{head}.{pair.key}{again}", pair.value)


def _value(where: str, value: AnyValue) -> Iterator[tuple[str, str]]:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        for at, item in enumerate(value.array_value.values):
            yield from _value(f"{where}[{at}]", item)
    elif kind == "kvlist_value":
        yield from _attributes(where, value.kvlist_value.values)
    elif kind == "bytes_value":
        yield where, value.bytes_value.decode("utf-8", "replace")
    elif kind is not None:
        yield where, str(getattr(value, kind))
