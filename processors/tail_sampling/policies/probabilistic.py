"""`probabilistic`: a share of all traces.

Evaluated as the collector does it, the FNV-1a hash of salt and trace id decides, so that Tailgate and a collector
with the same salt keep the same traces; in ordered evaluation the trace's own randomness decides.
"""

from __future__ import annotations

from ....rules.facts import FactsBuilder
from ..votes import DEFAULT_SALT, Chance, Vote
from .base import Options, PolicyType


class Probabilistic(Options):
    """Percent, 0 to 100 (more is all, less is none); an empty salt is the collector's default salt."""

    sampling_percentage: float = 0.0
    hash_salt: str = ""


def _vote(options: Probabilistic, facts: FactsBuilder) -> Vote:
    return Chance(options.sampling_percentage, options.hash_salt or DEFAULT_SALT)


PROBABILISTIC = PolicyType("probabilistic", Probabilistic, _vote)
