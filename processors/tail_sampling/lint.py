"""What a valid configuration says that its author may not have meant."""

from __future__ import annotations

from collections.abc import Iterator

from .config import CollectorForm, OrderedForm, OrderedPolicy, TailSampling
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
        if not policy.asked:
            continue
        if catcher is not None:
            yield ("policies", at), f"is never asked: {catcher} decides about every trace"
        if policy.when is None and policy.mode == "enforce" and _decides(policy, budget=config.budget is not None):
            catcher = catcher or policy.name


def _decides(policy: OrderedPolicy, *, budget: bool) -> bool:
    """Say whether a policy never passes a trace for which its condition holds."""
    if policy.decision == "drop":
        return True
    if policy.limit or policy.share or policy.custom or (budget and not policy.essential):
        return False
    return policy.otherwise == "drop" or (policy.rate == 0 and policy.adaptive is None)
