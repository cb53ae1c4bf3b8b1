"""`memory_limiter`: requests are refused, before anything is decoded, when memory runs short.

Two things are watched. The memory of the process: above the *soft* limit the sampler is asked to judge early
(`wanted`), above the *hard* limit requests are refused. And the byte budget: what is in flight, held and queued; it is
counted byte by byte, and no request is taken that would exceed it. Keys and their meaning are the collector's
(`limit_mib` before `limit_percentage`, the soft limit is limit minus spike), the budget's are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..rules.durations import Duration
from ..telemetry.memory import limiting_group, release_memory, resident_bytes, total_bytes
from ..telemetry.samples import Sample
from .base import ALL_SIGNALS, BuildContext, Limiting, ProcessorSpec

MIB = 1 << 20
SECOND = 1_000_000_000
Mib = Annotated[int, Field(ge=0, le=1 << 24)]
Percentage = Annotated[int, Field(ge=0, le=100)]
Level = Literal["normal", "soft", "hard"]

_DEFAULT_LIMIT, _DEFAULT_SPIKE, _DEFAULT_BUDGET = 80, 25, 60
"""Percent: the first two of the memory there is, when neither limit is given; the budget's of the soft limit."""
_SPIKE_SHARE = 5
"""A spike that is not given is a fifth of the limit, as in the collector."""


class MemoryLimiterConfig(BaseModel):
    """Limits of the process (MiB, or percent of the control group's or the host's memory) and the byte budget."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check_interval: Duration = SECOND
    """How often memory is read; between two readings what comes in is added."""
    limit_mib: Mib = 0
    """The hard limit; MiB go before percent."""
    spike_limit_mib: Mib = 0
    """The soft limit is the hard one less this; 0: a fifth of it."""
    limit_percentage: Percentage = 0
    """The same in percent of the container's memory (or the host's)."""
    spike_limit_percentage: Percentage = 0
    """The same in percent."""
    budget_mib: Mib = 0
    """What may be in flight, held and queued."""
    budget_percentage: Percentage = 0
    """The same in percent of the soft limit."""
    min_gc_interval_when_soft_limited: Duration = 10 * SECOND
    """Least time between two collections of garbage."""
    min_gc_interval_when_hard_limited: Duration = SECOND
    max_gc_interval_when_soft_limited: Duration = 0
    """Accepted, without effect, as is the next one: intervals do not grow here."""
    max_gc_interval_when_hard_limited: Duration = 0

    @model_validator(mode="after")
    def _consistent(self) -> MemoryLimiterConfig:
        if self.check_interval <= 0:
            raise ValueError("check_interval must be greater than zero")
        if self.limit_mib and self.spike_limit_mib >= self.limit_mib:
            raise ValueError("spike_limit_mib must be smaller than limit_mib")
        if self.limit_percentage and self.spike_limit_percentage >= self.limit_percentage:
            raise ValueError("spike_limit_percentage must be smaller than limit_percentage")
        if (self.spike_limit_mib or self.spike_limit_percentage) and not (self.limit_mib or self.limit_percentage):
            raise ValueError("a spike limit needs limit_mib or limit_percentage")
        if self.budget_mib and self.budget_percentage:
            raise ValueError("give one of budget_mib and budget_percentage")
        return self


@dataclass
class MemoryLimits(Limiting):
    """`Limiting` with what only the governor below wants to know."""

    of_group: bool = False
    """The limit is a share of a control group's: its whole working set counts, not this process alone."""
    soft_collect_interval: int = 10 * SECOND
    """Least time between two collections of garbage at the soft level, ns."""
    hard_collect_interval: int = SECOND


