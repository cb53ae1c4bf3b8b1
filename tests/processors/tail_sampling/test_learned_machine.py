"""Learned rates against a model that works everything out anew, from all that ever came."""

from fractions import Fraction
from math import log

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tailgate.processors.tail_sampling.estimates import Ema, Window
from tailgate.processors.tail_sampling.learned import Goal, Learned, Pace
from tailgate.processors.tail_sampling.thresholds import FULL

S = 1_000_000_000
T0 = 1_700_000_000 * S
INITIAL = 0.25
FRESH = "all that are new"


class Model:
    """Keeps every interval; `expected` is worked out from the first of them on."""

    def __init__(self, estimate, goal, share, boost):
        self.estimate, self.goal, self.share, self.boost = estimate, goal, share, boost
        self.intervals, self.now = [], {}
        self.probabilities = None

    def saw(self, key, spans, error):
        new = self.probabilities is None or key not in self.probabilities
        spans_, errors, _ = self.now.get(key, (0, 0, new))
        self.now[key] = (spans_ + spans, errors + spans * error, new)

    def end(self, intervals):
        first = not self.intervals
        counts = {key: (spans, errors, 0) for key, (spans, errors, _) in self.now.items()}
        fresh = [] if first else [(spans, errors) for spans, errors, new in self.now.values() if new]
        if fresh:
            counts[FRESH] = (sum(spans for spans, _ in fresh), sum(errors for _, errors in fresh), len(fresh))
        self.intervals += [counts, *[{}] * (intervals - 1)]
        self.now = {}
        self.probabilities = self.shared(self.expected())

    def expected(self):
        keys = {key for counts in self.intervals[-400:] for key in counts}
        return {key: value for key in keys if (value := self.one(key))[0] > 0}

    def one(self, key):
        """Spans, errors and keys that an interval is expected to bring."""
        line = [counts.get(key, (0, 0, 0)) for counts in self.intervals]
        if self.estimate == "windowed":
            last = line[-5:]
            return tuple(sum(part) / len(last) for part in zip(*last, strict=True))
        mean = None
        for counts in line:
            if mean is None and counts[0]:
                mean = counts
            elif mean is not None:
                mean = tuple(0.25 * new + 0.75 * old for new, old in zip(counts, mean, strict=True))
                mean = None if mean[0] < 0.5 else mean
        return mean or (0, 0, 0)

    def shared(self, expected):
        total, failing = sum(one[0] for one in expected.values()), sum(one[1] for one in expected.values())
        aim = (self.share * total if self.share else self.goal) * (
            1 + (self.boost - 1) * (failing / total if total else 0)
        )
        weights = {
            key: max(1.0, keys) * log(1 + 60 * spans / max(1.0, keys)) * (1 + (self.boost - 1) * errors / spans)
            for key, (spans, errors, keys) in expected.items()
        }
        low, high = 0.0, 1e9
        for _ in range(200):
            level = (low + high) / 2
            kept = sum(min(expected[key][0], level * weights[key]) for key in expected)
            low, high = (level, high) if kept < aim else (low, level)
        return {key: min(1.0, high * weights[key] / expected[key][0]) for key in expected}

    def probability(self, key):
        if self.probabilities is None or (self.share and not self.probabilities):
            return INITIAL
        return self.probabilities.get(key, self.probabilities.get(FRESH, 1.0))


def machine(estimate):
    """The state machine for one way of estimating."""

    class LearnedMachine(RuleBasedStateMachine):
        @initialize(goal=st.sampled_from([1, 10, 100]), share=st.sampled_from([0, 0.05, 0.5]), boost=st.integers(1, 4))
        def start(self, goal, share, boost):
            self.goal = Goal(share=share, error_boost=boost) if share else Goal(throughput=goal, error_boost=boost)
            self.rate, self.model = self.make(), Model(estimate, goal, share, boost)
            self.now = self.begun = T0
            self.rate.threshold(self.now, "x")

        def make(self):
            pace = Pace(S, INITIAL, 100, 0.0)
            return Learned(self.goal, pace, (lambda: Ema(0.25)) if estimate == "ema" else (lambda: Window(5)))

        @rule(wait=st.sampled_from([1, S // 3, S, 2 * S, 7 * S]))
        def wait(self, wait):
            self.now += wait
            intervals = (self.now - self.begun) // S
            if intervals:
                self.begun += intervals * S
                self.model.end(intervals)

        @rule(key=st.sampled_from("abcdefgh"), spans=st.integers(1, 200), error=st.booleans())
        def saw(self, key, spans, error):
            self.rate.saw(self.now, key, spans, error)
            self.model.saw(key, spans, error)

        @rule(numbers=st.sets(st.integers(0, 1000), max_size=20))
        def once(self, numbers):
            for number in numbers:
                self.saw(f"once {number}", 1, False)

        @rule()
        def reload(self):
            before, self.rate = self.rate, self.make()
            self.rate.adopt(before)

        @invariant()
        def the_probabilities_are_the_models(self):
            for key in "abcdefgh" if hasattr(self, "rate") else ():
                threshold = self.rate.threshold(self.now, key)
                assert 0 <= threshold < FULL
                found = float(Fraction(FULL - threshold, FULL))
                assert found == pytest.approx(self.model.probability(key), rel=1e-6, abs=1e-9)

    return LearnedMachine


@pytest.mark.parametrize("estimate", ["ema", "windowed"])
def test_learned_rates_agree_with_the_model(estimate):
    """Any row of traces, waits and reloads: every key has the probability that the documentation gives it."""
    run_state_machine_as_test(
        machine(estimate), settings=settings(max_examples=80, stateful_step_count=40, deadline=None)
    )
