"""What a valid configuration says that its author may not have meant."""

from __future__ import annotations

from collections.abc import Iterator

from .config import CollectorForm, OrderedForm, TailSampling
from .differences import Place, differences
from .policies.composite import CompositeOptions

_CURE = "`evaluation: ordered` does what is written"


def lint(config: TailSampling) -> Iterator[tuple[Place, str]]:
    """Yield places and warnings: what is not as the collector has it or says it, and policies that are never asked."""
    if isinstance(config, CollectorForm):
        yield from differences(config)
    if isinstance(config, CollectorForm) and config.evaluation == "collector":
        for at, policy in enumerate(config.policies):
            if isinstance(policy.options, CompositeOptions):
                yield from _composite(("policies", at, "composite"), policy.options)
    if isinstance(config, OrderedForm):
        yield from _unreachable(config)


def _composite(place: Place, options: CompositeOptions) -> Iterator[tuple[Place, str]]:
    listed = [policy.name for policy in options.composite_sub_policy]
    order = [name for name in listed if name in options.policy_order]
    if options.policy_order and order != options.policy_order:
        asked = ", ".join(listed)
        yield (*place, "policy_order"), f"has no effect in the collector, which asks {asked}; {_CURE}"
    if sum(item.percent for item in options.rate_allocation) > 100:
        yield (*place, "rate_allocation"), f"adds up to more than the total, which then does not hold; {_CURE}"
    if len(listed) > 1:
        text = "over its allocation a policy refuses what it matches, and those after it are not asked"
        yield (*place, "composite_sub_policy"), f"{text}; {_CURE}"


def _unreachable(config: OrderedForm) -> Iterator[tuple[Place, str]]:
    catcher: str | None = None
    for at, policy in enumerate(config.policies):
        if policy.mode == "off":
            continue
        if catcher is not None:
            yield ("policies", at), f"is never asked: {catcher} decides about every trace"
        certain = policy.otherwise == "drop" or policy.rate == 0
        if policy.when is None and policy.mode == "enforce" and policy.limit is None and certain:
            catcher = catcher or policy.name
