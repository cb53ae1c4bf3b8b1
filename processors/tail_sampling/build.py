"""From a validated configuration to a holding part of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from ...kernel.contract import Program, Table
from ...rules.condition_fields import ERROR
from ...rules.conditions import trace_condition
from ...rules.facts import ROOT, Always, Bit, FactsBuilder
from ..base import BuildContext, Holding, Sampler, Witness
from .budget import Budget
from .collector import CollectorEvaluation
from .config import RESERVED, Burst, CollectorForm, OrderedForm, OrderedPolicy, PolicyLimit, TailSampling
from .custom_rates import CustomRates
from .describing import breakpoints, of_rule, of_vote
from .early import Sure, by_hash, by_randomness, deciding
from .judging import Evaluation
from .labels import Labels
from .limits import KeyedBuckets, Limited, Shares, TokenBucket
from .lower import lower
from .metrics import Origin
from .ordered import OrderedEvaluation
from .policies import Policy
from .rates import LearnedRates, Rates
from .rules import Rule
from .sampler import TailSampler, Timing
from .thresholds import NEVER
from .votes import Vote
from .witness import Witnessed

LEAST_WAIT = 1_000_000_000
"""ns: the collector takes a shorter `decision_wait` for this."""
KEPT_DECISIONS, DROPPED_DECISIONS = 50_000, 200_000
"""The decision cache of `sampling.yaml` when it says nothing."""


@dataclass
class _Builder:
    """What the evaluations of both forms are built with."""

    facts: FactsBuilder
    labels: Labels
    origin: Origin
    too_large: Bit | None = None
    sure: tuple[Sure, ...] = ()
    """In which ways a verdict is certain before the trace is due."""

    def evaluation(self, config: OrderedForm | CollectorForm) -> Evaluation:
        """Build whichever form it is."""
        return self.own(config) if isinstance(config, OrderedForm) else self.collectors(config)

    def ordered(
        self, rules: list[Rule], default: int, total: Limited | None = None, budget: Budget | None = None
    ) -> OrderedEvaluation:
        last = Rule(RESERVED, Always(), threshold=default, otherwise="drop", default=True)
        return OrderedEvaluation(
            [*rules, last],
            self.facts,
            labels=self.labels,
            origin=self.origin,
            total=total,
            budget=budget,
            too_large=self.too_large,
        )

    def own(self, config: OrderedForm) -> OrderedEvaluation:
        """Build `sampling.yaml`."""
        listed = [policy for policy in config.policies if policy.asked]
        shares = _Total(config.total, [policy for policy in listed if policy.share and policy.mode != "shadow"])
        rules = [_rule(policy, self.facts, config.max_keys, shares.of(policy)) for policy in listed]
        money = config.budget
        budget = None if money is None else Budget(money.per_hour, money.cost_per_span, money.cost_per_gb)
        return self.ordered(rules, config.default, shares.rest, budget)

    def collectors(self, config: CollectorForm) -> Evaluation:
        """Build a collector's block."""
        votes = [(policy.name, policy.vote(self.facts)) for policy in config.policies if policy.enabled]
        if config.sampling_strategy == "span-ingest":
            ordered = config.evaluation == "ordered"
            luck = by_randomness if ordered else by_hash
            self.sure += deciding([vote for _, vote in votes], self.facts, luck, ordered=ordered)
        if config.evaluation == "ordered":
            total = None if config.total is None else _limited(config.total)
            return self.ordered([rule for name, vote in votes for rule in lower(name, vote)], NEVER, total)
        return CollectorEvaluation(
            votes,
            self.facts,
            labels=self.labels,
            origin=self.origin,
            first_match=config.sample_on_first_match,
            record_policy=config.record_policy,
            too_large=self.too_large,
        )


def build(config: TailSampling, ctx: BuildContext) -> Holding:
    """Return the part; the table is made when the segment that ends with it has been compiled."""
    if not isinstance(config, (OrderedForm, CollectorForm)):
        raise TypeError("validate the configuration as TailSampling first")
    facts, labels, origin = FactsBuilder(), Labels(ctx.labels, ctx.retentions), Origin(ctx.id, ctx.pipeline)
    size = config.maximum_trace_size_bytes
    parts = _Builder(facts, labels, origin)
    if size:
        parts.too_large = facts.compare(["bytes"], ">", size)
        parts.sure = (Sure(frozenset({parts.too_large})),)
    evaluation = parts.evaluation(config)
    if ctx.witness is not None:
        evaluation = _witnessed(evaluation, ctx.witness, config, parts, ctx)
    kept, dropped = _decisions(config)
    timing, root = _timing(config), 1 << facts.position(ROOT)
    early = [sure.early(facts) for sure in parts.sure]

    def start(program: Program) -> Sampler:
        table = ctx.kernel.table(program, ctx.labels, kept, dropped, early)

        def adopt(other: Table, upgrades: Mapping[int, Program]) -> int:
            return other.adopt(program, upgrades, kept, dropped, early)

        return TailSampler(table, evaluation, timing, labels, root=root, origin=origin, adopt=adopt)

    return Holding(facts.spec(), start)


