"""Rules change under a service without sockets: what is kept, what is replaced, what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from reloading import GOLD, ROW, Run, Running, rules
from services import HEAD, SECOND, TABLES, balanced, names, pipelines
from tailgate.config.changes import NeedsRestart
from tailgate.config.loader import load
from tailgate.pipeline import MOST_LABELS


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return lambda text: Running(tmp_path, text)


def test_limits_keep_what_they_have_spent(run: Run) -> None:
    """Scenario: a bucket is empty, its policy the same; then it changes. Guarantees: it stays so; a new one is full."""
    limited = (
        "{name: l, when: exists(l), limit: {traces_per_second: 0.001, burst: %d}}, "
        "{name: k, when: exists(l), limit: {traces_per_second: 0.001, burst: 1, per: l}}"
    )
    running = run(rules(policies=limited % 1, default="drop") + ROW)

    def kept(number: int) -> int:
        before = len(names(running.service))
        running.take(*((number + n, "a", {"l": "x"}) for n in range(5)))
        running.judge()
        return len(names(running.service)) - before

    assert kept(10) == 2
    running.reload(rules(policies="{name: more, when: exists(m)}, " + limited % 1, default="drop") + ROW)
    assert kept(20) == 0
    running.reload(rules(policies=limited % 3, default="drop") + ROW)
    assert kept(30) == 3, "another limit is another bucket, the keyed one stayed as it was"


COLLECTOR = """
processors:
  tail_sampling:
    decision_wait: 1s
    policies:
      - {name: few, type: rate_limiting, rate_limiting: {spans_per_second: %d}}
      - {name: %s, type: string_attribute, string_attribute: {key: tier, values: [gold]}}
