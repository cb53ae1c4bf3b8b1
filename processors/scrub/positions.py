"""The string positions of each signal, as `docs/kernel.md` names them."""

from __future__ import annotations

from itertools import chain

from ...kernel.contract import Signal
from ...kernel.stages import POSITIONS as BY_SIGNAL

POSITIONS = tuple(dict.fromkeys(chain.from_iterable(BY_SIGNAL.values())))
"""Every string position of any signal, but for the keys of attributes."""
ATTRIBUTES = ("resource", "scope", "span", "event", "link", "log", "metric", "datapoint", "exemplar")
"""Those that are attributes."""
ATTRIBUTE_KEY = "attribute_key"


def positions_in(signal: Signal, wanted: tuple[str, ...] | list[str] = POSITIONS) -> list[str]:
    """Return those of some positions that a signal has; the keys of attributes only beside some attributes."""
    found = [position for position in wanted if position in BY_SIGNAL[signal]]
    keys = [ATTRIBUTE_KEY] if ATTRIBUTE_KEY in wanted and set(found) & set(ATTRIBUTES) else []
    return [*found, *keys]
