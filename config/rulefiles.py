"""Files that hold only rules: which processors they belong to, and what becomes of them.

Such a file is named by a processor's block (`tail_sampling: {rules: sampling.yaml}`), or is given to `--config`; then
it takes the place of its processors' blocks. It is recognised by the keys at its top. A further kind of file, another
dialect too, is one more entry of `RULE_FILES`; the first entry that recognises a file has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from . import dialects
from .check import check
from .errors import Problem
from .tree import Node


@dataclass(frozen=True)
class RuleFile:
    """A kind of rule file."""

    name: str
    """What people call it; used in messages."""
    processor: str
    """The processor (its canonical name, which is the id of the block as well) that has most of its rules."""
    recognise: Callable[[Node], bool]
    """Whether a mapping is such a file. Must answer for any mapping."""
    model: type[BaseModel] | None = None
    """A dialect's own words; None: the file is its processor's configuration as it stands."""
    convert: Callable[[Node, list[Problem]], Mapping[str, Node]] | None = None
    """A dialect's blocks by the id of their processor, made of a valid file."""

    def blocks(self, rules: Node, problems: list[Problem]) -> Mapping[str, Node]:
        """Return the blocks of the file, by id; where the file is wrong, blocks that are not checked.

        What is wrong is added to `problems`. Substitution must have been done where there is a `model`.
        """
        if self.model is None or self.convert is None:
            return {self.processor: rules}
        if check(self.model, rules, problems) is None:
            return {self.processor: Node({}, rules.place, unchecked=True)}
        return self.convert(rules, problems)


def _has(*keys: str) -> Callable[[Node], bool]:
    return lambda rules: any(key in rules.entries for key in keys)


def _is_retention(rules: Node) -> bool:
    """Tell retention.yaml from sampling.yaml, which both have `policies` and `default`: lifetimes stand in it."""
    default, policies = rules.child("default"), rules.child("policies")
    entries = [default, *(policies.items if policies else ())]
    return any(entry is not None and "ttl" in entry.entries for entry in entries)


RULE_FILES: tuple[RuleFile, ...] = (
    RuleFile(
        "sampling_rules",
        "tail_sampling",
        _has("sampling_rules"),
        dialects.SamplingRulesFile,
        dialects.from_sampling_rules,
    ),
    RuleFile("tracing", "tail_sampling", _has("tracing"), dialects.TracingFile, dialects.from_tracing),
    RuleFile("retention", "retention", _has("retention"), dialects.RetentionFile, dialects.from_retention),
    RuleFile(
        "preservation_rules",
        "retention",
        _has("preservation_rules"),
        dialects.PreservationFile,
        dialects.from_preservation,
    ),
    RuleFile("retention.yaml", "retention", _is_retention),
    RuleFile("sampling.yaml", "tail_sampling", _has("policies", "decision_wait")),
    RuleFile(
        "scrubbing.yaml", "scrub", _has("packs", "detectors", "patterns", "default_keys", "skip_keys", "allow_keys")
    ),
    RuleFile("enrichment.yaml", "enrich", _has("actions")),
)
"""The dialects, which are called by the key at their top, then our own files, which have several keys there."""


def kind_of(rules: Node) -> RuleFile | None:
    """Return the kind of rule file that this tree is, None when it is none of them."""
    return next((kind for kind in RULE_FILES if kind.recognise(rules)), None)
