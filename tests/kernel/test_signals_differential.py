"""Both kernels agree on requests of logs and metrics: whatever the program, well formed or damaged.

As `test_differential.py`, which does the same for traces, and what tables do with them.
"""

from __future__ import annotations

from typing import Any

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st
from program_strategies import programs
from table_strategies import tables
from tailgate.kernel import BadProgram, Malformed, OverLimit
from wire_strategies import mutated, requests_on_the_wire


@pytest.fixture(scope="module")
def kernels(reference, rust):
    return reference, rust


signals = st.sampled_from(["logs", "metrics"])
cases = signals.flatmap(
    lambda signal: st.tuples(
        programs(signal=signal),
        programs(stages=2, valid=True, signal=signal),
        st.one_of(requests_on_the_wire(signal), requests_on_the_wire(signal), mutated(signal)),
    )
)
bounds = st.tuples(st.sampled_from([0, 1, 2, 3, 100]), st.sampled_from([0, 1, 50, 120, 1000]))


def seen_of(records, bound) -> Any:
    """Return everything that records say, sent within these bounds."""
    with pytest.raises(ValueError, match="facts"):
        records.columns()
    counts = records.traces, records.spans, records.bytes, records.dropped, list(records.labels(0))
    return counts, records.requests(*bound)


def outcome(kernel, case, bound, rows) -> Any:
    """Return everything that can be seen of a request, or why it was refused."""
    spec, later, data = case
    lookups = [kernel.lookup(), kernel.lookup()]
    for lookup, (exact, prefixes) in zip(lookups, rows, strict=False):
        lookup.fill(exact, prefixes)
    try:
        program = kernel.compile(spec, lookups)
    except BadProgram:
        return "BadProgram"
    try:
        records = program.digest(data, ["one", None, "drei"])
    except OverLimit:
        return "OverLimit", program.counters()
    except Malformed:
        return "Malformed", program.counters()
    assert (records.request() == data) is (records.request() is data)
    second = kernel.compile(later, lookups)
    refined = second.refine(records)
    counters = program.counters(), program.places(), program.lookups(), second.counters(), second.places()
    return records.request(), seen_of(records, bound), seen_of(refined, bound), counters


@examples(400)
@given(case=cases, bound=bounds, rows=tables())
def test_digest(kernels, case, bound, rows):
    """Same accept or reject, same request, same counts and counters, same requests on the way out, refined too."""
    ours, theirs = (outcome(kernel, case, bound, rows) for kernel in kernels)
    assert ours == theirs
