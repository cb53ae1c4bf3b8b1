"""A budget: no hour costs more than it may, but for what is essential, and debts are paid off."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate.processors.tail_sampling.budget import Budget
from tailgate.processors.tail_sampling.metrics import Origin

S = 1_000_000_000
HOUR = 3600 * S
T0 = 1_700_000_000 * S
asks = st.lists(st.tuples(st.sampled_from([0, S, 60 * S, 900 * S, HOUR]), st.integers(1, 40)), max_size=60)


def cost(budget, spans, size=0):
    per_span, per_byte = budget.limited.unit
    return spans * per_span + size * per_byte


def sample(budget, name):
    (value,) = [one.value for one in budget.samples(Origin("tail_sampling", "traces")) if one.name == name]
    return value


@given(asks)
def test_no_hour_costs_more_than_the_budget(steps):
    """However it is asked for: in any hour at most the budget is spent, and one trace more."""
    budget, now, spent = Budget(6.0, 0.05, 0.0), T0, []
    for wait, spans in steps:
        now += wait
        if budget.limited.limit.ready(now, cost(budget, spans), None):
            budget.limited.limit.take(now, cost(budget, spans), None)
            spent.append((now, Fraction(spans, 20)))
    for first, _ in spent:
        hour = [money for at, money in spent if first <= at < first + HOUR]
        assert sum(hour) <= 6 + max(hour)


def test_prices_are_of_spans_and_of_gigabytes():
    """A GB at 0.30 and a million spans at 0.20 cost what they cost."""
    budget = Budget(100, 0.0000002, 0.30)
    budget.limited.limit.take(T0, cost(budget, 1_000_000, 10**9), None)
    assert sample(budget, "tailgate_budget_spent") == pytest.approx(0.5)
    assert sample(budget, "tailgate_budget_left") == pytest.approx(100 / 60 - 0.5)


def test_what_is_owed_is_bounded_by_an_hours_budget():
    """A storm of essential traces that costs ten hours is forgiven but for one: after about an hour it is paid off."""
    budget = Budget(60, 1, 0)
    limit = budget.limited.limit
    limit.take(T0, cost(budget, 600), None)
    assert sample(budget, "tailgate_budget_left") == -60
    assert not limit.ready(T0 + HOUR, cost(budget, 1), None)
    assert limit.ready(T0 + HOUR + 300 * S, cost(budget, 1), None)


def test_the_state_goes_on_with_the_same_prices_only():
    """A budget of the same settings takes the level and what was spent over; another begins anew."""
    old = Budget(60, 1, 0)
    old.limited.limit.take(T0, cost(old, 5), None)
    same, dearer = Budget(60, 1, 0), Budget(60, 2, 0)
    same.adopt(old)
    dearer.adopt(old)
    assert sample(same, "tailgate_budget_left") == -4
    assert sample(same, "tailgate_budget_spent") == 5
    assert sample(dearer, "tailgate_budget_left") == 1
