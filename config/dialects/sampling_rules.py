"""Sampling as `sampling_rules: [...]`, policies of the collector with a decision, and `composite` with their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from ...rules.durations import Duration
from ..errors import Problem, did_you_mean, one_of
from ..tree import Node
from .nodes import Shape, listed, made, mapping

_OWN = ("name", "type", "decision")
_LIMITERS = ("rate_limiting", "bytes_limiting")


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class SamplingRule(Shape):
    """One of `sampling_rules`: a policy of the collector, its options under the key that its type names.

    A block of another type beside it narrows the rule: it applies to the traces that both match.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(min_length=1)
    """Unique; what `tailgate.policy` says on the traces it keeps."""
    type: str
    """A policy type of the collector's `tail_sampling`."""
    decision: Annotated[Literal["SAMPLE", "DROP"], BeforeValidator(_upper)] = "SAMPLE"
    """What becomes of the traces it matches."""


class Order(Shape):
    """`composite`."""

    max_traces_per_second: float | None = Field(None, gt=0)
    """Of all that is kept; over it, traces are dropped."""
    max_total_spans_per_second: float | None = Field(None, gt=0)
    """The same in spans; one of the two."""
    policy_order: list[str] = Field([])
    """Names of rules in the order in which they are asked; those it does not name come last."""


class SamplingRulesFile(Shape):
    """A file of `sampling_rules`: the first rule that matches and is not over its limit decides."""

    sampling_rules: list[SamplingRule] = Field(min_length=1)
    """Asked in `composite.policy_order`, else in the order written."""
    composite: Order | None = None
    """The order, and the total."""
    decision_wait: Duration | None = None
    """How long a trace is held after its first span."""
    num_traces: int | None = Field(None, ge=1)
    """More traces than this are judged early."""


def from_sampling_rules(tree: Node, problems: list[Problem]) -> Mapping[str, Node]:
    """Return the block of `tail_sampling`: a collector's, evaluated in order."""
    rules = tree.entries["sampling_rules"]
    entries = {
        "evaluation": made("ordered", tree),
        "policies": listed(rules, [_policy(rule) for rule in _ordered(tree, rules, problems)]),
        "total": _total(tree, problems),
        "decision_wait": tree.child("decision_wait"),
        "num_traces": tree.child("num_traces"),
    }
    return {"tail_sampling": mapping(tree, entries)}


def _ordered(tree: Node, rules: Node, problems: list[Problem]) -> list[Node]:
    composite = tree.child("composite")
    order = composite.child("policy_order") if composite is not None else None
    if order is None or not order.items:
        return rules.items
    names = [str(rule.entries["name"].value) for rule in rules.items]
    wanted: list[str] = []
    for item in order.items:
        name = str(item.value)
        if name not in names:
            expected = f"expected {one_of(names)}{did_you_mean(name, names)}"
            problems.append(item.place.problem(f"there is no rule {name!r}, {expected}"))
        elif name in wanted:
            problems.append(item.place.problem(f"the rule {name!r} is named twice"))
        wanted.append(name)
    for rule, name in zip(rules.items, names, strict=True):
        if name not in wanted and set(wanted) <= set(names):
            text = f"the rule {name!r} is not in policy_order, so it is asked after those that are"
            problems.append(rule.place.warning(text))
    ranks = {name: rank for rank, name in enumerate(wanted)}
    return sorted(rules.items, key=lambda rule: ranks.get(str(rule.entries["name"].value), len(ranks)))


def _total(tree: Node, problems: list[Problem]) -> Node | None:
    composite = tree.child("composite")
    if composite is None:
        return None
    traces, spans = composite.child("max_traces_per_second"), composite.child("max_total_spans_per_second")
    if traces is not None and spans is not None:
        text = "max_traces_per_second stands here as well, expected one of the two"
        problems.append(spans.head.problem(text))
        return None
    found = mapping(composite, {"traces_per_second": traces, "spans_per_second": spans})
    return found if found.entries else None


def _policy(rule: Node) -> Node:
    """Return the rule as a policy; one with a block of another type becomes an `and`, one that drops a `drop`."""
    parts = _parts(rule)
    drops = str(getattr(rule.child("decision"), "value", "")).upper() == "DROP"
    if drops:
        return _container(rule, "drop", "drop_sub_policy", parts)
    if len(parts) > 1:
        return _container(rule, "and", "and_sub_policy", parts)
    return mapping(rule, {key: child for key, child in rule.entries.items() if key != "decision"})


def _parts(rule: Node) -> list[Node]:
    """Return a policy for each block of options; limiters come last, so that they spend on what the others match."""
    own = str(rule.entries["type"].value)
    others = [key for key, child in rule.entries.items() if key not in (*_OWN, own) and child.entries]
    parts = [_part(rule, key, made(key, rule.entries[key])) for key in others]
    # What is neither an option nor a block is left with the rule's own part, where it is an unknown key.
    left = {key: child for key, child in rule.entries.items() if key not in (*others, "decision")}
    parts.append(mapping(rule, left))
    return sorted(parts, key=lambda part: part.entries["type"].value in _LIMITERS)


def _part(rule: Node, type_: str, written: Node) -> Node:
    name = made(f"{rule.entries['name'].value}.{type_}", written)
    return mapping(written, {"name": name, "type": written, type_: rule.entries[type_]})


def _container(rule: Node, type_: str, key: str, parts: list[Node]) -> Node:
    kind = rule.entries["type"]
    block = mapping(rule, {key: listed(rule, parts)})
    return mapping(rule, {"name": rule.entries["name"], "type": made(type_, kind), type_: block})
