"""Long values go another way through the accelerator's rules: what is scrubbed in them is what is in short ones.

Values are made of fragments by seed (`tests/scrub/long_values.py`). How many: `tests/support/effort.py`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import long_values
import pytest
from effort import examples_by_seed, seeds
from hypothesis import assume, given
from measure import NATIONAL, Scrubber
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate.kernel.contract import Kernel

FEW: Any = {"packs": ["credentials"], "default_keys": False}
FAR = '\n\\\\\\"\\""\'`)]}<> ' + "~ · " * 40
"""What closes whatever is open, no pattern takes in, and is longer than words that must be near are away."""


def spans(values: Sequence[str]) -> bytes:
    """Return a request with a span for each value, which stands in it as a string and as bytes, whole and cut."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for value in values:
        span = scope.spans.add(name=value[: long_values.LONG])
        span.attributes.add(key="note").value.string_value = value
        span.attributes.add(key="cut").value.bytes_value = value.encode()[7:-1]
        span.attributes.add(key="broken").value.bytes_value = value.encode() + b"\xff"
    return request.SerializeToString()


def logs(values: Sequence[str]) -> bytes:
    """Return a request with a log record for each value: its body, and within a map."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for value in values:
        record = scope.log_records.add()
        record.body.string_value = value
        record.attributes.add(key="deep").value.kvlist_value.values.add(key="note").value.string_value = value[1:]
    return request.SerializeToString()


@pytest.fixture(scope="module")
def scrubbers(reference: Kernel, rust: Kernel) -> dict[str, list[Scrubber]]:
    """Return scrubbers of both kernels, by what they are given."""
    signals = {"traces": (NATIONAL, "traces"), "logs": (NATIONAL, "logs"), "few": (FEW, "traces")}
    return {
        name: [Scrubber(kernel, config, signal) for kernel in (reference, rust)]
        for name, (config, signal) in signals.items()
    }


@examples_by_seed(60)
@given(seed=seeds)
def test_kernels_agree(scrubbers: dict[str, list[Scrubber]], seed: int) -> None:
    """Scenario: two long values, in spans and log records. Guarantees: the same bytes and counts in both kernels."""
    rng = random.Random(seed)
    values = [long_values.long_value(rng) for _ in range(2)]
    for name, make in (("traces", spans), ("logs", logs), ("few", spans)):
        reference, rust = (one.run(make(values)) for one in scrubbers[name])
        assert rust == reference, name


def scrubbed(scrubber: Scrubber, values: Sequence[str]) -> tuple[list[str], Counter[str]]:
    """Return what becomes of values, each in a span of its own, and what was found in them."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for value in values:
        scope.spans.add().attributes.add(key="note").value.string_value = value
    out, fired = scrubber.run(request.SerializeToString())
    spans = ExportTraceServiceRequest.FromString(out).resource_spans[0].scope_spans[0].spans
    return [span.attributes[0].value.string_value for span in spans], fired


@examples_by_seed(400)
@given(seed=seeds)
def test_long_values_are_scrubbed_as_short_ones(scrubbers: dict[str, list[Scrubber]], seed: int) -> None:
    """Scenario: fragments, each by itself, then all in one value, far from each other. Guarantees: the same is found.

    Fragments that take in what is far away (half a private key does) are left out.
    """
    rng, (_, rust) = random.Random(seed), scrubbers["traces"]
    pieces = [FAR + long_values.joined(rng, [long_values.fragment(rng) for _ in range(2)]) + FAR for _ in range(30)]
    pieces = [piece for piece in pieces if len(piece.encode()) < long_values.LONG]
    left, _ = scrubbed(rust, pieces)
    kept = [one for one, out in zip(pieces, left, strict=True) if out.startswith(FAR) and out.endswith(FAR)]
    left, alone = scrubbed(rust, kept)
    whole = FAR.join(one.removeprefix(FAR).removesuffix(FAR) for one in ("", *kept, ""))
    [out], together = scrubbed(rust, [whole])
    assume("unchecked" not in alone + together)
    assert len(whole.encode()) > long_values.LONG
    assert out == FAR.join(one.removeprefix(FAR).removesuffix(FAR) for one in ("", *left, ""))
    assert together == alone
