"""`probabilistic_sampler`: shares, consistency, what is written, priorities, failing closed and open."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from pydantic import ValidationError
from tailgate.processors.probabilistic_sampler import ProbabilisticSamplerConfig, lint

from .conftest import Walk, request

CHANCE = random.Random(7)
IDS = [CHANCE.randbytes(16) for _ in range(900)]
MODES = ["hash_seed", "proportional", "equalizing"]


def spans(ids: list[bytes], **fields: Any) -> bytes:
    return request(*({"trace_id": one, "name": one.hex(), **fields} for one in ids))


DATA = spans(IDS)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("percentage", [0, 1, 25, 50, 90, 100, 250])
def test_share(walk: Walk, mode: str, percentage: float) -> None:
    """Guarantees: about that share is kept (within 4 sigma), all at 100 and above, none at 0; the rest is counted."""
    walked = walk("probabilistic_sampler", {"mode": mode, "sampling_percentage": percentage}, DATA)
    share = min(1.0, percentage / 100)
    deviation = math.sqrt(len(IDS) * share * (1 - share))
    assert abs(len(walked.spans) - len(IDS) * share) <= 4 * deviation
    assert sum(walked.dropped.values()) == len(IDS) - len(walked.spans)


@pytest.mark.parametrize("mode", MODES)
def test_a_larger_share_has_all_of_a_smaller_one(walk: Walk, mode: str) -> None:
    """Guarantees: samplers of different shares decide consistently."""
    kept = [
        set(walk("probabilistic_sampler", {"mode": mode, "sampling_percentage": one}, DATA).names)
        for one in (5, 20, 60)
    ]
    assert kept[0] < kept[1] < kept[2]


def test_the_seed_changes_the_choice(walk: Walk) -> None:
    """Guarantees: another seed, another choice; the same seed, the same."""
    first, again, other = (
        walk("probabilistic_sampler", {"sampling_percentage": 30, "hash_seed": seed}, DATA).names for seed in (1, 1, 2)
    )
    assert first == again
    assert set(first) != set(other)


def fnv32(data: bytes) -> int:
    state = 0x811C9DC5
    for byte in data:
        state = (state ^ byte) * 0x01000193 % 2**32
    return state


def test_hash_seed_is_the_collectors_hash(walk: Walk) -> None:
    """Guarantees: FNV-1a 32 over the seed (little endian) and the trace id, 14 bits, against the scaled percentage."""
    walked = walk("probabilistic_sampler", {"sampling_percentage": 15, "hash_seed": 22}, DATA)
    limit = int(15 * 16384 / 100)
    seed = (22).to_bytes(4, "little")
    assert walked.names == [one.hex() for one in IDS if fnv32(seed + one) & 0x3FFF < limit]


STATES: list[tuple[Any, str, int, str | None]] = [
    # configuration, incoming trace state, the last 7 bytes of the trace id, outgoing trace state (None: dropped)
    ({"mode": "equalizing", "sampling_percentage": 50}, "", 0x80 << 48, "ot=th:8"),
    ({"mode": "equalizing", "sampling_percentage": 50}, "", (0x80 << 48) - 1, None),
    ({"mode": "equalizing", "sampling_percentage": 50}, "x=y", 0xFF << 48, "ot=th:8,x=y"),
    ({"mode": "equalizing", "sampling_percentage": 50}, "ot=th:c", 0xFF << 48, "ot=th:c"),
    ({"mode": "equalizing", "sampling_percentage": 50}, "ot=th:4", 0xFF << 48, "ot=th:8"),
    ({"mode": "equalizing", "sampling_percentage": 50}, "ot=th:4", 0x50 << 48, None),
    ({"mode": "equalizing", "sampling_percentage": 50}, "ot=rv:ffffffffffffff", 1, "ot=rv:ffffffffffffff;th:8"),
    ({"mode": "equalizing", "sampling_percentage": 50}, "ot=rv:00000000000000", 0xFF << 48, None),
    ({"mode": "equalizing", "sampling_percentage": 100}, "", 1, "ot=th:0"),
    ({"mode": "proportional", "sampling_percentage": 50}, "", 0x80 << 48, "ot=th:8"),
    ({"mode": "proportional", "sampling_percentage": 50}, "ot=th:8", 0xC0 << 48, "ot=th:c"),
    ({"mode": "proportional", "sampling_percentage": 50}, "ot=th:8", 0xBF << 48, None),
    ({"mode": "proportional", "sampling_percentage": 1}, "", 0xFFFFFFFFFFFFFF, "ot=th:fd70a"),
    ({"mode": "proportional", "sampling_percentage": 1, "sampling_precision": 2}, "", 0xFFFFFFFFFFFFFF, "ot=th:fd7"),
    # what contradicts itself
    ({"mode": "equalizing", "sampling_percentage": 50}, "ot=th:c", 0x80 << 48, None),
    ({"mode": "equalizing", "sampling_percentage": 50, "fail_closed": False}, "ot=th:c;k:v", 0x80 << 48, "ot=k:v"),
    ({"mode": "equalizing", "sampling_percentage": 50}, "ot=nonsense", 0xFF << 48, None),
    ({"mode": "equalizing", "sampling_percentage": 50, "fail_closed": False}, "ot=nonsense", 1, "ot=nonsense"),
    ({"mode": "equalizing", "sampling_percentage": 50}, "ot=th:xyz", 0xFF << 48, None),
    ({"mode": "hash_seed", "sampling_percentage": 100}, "ot=th:8", 0xFF << 48, None),
    ({"mode": "hash_seed", "sampling_percentage": 100, "fail_closed": False}, "ot=th:8", 0xFF << 48, "ot=th:8"),
    ({"mode": "hash_seed", "sampling_percentage": 100}, "ot=rv:ffffffffffffff", 1, None),
]


@pytest.mark.parametrize(("config", "before", "random_part", "after"), STATES)
def test_trace_state(walk: Walk, config: Any, before: str, random_part: int, after: str | None) -> None:
    """Guarantees: the threshold is written and never lowered; what cannot be trusted fails closed, or open."""
    trace_id = b"\x01" * 9 + random_part.to_bytes(7, "big")
    walked = walk("probabilistic_sampler", config, spans([trace_id], trace_state=before))
    assert [span.trace_state for span in walked.spans] == ([] if after is None else [after])


def test_hash_seed_writes_randomness(walk: Walk) -> None:
    """Guarantees: what is kept says with which randomness, and any later sampler that trusts it agrees."""
    walked = walk("probabilistic_sampler", {"sampling_percentage": 25}, DATA)
    for span in walked.spans:
        fields = dict(part.split(":") for part in span.trace_state.removeprefix("ot=").split(";"))
        assert fields.keys() == {"rv", "th"}
        assert fields["th"] == "c"
        assert int(fields["rv"], 16) >= 0xC << 52


def test_without_a_trace_id(walk: Walk) -> None:
    """Guarantees: an empty trace id has no randomness, except for the hash."""
    empty = spans([b"\0" * 16])
    for mode in ("proportional", "equalizing"):
        config = {"mode": mode, "sampling_percentage": 99}
        assert walk("probabilistic_sampler", config, empty).names == []
        assert len(walk("probabilistic_sampler", {**config, "fail_closed": False}, empty).spans) == 1
    assert len(walk("probabilistic_sampler", {"sampling_percentage": 100}, empty).spans) == 1


@pytest.mark.parametrize(
    ("value", "at_zero", "at_hundred"),
    [
        (0, 0, 0),
        (1, 1, 1),
        (-1, 0, 1),
        (0.0, 0, 0),
        (0.5, 1, 1),
        ("0", 0, 0),
        ("1.5", 1, 1),
        ("high", 0, 1),
        (True, 0, 1),
        (False, 0, 1),
    ],
)
def test_priority(walk: Walk, value: Any, at_zero: int, at_hundred: int) -> None:
    """Guarantees: sampling.priority 0 drops and more keeps, as a number or as text; anything else says nothing."""
    data = request({"name": "a", "sampling.priority": value})
    for percentage, expected in ((0, at_zero), (100, at_hundred)):
        for mode in MODES:
            walked = walk("probabilistic_sampler", {"mode": mode, "sampling_percentage": percentage}, data)
            assert len(walked.spans) == expected


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"sampling_percentage": -1}, "greater than or equal to 0"),
        ({"sampling_percentage": math.nan}, "greater than or equal to 0|finite"),
        ({"mode": "random"}, "hash_seed"),
        ({"sampling_precision": 15}, "less than or equal to 14"),
        ({"hash_seed": 1 << 32}, "less than"),
        ({"attribute_source": "span"}, "traceID"),
    ],
)
def test_mistakes(config: Any, message: str) -> None:
    """Guarantees: what the collector refuses is refused."""
    with pytest.raises(ValidationError, match=message):
        ProbabilisticSamplerConfig.model_validate(config)


def test_options_for_logs_are_warned_of() -> None:
    """Guarantees: they are accepted, and said to be without effect."""
    config = ProbabilisticSamplerConfig(attribute_source="record", from_attribute="a", sampling_priority="b")
    assert [place for place, _ in lint(config)] == [("from_attribute",), ("sampling_priority",), ("attribute_source",)]
