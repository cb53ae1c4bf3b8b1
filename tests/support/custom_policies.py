"""A policy that misbehaves, for processes that are told where to find it."""

from __future__ import annotations

from tailgate.processors.tail_sampling.custom import Answer, Facts, Policy


class Stuck(Policy):
    """Never answers."""

    def decide(self, facts: Facts) -> list[Answer]:
        while facts is not None:
            pass
        return []
