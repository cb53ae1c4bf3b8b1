"""What the sampler does in plain sentences: the order, what each limit means, where a trace goes that is over it."""

from __future__ import annotations

from collections.abc import Iterator

from ...rules.durations import format_duration
from ...rules.facts import FactsBuilder
from ...rules.wording import trace_text
from .config import Burst, CollectorForm, OrderedForm, OrderedPolicy, PolicyLimit, TailSampling
from .describing import amount, limit_text, percent, vote_parts
from .lower import lower
from .rules import Rule
from .thresholds import ALWAYS, NEVER, probability
from .votes import AllOf, Allow, Chance, Composite, Condition, Dropping, Negated, Vote

_DAY = 86_400


def plan(config: TailSampling) -> Iterator[str]:
    """Yield sentences, a line each; those that begin with a space belong to the one before."""
    if isinstance(config, OrderedForm):
        yield from _when(config)
        yield "policies are asked in this order, and the first that decides, decides:"
        yield from _own(config)
    elif isinstance(config, CollectorForm):
        yield from _when(config)
        yield from _in_order(config) if config.evaluation == "ordered" else _votes(config)
        yield from _total(config.total)
    if config.maximum_trace_size_bytes:
        yield f"traces of more than {config.maximum_trace_size_bytes:,} bytes are dropped, whatever policies say"


def _when(config: OrderedForm | CollectorForm) -> Iterator[str]:
    after = config.decision_wait_after_root_received
    root = f", or {format_duration(after)} after its root if that is sooner" if after else ""
    yield f"holds the spans of a trace, and judges it {format_duration(config.decision_wait)} after the first{root}"
    if config.num_traces:
        yield f"with more than {config.num_traces:,} traces held, the oldest are judged early"
    if config.drop_pending_traces_on_shutdown:
        yield "at shutdown what is held is dropped"


def _own(config: OrderedForm) -> Iterator[str]:
    asked = [policy for policy in config.policies if policy.asked]
    enforced = [policy for policy in asked if policy.mode == "enforce"]
    number = 0
    for policy in asked:
        if policy.mode == "shadow":
            yield f"  -. {policy.name}: {_does(policy)}; in shadow: it is counted, and has no effect"
            continue
        number += 1
        yield f"  {number}. {policy.name}: {_does(policy)}"
        if policy.limit is not None:
            rest = enforced[number:]
            yield from _limit(policy.limit, _next(rest), config.max_keys)
        if policy.share is not None:
            yield f"     {percent(float(policy.share))} of the total is its own; over that {_next(enforced[number:])}"
        if policy.essential:
            yield "     it keeps when the budget is spent, too"
        if policy.retention is not None:
            yield f"     what it keeps is kept for {format_duration(policy.retention)}"
    off = [policy.name for policy in config.policies if not policy.asked]
    yield f"  {number + 1}. everything else: {_kept(config.default)}"
    if off:
        yield f"switched off, and not asked: {', '.join(off)}"
    if config.budget is not None:
        cost = f"all that is kept may cost {amount(config.budget.per_hour)} an hour"
        yield f"{cost}; when that is spent, only essential policies keep"
    yield from _total(config.total)


def _total(total: Burst | None) -> Iterator[str]:
    if total is not None:
        unit, rate, burst = total.bucket()
        yield f"of all that is kept, at most {_rate(unit, rate)}, {amount(burst)} at once; over that a trace is dropped"


def _next(rest: list[OrderedPolicy]) -> str:
    """Return who is asked after a policy that passes."""
    names = [policy.name for policy in rest]
    if not names:
        return "the default decides"
    return f"{names[0]} is asked next" + (", and so on down the list" if len(names) > 1 else ", then the default")


def _does(policy: OrderedPolicy) -> str:
    where = f"where {policy.when}" if policy.when is not None else "every trace"
    if policy.decision == "drop":
        return f"{where}: drop"
    rest = "ask the next policy about the rest" if policy.otherwise == "pass" else "drop the rest"
    if policy.custom is not None:
        return f"{where}: keep the share that a class written in Python says, {rest}"
    if policy.adaptive_throughput is not None:
        return f"{where}: keep a share that is learned, so that a number of spans a second is kept, {rest}"
    if policy.adaptive_percentage is not None:
        return f"{where}: keep a share that is learned key by key, {rest}"
    if policy.rate == ALWAYS:
        return f"{where}: keep"
    if policy.rate == NEVER:
        return f"{where}: {'ask the next policy' if policy.otherwise == 'pass' else 'drop'}"
    return f"{where}: keep {percent(probability(policy.rate))}, {rest}"


