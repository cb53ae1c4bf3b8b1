"""What the rules of ordered evaluation remember, and the metrics of what they have learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from ...telemetry.samples import Sample
from .custom_rates import CustomRates
from .limits import KeyedBuckets
from .metrics import Origin
from .rates import LearnedRates
from .rules import Rule


class Stateful(Protocol):
    """Something that learns or is spent while it runs."""

    def adopt(self, old: object) -> None:
        """Go on from the state of one with the same settings; anything else is passed over."""


def stateful(rules: Sequence[Rule]) -> Iterator[tuple[str, Stateful]]:
    """Yield the limits and rates of rules, by the name of the policy, its mode and their place."""
    for rule in rules:
        whose = f"{rule.name} (shadow)" if rule.shadow else rule.name
        for at, limited in enumerate(rule.limits):
            yield f"limit {at} of {whose} in {limited.unit}", limited.limit
        if rule.share is not None:
            yield f"share of {whose} in {rule.share.unit}", rule.share.limit
        if rule.rates is not None:
            yield f"rate of {whose}", rule.rates


def rate_samples(rules: Sequence[Rule], origin: Origin) -> Iterator[Sample]:
    """Yield the metrics of learned rates, of keys, and of policies written in Python."""
    for rule in rules:
        labels = origin.labels(policy=rule.name, mode="shadow" if rule.shadow else "enforce")
        for keys, overflow in _keyed(rule):
            text = "Keys that the policy tells apart now."
            yield Sample("tailgate_policy_keys", "gauge", text, keys, labels)
            text = "Times that a key had no place of its own, or lost it while it was busy."
            yield Sample("tailgate_policy_key_overflow", "counter", text, overflow, labels)
        if isinstance(rule.rates, LearnedRates):
            text = "The share of spans that a learned rate keeps, as last adjusted."
            yield Sample("tailgate_policy_probability", "gauge", text, rule.rates.learned.probability, labels)
        if isinstance(rule.rates, CustomRates):
            text = "Times that a policy written in Python failed; it then passes."
            yield Sample("tailgate_policy_errors", "counter", text, rule.rates.errors, labels)


def _keyed(rule: Rule) -> Iterator[tuple[int, int]]:
    """Yield how many keys a rule's learned rate, or its limit, tells apart, and how often there was no place."""
    if isinstance(rule.rates, LearnedRates):
        yield len(rule.rates.learned), rule.rates.learned.overflow
        return
    for limited in rule.limits:
        if isinstance(limited.limit, KeyedBuckets):
            yield len(limited.limit), limited.limit.forgotten
            return
