"""Rates become thresholds exactly, and the collector's percentages become its hash bounds."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from tailgate.processors.tail_sampling.thresholds import (
    ALWAYS,
    FULL,
    NEVER,
    Rate,
    fnv_threshold,
    parse_rate,
    probability,
    threshold,
)

RATES = [
    # written, share
    ("50%", Fraction(1, 2)),
    ("12.5 %", Fraction(1, 8)),
    (0.1, Fraction(1, 10)),
    ("0.25", Fraction(1, 4)),
    (1, Fraction(1)),
    (0, Fraction(0)),
    ("100%", Fraction(1)),
    ("0%", Fraction(0)),
    ("keep", Fraction(1)),
    ("drop", Fraction(0)),
]


@pytest.mark.parametrize(("written", "share"), RATES)
def test_rates_are_read_exactly(written, share):
    """Every spelling of a rate gives the share that it says, without a rounding of binary fractions."""
    assert parse_rate(written) == share


@pytest.mark.parametrize("written", ["", "%", "10", 1.5, -0.1, "-1%", "101%", "half", True, None, [1], "nan", "1/0"])
def test_what_is_no_rate_is_refused(written):
    """A rate that is not between 0 and 1, or no number, is an error that says what is expected."""
    with pytest.raises(ValueError, match="expected a rate such as 50%"):
        parse_rate(written)


def test_known_thresholds():
    """The table of OpenTelemetry's specification: 1 in 2, 1 in 4, 1 %, all, none."""
    assert threshold(Fraction(1)) == ALWAYS == 0
    assert threshold(Fraction(1, 2)) == 0x80000000000000
    assert threshold(Fraction(1, 4)) == 0xC0000000000000
    assert threshold(Fraction(1, 100)) == 0xFD70A3D70A3D71
    assert threshold(Fraction(0)) == NEVER == FULL


@given(st.fractions(0, 1), st.fractions(0, 1))
def test_thresholds_are_the_nearest_and_ordered(one, other):
    """A threshold keeps within half a step of its share, a larger share never has a higher one, no share is lost."""
    assert abs((FULL - threshold(one)) - one * FULL) <= Fraction(1, 2) or 0 < one < Fraction(1, FULL)
    assert (one <= other) <= (threshold(one) >= threshold(other))
    assert (threshold(one) == NEVER) == (one == 0)
    assert math.isclose(probability(threshold(one)), one, abs_tol=2**-55)


def test_a_rate_field_reports_where_it_stands():
    """In a model the rate becomes its threshold, and an error stands at the field."""

    class Model(BaseModel):
        rate: Rate

    assert Model(rate="50%").rate == FULL // 2
    with pytest.raises(ValidationError) as caught:
        Model(rate="500%")
    assert caught.value.errors()[0]["loc"] == ("rate",)


@pytest.mark.parametrize(
    ("percentage", "bound"),
    [(0, 0), (-3, 0), (100, 2**64 - 1), (250, 2**64 - 1), (50, 2**63 - 1), (25, 2**62 - 1), (0.0000001, 18446744073)],
)
def test_hash_bounds(percentage, bound):
    """The bound is floor((2^64 - 1) x percentage / 100), cut to what a hash can be."""
    assert fnv_threshold(percentage) == bound