exporters: {memory: }
"""


def test_the_collectors_limiters_too(run: Run) -> None:
    """Guarantees: a rate_limiting policy that did not change goes on with what it has spent."""
    row = pipelines("tail_sampling")
    running = run(COLLECTOR % (2, "gold") + row)
    running.take(*((number, "a", {}) for number in range(1, 6)))
    running.clock.now += SECOND
    running.pipeline.judge(running.clock.now)
    assert names(running.service) == ["a"] * 4, "the burst"
    running.take(*((number, "b", {}) for number in range(11, 16)))
    for name in ("silver", "gold"):
        running.reload(COLLECTOR % (2, name) + row)
    running.pipeline.judge(running.clock.now, "drain")
    assert names(running.service) == ["a"] * 4


def test_counters_never_go_back(run: Run) -> None:
    """Scenario: policies come, go and come back. Guarantees: no counter of the page ever falls."""
    texts = [
        rules("packs: [pii]", policies=GOLD, default="drop") + ROW,
        rules("packs: []", policies=GOLD.replace("gold,", "other,"), default="drop", retention="new") + ROW,
        rules("packs: [pii]", policies=GOLD, default="keep") + pipelines("scrub, tail_sampling"),
    ]
    running = run(texts[0])
    before: dict[str, float] = {}
    for number in range(1, 13):
        running.take((number, f"bob{number}@example.com", {"tier": "gold"}), (100 + number, "b", {}))
        running.judge()
        running.take((number, "late", {}))
        for moment in (running.metrics(), running.reload(texts[number % 3]), running.metrics()):
            for name, value in before.items() if moment else ():
                assert moment.get(name, 0) >= value, name
            before = moment or before
    kept = 'otelcol_processor_tail_sampling_global_count_traces_sampled_total{decision="sampled"'
    assert sum(value for name, value in before.items() if name.startswith(kept)) == 12 + 4


def test_many_reloads_under_load(run: Run) -> None:
    """Scenario: 60 reloads, a third refused, traces held over several. Guarantees: none is lost or left unscrubbed."""
    good = [rules(f"packs: [{pack}]", policies=GOLD) + ROW for pack in ("pii", "", "pii, financial")]
    running = run(good[0])
    for number in range(60):
        trace = number + 1
        running.take((trace, f"bob{number}@example.com", {}), (max(1, trace - 3), "4111 1111 1111 1111", {}))
        running.clock.now += SECOND // 4
        running.pipeline.judge(running.clock.now)
        if number % 3:
            running.reload(good[number % 2 + 1 if number < 58 else 2])
        else:
            with pytest.raises(NeedsRestart):
                running.reload(good[0].replace("traces:", "traces/b:"))
        assert balanced(running.pipeline)
    running.reload(good[2])
    running.judge(5)
    assert len(names(running.service)) == 120
    assert running.pipeline.row.held() == (0, 0, 0)
    last = running.service.exporters["memory"].requests[-1]  # type: ignore[attr-defined]
    assert b"example.com" not in last
    assert b"4111" not in last


def test_a_processor_that_cannot_be_built_changes_nothing(run: Run, tmp_path: Path) -> None:
    """Scenario: an hmac key file that is gone. Guarantees: an error, the old rules and exporters, all that is held."""
    running = run(rules(policies=GOLD, default="drop") + ROW)
    running.take((1, "a", {"tier": "gold"}))
    before = running.service.exporters, running.pipeline.row, running.service.config
    bad = f"hmac: {{key_file: {tmp_path / 'none'}}}, keys: [{{pattern: k, action: hmac}}]"
    with pytest.raises(ValueError, match="key_file"):
        running.reload(rules(bad).replace("memory: ", "memory: {room: 5}") + ROW)
    assert before == (running.service.exporters, running.pipeline.row, running.service.config)
    running.judge()
    assert names(running.service) == ["a"]


def test_what_holds_traces_stays(run: Run) -> None:
    """Guarantees: the sampler cannot be taken out of a row by a reload; it can come into one."""
    running = run(rules() + pipelines("tail_sampling"))
    with pytest.raises(NeedsRestart, match=r"traces: tail_sampling: it holds traces and is no longer in traces"):
        running.reload(rules() + pipelines("scrub"))
    other = run(rules() + pipelines("scrub"))
    other.take((1, "a", {}))
    other.reload(rules() + pipelines("scrub, tail_sampling"))
    other.take((2, "b", {}))
    assert names(other.service) == ["a"]
    other.judge()
    assert names(other.service) == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace("127.0.0.1:0", "127.0.0.1:1"), "receivers.otlp changes"),
        (lambda text: text.replace("traces:", "traces/b:"), "removes 'traces'"),
        (lambda text: text + "  telemetry: {metrics: {address: ':1'}}\n", "service.telemetry.metrics changes"),
    ],
)
def test_what_needs_a_restart(run: Run, change: Callable[[str], str], reason: str) -> None:
    """Guarantees: what listens is what it was; the message names it."""
    row = "service:\n  pipelines: {traces: {receivers: [otlp], processors: [tail_sampling], exporters: [memory]}}\n"
    running = run(rules() + row)
    running.file.write_text(change(HEAD + rules() + row), encoding="utf-8")
    with pytest.raises(NeedsRestart, match=reason):
        asyncio.run(running.service.reload(load([running.file], TABLES, {})))


def test_labels_do_not_pile_up(run: Run) -> None:
    """Scenario: the same rules come and go. Guarantees: their labels are made once; a full book refuses a reload."""
    texts = [rules(policies=GOLD, default="drop", retention=name) + ROW for name in ("one", "two")]
    running = run(texts[0])
    counts = []
    for number in range(8):
        running.take((number + 1, "a", {"tier": "gold"}), (number + 100, "b", {}))
        running.judge()
        counts.append(len(running.pipeline.build.labels))
        running.reload(texts[1 - number % 2])
    assert len(set(counts[2:])) == 1
    book = running.pipeline.build.labels
    while len(book) <= MOST_LABELS:
        book.add({"keep": True, "span": [], "resource": [], "threshold": "leave"})
    with pytest.raises(NeedsRestart, match="labels are used up"):
        running.reload(texts[1])


def test_exporters_are_replaced_when_they_change(run: Run) -> None:
    """Guarantees: one that did not change is the same object; one that did goes on with the sums of the old one."""
    running = run(rules() + pipelines("scrub"))
    old = running.service.exporters["memory"]
    running.take((1, "a", {}))
    running.reload(rules(retention="other") + pipelines("scrub"))
    assert running.service.exporters["memory"] is old
    running.reload(
        rules().replace("{memory: }", "{memory: {room: 1000000}, memory/two: }")
        + pipelines("scrub", "memory, memory/two")
    )
    assert running.service.exporters["memory"] is not old
    running.take((2, "b", {}))
    assert names(running.service) == names(running.service, "memory/two") == ["b"]


def test_memory_bounds_change(run: Run) -> None:
    """Guarantees: the governor that receivers ask holds to the new bounds."""
    limiter = "\n  memory_limiter: {limit_mib: %d, check_interval: 1s}\nexporters:"
    row = pipelines("memory_limiter, tail_sampling")
    running = run(rules().replace("\nexporters:", limiter % 512) + row)
    running.reload(rules().replace("\nexporters:", limiter % 256) + row)
    assert running.intake.governor.bounds.hard_bytes == 256 << 20
