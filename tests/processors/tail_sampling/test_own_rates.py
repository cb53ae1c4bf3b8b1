"""Shares, budgets, learned rates and policies in Python, from YAML to what leaves, on both kernels."""

import sys
from typing import ClassVar

import pytest
from tailgate.processors.tail_sampling.custom import Policy, try_policy

S = 1_000_000_000


class Planned(Policy):
    """Answers what the attribute `plan` says."""

    conditions: ClassVar = {"error": "error", "long": "duration > 1s"}
    keys: ClassVar = {"plan": "plan"}

    def decide(self, facts):
        if self.options.get("raise"):
            raise KeyError("a value that must not be logged")
        if self.options.get("short"):
            return [1.0]
        columns = zip(facts.keys["plan"], facts.conditions["error"], strict=True)
        answers = {"keep": 1.0, "drop": 0.0, "half": 0.5, "pass": None, None: None, "wrong": 2.0}
        return [1.0 if error else answers[plan] for plan, error in columns]

    def adopt(self, old):
        self.old = old


class Refusing(Policy):
    def __init__(self, options):
        raise ValueError("never")

    def decide(self, facts):
        return []


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """The module of this file, under a name that a configuration can give."""
    monkeypatch.setitem(sys.modules, "planned_policies", sys.modules[__name__])


HALF = 1 << 55


def traces(kit, numbers, first=0, **span):
    return [kit.Planted(kit.trace_id(first + number), **span) for number in numbers]


def policies_of(outcome, kit):
    found = {}
    for span in kit.seen(outcome.kept):
        found.setdefault(span.attributes["tailgate.policy"], []).append(span)
    return found


SHARES = """
policies:
  - {name: forced, when: debug, share: 20%}
  - {name: errors, when: error, share: 50%}
  - {name: rest, when: exists(rest)}
default: 0%
total: {spans_per_second: 10}
"""


def test_a_share_is_kept_ready(rig, kit):
    """A flood of other traces leaves the share of the forced ones untouched, and theirs that of errors."""
    own = rig(SHARES)
    own.offer(kit.T0, *traces(kit, range(30), attributes={"rest": True}))
    own.offer(kit.T0, *traces(kit, range(30), 100, status=2))
    own.offer(kit.T0, *traces(kit, range(30), 200, attributes={"debug": True}))
    found = policies_of(own.tick(kit.T0 + 10 * S), kit)
    assert {name: len(spans) for name, spans in found.items()} == {"rest": 3, "errors": 5, "forced": 2}


def test_what_shares_leave_is_used_by_those_who_come(rig, kit):
    """With a share of 20% and nobody else's claim on the rest, forced traces use up the total but the errors' share."""
    own = rig(SHARES)
    own.offer(kit.T0, *traces(kit, range(30), attributes={"debug": True}))
    found = policies_of(own.tick(kit.T0 + 10 * S), kit)
    assert len(found["forced"]) == 5
    assert own.sample("tailgate_policy_over_limit", policy="forced") == 25


def test_over_its_share_the_next_policy_is_asked(rig, kit):
    """Errors above their share go to the policy after it, which has one of its own."""
    text = """
policies:
  - {name: errors, when: error, share: 30%}
  - {name: all, share: 40%}
default: 0%
total: {traces_per_second: 10}
"""
    own = rig(text)
    own.offer(kit.T0, *traces(kit, range(30), status=2))
    found = policies_of(own.tick(kit.T0 + 10 * S), kit)
    assert {name: len(spans) for name, spans in found.items()} == {"errors": 6, "all": 4}


BUDGET = """
policies:
  - {name: errors, when: error, essential: true}
  - {name: rest, when: exists(rest)}
default: 100%
budget: {per_hour: 60, cost_per_span: 0.1}
"""


def test_over_budget_only_essential_policies_keep(rig, kit):
    """A minute's worth is ten spans: the eleventh is dropped under its own name, errors are kept, and owed."""
    own = rig(BUDGET)
    own.offer(kit.T0, *traces(kit, range(15), attributes={"rest": True}))
    own.offer(kit.T0, *traces(kit, range(10), 100, status=2))
    outcome = own.tick(kit.T0 + 10 * S)
    found = policies_of(outcome, kit)
    assert {name: len(spans) for name, spans in found.items()} == {"rest": 10, "errors": 10}
    assert outcome.dropped == {"over_budget": 5}
    assert own.sample("tailgate_budget_spent") == pytest.approx(2.0)
    assert own.sample("tailgate_budget_left") == pytest.approx(-1.0)


