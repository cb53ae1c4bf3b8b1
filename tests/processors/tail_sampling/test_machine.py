"""The sampler against a small model that judges one trace at a time, from the words of the design."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

S = 1_000_000_000
FULL = 1 << 56
TEXT = """
decision_wait: 10s
decision_wait_after_root_received: 3s
num_traces: 9
policies:
  - {name: forced, when: debug}
  - {name: noise, when: exists(noise), decision: drop}
  - {name: errors, when: error, limit: {traces_per_second: 1, burst: 2, per: service.name}}
  - {name: idea, when: exists(x), mode: shadow}
  - {name: slow, when: duration > 500ms, rate: 50%}
  - {name: some, when: exists(x), rate: 75%, otherwise: pass}
default: 25%
total: {spans_per_second: 1, burst: 6}
"""


def passes(history, now, rate, burst, cost):
    """A token bucket from its whole history of (now, cost): enough, or full."""
    level, last = Fraction(burst), 0
    for at, spent in history:
        level, last = min(Fraction(burst), level + Fraction(at - last, S) * rate) - spent, at
    level = min(Fraction(burst), level + Fraction(now - last, S) * rate)
    return level >= min(cost, burst)


@dataclass
class Trace:
    first: int
    root: int | None = None
    spans: list = field(default_factory=list)

    def any(self, flag):
        return any(flag in flags for flags, _ in self.spans)

    @property
    def bytes(self):
        return sum(size for _, size in self.spans)


class Model:
    """Who is kept, by whom, and when, in plain words; `passed` has what every bucket let through."""

    def __init__(self):
        self.held, self.decided, self.most_room = {}, {}, 0
        self.passed, self.policies = {}, Counter()

    def offer(self, now, spans):
        late = Counter()
        for trace, flags, size in spans:
            if trace in self.decided:
                late[self.decided[trace]] += 1
                continue
            held = self.held.setdefault(trace, Trace(now))
            held.spans.append((flags, size))
            if "root" in flags and held.root is None:
                held.root = now
        return late

    def due(self, now):
        if len(self.held) > 9:
            return list(self.held)[: len(self.held) - 9]
        waited = [trace for trace, held in self.held.items() if held.first <= now - 10 * S]
        rooted = [trace for trace, held in self.held.items() if held.root is not None and held.root <= now - 3 * S]
        return waited + sorted(set(rooted) - set(waited), key=lambda trace: (self.held[trace].root, self.order(trace)))

    def order(self, trace):
        return list(self.held).index(trace)

    def heaviest(self, now, wanted):
        cost = {trace: held.bytes + 24 * len(held.spans) + 128 for trace, held in self.held.items()}
        age = {trace: now - held.first for trace, held in self.held.items()}
        chosen = []
        for trace in sorted(self.held, key=lambda trace: (cost[trace] * age[trace], age[trace]), reverse=True):
            if sum(cost[one] for one in chosen) >= wanted:
                break
            chosen.append(trace)
        return chosen

    def judge(self, traces, now, room, chance):
        """Judge these traces in order; return those kept and the spans dropped by reason."""
        self.most_room = max(self.most_room, room)
        left, first, shut, kept, dropped = room, room >= self.most_room and room > 0, False, [], Counter()
        for trace in traces:
            held = self.held[trace]
            verdict, spent = self.decide(held, now, chance(trace))
            if verdict not in ("not_sampled", "policy_drop", "total_limit"):
                shut = shut or (held.bytes > left and not first)
                if shut:
                    continue
                left, first = left - held.bytes, False
                kept.append(trace)
                for bucket, cost in spent:
                    self.passed.setdefault(bucket, []).append((now, cost))
                self.policies[verdict] += 1
            else:
                dropped[verdict] += len(held.spans)
            assert trace not in self.decided
            self.decided[trace] = trace in kept
            del self.held[trace]
        return kept, dict(dropped), shut

    def decide(self, held, now, chance):
        total = ("total", len(held.spans))
        service = next((flag for flags, _ in held.spans for flag in flags if flag in ("shop", "cart")), None)

        def keep(policy, *spent):
            open_ = passes(self.passed.get("total", []), now, 1, 6, len(held.spans))
            return (policy, (*spent, total)) if open_ else ("total_limit", ())

        if held.any("debug"):
            return keep("forced")
        if held.any("noise"):
            return "policy_drop", ()
        if held.any("error") and passes(self.passed.get(service, []), now, 1, 2, 1):
            return keep("errors", (service, 1))
        if held.any("slow"):
            return keep("slow") if chance >= FULL // 2 else ("not_sampled", ())
        if held.any("x") and chance >= FULL // 4:
            return keep("some")
        return keep("default") if chance >= FULL * 3 // 4 else ("not_sampled", ())


FLAGS = st.frozensets(st.sampled_from(["debug", "noise", "error", "slow", "x", "root"]), max_size=3)
SPAN = st.tuples(st.integers(0, 25), st.sampled_from(["shop", "cart"]), FLAGS, st.sampled_from([0, 50, 400]))
ROOMS = st.sampled_from([0, 200, 600, 1 << 40, 1 << 40])


def machine(rig, kit):
    """The state machine on one kernel."""

    class SamplerMachine(RuleBasedStateMachine):
        @initialize()
        def start(self):
            self.rig, self.model, self.now = rig(TEXT), Model(), kit.T0
            self.offered, self.gone, self.blocked = 0, Counter(), False
            self.services = {}

        @rule(spans=st.lists(SPAN, min_size=1, max_size=6), wait=st.integers(0, 2 * S))
        def offer(self, spans, wait):
            self.now += wait
            planted, plain = [], []
            for number, service, flags, padding in spans:
                service = self.services.setdefault(number, service)
                one = self.span(number, service, flags, padding)
                planted.append(one)
                size = self.rig.program.digest(kit.request_of([one])).bytes
                plain.append((kit.trace_id(number), flags | {service}, size))
            outcome = self.rig.offer(self.now, *planted)
            late = self.model.offer(self.now, plain)
            assert len(kit.seen(outcome.late)) == late[True]
            assert outcome.dropped == ({"late_not_sampled": late[False]} if late[False] else {})
            assert outcome.more == (len(self.model.held) > 9)
            self.offered += len(spans)
            self.gone.update({"kept": late[True], "dropped": late[False]})

        def span(self, number, service, flags, padding):
            attributes = {flag: True for flag in ("debug", "noise", "x") if flag in flags}
            return kit.Planted(
                kit.trace_id(number),
                {**attributes, "padding": "x" * padding},
                {"service.name": service},
                parent=b"" if "root" in flags else b"\1" * 8,
                start=S,
                end=S + (600_000_000 if "slow" in flags else 1000),
                status=2 if "error" in flags else 0,
            )

        @rule(wait=st.integers(0, 12 * S))
        def wait(self, wait):
            self.now += wait

        @rule(room=ROOMS)
        def tick(self, room):
            self.check(self.model.due(self.now), self.rig.tick(self.now, room), room)

        @rule(room=ROOMS, wanted=st.integers(1, 3000))
        def relieve(self, room, wanted):
            traces = self.model.heaviest(self.now, wanted)
            self.check(traces, self.rig.sampler.relieve(self.now, wanted, room), room)

        @rule()
        def drain(self):
            traces = list(self.model.held)
            self.check(traces, self.rig.sampler.drain(self.now, 1 << 40), 1 << 40)
            assert self.rig.sampler.held() == (0, 0, 0)

        def check(self, traces, outcome, room):
            """One verdict each, first match first, and no more than there is room for."""
            kept, dropped, self.blocked = self.model.judge(
                traces, self.now, room, lambda trace: int.from_bytes(trace[9:])
            )
            seen = kit.seen(outcome.kept)
            assert ([] if outcome.kept is None else outcome.kept.columns().trace_ids()) == kept
            assert {span.trace for span in seen} == set(kept)
            assert outcome.dropped == dropped
            if outcome.kept is not None:
                assert outcome.kept.bytes <= room or len(kept) == 1
            self.gone.update({"kept": len(seen), "dropped": sum(dropped.values())})

        @invariant()
        def the_ledger_balances(self):
            traces, spans, _ = self.rig.sampler.held()
            assert traces == len(self.model.held)
            assert self.offered == self.gone["kept"] + self.gone["dropped"] + spans

        @invariant()
        def deadlines_are_exact(self):
            held = self.model.held.values()
            deadline = self.rig.sampler.next_deadline()
            if not held:
                assert deadline is None
            elif not self.blocked and len(held) <= 9:
                rooted = [trace.root + 3 * S for trace in held if trace.root is not None]
                assert deadline == min([trace.first + 10 * S for trace in held] + rooted)

        def teardown(self):
            for bucket, line in self.model.passed.items():
                burst, largest = (6, max(cost for _, cost in line)) if bucket == "total" else (2, 1)
                for first in range(len(line)):
                    for last in range(first, len(line)):
                        width = Fraction(line[last][0] - line[first][0], S)
                        assert sum(cost for _, cost in line[first : last + 1]) <= width + burst + largest
            for policy in ("forced", "errors", "slow", "some", "default") if hasattr(self, "rig") else ():
                assert self.rig.sample("tailgate_policy_kept", policy=policy) == self.model.policies[policy]

    return SamplerMachine


def test_sampler_agrees_with_the_model(rig, kit):
    """Any row of requests, waits, ticks, pressure and drains, with any room, does what the model does."""
    run_state_machine_as_test(
        machine(rig, kit), settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
    )
