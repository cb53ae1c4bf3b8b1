"""Where a collector's block means something else here than in the collector, as warnings for who wrote it."""

from __future__ import annotations

from collections.abc import Iterator

from ...rules.facts import FactsBuilder
from .config import CollectorForm
from .early import by_hash, certain
from .policies import Policy
from .policies.latency import Latency

Place = tuple[str | int, ...]
"""Keys and positions from the processor's block on."""
SECOND = 1_000_000_000


def differences(config: CollectorForm) -> Iterator[tuple[Place, str]]:
    """Yield places and warnings."""
    yield from _timing(config)
    yield from _without_effect(config)
    for at, policy in _asked(config):
        for place, inner in _nested(("policies", at), policy):
            if isinstance(inner.options, Latency) and inner.options.upper_threshold_ms:
                text = "the whole duration counts; the collector also samples a longer trace whose first spans fit"
                yield (*place, inner.type, "upper_threshold_ms"), text
    if config.sampling_strategy == "span-ingest":
        yield from _ingest(config)


def _asked(config: CollectorForm) -> Iterator[tuple[int, Policy]]:
    return ((at, policy) for at, policy in enumerate(config.policies) if policy.enabled)


def _timing(config: CollectorForm) -> Iterator[tuple[Place, str]]:
    if config.decision_wait < SECOND:
        text = "less than a second is taken for one second, as in the collector; a number without a unit is nanoseconds"
        yield ("decision_wait",), text
    if "num_traces" in config.model_fields_set and not config.block_on_overflow:
        text = "above it the oldest traces are judged early; the collector forgets them undecided"
        yield ("num_traces",), text
    cache = config.decision_cache
    for key, size in (("sampled", cache.sampled_cache_size), ("non_sampled", cache.non_sampled_cache_size)):
        if 0 < size < config.num_traces:
            text = f"is less than num_traces, {config.num_traces}: late spans of forgotten traces begin new ones"
            yield ("decision_cache", f"{key}_cache_size"), text


def _without_effect(config: CollectorForm) -> Iterator[tuple[Place, str]]:
    for key, used in (
        ("num_shards", config.num_shards > 1),
        ("expected_new_traces_per_sec", config.expected_new_traces_per_sec > 0),
    ):
        if used:
            yield (key,), "has no effect here"


def _ingest(config: CollectorForm) -> Iterator[tuple[Place, str]]:
    text = "traces are judged as soon as more spans could not change the verdict; the collector judges batch by batch"
    yield ("sampling_strategy",), text
    for at, policy in _asked(config):
        facts = FactsBuilder()
        if not certain(policy.vote(facts), facts, by_hash):
            yield ("policies", at), f"{policy.name} can change until all spans have come: it waits for decision_wait"


def _nested(place: Place, policy: Policy) -> Iterator[tuple[Place, Policy]]:
    """Yield a policy and all inside it, each with its place."""
    yield place, policy
    for key, value in policy.options:
        within = (*place, policy.type, key)
        if isinstance(value, Policy):
            yield from _nested(within, value)
        elif isinstance(value, list):
            for at, inner in enumerate(value):
                if isinstance(inner, Policy):
                    yield from _nested((*within, at), inner)