def _kept(threshold: int) -> str:
    if threshold == ALWAYS:
        return "keep"
    return "drop" if threshold == NEVER else f"keep {percent(probability(threshold))}, drop the rest"


def _rate(unit: str, rate: float) -> str:
    """Return `500 spans a second (43,200,000 a day)`."""
    shown = unit.removesuffix("s") if rate == 1 else unit
    return f"{amount(rate)} {shown} a second ({amount(rate * _DAY)} a day)"


def _limit(limit: Burst, over: str, max_keys: int) -> Iterator[str]:
    unit, rate, burst = limit.bucket()
    key = limit.per if isinstance(limit, PolicyLimit) else None
    each = f", each value of {key} for itself" if key else ""
    yield f"     at most {_rate(unit, rate)}, {amount(burst)} at once{each}; over that {over}"
    if key:
        yield f"     {max_keys:,} values are kept apart; traces without {key} share one limit"


def _in_order(config: CollectorForm) -> Iterator[str]:
    facts = FactsBuilder()
    listed = [policy for policy in config.policies if policy.enabled]
    rules = [rule for policy in listed for rule in lower(policy.name, policy.vote(facts))]
    yield "policies are asked in this order, and the first that decides, decides:"
    for number, rule in enumerate(rules, 1):
        yield f"  {number}. {rule.name}: {_rule(rule, facts)}"
        for limited in rule.limits:
            over = f"{rules[number].name} is asked next" if number < len(rules) else "it is dropped"
            yield f"     at most {limit_text(limited, facts)}; over that {over}"
    yield f"  {len(rules) + 1}. everything else: drop"


def _rule(rule: Rule, facts: FactsBuilder) -> str:
    text = trace_text(rule.test, facts.spec())
    where = "every trace" if text == "true" else f"where {text}"
    if rule.drop:
        return f"{where}: drop"
    if rule.threshold == ALWAYS:
        return f"{where}: keep"
    return f"{where}: keep {percent(probability(rule.threshold))}, ask the next policy about the rest"


def _votes(config: CollectorForm) -> Iterator[str]:
    facts = FactsBuilder()
    votes = [(policy.name, policy.vote(facts)) for policy in config.policies if policy.enabled]
    asked = "until one samples" if config.sample_on_first_match else "all of them, so that every limiter spends"
    drops = [(name, vote) for name, vote in votes if isinstance(vote, Dropping)]
    if drops:
        yield "these are asked first; where one of them matches, the trace is dropped:"
        for number, (name, dropping) in enumerate(drops, 1):
            yield f"  {number}. {name}: {vote_text(dropping, facts)}"
    yield f"these vote ({asked}); where one of them samples, the trace is kept:"
    rest = [(name, vote) for name, vote in votes if not isinstance(vote, Dropping)]
    for number, (name, vote) in enumerate(rest, len(drops) + 1):
        yield f"  {number}. {name}: {vote_text(vote, facts)}"
        yield from _over(vote)
    yield "what nobody samples is dropped"


def vote_text(vote: Vote, facts: FactsBuilder) -> str:
    """Return a vote in words."""
    match vote:
        case Condition(test):
            return trace_text(test, facts.spec())
        case Allow():
            return "every trace, while there is room"
        case AllOf(votes) | Dropping(AllOf(votes)):
            return " and ".join(vote_text(part, facts) for part in votes)
        case Negated(inner):
            return f"not ({vote_text(inner, facts)})"
        case Composite():
            subs = (f"{sub.name} ({vote_text(sub.vote, facts)})" for sub in vote.subs)
            return f"the first that matches of {', '.join(subs)}"
        case _:
            return ", ".join(text for text, _ in vote_parts(vote, facts))


def _over(vote: Vote) -> Iterator[str]:
    """Yield what a limit means, and what becomes of a trace that is over it."""
    match vote:
        case Allow():
            rate = f"at most {_rate(vote.unit, vote.rate)}, {amount(vote.burst)} at once"
            yield f"     {rate}; over that it does not sample, and the others' votes count"
        case AllOf(votes):
            for part in votes:
                yield from _over(part)
        case Composite():
            for sub in vote.subs:
                yield f"     {sub.name}: at most {_rate('spans', sub.spans_per_second)}, in each second of the clock;"
                yield "       over that the composite does not sample, and its other policies are not asked"
        case Chance():
            pass
