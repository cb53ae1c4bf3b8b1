"""Unicode classes of the two kernels hold the same code points, all of them."""

from __future__ import annotations

import pytest
import re2
from kernel_helpers import first_span, redact, request, rule, run, scrub, span
from tailgate.kernel.contract import Kernel

EVERYTHING = "".join(chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000)


@pytest.mark.parametrize("pattern", [r"\pL", r"\pN", r"\p{Lu}", r"\PL+", r"\p{Han}"])
def test_every_code_point(rust: Kernel, pattern: str) -> None:
    """Scenario: one text of all code points. Guarantees: the Rust kernel finds exactly what RE2 finds."""
    data = request(span(name=EVERYTHING))
    found = first_span(run(rust, data, scrub(rule(pattern, redact("@"))))).name
    assert found == re2.sub(pattern, "@", EVERYTHING)