def _witnessed(
    evaluation: Evaluation,
    witness: Witness,
    config: OrderedForm | CollectorForm,
    parts: _Builder,
    ctx: BuildContext,
) -> Evaluation:
    """Put somebody who looks on before the evaluation; the double is asked what could have been."""
    policies: list[Rule] | list[tuple[str, Vote]]
    if isinstance(evaluation, OrderedEvaluation):
        policies = evaluation.rules
        described = [of_rule(rule, parts.facts) for rule in policies]
    else:
        listed = [policy for policy in config.policies if isinstance(policy, Policy) and policy.enabled]
        votes = [(policy.name, policy.vote(parts.facts)) for policy in listed]
        described, policies = [of_vote(name, vote, parts.facts) for name, vote in votes], votes
    apart = replace(parts, labels=Labels(ctx.kernel.labels(), {}))
    return Witnessed(
        evaluation,
        witness,
        labels=parts.labels,
        processor=parts.origin.id,
        policies=described,
        votes=not isinstance(evaluation, OrderedEvaluation),
        double=(apart.evaluation(config), apart.labels, breakpoints(policies)),
    )


def _timing(config: OrderedForm | CollectorForm) -> Timing:
    theirs = isinstance(config, CollectorForm)
    return Timing(
        decision_wait=max(config.decision_wait, LEAST_WAIT if theirs else 0),
        after_root=config.decision_wait_after_root_received or None,
        num_traces=config.num_traces,
        drop_on_shutdown=config.drop_pending_traces_on_shutdown,
        block=isinstance(config, CollectorForm) and config.block_on_overflow,
    )


def _decisions(config: OrderedForm | CollectorForm) -> tuple[int, int]:
    """Return the sizes of the decision cache.

    The collector's block has none by default, but there decided traces stay among its `num_traces`, and late spans
    follow them as long as they do: so that many are remembered.
    """
    cache = config.decision_cache
    if isinstance(config, CollectorForm):
        return cache.sampled_cache_size or config.num_traces, cache.non_sampled_cache_size or config.num_traces
    return cache.sampled_cache_size or KEPT_DECISIONS, cache.non_sampled_cache_size or DROPPED_DECISIONS


class _Total:
    """The total, and the shares of it that policies have."""

    def __init__(self, total: Burst | None, sharing: list[OrderedPolicy]) -> None:
        self._at = {policy.name: at for at, policy in enumerate(sharing)}
        self.rest: Limited | None = None
        if total is not None:
            self.rest = _limited(total)
            if sharing:
                self._share(total, [policy.share or Fraction(0) for policy in sharing])

    def _share(self, total: Burst, parts: list[Fraction]) -> None:
        self._unit, rate, burst = total.bucket()
        buckets = [TokenBucket(float(part * Fraction(rate)), float(part * Fraction(burst))) for part in parts]
        self._shares = Shares(TokenBucket(rate, burst), buckets)
        self.rest = Limited(self._shares.share(None), self._unit)

    def of(self, policy: OrderedPolicy) -> Limited | None:
        """Return a policy's share, None when it has none."""
        at = self._at.get(policy.name)
        return None if at is None else Limited(self._shares.share(at), self._unit)


def _rule(policy: OrderedPolicy, facts: FactsBuilder, max_keys: int, share: Limited | None) -> Rule:
    return Rule(
        policy.name,
        Always() if policy.when is None else trace_condition(policy.when, facts),
        threshold=policy.rate,
        otherwise=policy.otherwise,
        limits=() if policy.limit is None else (_keyed(policy.limit, facts, max_keys),),
        drop=policy.decision == "drop",
        shadow=policy.mode == "shadow",
        retention=policy.retention,
        rates=_rates(policy, facts),
        share=share,
        essential=policy.essential,
    )


def _rates(policy: OrderedPolicy, facts: FactsBuilder) -> Rates | None:
    if policy.custom is not None:
        own = policy.custom
        return CustomRates(policy.name, own.policy(), facts, settings=repr(own), timeout=own.timeout)
    if (adaptive := policy.adaptive) is None:
        return None
    keys = [facts.key(["attr", "any", attribute]) for attribute in adaptive.per]
    return LearnedRates(adaptive.learned(), keys, facts.any(ERROR), facts, settings=repr(adaptive))


def _limited(limit: Burst) -> Limited:
    unit, rate, burst = limit.bucket()
    return Limited(TokenBucket(rate, burst), unit)


def _keyed(limit: PolicyLimit, facts: FactsBuilder, max_keys: int) -> Limited:
    if limit.per is None:
        return _limited(limit)
    unit, rate, burst = limit.bucket()
    key = facts.key(["attr", "any", limit.per])
    return Limited(KeyedBuckets(lambda: TokenBucket(rate, burst), max_keys), unit, key)
