"""Rules change while traces are held, without sockets: what goes on, what is new, what is refused."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from pathlib import Path

import pytest
from services import HEAD, SECOND, TABLES, Clock, arrived, balanced, names, nothing, pipelines, request
from tailgate.config.changes import NeedsRestart
from tailgate.config.loader import load
from tailgate.kernel import load as load_kernel
from tailgate.pipeline import MOST_LABELS, Intake, Pipeline, Service
from tailgate.processors.tail_sampling.sampler import SLOW_SLICE
from tailgate.telemetry.metrics import MetricsPage

WAIT = "evaluation: ordered, decision_wait: 1s"
GOLD = '{name: gold, when: tier == "gold"}'
ROW = pipelines("scrub, tail_sampling, retention")


def rules(scrub: str = "packs: []", policies: str = "", default: str = "keep", retention: str = "short") -> str:
    return f"""
processors:
  scrub: {{{scrub}}}
  tail_sampling: {{{WAIT}, policies: [{policies}], default: {default}}}
  retention: {{default: {{name: {retention}, ttl: 1d}}}}
exporters: {{memory: }}
"""


class Running:
    """A service and its configuration file."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file = folder / "tailgate.yaml"
        self.service = Service(self.read(text), load_kernel())
        self.clock = Clock()
        self.service.clock = self.clock  # type: ignore[assignment]
        self.intake = Intake(list(self.service.pipelines.values()), self.service.governor, self.clock)
        self.pipeline: Pipeline = self.service.pipelines["traces"]

    def read(self, text: str):
        self.file.write_text(HEAD + text, encoding="utf-8")
        return load([self.file], TABLES, {})

    def take(self, *spans: tuple[int, str, dict[str, str]]) -> None:
        self.intake.consume(request(*spans), nothing)

    def reload(self, text: str) -> None:
        async def once() -> None:
            await self.service.reload(self.read(text))
            await asyncio.sleep(0)  # exporters that were replaced end

        asyncio.run(once())

    def judge(self, seconds: int = 2) -> None:
        self.clock.now += seconds * SECOND
        self.pipeline.judge(self.clock.now)
        assert balanced(self.pipeline)

    def metrics(self) -> dict[str, float]:
        """Every counter of the page, by its line without the value."""
        page = MetricsPage(self.service.samples, self.service.config, "any", process=False).render()[0].decode()
        lines = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
        counts = ("_total", "_bucket", "_count", "_sum")
        return {name: float(value) for name, _, value in lines if name.partition("{")[0].endswith(counts)}


Run = Callable[[str], Running]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return lambda text: Running(tmp_path, text)


def test_held_traces_are_judged_by_the_new_rules(run: Run) -> None:
    """Scenario: the policy changes while traces are held. Guarantees: they stay, wait no longer, it decides."""
    running = run(rules(policies=GOLD, default="drop") + ROW)
    running.take((1, "a", {"tier": "gold"}), (2, "b", {"tier": "blue"}))
    running.clock.now += SECOND // 2
    running.reload(rules(policies='{name: blue, when: tier == "blue"}', default="drop") + ROW)
    assert running.pipeline.row.held()[:2] == (2, 2)
    running.clock.now += SECOND // 2
    running.pipeline.judge(running.clock.now)
    assert names(running.service) == ["b"]
    assert balanced(running.pipeline)


def test_spans_that_come_later_join_what_is_held(run: Run) -> None:
    """Guarantees: one trace, whole, one verdict, over a reload."""
    running = run(rules(policies=GOLD, default="drop") + ROW)
    running.take((1, "a", {}))
    running.reload(rules(policies=GOLD, default="1%") + ROW)
    running.take((1, "b", {"tier": "gold"}))
    running.judge()
    assert names(running.service) == ["a", "b"]


