"""What limits, rates and counters know, on its way into the rules that come after these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Stateful(Protocol):
    """Something that learns or counts while it runs."""

    def adopt(self, old: object) -> None:
        """Go on from the state of one with the same settings; anything else is passed over."""


State = Mapping[str, Stateful]
"""By what they belong to: the same key in old and new rules means the same policy, unchanged."""


def adopt(new: State, old: State) -> None:
    """Let each part go on from the one that stood in its place."""
    for key, part in new.items():
        if key in old:
            part.adopt(old[key])
