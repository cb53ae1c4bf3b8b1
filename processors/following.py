"""Log records that follow the verdicts of a sampler: held with their trace, kept or dropped with it.

The sampler's table holds them, so that the byte budget counts them once, with their trace. They are held as the
pipeline's stages have left them; when the rules change, scrubbing that they have not been through is done when they
come back. Time is an argument in ns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ..config.model import FollowConfig
from ..kernel.contract import Kernel, Program, Records
from .base import FollowedSampler, Outcome
from .row import Passed
from .segments import Upgrade, upgrade_to
from .upgrade import Scrubbed


class Following:
    """What a pipeline of logs has, beside its row, when it follows a sampler."""

    def __init__(self, config: FollowConfig, scrubbed: list[Scrubbed]) -> None:
        """`scrubbed`: the scrubbing that records have been through when they come here."""
        self.config = config
        self._generation = 0
        self._history: dict[int, list[Scrubbed]] = {0: scrubbed}
        self._upgrades: dict[int, Upgrade] = {}
        self._sampler: FollowedSampler | None = None

    @property
    def sampler(self) -> FollowedSampler:
        """Whose verdicts are followed."""
        if self._sampler is None:
            raise RuntimeError(f"{self.config.sampler} is not there yet")
        return self._sampler

    @sampler.setter
    def sampler(self, sampler: FollowedSampler) -> None:
        self._sampler = sampler

    def offer(self, now: int, records: Records) -> Passed:
        """Hold log records; those of traces that were judged before follow at once, those without a trace pass."""
        outcome = self.sampler.follow(now, records, self._generation)
        passed = Passed(dropped=dict(outcome.dropped))
        if outcome.kept is not None:
            passed.records.append(outcome.kept)
        return passed

    def settled(self, outcome: Outcome) -> Passed:
        """Take back those whose traces have been judged."""
        passed = Passed(dropped=dict(outcome.logs_dropped))
        self._as_now(outcome.logs, passed)
        return passed

    def step(self, now: int, method: str) -> Passed:
        """Let go of those whose trace has not come in time; when memory is short, or at the end, of all of these."""
        found = self.sampler.unmatched(now, everything=method != "tick")
        count = sum(records.spans for records in found.values())
        passed = Passed(more=count > 0)
        if self.config.unmatched == "keep":
            self._as_now(found, passed)
        else:
            passed.drop("unmatched", count)
        return passed

    def next_deadline(self) -> int | None:
        """Return the `now` at which the trace of some has not come in time."""
        return self.sampler.next_unmatched()

    def held(self) -> tuple[int, int, int]:
        """Return traces of which nothing else came, log records held, and 0: their bytes are the sampler's."""
        traces, records = self.sampler.held_logs()
        return traces, records, 0

    def prepare(self, before: Following, kernel: Kernel) -> None:
        """Compile what records need that are held under the rules of `before`."""
        scrubbed = self._history.pop(0)
        last = before._generation
        held = before._history if before.held()[1] else {last: before._history[last]}
        made: dict[str, Upgrade] = {}
        for generation, old in held.items():
            upgrade = upgrade_to(kernel, old, scrubbed)
            if upgrade is not None:
                self._upgrades[generation] = made.setdefault(json.dumps(upgrade.stages, sort_keys=True), upgrade)
        self._generation = last + 1 if last in self._upgrades else last
        self._history = {**held, self._generation: scrubbed}

    def programs(self) -> Iterable[tuple[Program, list[tuple[str, str]]]]:
        """Return what scrubs records from earlier rules, with what its rules are counted as."""
        return [(one.program, one.counters) for one in {id(one): one for one in self._upgrades.values()}.values()]

    def _as_now(self, found: Mapping[int, Records], passed: Passed) -> None:
        """Pass on what comes back, taken through what it has not been through; what that drops is counted."""
        for generation, records in found.items():
            upgrade = self._upgrades.get(generation)
            if upgrade is None:
                passed.records.append(records)
                continue
            renewed = upgrade.program.refine(records)
            passed.drop(f"{upgrade.counters[0][0]}:reload", records.spans - renewed.spans)
            passed.records.append(renewed)
