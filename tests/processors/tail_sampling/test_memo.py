"""The memory of plans by mask."""

from __future__ import annotations

from tailgate.processors.tail_sampling.memo import Memo


def test_a_plan_is_made_once():
    """The same mask asked again: the same plan, and nothing is made."""
    made = []
    memo = Memo(lambda mask: made.append(mask) or [mask])
    assert memo(3) is memo(3)
    assert memo(4) == [4]
    assert made == [3, 4]


def test_plans_are_bounded():
    """Masks without end do not make plans without end, and every plan is still its mask's own."""
    memo = Memo(lambda mask: mask + 1, most=10)
    for mask in range(1000):
        assert memo(mask) == mask + 1
        assert len(memo) <= 10
