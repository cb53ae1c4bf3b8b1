"""How a goal is shared out among keys."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate.processors.tail_sampling.allocate import Demand, boosted, each, shared

rates = st.just(0.0) | st.floats(1e-6, 1e6)
demand = st.builds(Demand, rates, st.floats(0, 1), st.floats(1, 100))
demands = st.dictionaries(st.integers(0, 50), demand, max_size=30)
goals = st.floats(0.01, 1e6)


def kept(found, wanted):
    return sum(found[key] * wanted[key].rate for key in wanted)


@given(demands, goals, st.floats(1, 50))
def test_the_goal_is_met_and_not_passed(wanted, goal, boost):
    """All together keep the goal, or everything when that is less; probabilities are probabilities."""
    found = shared(wanted, goal, boost)
    assert found.keys() == wanted.keys()
    assert all(0 <= probability <= 1 for probability in found.values())
    total = sum(one.rate for one in wanted.values())
    assert kept(found, wanted) == pytest.approx(min(goal, total), rel=1e-6, abs=1e-6)


@given(demands, goals)
def test_nobody_gets_nothing(wanted, goal):
    """Every key that comes at all keeps something."""
    assert all(probability > 0 for probability in shared(wanted, goal).values())


@given(demands, goals)
def test_rarer_keys_keep_a_larger_part(wanted, goal):
    """Of two single keys the rarer is never sampled harder."""
    found = shared({key: one._replace(errors=0.0, keys=1.0) for key, one in wanted.items()}, goal)
    ranked = sorted(wanted, key=lambda key: wanted[key].rate)
    for rarer, other in pairwise(ranked):
        assert found[rarer] >= found[other] - 1e-9


def test_a_rare_key_is_kept_whole_beside_a_flood():
    """A hundred spans a second of a million: the key with one a minute loses none, the flood nearly all."""
    found = shared({"rare": Demand(1 / 60), "flood": Demand(1e6)}, 100)
    assert found["rare"] == 1
    assert found["flood"] == pytest.approx(100e-6, rel=0.01)


def test_errors_draw_more_of_the_goal():
    """Two keys that come as often: the one that fails gets `boost` times the part of the other."""
    found = shared({"well": Demand(1000), "ill": Demand(1000, errors=1.0)}, 110, boost=10)
    assert found["ill"] / found["well"] == pytest.approx(10)
    assert (boosted(0, 10), boosted(1, 10), boosted(0.5, 3)) == (1, 10, 2)


@given(demands, goals)
def test_each_key_has_a_goal_of_its_own(wanted, goal):
    """No key keeps more than its goal, and below it all."""
    for key, probability in each(wanted, goal).items():
        rate, keys = wanted[key].rate, wanted[key].keys
        assert probability * rate == pytest.approx(min(rate, goal * keys), rel=1e-9)
