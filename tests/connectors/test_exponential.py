"""Exponential histograms out of a meter's buckets: the same as if every duration had been put into one by itself."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate.connectors.exponential import LONGEST, SCALE, SHORTEST, Exponential
from tailgate.connectors.span_metrics import BUCKETS

MS, SECOND = 1_000_000, 1_000_000_000
DURATIONS = st.lists(
    st.one_of(
        st.integers(0, 100 * SECOND),
        st.integers(0, 2000),
        st.sampled_from([*BUCKETS, 0, SHORTEST, LONGEST, LONGEST * 4]),
        st.builds(lambda power, more: 2**power * MS + more, st.integers(0, 20), st.integers(-1, 1)),
    ),
    max_size=40,
)


def metered(scaled: Exponential, durations: list[int]) -> list[int]:
    """What a meter with these bounds has counted."""
    counts = [0] * (len(scaled.bounds) + 1)
    for one in durations:
        counts[bisect_left(scaled.bounds, one)] += 1
    return counts


def within(value: int, unit: int, scale: int, index: int) -> bool:
    """Whether `base^index < value <= base^(index + 1)`, exactly: both sides to a power at which it is whole."""
    ratio = Fraction(value, unit)
    power = 2**scale if scale > 0 else 1
    step = 1 if scale > 0 else 2**-scale
    low, high = Fraction(2) ** (index * step), Fraction(2) ** ((index + 1) * step)
    return low < ratio**power <= high


@given(DURATIONS, st.sampled_from([MS, SECOND]), st.sampled_from([2, 5, 20, 160, 1000]))
def test_every_duration_is_in_its_bucket(durations: list[int], unit: int, size: int) -> None:
    """Guarantees: by the definition of OTLP, with no more buckets than asked for; very short ones are zero."""
    scaled = Exponential(unit, size, BUCKETS)
    scale, zeros, threshold, offset, counts = scaled.point(metered(scaled, durations))
    assert len(counts) <= size
    assert scale <= SCALE
    end = scaled.bounds[0]
    assert threshold == end / unit
    assert end <= SHORTEST
    assert zeros == sum(one <= end for one in durations)
    expected = Counter[int]()
    for one in (min(one, LONGEST) for one in durations if one > end):
        near = math.ceil(math.log2(one / unit) * 2.0**scale) - 1
        (index,) = [index for index in (near - 1, near, near + 1) if within(one, unit, scale, index)]
        expected[index] += 1
    found = Counter({offset + at: count for at, count in enumerate(counts) if count})
    top = (math.ceil(math.log2(LONGEST / unit) * 2**SCALE)) >> (SCALE - scale)
    assert {i: c for i, c in found.items() if i < top - 1} == {i: c for i, c in expected.items() if i < top - 1}
    assert sum(found.values()) == sum(expected.values())
    assert not counts or (counts[0] and counts[-1])


@given(DURATIONS)
def test_the_explicit_bounds_are_there_too(durations: list[int]) -> None:
    """Guarantees: what is scraped is what it would be without exponential histograms."""
    scaled = Exponential(MS, 160, BUCKETS)
    expected = [0] * (len(BUCKETS) + 1)
    for one in durations:
        expected[bisect_left(BUCKETS, one)] += 1
    assert scaled.explicit(metered(scaled, durations)) == expected
    assert all(scaled.bucket(at) == bisect_left(BUCKETS, bound) for at, bound in enumerate(scaled.bounds))


@pytest.mark.parametrize("unit", [MS, SECOND])
def test_bounds_can_stand_in_a_meter(unit: int) -> None:
    """Guarantees: ascending, no bound twice, so fine that a bucket is 4.5 % wide, and not too many."""
    bounds = Exponential(unit, 160, []).bounds
    assert bounds == sorted(set(bounds))
    assert len(bounds) < 700
    assert all(high / low < 1.046 for low, high in pairwise(bounds))
