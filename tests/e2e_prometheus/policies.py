"""Policies in Python that fail and that are slow."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tailgate.processors.tail_sampling.custom import Answer, Facts, Policy


class Raises(Policy):
    """Has no answer."""

    def decide(self, facts: Facts) -> Sequence[Answer]:
        raise RuntimeError("no answer")


class Slow(Policy):
    """Takes more than a second for its answers."""

    def decide(self, facts: Facts) -> Sequence[Answer]:
        time.sleep(1.3)
        return [1.0] * len(facts)