def test_no_verdict_changes_for_a_decided_trace(run: Run) -> None:
    """Scenario: rules turn around. Guarantees: late spans follow what was decided, with the labels of then."""
    running = run(rules(policies=GOLD, default="drop", retention="old") + ROW)
    running.take((1, "kept", {"tier": "gold"}), (2, "dropped", {}))
    running.judge()
    for retention in ("new", "newer"):
        running.reload(rules(policies="{name: other, when: exists(x)}", default="keep", retention=retention) + ROW)
    running.take((1, "late", {}), (2, "late too", {}), (3, "another", {}))
    running.judge()
    assert sorted(names(running.service)) == ["another", "kept", "late"]
    said = {}
    for sent in arrived(running.service):
        for block in sent.resource_spans:
            for span in (span for scope in block.scope_spans for span in scope.spans):
                attributes = {a.key: a.value.string_value for a in (*block.resource.attributes, *span.attributes)}
                said[span.name] = attributes["retention.policy"], attributes["tailgate.policy"]
    assert said == {"kept": ("old", "gold"), "late": ("old", "gold"), "another": ("newer", "default")}
    assert running.pipeline.dropped == {"not_sampled": 1, "late_not_sampled": 1}


@pytest.mark.parametrize("come_later", [False, True])
def test_new_scrubbing_reaches_what_is_held(run: Run, come_later: bool) -> None:
    """Law 4: a span that was held under rules without a scrubber never leaves with what the new ones take out."""
    running = run(rules() + ROW)
    running.take((1, "bob@example.com", {"card": "4111 1111 1111 1111", "password": "s3cr3t-passw0rd"}))
    running.reload(rules("packs: [pii, financial]") + ROW)
    if come_later:
        running.take((1, "eve@example.com", {}))
    running.judge()
    [sent] = running.service.exporters["memory"].requests  # type: ignore[attr-defined]
    for secret in (b"example.com", b"4111", b"s3cr3t"):
        assert secret not in sent
    assert len(names(running.service)) == 1 + come_later
    assert sum(v for k, v in running.metrics().items() if k.startswith("tailgate_scrubbed_total")) >= 3


def test_what_we_wrote_is_not_scrubbed_again(run: Run) -> None:
    """Scenario: a key rule with hmac is there before and after, another key and an unrelated rule come.

    Guarantees: the hash of a held value is that of the value, not of a hash.
    """
    key = "hmac: {key: '%s'}, keys: [{name: user, pattern: ^user$, action: hmac}], packs: [%s]"
    running = run(rules(key % ("a" * 32, "")) + ROW)
    running.take((1, "a", {"user": "bob", "mail": "bob@example.com"}))
    running.reload(rules(key % ("a" * 32, "pii")) + ROW)
    running.reload(rules(key % ("b" * 32, "pii")) + ROW)
    running.take((2, "b", {"user": "bob"}))
    running.judge()
    running.take((3, "c", {"user": "bob"}))
    fresh = run(rules(key % ("a" * 32, "")) + ROW)
    fresh.take((1, "a", {"user": "bob"}))
    fresh.judge()
    running.judge()
    users = {span.name: span.attributes[0].value.string_value for span in spans(running.service)}
    assert users["a"] == spans(fresh.service)[0].attributes[0].value.string_value
    assert users["b"] == users["c"] != users["a"]
    assert b"example.com" not in b"".join(running.service.exporters["memory"].requests)  # type: ignore[attr-defined]