def test_a_budget_comes_back_evenly(rig, kit):
    """Ten minutes later the debt is paid off, and a minute's worth can be spent again, no more."""
    own = rig(BUDGET)
    for moment, expected in ((kit.T0, 10), (kit.T0 + 600 * S, 10)):
        own.offer(moment, *traces(kit, range(30), moment // S, attributes={"rest": True}))
        assert len(policies_of(own.tick(moment + 10 * S), kit)["rest"]) == expected


def test_bytes_cost_as_well(rig, kit):
    """With a price a GB, what is spent is that of the kept bytes."""
    own = rig("{policies: [], default: 100%, budget: {per_hour: 100, cost_per_gb: 1000000}}")
    own.offer(kit.T0, *traces(kit, range(3), attributes={"x": "y" * 1000}))
    outcome = own.tick(kit.T0 + 10 * S)
    assert own.sample("tailgate_budget_spent") == pytest.approx(outcome.kept.bytes / 1000)


ADAPTIVE = """
policies:
  - name: rest
    adaptive_throughput: {goal_throughput: 20, per: [service.name, http.route], adjustment_interval: 5s, max_keys: 20}
default: 100%
"""


def test_a_learned_rate_in_a_sampler(rig, kit):
    """Two services, one frequent: after a while the goal is met, and every kept trace says what it stands for."""
    own, kept, weighed, last = rig(ADAPTIVE), 0, 0.0, 0
    for second in range(40):
        now = kit.T0 + second * S
        spans = traces(kit, range(200), second * 1000, resource={"service.name": "big"})
        spans += traces(kit, range(2), second * 1000 + 500, resource={"service.name": "small"})
        own.offer(now, *spans)
        for span in kit.seen(own.tick(now).kept):
            if second >= 25:
                kept += 1
                digits = span.state.removeprefix("ot=th:")
                weight = 2**56 / (2**56 - int(digits.ljust(14, "0"), 16))
                weighed += weight
                last = second
                if span.resource["service.name"] == "small":
                    assert span.state == "ot=th:0"
    assert last == 39
    assert kept / 15 == pytest.approx(20, rel=0.2)
    assert weighed == pytest.approx(202 * 15, rel=0.25)
    assert own.sample("tailgate_policy_keys", policy="rest") == 2
    assert own.sample("tailgate_policy_probability", policy="rest") == pytest.approx(0.1, rel=0.05)


CUSTOM = "policies:\n  - {name: own, custom: {module: 'planned_policies:Planned', options: OPTIONS}, otherwise: pass}\n"


def custom(rig, options="{}", more="default: 0%"):
    return rig(CUSTOM.replace("OPTIONS", options) + more)


def test_a_policy_in_python_decides(rig, kit):
    """Keep, drop, pass, by chance: and `th` says the share that was answered."""
    own = custom(rig, more="  - {name: next, when: exists(next)}\ndefault: 0%")
    low, high = kit.trace_id(1, HALF - 1), kit.trace_id(2, HALF)
    spans = [
        kit.Planted(low, {"plan": "half"}),
        kit.Planted(high, {"plan": "half"}),
        kit.Planted(kit.trace_id(3), {"plan": "keep"}),
        kit.Planted(kit.trace_id(4), {"plan": "drop"}),
        kit.Planted(kit.trace_id(5), {"plan": "pass", "next": 1}),
        kit.Planted(kit.trace_id(6), {"plan": "drop"}, status=2),
    ]
    own.offer(kit.T0, *spans)
    found = policies_of(own.tick(kit.T0 + 10 * S), kit)
    assert {span.trace: span.state for span in found["own"]} == {
        high: "ot=th:8",
        kit.trace_id(3): "ot=th:0",
        kit.trace_id(6): "ot=th:0",
    }
    assert [span.trace for span in found["next"]] == [kit.trace_id(5)]
    assert own.sample("tailgate_policy_errors", policy="own") == 0


@pytest.mark.parametrize(("options", "plan"), [("{raise: true}", "keep"), ("{short: true}", "keep"), ("{}", "wrong")])
def test_a_failing_policy_passes_and_is_counted(rig, kit, options, plan, capsys):
    """It raises, answers too little, or nonsense: the next policy is asked, and no value reaches the log."""
    own = custom(rig, options, "default: 100%")
    own.offer(kit.T0, *traces(kit, range(3), attributes={"plan": plan}))
    assert len(policies_of(own.tick(kit.T0 + 10 * S), kit)["default"]) == 3
    assert own.sample("tailgate_policy_errors", policy="own") == 1
    assert "must not be logged" not in capsys.readouterr().err


def test_the_helper_computes_the_facts(kit):
    """`try_policy` gives a policy the facts of a real request, and checks its answers."""
    long = kit.Planted(kit.trace_id(1), {"plan": "half"}, end=3 * S)
    failed = kit.Planted(kit.trace_id(2), {"plan": "drop"}, status=2)
    request = kit.request_of([long, failed])
    assert try_policy(Planned({}), request) == {kit.trace_id(1): 0.5, kit.trace_id(2): 1.0}
    with pytest.raises(ValueError, match="1 answers for 2 traces"):
        try_policy(Planned({"short": True}), request)
    with pytest.raises(ValueError, match=r"2\.0 is no answer"):
        try_policy(Planned({}), kit.request_of([kit.Planted(kit.trace_id(1), {"plan": "wrong"})]))


LIMITED = """
policies:
  - {name: errors, when: error, limit: {traces_per_second: 2, per: service.name}}
  - {name: slow, when: duration > 1s, limit: {traces_per_second: 3}}
  - {name: own, when: exists(plan), custom: {module: "planned_policies:Planned"}}
default: 0%
total: {traces_per_second: 8}
"""


def carry(old, new):
    """What a reload does with the state of the policies."""
    new.sampler._evaluation.adopt(old.sampler._evaluation)


def test_state_goes_on_where_a_policy_is_unchanged(rig, kit):
    """After a reload the errors' buckets are as empty as before; the changed limit and the total begin anew."""
    old = rig(LIMITED)
    flood = [
        *traces(kit, range(9), status=2, resource={"service.name": "a"}),
        *traces(kit, range(9), 100, end=5 * S),
        *traces(kit, [1], 200, attributes={"plan": "keep"}),
    ]
    old.offer(kit.T0, *flood)
    now = kit.T0 + 10 * S
    assert {name: len(found) for name, found in policies_of(old.tick(now), kit).items()} == {
        "errors": 2,
        "slow": 3,
        "own": 1,
    }
    changed = LIMITED.replace("per_second: 3}", "per_second: 4}").replace("per_second: 8", "per_second: 9")
    new = rig(changed)
    carry(old, new)
    new.offer(now - 10 * S, *flood)
    found = policies_of(new.tick(now), kit)
    assert {name: len(spans) for name, spans in found.items()} == {"slow": 4, "own": 1}


def test_the_collectors_limiters_go_on_as_well(rig, kit):
    """Buckets of the collector's evaluation, a composite's counts, and those of a lowered block."""
    text = """
policies:
  - {name: few, type: rate_limiting, rate_limiting: {spans_per_second: 2}}
  - name: c
    type: composite
    composite:
      max_total_spans_per_second: 4
      composite_sub_policy: [{name: x, type: always_sample}]
"""
    for more, first in (("", 4), ("evaluation: ordered", 8)):
        old, new = rig(text + more), rig(text + more)
        old.offer(kit.T0, *traces(kit, range(20)))
        assert len(kit.seen(old.tick(kit.T0 + 30 * S).kept)) == first
        carry(old, new)
        new.offer(kit.T0, *traces(kit, range(20)))
        assert new.tick(kit.T0 + 30 * S).kept is None


def test_a_policy_in_python_is_given_the_old_one(rig, kit):
    """`adopt` is called with the instance before, when its entry is unchanged."""
    old, new = custom(rig), custom(rig)
    carry(old, new)
    mine, before = (one.sampler._evaluation.parts()["rate of own"] for one in (new, old))
    assert mine.policy.old is before.policy
    other = custom(rig, "{raise: true}")
    carry(old, other)
    assert not hasattr(other.sampler._evaluation.parts()["rate of own"].policy, "old")


def test_what_was_learned_goes_on_where_the_settings_are_the_same(rig, kit):
    """After a reload the probability is the learned one; with another key it is learned anew."""
    old, same, other = rig(ADAPTIVE), rig(ADAPTIVE), rig(ADAPTIVE.replace("http.route", "http.target"))
    for second in range(15):
        old.offer(kit.T0 + second * S, *traces(kit, range(200), second * 1000, resource={"service.name": "big"}))
        old.tick(kit.T0 + second * S)
    learned = old.sample("tailgate_policy_probability", policy="rest")
    assert learned == pytest.approx(0.1, rel=0.1)
    carry(old, same)
    carry(old, other)
    assert same.sample("tailgate_policy_probability", policy="rest") == learned
    assert same.sample("tailgate_policy_keys", policy="rest") == 1
    assert other.sample("tailgate_policy_keys", policy="rest") == 0


ERRORS = "{name: b, type: status_code, status_code: {status_codes: [ERROR]}}"
OFF = "{name: y, type: latency, latency: {threshold_ms: 9}, enabled: false}"
DISABLED = [
    "{policies: [{name: a, enabled: false}, {name: b, when: error}], default: 0%}",
    "{policies: [{name: a, mode: off}, {name: b, when: error}], default: 0%}",
    f"{{policies: [{{name: a, type: always_sample, enabled: false}}, {ERRORS}]}}",
    f"{{evaluation: ordered, policies: [{{name: c, type: and, and: {{and_sub_policy: [{ERRORS}, {OFF}]}}}}]}}",
]


@pytest.mark.parametrize("text", DISABLED)
def test_what_is_not_enabled_is_as_if_it_were_not_written(rig, kit, text):
    """A disabled policy keeps nothing and is asked for nothing, in both forms and inside an `and`."""
    own = rig(text)
    assert own.kept(*traces(kit, [1]), *traces(kit, [2], status=2)) == {kit.trace_id(2)}
