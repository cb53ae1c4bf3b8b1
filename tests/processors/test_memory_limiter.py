"""`memory_limiter`: its configuration, and the governor with readings that the tests make up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tailgate.processors.base import Limiting
from tailgate.processors.memory_limiter import (
    SPEC,
    MemoryGovernor,
    MemoryLimiterConfig,
    MemoryLimits,
    default_limits,
    limits,
    memory_in_use,
)
from tailgate.telemetry.memory import total_bytes

MIB = 1 << 20
SECOND = 1_000_000_000


def bounds(total: int = 1000 * MIB, **config: Any) -> MemoryLimits:
    return limits(MemoryLimiterConfig.model_validate(config), total)


@pytest.mark.parametrize(
    ("config", "hard", "soft", "budget"),
    [
        ({"limit_mib": 400}, 400, 320, 192),
        ({"limit_mib": 512, "spike_limit_mib": 128}, 512, 384, 230.4),
        ({"limit_percentage": 80, "spike_limit_percentage": 25}, 800, 550, 330),
        ({"limit_percentage": 50}, 500, 400, 240),
        ({"limit_mib": 100, "limit_percentage": 80, "spike_limit_percentage": 30}, 100, 80, 48),
        ({}, 800, 550, 330),
        ({"limit_mib": 400, "budget_mib": 64}, 400, 320, 64),
        ({"limit_mib": 400, "budget_percentage": 50}, 400, 320, 160),
    ],
)
def test_limits(config: dict[str, Any], hard: float, soft: float, budget: float) -> None:
    """Guarantees, on 1000 MiB: the collector's rules (MiB first, a spike is a fifth unless given), and our budget."""
    found = bounds(**config)
    assert found.hard_bytes == hard * MIB
    assert found.soft_bytes == pytest.approx(soft * MIB, abs=1)
    assert found.budget_bytes == pytest.approx(budget * MIB, abs=1)
    assert found.check_interval == 1.0


