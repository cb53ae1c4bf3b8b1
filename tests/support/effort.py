"""How many random examples a test tries: `TAILGATE_TEST_EFFORT=10` makes it ten times as many, for a long search."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

seeds = st.integers(0, 1 << 60)
"""What an example is made of where it is too large to be drawn choice by choice."""


def examples(count: int) -> settings:
    """Return settings for so many examples, times `TAILGATE_TEST_EFFORT` (default 1)."""
    effort = float(os.environ.get("TAILGATE_TEST_EFFORT", "1"))
    too_slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=max(1, round(count * effort)), deadline=None, print_blob=True, suppress_health_check=too_slow
    )


def examples_by_seed(count: int) -> settings:
    """Return the same for examples that are made from `seeds`, which are neither made smaller nor explained.

    A smaller seed is no smaller example, and to explain one takes a trace of every line of the reference kernel.
    """
    return settings(examples(count), phases=[Phase.explicit, Phase.reuse, Phase.generate])
