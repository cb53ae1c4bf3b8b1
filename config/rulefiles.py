"""Files that hold only rules: which processor they belong to, and what becomes of them.

Such a file is named by a processor's block (`tail_sampling: {rules: sampling.yaml}`), or is given to `--config`; then
it takes the place of that processor's block. It is recognised by the keys at its top. A further kind of file, another
dialect too, is one more entry of `RULE_FILES`; the first entry that recognises a file has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .tree import Node


def _unchanged(rules: Node) -> Node:
    return rules


@dataclass(frozen=True)
class RuleFile:
    """A kind of rule file."""

    name: str
    """What people call it; used in messages."""
    processor: str
    """The processor (its canonical name, which is the id of the block as well) whose configuration it becomes."""
    recognise: Callable[[Node], bool]
    """Whether a mapping is such a file. Must answer for any mapping."""
    convert: Callable[[Node], Node] = _unchanged
    """The processor's configuration; nodes keep the places of what they were made of."""


def _has(*keys: str) -> Callable[[Node], bool]:
    return lambda rules: any(key in rules.entries for key in keys)


def _is_retention(rules: Node) -> bool:
    """Tell retention.yaml from sampling.yaml, which both have `policies` and `default`: lifetimes stand in it."""
    default, policies = rules.child("default"), rules.child("policies")
    entries = [default, *(policies.items if policies else ())]
    return any(entry is not None and "ttl" in entry.entries for entry in entries)


RULE_FILES: tuple[RuleFile, ...] = (
    RuleFile("retention.yaml", "retention", _is_retention),
    RuleFile("sampling.yaml", "tail_sampling", _has("policies", "decision_wait")),
    RuleFile("scrubbing.yaml", "scrub", _has("packs", "detectors", "patterns", "default_keys", "skip_keys")),
    RuleFile("enrichment.yaml", "enrich", _has("actions")),
)


def kind_of(rules: Node) -> RuleFile | None:
    """Return the kind of rule file that this tree is, None when it is none of them."""
    return next((kind for kind in RULE_FILES if kind.recognise(rules)), None)