def test_group_counts_only_for_shares() -> None:
    """Guarantees: a limit in MiB is this process's; a share of a group's limit is held against the whole group."""
    assert limits(MemoryLimiterConfig(limit_mib=5), MIB, of_group=True).of_group is False
    assert limits(MemoryLimiterConfig(limit_percentage=5), MIB, of_group=True).of_group is True


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"check_interval": "0s"}, "check_interval must be greater than zero"),
        ({"limit_mib": 100, "spike_limit_mib": 100}, "spike_limit_mib must be smaller than limit_mib"),
        ({"limit_percentage": 50, "spike_limit_percentage": 60}, "must be smaller than limit_percentage"),
        ({"spike_limit_mib": 5}, "a spike limit needs limit_mib or limit_percentage"),
        ({"limit_percentage": 101}, "limit_percentage"),
        ({"budget_mib": 5, "budget_percentage": 5}, "one of budget_mib and budget_percentage"),
        ({"limit": 5}, "limit"),
        ({"check_interval": 1}, "has no unit"),
    ],
)
def test_errors(config: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        MemoryLimiterConfig.model_validate(config)


def test_spec_builds_on_this_machine() -> None:
    """Guarantees: an empty block is the default; its limits lie within the memory that there is."""
    part = SPEC.build(SPEC.config.model_validate({}), None)  # type: ignore[arg-type]
    assert part == default_limits()
    assert isinstance(part, Limiting)
    assert 0 < part.budget_bytes < part.soft_bytes < part.hard_bytes < total_bytes()
    assert memory_in_use(of_group=True)() > MIB


class No(Exception):
    """A refusal, with its reason and delay as arguments."""


class Bench:
    """A governor of 1000 (hard), 800 (soft) and a budget of 500 bytes, with made-up readings."""

    def __init__(self) -> None:
        self.used = self.held = self.collected = self.freed = 0
        part = MemoryLimits(800, 1000, 500, 2.0, soft_collect_interval=10 * SECOND, hard_collect_interval=SECOND)
        self.governor = MemoryGovernor(part, lambda: self.held, No, lambda: self.used, self.collect)

    def collect(self) -> None:
        self.collected += 1
        self.used -= self.freed

    def level(self, used: int, now: int = 0) -> str:
        self.used = used
        return self.governor.check(now)


def refusal(governor: MemoryGovernor, size: int = 0) -> tuple[Any, ...]:
    with pytest.raises(No) as caught:
        governor.admit(size)
    return caught.value.args


def test_levels_with_hysteresis() -> None:
    """Guarantees: a level begins past its limit, and ends only once 5 % of the soft limit below it."""
    bench = Bench()
    steps = [800, 801, 770, 760, 1000, 1001, 970, 960, 761, 760]
    assert [bench.level(used) for used in steps] == [
        "normal",
        "soft",
        "soft",
        "normal",
        "soft",
        "hard",
        "hard",
        "soft",
        "soft",
        "normal",
    ]


def test_hard_refuses_soft_does_not() -> None:
    bench = Bench()
    bench.level(900)
    bench.governor.admit(0)
    bench.level(1001)
    assert refusal(bench.governor) == ("memory_limit", 2.0)
    with pytest.raises(No):
        bench.governor.reserve(1)
    assert bench.governor.in_flight == 0
    bench.level(500)
    bench.governor.admit(0)


def test_budget_to_the_byte() -> None:
    """Guarantees: in flight and held together never exceed the budget; the last byte fits, one more does not."""
    bench = Bench()
    bench.held = 200
    bench.governor.reserve(299)
    bench.governor.admit(1)
    assert refusal(bench.governor, 2) == ("byte_budget", 1.0)
    bench.governor.reserve(1)
    assert refusal(bench.governor, 0) == ("byte_budget", 1.0), "with nothing left even an unknown size is refused"
    bench.governor.release(300)
    assert bench.governor.in_flight == 0
    bench.governor.admit(300)


def test_burst_between_checks() -> None:
    """Scenario: the last reading was low, then much comes in. Guarantees: what came in since counts as used."""
    bench = Bench()
    bench.level(900)
    bench.governor.reserve(60)
    bench.held = 30
    bench.governor.admit(10)
    assert refusal(bench.governor, 11)[0] == "memory_limit"
    bench.governor.release(60)
    bench.governor.admit(11)


def test_wanted() -> None:
    """Guarantees: early judging begins past 90 % of the budget or at the soft level, and is bounded by what is held."""
    bench = Bench()
    bench.held = 450
    assert bench.governor.wanted() == 0
    bench.held = 451
    assert bench.governor.wanted() == 51
    bench.held, bench.governor.in_flight = 10, 480
    assert bench.governor.wanted() == 10
    bench.held, bench.governor.in_flight = 300, 0
    bench.level(860)
    assert bench.governor.wanted() == 100
    bench.held = 20
    assert bench.governor.wanted() == 20
    bench.level(700)
    assert bench.governor.wanted() == 0


def test_collections_are_rate_limited() -> None:
    """Guarantees: none at the normal level, one in 10 s at the soft, one a second at the hard; then read anew."""
    bench = Bench()
    bench.level(100)
    assert bench.collected == 0
    for second in range(20):
        bench.level(900, second * SECOND)
    assert bench.collected == 2
    bench = Bench()
    for half in range(20):
        bench.level(1100, half * SECOND // 2)
    assert bench.collected == bench.governor.collections == 10
    bench = Bench()
    bench.freed = 600
    assert bench.level(1100) == "normal"


def test_plain_limiting_will_do() -> None:
    """Scenario: another part that limits. Guarantees: a governor of it works with this process's own readings."""
    governor = MemoryGovernor(Limiting(1, 2, 3, 0.1), lambda: 0, No)
    assert governor.check(0) == "hard"
    assert refusal(governor) == ("memory_limit", 1.0)


def test_samples() -> None:
    """Guarantees: limits, level and use are shown."""
    bench = Bench()
    bench.held = 7
    bench.governor.reserve(5)
    bench.level(900)
    found = {(s.name, *s.labels.values()): s.value for s in bench.governor.samples()}
    assert found[("tailgate_memory_limit_bytes", "hard")] == 1000
    assert found[("tailgate_memory_level", "soft")] == 1
    assert found[("tailgate_memory_level", "normal")] == 0
    assert found[("tailgate_memory_used_bytes",)] == 900
    assert found[("tailgate_memory_budget_bytes",)] == 500
    assert found[("tailgate_memory_budget_used_bytes", "in_flight")] == 5
    assert found[("tailgate_memory_budget_used_bytes", "held")] == 7
    assert found[("tailgate_memory_collections",)] == 1


@given(st.lists(st.tuples(st.sampled_from(["reserve", "release", "hold", "check"]), st.integers(0, 600)), max_size=60))
def test_any_history(steps: list[tuple[str, int]]) -> None:
    """Guarantees: whatever happens, nothing is reserved past budget or hard limit, and the accounts balance."""
    bench, reserved = Bench(), []
    for step, value in steps:
        if step == "reserve":
            try:
                bench.governor.reserve(value)
            except No:
                continue
            reserved.append(value)
            assert bench.governor.in_flight + bench.held <= 500
        elif step == "release" and reserved:
            bench.governor.release(reserved.pop(value % len(reserved)))
        elif step == "hold":
            bench.held = value
        elif step == "check":
            bench.level(2 * value)
        assert bench.governor.in_flight == sum(reserved)
        assert 0 <= bench.governor.wanted() <= bench.held
