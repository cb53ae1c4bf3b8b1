"""What is sent, what must come out, and how what came out is judged."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.oracle import SHARE, check, expected, fnv1a, kept_by_hash, kept_by_randomness
from benchmarks.traffic import NEEDLES, SECRETS, Load, Shape, build_load

SHAPE = Shape(spans_per_request=64, error_share=0.2, slow_share=0.2, enterprise_share=0.2, secret_share=0.5)


@pytest.fixture(scope="module")
def load() -> Load:
    return build_load(20, SHAPE, seed=3)


def test_requests_are_otlp_and_as_planned(load: Load) -> None:
    """Scenario: requests stamped from templates. Guarantees: they parse, every label of the plan is in the spans."""
    found: dict[bytes, list] = {}
    for body in load.requests:
        for block in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in block.scope_spans:
                for span in scope.spans:
                    found.setdefault(span.trace_id, []).append(span)
    assert {trace: len(spans) for trace, spans in found.items()} == load.plan.spans
    assert load.plan.total == 20 * 64
    for trace, spans in found.items():
        tiers = {a.value.string_value for span in spans for a in span.attributes if a.key == "user.tier"}
        length = max(s.end_time_unix_nano for s in spans) - min(s.start_time_unix_nano for s in spans)
        roots = [span for span in spans if not span.parent_span_id]
        label = load.plan.labels[trace]
        assert len(roots) == 1
        assert any(span.status.code == 2 for span in spans) == (label == "error")
        assert (length > 2_000_000_000) == (label == "slow")
        assert (tiers == {"enterprise"}) == (label == "enterprise")
    assert len({span.span_id for spans in found.values() for span in spans}) == load.plan.total


def test_every_kind_of_label_and_secret_is_there(load: Load) -> None:
    assert set(load.plan.labels.values()) == {"", "error", "slow", "enterprise"}
    text = b"".join(load.requests)
    assert len(NEEDLES) == len(SECRETS)
    assert all(needle in text for needle in NEEDLES)


def test_the_same_seed_gives_the_same_requests(load: Load) -> None:
    assert build_load(20, SHAPE, seed=3).requests == load.requests
    assert build_load(20, SHAPE, seed=4).requests != load.requests


@pytest.mark.parametrize("size", [1, 8, 200])
def test_traces_go_on_in_the_next_request(size: int) -> None:
    plan = build_load(10, Shape(spans_per_request=100, spans_per_trace=size)).plan
    assert set(list(plan.spans.values())[:-1]) == {size}
    assert plan.total == 1000


def test_fnv1a_has_its_published_values() -> None:
    """Source: the test vectors of the FNV hash's authors."""
    assert fnv1a(b"") == 0xCBF29CE484222325
    assert fnv1a(b"a") == 0xAF63DC4C8601EC8C
    assert fnv1a(b"foobar") == 0x85944171F73967E8


@pytest.mark.parametrize("lucky", [kept_by_hash, kept_by_randomness])
def test_chance_keeps_its_share(lucky) -> None:
    plan = build_load(100, Shape(spans_per_request=200, spans_per_trace=1)).plan
    assert sum(map(lucky, plan.labels)) == pytest.approx(SHARE * 20_000, rel=0.25)


def test_randomness_is_the_last_56_bits() -> None:
    assert kept_by_randomness(bytes(9) + b"\xfc" + bytes(6))
    assert not kept_by_randomness(b"\xff" * 9 + b"\xfb" + b"\xff" * 6)


def kept_requests(load: Load, wanted: set[bytes]) -> list[bytes]:
    out = []
    for body in load.requests:
        request = ExportTraceServiceRequest.FromString(body)
        scope = request.resource_spans[0].scope_spans[0]
        kept = [span for span in scope.spans if span.trace_id in wanted]
        del scope.spans[:]
        scope.spans.extend(kept)
        out.append(request.SerializeToString())
    return out


@pytest.mark.parametrize("chance", ["hash", "randomness", "all", "none"])
def test_what_is_right_passes(load: Load, chance: str) -> None:
    wanted = expected(load.plan, chance)
    assert not check(load.plan, kept_requests(load, wanted), wanted, ())


def test_what_is_wrong_shows(load: Load) -> None:
    """Scenario: a request too few, twice, one trace too many, a secret. Guarantees: each is seen as what it is."""
    wanted = expected(load.plan, "hash")
    bodies = kept_requests(load, wanted)
    assert check(load.plan, bodies[1:], wanted, ()).missing > 0
    assert check(load.plan, [*bodies, bodies[0]], wanted, ()).surplus > 0
    fewer = wanted - {next(iter(wanted))}
    assert check(load.plan, bodies, fewer, ()).surplus == SHAPE.spans_per_trace
    assert check(load.plan, bodies, wanted).leaks > 0
