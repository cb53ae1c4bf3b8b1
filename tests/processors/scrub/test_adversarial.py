"""Values of 1 MiB that are made to tire the scrubber cost less than 50 ms of CPU each: time grows with bytes alone."""

from __future__ import annotations

import adversarial
import pytest
from adversarial_texts import SIZE, TEXTS, text_of
from measure import NATIONAL, Scrubber
from tailgate.kernel.contract import Kernel


@pytest.fixture(scope="module")
def scrubber(rust: Kernel) -> Scrubber:
    """Return all packs on the accelerator; the reference kernel promises no time."""
    return Scrubber(rust, NATIONAL)


@pytest.mark.parametrize("name", TEXTS)
def test_cost(name: str, scrubber: Scrubber) -> None:
    """Scenario: all packs, one value of 1 MiB. Guarantees: the best of some tries takes less than 50 ms of CPU.

    Slower machines get as much more as a fixed piece of work takes them (`adversarial.Cost.limit`).
    """
    for cost in adversarial.tries(name, scrubber):
        if cost.best < adversarial.LIMIT:
            return
    if cost.best >= cost.limit:
        pytest.fail(f"{1000 * cost.best:.1f} ms, of at most {1000 * cost.limit:.1f}")


@pytest.mark.parametrize("name", TEXTS)
def test_texts(name: str) -> None:
    """Guarantees: texts are of 1 MiB (what is larger is not looked at), but for part of a character, every time."""
    text = text_of(name)
    assert SIZE - 4 < len(text.encode()) <= SIZE
    assert text_of(name) == text
