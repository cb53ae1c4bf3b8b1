"""What a valid configuration says that its author may not have meant; `docs/lints.md` has every code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...kernel.contract import FactsSpec
from ...rules.conditions import trace_condition
from ...rules.durations import format_duration
from ...rules.facts import Always, Bit, FactsBuilder, Test
from ...rules.implication import bits, implies, never
from .config import CollectorForm, OrderedForm, OrderedPolicy, TailSampling
from .differences import Place, differences
from .lower import lower
from .policies import Policy
from .policies.composite import CompositeOptions
from .policies.latency import Latency
from .policies.status_code import StatusCode
from .thresholds import ALWAYS, NEVER

Lint = tuple[Place, str, str]
"""Where, what, and the code."""

_CURE = "`evaluation: ordered` does what is written"
_LIMITERS = ("rate_limiting", "bytes_limiting")
_ORDERS_OF = {"and": "and_sub_policy", "drop": "drop_sub_policy", "composite": "composite_sub_policy"}
_MS = 1_000_000


def lint(config: TailSampling) -> Iterator[Lint]:
    """Yield places, warnings and codes."""
    if isinstance(config, CollectorForm):
        yield from _collectors(config)
    elif isinstance(config, OrderedForm):
        yield from _own(config)


def _collectors(config: CollectorForm) -> Iterator[Lint]:
    for where, text in differences(config):
        yield where, text, "collector-difference"
    ordered = config.evaluation == "ordered"
    for at, policy in enumerate(config.policies):
        if not policy.enabled:
            continue
        place: Place = ("policies", at)
        yield from _policy(place, policy, config.decision_wait, ordered=ordered)
        if isinstance(policy.options, CompositeOptions):
            yield from _composite((*place, "composite"), policy.options, ordered=ordered)
    if ordered:
        yield from _never_asked_in_order(config)
    else:
        yield from _keeps_all(config)


def _policy(place: Place, policy: Policy, wait: int, *, ordered: bool) -> Iterator[Lint]:
    """Yield what is odd about one policy, and about those inside it."""
    options = policy.options
    if not policy.enabled:
        return
    if isinstance(options, StatusCode) and "UNSET" in options.status_codes:
        text = "UNSET is the status of every span that did not fail, so this samples nearly every trace"
        yield (*place, "status_code", "status_codes"), text, "status-unset"
    if isinstance(options, Latency) and options.threshold_ms * _MS >= wait:
        yield (*place, "latency", "threshold_ms"), _beyond(options.threshold_ms * _MS, wait), "latency-beyond-wait"
    inner = _inside(policy)
    for at, sub in enumerate(inner):
        yield from _policy((*place, policy.type, _ORDERS_OF.get(policy.type, ""), at), sub, wait, ordered=ordered)
    if policy.type == "and" and not ordered:
        yield from _limiter_first((*place, "and", "and_sub_policy"), inner)


def _inside(policy: Policy) -> list[Policy]:
    inner = getattr(policy.options, _ORDERS_OF.get(policy.type, ""), [])
    return [sub for sub in inner if isinstance(sub, Policy)]


def _beyond(threshold: int, wait: int) -> str:
    return (
        f"looks for traces that take longer than {format_duration(threshold)}, but they are judged "
        f"{format_duration(wait)} after their first span: a longer decision_wait is needed"
    )


def _limiter_first(place: Place, inner: Sequence[Policy]) -> Iterator[Lint]:
    for at, sub in enumerate(inner):
        later = [other.name for other in inner[at + 1 :] if other.type not in _LIMITERS and other.enabled]
        if sub.type in _LIMITERS and sub.enabled and later:
            text = f"spends on traces that {', '.join(later)} then refuses: put the limiter last"
            yield (*place, at), text, "limiter-before-filter"


def _composite(place: Place, options: CompositeOptions, *, ordered: bool) -> Iterator[Lint]:
    listed = [policy.name for policy in options.composite_sub_policy]
    order = [name for name in listed if name in options.policy_order]
    shares = sum(item.percent for item in options.rate_allocation)
    if options.policy_order and order != options.policy_order and not ordered:
        asked = ", ".join(listed)
        text = f"has no effect in the collector, which asks {asked}; {_CURE}"
        yield (*place, "policy_order"), text, "composite-order"
    if shares > 100:
        broken = "the shares cannot all be guaranteed" if ordered else f"the total then does not hold; {_CURE}"
        yield (*place, "rate_allocation"), f"adds up to {shares}%, more than the total: {broken}", "shares-over-100"
    if len(listed) > 1 and not ordered:
        text = "over its allocation a policy refuses what it matches, and those after it are not asked"
        yield (*place, "composite_sub_policy"), f"{text}; {_CURE}", "composite-overflow"


def _keeps_all(config: CollectorForm) -> Iterator[Lint]:
    listed = [policy for policy in config.policies if policy.enabled]
    for at, policy in enumerate(config.policies):
        if policy.type == "always_sample" and policy.enabled and len(listed) > 1:
            text = "samples every trace, so that no other policy but drop has an effect"
            yield ("policies", at), text, "keeps-everything"


@dataclass(frozen=True)
class _Reached:
    """A policy as the order sees it."""

    place: Place
    name: str
    test: Test
    certain: bool
    """No later policy is asked about what satisfies its test."""


def _never_asked(policies: Sequence[_Reached], spec: FactsSpec) -> Iterator[Lint]:
    """Yield the policies that can never decide."""
    for at, policy in enumerate(policies):
        if never(policy.test, spec):
            yield policy.place, "can never decide: no trace satisfies its condition", "never-decides"
            continue
        catcher = next((one for one in policies[:at] if one.certain and implies(policy.test, one.test, spec)), None)
        if catcher is not None and catcher.test == Always():
            text = f"can never decide, it is never asked: {catcher.name} decides about every trace"
            yield policy.place, text, "never-decides"
        elif catcher is not None:
            text = f"can never decide: {catcher.name} decides about every trace that satisfies its condition"
            yield policy.place, text, "never-decides"


def _never_asked_in_order(config: CollectorForm) -> Iterator[Lint]:
    facts = FactsBuilder()
    reached: list[_Reached] = []
    for at, policy in enumerate(config.policies):
        rules = lower(policy.name, policy.vote(facts)) if policy.enabled else []
        reached.extend(_Reached(("policies", at), rule.name, rule.test, rule.ends) for rule in rules)
    yield from _never_asked(reached, facts.spec())


def _own(config: OrderedForm) -> Iterator[Lint]:
    facts, reached = FactsBuilder(), []
    for at, policy in enumerate(config.policies):
        if not policy.asked:
            continue
        place: Place = ("policies", at)
        test: Test = Always() if policy.when is None else trace_condition(policy.when, facts)
        reached.append(_Reached(place, policy.name, test, _certain(policy, budget=config.budget is not None)))
        yield from _condition((*place, "when"), policy, test, facts.spec(), config.decision_wait)
        if policy.rate == NEVER and policy.otherwise == "pass" and policy.mode == "enforce":
            yield (*place, "rate"), "can never decide: it keeps nothing and passes on everything", "never-decides"
        if policy.retention is not None and (policy.mode == "shadow" or policy.rate == NEVER):
            text = "is never given: the policy keeps nothing"
            yield (*place, "retention"), text, "retention-unreachable"
    found = list(_never_asked(reached, facts.spec()))
    yield from found
    dead = {place[1] for place, _, _ in found}
    for at, policy in enumerate(config.policies):
        if at in dead and policy.retention is not None:
            yield ("policies", at, "retention"), "is never given: the policy can never decide", "retention-unreachable"


def _certain(policy: OrderedPolicy, *, budget: bool) -> bool:
    """Say whether a policy never passes a trace for which its condition holds."""
    if policy.mode != "enforce":
        return False
    if policy.decision == "drop":
        return True
    if policy.limit or policy.share or policy.custom or (budget and not policy.essential):
        return False
    return policy.otherwise == "drop" or (policy.rate == ALWAYS and policy.adaptive is None)


def _condition(place: Place, policy: OrderedPolicy, test: Test, spec: FactsSpec, wait: int) -> Iterator[Lint]:
    for bit in bits(test):
        if bit.of == "compare":
            comparison = spec["compare"][bit.index]
            if (
                comparison["of"] == ["duration"]
                and comparison["op"] in (">", ">=")
                and int(comparison["value"]) >= wait
            ):
                yield place, _beyond(int(comparison["value"]), wait), "latency-beyond-wait"
        elif bit.of == "any" and policy.decision == "keep" and test == bit and _is_unset(spec, bit):
            text = "unset is the status of every span that did not fail, so this is true of nearly every trace"
            yield place, text, "status-unset"


def _is_unset(spec: FactsSpec, bit: Bit) -> bool:
    op, *arguments = spec["leaves"][bit.index]
    if op == "in" and arguments[0] == ["field", "status.code"]:
        return 0 in arguments[1]
    return bool(op == "cmp" and arguments == ["==", ["field", "status.code"], 0])


def fragments(config: TailSampling) -> Iterator[Lint]:
    """Yield the rules that need the whole trace: where a node sees only its part, each judges what it has."""
    facts = FactsBuilder()
    policies = config.policies if isinstance(config, OrderedForm | CollectorForm) else ()
    for at, policy in enumerate(policies):
        tests: list[Test] = []
        place: Place = ("policies", at)
        if isinstance(policy, OrderedPolicy):
            if policy.mode != "enforce" or not policy.asked or policy.when is None:
                continue
            tests, place = [trace_condition(policy.when, facts)], (*place, "when")
        elif isinstance(policy, Policy) and policy.enabled:
            before = len(facts.spec()["compare"])
            policy.vote(facts)
            tests = [Bit("compare", index) for index in range(before, len(facts.spec()["compare"]))]
        needs = sorted({need for test in tests for need in _needs(test, facts.spec())})
        if needs:
            text = f"needs {' and '.join(needs)}; a node that sees a part of the trace judges that part alone"
            yield place, f"{text}, and keeps fragments: such rules belong in a gateway", "fragments"


def _needs(test: Test, spec: FactsSpec) -> Iterator[str]:
    for bit in bits(test):
        if bit.of == "compare":
            subject = spec["compare"][bit.index]["of"][0]
            yield {"duration": "the whole duration", "spans": "all spans", "bytes": "all spans"}.get(
                subject, "all spans"
            )
        elif bit.of == "all":
            yield "all spans"
        elif bit.of == "root" or spec["leaves"][bit.index][:2] == ["and", ["root"]]:
            yield "the root span"
