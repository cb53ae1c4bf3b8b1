"""The exporters of a service: which are replaced, what becomes of what the old ones hold, and the sums over both."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from tailgate.exporters.base import ExportContext, ExporterSpec, Ledger
from tailgate.exporters.fleet import Fleet, Wanted
from tailgate.exporters.samples import ledger_samples
from tailgate.telemetry.samples import Sample


class Config(BaseModel):
    endpoint: str = "a"
    ca_file: str | None = None
    fails: bool = False


class Queue:
    """Holds what it is given until it is told to send; ends when it has sent, or at its deadline."""

    def __init__(self, config: Config, context: ExportContext) -> None:
        self.id, self.config, self.ledger = context.id, config, Ledger()
        self.state, self.free = "built", asyncio.Event()

    async def start(self) -> None:
        if self.config.fails:
            raise OSError("no certificate")
        self.state = "started"

    def offer(self, requests: Sequence[tuple[bytes, int]]) -> None:
        spans = sum(count for _, count in requests)
        self.ledger.out += spans
        self.ledger.queued += spans

    def held_bytes(self) -> int:
        return self.ledger.queued

    async def stop(self, deadline: float) -> None:
        self.state = "stopping"
        try:
            async with asyncio.timeout_at(deadline):
                await self.free.wait()
            self.ledger.sent += self.ledger.queued
        except TimeoutError:
            self.ledger.failed["shutdown"] += self.ledger.queued
        self.ledger.queued = 0
        self.free.set()
        self.state = "stopped"

    def samples(self) -> Iterable[Sample]:
        return ledger_samples(self.id, self.ledger)


SPEC = ExporterSpec("queue", Config, Queue)  # type: ignore[arg-type]


def wanted(batch: Any = None, **ids: Config) -> dict[str, Wanted]:
    return {id_: Wanted.of(id_, SPEC, config, batch) for id_, config in ids.items()}


def values(fleet: Fleet) -> dict[str, float]:
    """Every series of exporter `a` as the page has it: counters add up, the last gauge holds."""
    out: dict[str, float] = {}
    for one in fleet.samples():
        if one.labels["exporter"] == "a":
            name = one.name + one.labels.get("reason", "")
            out[name] = one.value + (out.get(name, 0) if one.kind == "counter" else 0)
    return out


def ledger(fleet: Fleet) -> tuple[float, float, float]:
    """Out, sent and queued of exporter `a`; what else there is must be 0."""
    seen = values(fleet)
    out, sent, queued = (
        seen.get(name, 0)
        for name in ("tailgate_exporter_out_spans", "otelcol_exporter_sent_spans", "tailgate_exporter_queued_spans")
    )
    lost = sum(value for name, value in seen.items() if name.startswith("tailgate_exporter_failed_spans"))
    assert out == sent + queued + lost + seen.get("tailgate_exporter_in_flight_spans", 0)
    return out, sent, queued


def test_a_replaced_exporter_sends_what_it_holds() -> None:
    """Guarantees: the ledger of the two together is true at every moment; sums never fall; bytes stay counted."""

    async def play() -> None:
        fleet = Fleet(wanted(a=Config()), lambda: None)
        await fleet.start()
        old: Any = fleet.running["a"]
        old.offer([(b"", 5)])
        change = await fleet.prepare(wanted(a=Config(endpoint="b")))
        assert fleet.running["a"] is old, "nothing is in use before the commit"
        fleet.commit(change)
        new: Any = fleet.running["a"]
        new.offer([(b"", 2)])
        await asyncio.sleep(0)
        assert (old.state, new.state) == ("stopping", "started")
        assert ledger(fleet) == (7, 0, 7)
        assert fleet.held_bytes() == 7
        old.free.set()
        await asyncio.sleep(0.01)
        assert old.state == "stopped"
        assert ledger(fleet) == (7, 5, 2)
        assert fleet.held_bytes() == 2

    asyncio.run(play())


def test_only_what_differs_is_replaced(tmp_path: Path) -> None:
    """Guarantees: the same settings, batch sizes and certificates are the same exporter."""
    authority = tmp_path / "ca.pem"
    authority.write_text("one")

    async def replaced(before: dict[str, Wanted], after: dict[str, Wanted]) -> list[str]:
        return list((await Fleet(before, lambda: None).prepare(after)).fresh)

    plain, named = Config(), Config(ca_file=str(authority))
    assert asyncio.run(replaced(wanted(a=plain), wanted(a=Config(), b=plain))) == ["b"]
    assert asyncio.run(replaced(wanted(a=plain), wanted((1, 2, 3.0), a=plain))) == ["a"]
    before = wanted(a=named)
    assert asyncio.run(replaced(before, wanted(a=named))) == []
    authority.write_text("two")
    assert asyncio.run(replaced(before, wanted(a=named))) == ["a"]


def test_a_change_that_fails_leaves_nothing_behind() -> None:
    """Scenario: the second of two new exporters cannot start. Guarantees: the first is stopped, the old ones go on."""

    async def play() -> None:
        fleet = Fleet(wanted(a=Config()), lambda: None)
        await fleet.start()
        old = fleet.running
        built: list[Any] = []
        spec = ExporterSpec("queue", Config, lambda *made: built.append(Queue(*made)) or built[-1])
        new = [Wanted.of("a", spec, Config(endpoint="b"), None), Wanted.of("b", spec, Config(fails=True), None)]
        with pytest.raises(OSError, match="certificate"):
            await fleet.prepare({one.id: one for one in new})
        assert fleet.running is old
        assert [one.state for one in built] == ["stopped", "built"]

    asyncio.run(play())


def test_one_that_is_gone_keeps_its_sums() -> None:
    """Scenario: an exporter goes while it holds spans, then Tailgate stops. Guarantees: both ends are counted."""

    async def play() -> None:
        fleet = Fleet(wanted(a=Config(), b=Config()), lambda: None)
        await fleet.start()
        old: Any = fleet.running["a"]
        old.offer([(b"", 5)])
        fleet.commit(await fleet.prepare(wanted(b=Config())))
        assert list(fleet.running) == ["b"]
        assert ledger(fleet) == (5, 0, 5)
        await asyncio.sleep(0)
        await fleet.stop(asyncio.get_running_loop().time() + 0.01)
        assert old.state == "stopped"
        assert values(fleet)["tailgate_exporter_failed_spansshutdown"] == 5
        assert ledger(fleet) == (5, 0, 0)

    asyncio.run(play())