def test_a_key_is_rotated(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Scenario: a key; then a new one beside it; then the new one alone; then its file holds another one.

    Guarantees: digests are those of the keys in effect, those of the old key the same as before; nobody sees a key.
    """
    old, new, newest = "o" * 32, "n" * 40, "z" * 33
    for name, key in (("old", old), ("new", new)):
        (tmp_path / name).write_text(f"{key}\n")
    head = "packs: [], default_keys: false, keys: [{name: user, pattern: ^user$, action: hmac}], hmac: {length: 64, "
    both = f"key_file: {tmp_path / 'new'}, id: k2, previous: {{key_file: {tmp_path / 'old'}, id: k1}}}}"
    alone = f"key_file: {tmp_path / 'new'}, id: k2}}"
    seen = []
    running = run(rules(f"{head}key_file: {tmp_path / 'old'}, id: k1}}") + ROW)
    for number, text in enumerate((None, both, alone, alone), 1):
        if number == 4:
            (tmp_path / "new").write_text(newest)
        if text is not None:
            running.reload(rules(head + text) + ROW)
        running.take((number, f"span {number}", {"user": "bob"}))
        running.judge()
        span = next(one for one in spans(running.service) if one.name == f"span {number}")
        seen.append(span.attributes[0].value.string_value)
    digests = {key: hmac.new(key.encode(), b"bob", "sha256").hexdigest() for key in (old, new, newest)}
    assert seen == [
        f"k1:{digests[old]}",
        f"k2:{digests[new]},k1:{digests[old]}",
        f"k2:{digests[new]}",
        f"k2:{digests[newest]}",
    ]
    said = str(running.metrics()) + caplog.text + repr(running.service.config)
    said += b"".join(running.service.exporters["memory"].requests).decode("latin-1")  # type: ignore[attr-defined]
    for key in (old, new, newest):
        assert key not in said
        assert key.encode().hex() not in said


def spans(service: Service):
    return [s for r in arrived(service) for b in r.resource_spans for c in b.scope_spans for s in c.spans]


def test_slices_are_small_while_held_traces_are_walked_anew(run: Run) -> None:
    """Guarantees: receiving waits no longer for a slice than without a reload, and soon slices are whole again."""
    running = run(rules() + ROW)

    def slices() -> list[int]:
        out, more = [], True
        while more:
            before = len(names(running.service))
            more = running.pipeline.judge(running.clock.now)
            out.append(len(names(running.service)) - before)
        return out

    few = SLOW_SLICE
    for number, wanted in enumerate(([300], [few, few, 300 - 2 * few], [few, 300 - few], [300])):
        running.clock.now += 1
        running.take(*((1000 * number + n, "a", {}) for n in range(300)))
        if number == 1:
            running.reload(rules("packs: [pii]") + ROW)
        running.clock.now += SECOND
        assert slices() == wanted


def test_enrichment_is_not_redone(run: Run) -> None:
    """Scenario: an attribute is added from now on. Guarantees: what is held came before that."""
    row = pipelines("attributes, tail_sampling")
    text = rules() + "  \n"
    add = text.replace("processors:", "processors:\n  attributes: {actions: [{key: k, value: v, action: insert}]}")
    other = add.replace("value: v", "value: w")
    running = run(add + row)
    running.take((1, "a", {}))
    running.reload(other + row)
    running.take((2, "b", {}))
    running.judge()
    values = {s.name: [a.value.string_value for a in s.attributes if a.key == "k"] for s in spans(running.service)}
    assert values == {"a": ["v"], "b": ["w"]}


def test_retention_of_held_traces_is_that_of_the_new_rules(run: Run) -> None:
    """Scenario: retention's conditions, and the sampler's word on it, change while traces are held.

    Guarantees: facts behind the sampler are those of the new rules too; what was decided keeps its retention.
    """
    text = rules(policies=GOLD).replace("{default: {name: short, ttl: 1d}}", "{default: {name: short, ttl: 1d}, %s}")
    before = text % 'policies: [{name: old, when: name == "a", ttl: 9d}]'
    after = (
        text
        % 'policies: [{name: new, when: exists(b) and name == "late a", ttl: 8d}, {name: root, when: root, ttl: 7d}]'
    )
    running = run(before + ROW)
    running.take((1, "a", {}), (2, "a", {}))
    running.judge()
    running.take((3, "a", {}), (4, "a", {"b": "1"}))
    running.reload(after.replace(GOLD, GOLD[:-1] + ", retention: 30d}") + ROW)
    running.take((4, "late a", {"b": "1"}), (1, "late", {}), (5, "c", {"tier": "gold"}))
    running.judge()
    said = {}
    for block in (block for sent in arrived(running.service) for block in sent.resource_spans):
        retention = next(a.value.string_value for a in block.resource.attributes if a.key == "retention.policy")
        for span in (span for scope in block.scope_spans for span in scope.spans):
            said.setdefault(int.from_bytes(span.trace_id), set()).add(retention)
    assert said == {1: {"old"}, 2: {"old"}, 3: {"root"}, 4: {"new"}, 5: {"gold"}}


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