def limits(config: MemoryLimiterConfig, total: int, of_group: bool = False) -> MemoryLimits:
    """Return the limits in bytes; `total` is the memory there is, `of_group` says that a control group bounds it."""
    hard, spike = _limit(config, total)
    soft = hard - (spike or hard // _SPIKE_SHARE)
    budget = config.budget_mib * MIB or soft * (config.budget_percentage or _DEFAULT_BUDGET) // 100
    return MemoryLimits(
        soft_bytes=soft,
        hard_bytes=hard,
        budget_bytes=budget,
        check_interval=config.check_interval / SECOND,
        of_group=of_group and not config.limit_mib,
        soft_collect_interval=config.min_gc_interval_when_soft_limited,
        hard_collect_interval=config.min_gc_interval_when_hard_limited,
    )


def _limit(config: MemoryLimiterConfig, total: int) -> tuple[int, int]:
    if config.limit_mib:
        return config.limit_mib * MIB, config.spike_limit_mib * MIB
    if config.limit_percentage:
        return total * config.limit_percentage // 100, total * config.spike_limit_percentage // 100
    return total * _DEFAULT_LIMIT // 100, total * _DEFAULT_SPIKE // 100


def default_limits() -> MemoryLimits:
    """Return what holds where no `memory_limiter` is configured: the same as for an empty one."""
    return _build(MemoryLimiterConfig())


def memory_in_use(of_group: bool) -> Callable[[], int]:
    """Return a reader of the bytes in use: this process, or (if that is more) its control group's working set."""
    group = limiting_group() if of_group else None
    if group is None:
        return resident_bytes
    return lambda: max(resident_bytes(), group.working_set())


class MemoryGovernor:
    """Says how short memory is and who may come in; its owner calls `check` every `check_interval`, time is given.

    Between two checks the memory in use is taken to be what it was plus the bytes counted in since, so a burst is
    stopped at the hard limit and not at the next check.
    """

    _BUDGET_HIGH, _BUDGET_LOW = 90, 80
    """Percent of the budget at which early judging begins, and down to which it goes on."""
    _MARGIN = 5
    """Percent of the soft limit: by so much memory has to be below a limit for its level to end (no flapping)."""

    def __init__(
        self,
        bounds: Limiting,
        held: Callable[[], int],
        refuse: Callable[[str, float], Exception],
        used: Callable[[], int] | None = None,
        collect: Callable[[], None] = release_memory,
    ) -> None:
        """`held` returns the bytes held and queued; `refuse` makes the exception of a reason and seconds to wait.

        `used` returns the bytes in use (by default as `memory_in_use` for these bounds), `collect` frees what is not.
        """
        self._given = used
        self.adopt(bounds)
        self.in_flight = 0
        self._held = held
        self._refuse = refuse
        self._collect = collect
        self._used = 0
        self._counted = 0
        self._level: Level = "normal"
        self._collected: int | None = None
        self.collections = 0

    def adopt(self, bounds: Limiting) -> None:
        """Hold to other bounds from now on; what is counted stays."""
        self.bounds = bounds if isinstance(bounds, MemoryLimits) else MemoryLimits(**vars(bounds))
        self._read = self._given or memory_in_use(self.bounds.of_group)

    def check(self, now: int) -> Level:
        """Read the memory in use, collect garbage when it is short, and return the level; `now` in ns."""
        self._read_now()
        if self._level != "normal" and self._may_collect(now):
            self._collected = now
            self.collections += 1
            self._collect()
            self._read_now()
        return self._level

    @property
    def interval(self) -> float:
        """Seconds between two checks."""
        return self.bounds.check_interval

    @property
    def level(self) -> Level:
        """Of the memory in use, as of the last check."""
        return self._level

    def admit(self, size: int) -> None:
        """Raise when a request of `size` bytes (0: not known) would not be taken now."""
        counted = self.in_flight + self._held()
        if self._level == "hard" or self._estimate(counted) + size > self.bounds.hard_bytes:
            raise self._refuse("memory_limit", max(1.0, self.bounds.check_interval))
        if counted + max(1, size) > self.bounds.budget_bytes:
            raise self._refuse("byte_budget", 1.0)

    def reserve(self, size: int) -> None:
        """Count `size` bytes as in flight, or raise as `admit` does."""
        self.admit(size)
        self.in_flight += size

    def release(self, size: int) -> None:
        """Give back what was reserved."""
        self.in_flight -= size

    def wanted(self) -> int:
        """Return how many of the bytes held should be let go of early; 0 when memory is not short."""
        held = self._held()
        counted = held + self.in_flight
        budget = self.bounds.budget_bytes
        over = counted - budget * self._BUDGET_LOW // 100 if counted * 100 > budget * self._BUDGET_HIGH else 0
        if self._level != "normal":
            over = max(over, self._used - self.bounds.soft_bytes * (100 - self._MARGIN) // 100)
        return max(0, min(over, held))

    def samples(self) -> Iterator[Sample]:
        """Yield limits and what is used of them."""
        levels = {"soft": self.bounds.soft_bytes, "hard": self.bounds.hard_bytes}
        for level, value in levels.items():
            yield _gauge("tailgate_memory_limit_bytes", "Limits of the memory in use.", value, {"level": level})
        for level in ("normal", "soft", "hard"):
            text = "1 for the level of memory that holds now."
            yield _gauge("tailgate_memory_level", text, int(level == self._level), {"level": level})
        yield _gauge("tailgate_memory_used_bytes", "Memory in use at the last check.", self._used, {})
        yield _gauge("tailgate_memory_budget_bytes", "The byte budget.", self.bounds.budget_bytes, {})
        used = {"in_flight": self.in_flight, "held": self._held()}
        for kind, value in used.items():
            yield _gauge("tailgate_memory_budget_used_bytes", "Bytes of the budget in use.", value, {"kind": kind})
        text = "Collections of garbage because memory was short."
        yield Sample("tailgate_memory_collections", "counter", text, self.collections)

    def _read_now(self) -> None:
        self._used = self._read()
        self._counted = self.in_flight + self._held()
        self._level = self._next_level()

    def _next_level(self) -> Level:
        """Levels rise at their limits; they fall a little below them."""
        soft, hard = self.bounds.soft_bytes, self.bounds.hard_bytes
        margin = soft * self._MARGIN // 100
        if self._used > hard - (margin if self._level == "hard" else 0):
            return "hard"
        return "soft" if self._used > soft - (margin if self._level != "normal" else 0) else "normal"

    def _estimate(self, counted: int) -> int:
        return self._used + max(0, counted - self._counted)

    def _may_collect(self, now: int) -> bool:
        hard = self._level == "hard"
        interval = self.bounds.hard_collect_interval if hard else self.bounds.soft_collect_interval
        return self._collected is None or now - self._collected >= interval


def _gauge(name: str, text: str, value: float, labels: dict[str, str]) -> Sample:
    return Sample(name, "gauge", text, value, labels)


def _build(config: MemoryLimiterConfig, _context: BuildContext | None = None) -> MemoryLimits:
    return limits(config, total_bytes(), limiting_group() is not None)


def plan(config: MemoryLimiterConfig) -> Iterator[str]:
    """Yield what it does in sentences."""
    yield "refuses requests, before they are decoded, when memory runs short"
    limit = f"{config.limit_mib:g} MiB" if config.limit_mib else f"{config.limit_percentage:g}% of the memory there is"
    if config.limit_mib or config.limit_percentage:
        yield f"the limit is {limit}; before it is reached, the heaviest and oldest traces are judged early"


SPEC = ProcessorSpec("memory_limiter", MemoryLimiterConfig, _build, plan=plan, signals=ALL_SIGNALS)
